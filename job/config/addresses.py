"""Addresses: locations that are not on this machine, such as `s3://bucket/folder`. Only text: nothing is opened.

An address must hold no secrets, because it appears in plans and messages. Credentials come from the environment.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

from job.errors import quoted

_ADDRESS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)
_SECRETS = re.compile(r"(?<=://)[^/\s]*@|[?#][^\s']*")
_ONE_SLASH = re.compile(r"(s3|gs|gcs|abfs|hf|https?):/")
_OWNER_AND_NAME = re.compile(r"(?:datasets/)?(?P<owner>\w[\w.-]*)/(?P<name>[\w.-]*\w)/?")
_HUB_PAGE = re.compile(
    r"(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co|hf-mirror\.com)"
    r"(?:/(?:api/)?datasets/(?P<owner>[\w.-]+)/(?P<name>[\w.-]+)"
    r"(?:/(?:tree|blob|resolve|raw|revision)/(?P<revision>refs/[^/?#]+/[^/?#]+|[^/?#]+))?)?(?:[/?#].*)?",
    re.DOTALL | re.IGNORECASE,
)
_NOT_STORAGE = {"http", "https", "ftp", "sftp", "ssh"}


def is_address(text: str) -> bool:
    """Tells whether text is an address; otherwise it is a path."""
    return "://" in text


def located(text: str) -> Path | str:
    """Parses a path or an address that a user typed.

    Args:
        text: a path or an address. A `file://` address is converted into a path.

    Returns:
        The path, with `~` expanded, or the address without trailing slashes.

    Raises:
        ValueError: when the address is malformed, is not of a storage, or holds secrets.
    """
    if not is_address(text):
        if _ONE_SLASH.match(text):
            raise ValueError(f"{text} is not an address: two slashes follow the colon, as in s3://BUCKET/FOLDER")
        return Path(text).expanduser()
    match = _ADDRESS.fullmatch(text)
    if match is None or "::" in text:
        raise ValueError(f"{without_secrets(text)} is not an address: write it as s3://BUCKET/FOLDER")
    scheme, rest = match["scheme"], match["rest"].rstrip("/")
    if "?" in rest or "#" in rest:
        raise ValueError(
            f"{without_secrets(text)}: nothing may follow the path: keys, region and endpoint come from the "
            "environment, such as AWS_ACCESS_KEY_ID, AWS_REGION and AWS_ENDPOINT_URL"
        )
    user, at, _ = rest.partition("/")[0].rpartition("@")
    if at and (":" in user or not scheme.startswith("abfs")):  # in abfs://CONTAINER@ACCOUNT it is the container
        raise ValueError(
            f"{without_secrets(text)}: no names or keys before @: they come from the environment, such as "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if scheme in _NOT_STORAGE:
        raise ValueError(
            f"{scheme}:// is not a storage: download the files into a folder, or copy them to s3:// or the like"
        )
    if any(part in {"", ".", ".."} for part in rest.lstrip("/").split("/")) or not rest.isprintable():
        raise ValueError(f"{scheme}://{rest!a}: an address needs names between its slashes: s3://BUCKET/FOLDER")
    if scheme == "file":
        if not rest.startswith("/"):
            raise ValueError(f"file://{rest}: write it as file:///FOLDER")
        return Path(rest)
    if scheme in {"s3", "gs", "gcs"} and rest.startswith("/"):
        raise ValueError(f"{scheme}://{rest} names no bucket: write it as {scheme}://BUCKET/FOLDER")
    return f"{scheme}://{rest}"


def is_within(inner: Path | str, outer: Path | str) -> bool:
    """Tells whether a folder is another one, or lies in it. Links on a disk are followed.

    Args:
        inner: path or address of the folder.
        outer: path or address of the other one.
    """
    mine, theirs = (str(root.resolve()) if isinstance(root, Path) else root.rstrip("/") for root in (inner, outer))
    return mine == theirs or mine.startswith(theirs.rstrip("/") + "/")


def on_hub(text: str) -> str:
    """Returns what to type if a path that is not there is meant as a data set on the Hub; nothing for other paths."""
    match = _OWNER_AND_NAME.fullmatch(text)
    if match is None:
        return ""
    return f"for the data set on the Hub: --set source.dataset={match['owner']}/{match['name']} --category NAME\n"


def check_no_hub_page(text: str) -> None:
    """Checks that a source is no page of the Hub, which cannot be read as it is.

    Raises:
        ValueError: if it is, with what to type.
    """
    match = _HUB_PAGE.fullmatch(text)
    if match is None or (not is_address(text) and Path(text.partition("/")[0]).exists()):  # wget makes such folders
        return
    if match["owner"] is None:
        raise ValueError(
            "is a page of the Hub, but no data set's: those are https://huggingface.co/datasets/OWNER/NAME"
        )
    revision = unquote(match["revision"] or "main")
    more = f" --set source.revision={quoted(revision)}" if revision != "main" else ""
    raise ValueError(
        "is a page of the Hub; to read its data set, write in place of --source: "
        f"--set source.dataset={match['owner']}/{match['name']}{more} --category NAME"
    )


def without_secrets(text: str) -> str:
    """Replaces what may be a secret in the addresses in a text by `...`."""
    return _SECRETS.sub("...", text) if "://" in text else text
