"""Ray's job API: connects to a cluster, checks that its versions fit, and turns each failure into one message."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import platform
import re
import socket
import sys
from collections.abc import Callable, Generator
from importlib.metadata import metadata, requires, version
from urllib.parse import urlsplit

import requests
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from ray.dashboard.modules import dashboard_sdk
from ray.exceptions import AuthenticationError
from ray.job_submission import JobSubmissionClient

from job.cluster.internal import tell_what_is_missing
from job.cluster.ray_internals import OF_A_JOB, REQUEST, JobRequests
from job.cluster.submit.route import about_proxy, answered, headers, proxy_of
from job.config.addresses import without_secrets
from job.errors import CurateError, UsageError, printable

_PROGRAM = "item-curator"
_CONNECT_S = 10.0
"""Seconds to wait for a connection."""
_ADDRESSES = ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS")
"""Environment variables that Ray's client would follow, whatever address it is given."""
_PROXY_PORTS = {"https": 443, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}
_RAYS_REFUSALS = ("Unauthorized: Missing authentication token", "Forbidden: Invalid authentication token")
"""Texts with which Ray itself refuses a request without a token, and with a wrong one."""
_CONNECTION_ERRORS = (
    requests.exceptions.Timeout,
    requests.exceptions.ConnectionError,
    requests.exceptions.ChunkedEncodingError,  # in the middle of an answer
    ConnectionError,
)


class Jobs(JobRequests, JobSubmissionClient):
    """Ray's client for a cluster's jobs. It waits a minute for an answer, and not for ever."""

    @property
    def address(self) -> str:
        """The address of the cluster's dashboard."""
        return str(self.get_address())

    def versions(self) -> dict[str, str]:
        """Returns the versions of Ray and Python on the head; Ray lets no node join that has others."""
        ray, python = self.answer("/api/version"), self.answer("/api/v0/cluster_metadata")
        return {"Ray": str(ray["ray_version"]), "Python": str(python["data"]["pythonVersion"])}


def connect(address: str, say: Callable[[str], object] = lambda line: sys.stderr.write(line + "\n")) -> Jobs:
    """Connects to the job API of a cluster, and checks that this program's jobs can run there.

    Args:
        address: the address of the head node's dashboard, such as `http://HEAD:8265`.
        say: receives a line if this Ray's client cannot check everything.

    Returns:
        The client.

    Raises:
        UsageError: if nobody answers there, it is no cluster's dashboard, or its Ray or Python does not fit.
        CurateError: if the cluster stops answering, or refuses.
    """
    _check_installed()
    sent = headers()
    _check_reached(address)
    dashboard_sdk.logger.setLevel("WARNING")  # it reports every upload
    tell_what_is_missing(OF_A_JOB, say)
    kept = {name: os.environ.pop(name) for name in _ADDRESSES if name in os.environ}
    try:
        with answering(address):
            jobs = Jobs(address, headers=sent)
            found = jobs.versions() if REQUEST.is_there() else {}
    finally:
        os.environ.update(kept)
    _check_fits(address, found)
    return jobs


@contextlib.contextmanager
def answering(address: str) -> Generator[None]:
    """Turns whatever goes wrong between this machine and the cluster into one message.

    Args:
        address: the cluster's address.

    Raises:
        UsageError: if it is no cluster's address, or the cluster asks for a token.
        CurateError: if the cluster does not answer, or refuses.
    """
    try:
        yield
    except AuthenticationError as error:
        if not any(text in str(error) for text in _RAYS_REFUSALS) and (who := answered(address)) is not None:
            raise _no_dashboard(address, who) from None
        raise UsageError(
            f"the cluster at {address} asks for a token: {_first_line(error).split('. ')[0]}\n"
            "give it as Ray does: RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH=FILE"
        ) from None
    except _CONNECTION_ERRORS as error:
        raise CurateError(
            f"the cluster at {address} does not answer any more: {_first_line(error)}\n"
            f"if it is up, its jobs keep running: curate status --address {address}\n"
            f"if it is gone, what was finished is kept: submit the same again, to another cluster{about_proxy(address)}"
        ) from None
    except (requests.exceptions.RequestException, KeyError, TypeError, ValueError) as error:
        raise _no_dashboard(address, answered(address) or _first_line(error)) from None
    except RuntimeError as error:
        if "Version check returned" in str(error):
            raise _no_dashboard(address, answered(address) or "the server there does not know jobs") from None
        raise CurateError(f"the cluster at {address} refused: {_refusal(str(error))}") from None


def _no_dashboard(address: str, why: str) -> UsageError:
    return UsageError(
        f"{address} is no dashboard of a Ray cluster: {why}\n"
        "the address is http://HEAD:8265, unless the cluster's owner has given it another port; the cluster needs "
        f"ray[default]{about_proxy(address)}"
    )


def _check_installed() -> None:
    if any(importlib.util.find_spec(name) is None for name in ("aiohttp", "requests")):
        raise UsageError(
            "to talk to a cluster, Ray needs packages that are not installed\n"
            f'to install it: pip install "ray[default]=={version("ray")}"'
        )


def _check_reached(address: str) -> None:
    """Raises UsageError if it is no address, or nobody listens there. Ray would try for minutes."""
    try:
        parts = urlsplit(address)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        host = parts.hostname if parts.scheme in {"http", "https"} else ""
    except (ValueError, KeyError):
        host = ""
    if not host:
        raise UsageError(f"--address {address}: write the address of the cluster's dashboard as http://HEAD:8265")
    if (proxy := proxy_of(address)) is not None:
        _check_proxy(address, proxy)
        return
    try:
        socket.create_connection((host, port), timeout=_CONNECT_S).close()  # pyright: ignore[reportPossiblyUnboundVariable]
    except (OSError, UnicodeError) as error:
        raise UsageError(
            f"nobody answers at {address}: {error}\n"
            "start the cluster, or correct the address: it is the dashboard's, which is http://HEAD:8265 by default"
        ) from None


def _check_proxy(address: str, proxy: str) -> None:
    """Raises UsageError if the proxy that requests go to does not answer. Only the proxy may know the address."""
    try:
        parts = urlsplit(proxy)
        port = parts.port or _PROXY_PORTS.get(parts.scheme, 80)
        socket.create_connection((parts.hostname or "", port), timeout=_CONNECT_S).close()
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the proxy {without_secrets(proxy)} does not answer, which requests to {address} go to: {error}"
            f"{about_proxy(address)}"
        ) from None


def _check_fits(address: str, found: dict[str, str]) -> None:
    """Raises UsageError if the cluster has a Ray or Python that this program does not support.

    The Python of the submitting machine does not matter: only code goes to the cluster, as text.
    """
    needed = [Requirement(text) for text in requires(_PROGRAM) or ()]
    wanted = {
        "Ray": next(each.specifier for each in needed if each.name == "ray"),
        "Python": SpecifierSet(metadata(_PROGRAM)["Requires-Python"]),
    }
    for name, present in found.items():
        if not wanted[name].contains(present, prereleases=True):
            raise UsageError(
                f"the cluster at {address} has {name} {present}, and this program needs {name} {wanted[name]}\n"
                f"nothing was started; here are Ray {version('ray')} and Python {platform.python_version()}: "
                "start the cluster from an image with versions that fit"
            )


def _first_line(error: BaseException) -> str:
    return printable((str(error).strip().splitlines() or [type(error).__name__])[0])


def _refusal(text: str) -> str:
    """Returns the line of a traceback that says what is wrong."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    said = [line for line in lines if re.match(r"[\w.]*(Error|Exception): ", line)]
    return printable((said or lines)[-1].removesuffix("."))
