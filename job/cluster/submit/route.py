"""What lies between this machine and a cluster's dashboard: headers for a login, a proxy, and who answers instead."""

from __future__ import annotations

import json
import os
import re
from html import unescape
from urllib.parse import urlsplit

import requests

from job.config.addresses import without_secrets
from job.errors import UsageError, printable

HEADERS = "RAY_JOB_HEADERS"
"""Environment variable with the headers of each request, as a JSON object. Ray's own command line reads it too."""
_ANSWER_S = 10.0
"""Seconds to wait for the answer that is to be described."""
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.DOTALL | re.IGNORECASE)
_TITLE_CHARS = 80
"""Characters of a page's title that are shown."""
_PAGE = re.compile(r"\s*<(!doctype|html|head|body|!--|\?xml)", re.IGNORECASE)
_LOGIN_STATUSES = {401, 403, 407}


def headers() -> dict[str, str]:
    """Returns the headers that `RAY_JOB_HEADERS` asks for.

    Raises:
        UsageError: if it is no JSON object of texts. The message does not repeat it: it may hold a secret.
    """
    text = os.environ.get(HEADERS)
    if not text:
        return {}
    try:
        found = json.loads(text)
    except ValueError as error:
        raise _no_headers(f"it is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise _no_headers("it is not a JSON object")
    for name, value in found.items():
        if not isinstance(value, str):
            raise _no_headers(f"the value of {printable(name)} is not a text in quotes")
        try:
            requests.models.PreparedRequest().prepare_headers({name: value})
            value.encode("latin-1")
        except (requests.exceptions.InvalidHeader, UnicodeError):
            raise _no_headers(f"{printable(name)} or its value has a character that no header may have") from None
    return found


def _no_headers(why: str) -> UsageError:
    return UsageError(
        f"{HEADERS} cannot be sent: {why}\n"
        f"""write it as {HEADERS}='{{"Authorization": "Bearer TOKEN"}}', or unset it"""
    )


def proxy_of(address: str) -> str | None:
    """Returns the address of the proxy that requests to an address go to; None if they go there directly."""
    found = requests.utils.select_proxy(address, requests.utils.get_environ_proxies(address))
    return found and (found if "://" in found else f"http://{found}")


def about_proxy(address: str) -> str:
    """Returns a line about the proxy between here and an address; nothing without one."""
    proxy = proxy_of(address)
    if proxy is None:
        return ""
    host = urlsplit(address).hostname
    names = [f"{urlsplit(address).scheme}_proxy", "all_proxy"]
    name = next((each for name in names for each in (name, name.upper()) if os.environ.get(each)), "the system")
    kept = ",".join(filter(None, [os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), host]))
    return (
        f"\n{name} sends requests for {host} to the proxy {without_secrets(proxy)}; if the cluster is to be reached "
        f"without it: export no_proxy={kept}"
    )


def answered(address: str) -> str | None:
    """Asks at the address of a dashboard once more, and describes who answers in its place.

    Args:
        address: the address of the dashboard.

    Returns:
        What answered and what to do; None if it is not a login or a web page.
    """
    try:
        found = requests.get(f"{address.rstrip('/')}/api/version", headers=headers(), timeout=_ANSWER_S)
        text = found.text
    except (requests.exceptions.RequestException, UnicodeError):
        return None
    is_page = _PAGE.match(text) is not None or "html" in found.headers.get("Content-Type", "")
    if not is_page and found.status_code not in _LOGIN_STATUSES:
        return None
    title = _TITLE.search(text) if is_page else None
    words = printable(" ".join(unescape(title[1]).split())[:_TITLE_CHARS]) if title else ""
    what = f"a web page{f' titled {words!r}' if words else ''}" if is_page else "something else"
    status = f" with status {found.status_code}" if found.status_code != requests.codes.ok else ""
    where = f", at {_place(found.url)}" if found.history else ""
    return f"{what} answered{status}{where}\n{_login_advice()}"


def _place(url: str) -> str:
    """Returns where a redirect led, without the rest of the address, which may hold secrets."""
    parts = urlsplit(url)
    return printable(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")


def _login_advice() -> str:
    sent = headers()
    example = f"""export {HEADERS}='{{"Authorization": "Bearer TOKEN"}}', or "Cookie" for the one of a browser"""
    if sent:
        return f"{HEADERS} was sent ({', '.join(map(printable, sent))}), and did not help: renew it: {example}"
    return f"if that is a login in front of the dashboard, send what it asks for: {example}"
