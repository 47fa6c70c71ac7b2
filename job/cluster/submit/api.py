"""Ray's job API: who answers at the address, whether it fits, and what went wrong, in one message each."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import platform
import re
import socket
from collections.abc import Generator
from importlib.metadata import metadata, requires, version
from typing import Any
from urllib.parse import urlsplit

import requests
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from ray.dashboard.modules import dashboard_sdk
from ray.exceptions import AuthenticationError
from ray.job_submission import JobSubmissionClient

from job.errors import CurateError, UsageError, printable

_PROGRAM = "item-curator"
_CONNECT_S = 10.0
_ANSWER_S = 60.0
_ADDRESSES = ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS")
"""Either of which Ray's client would follow, whatever address it is given."""


_BROKEN_OFF = (
    requests.exceptions.Timeout,
    requests.exceptions.ConnectionError,
    requests.exceptions.ChunkedEncodingError,  # in the middle of an answer
    ConnectionError,
)


class Jobs(JobSubmissionClient):
    """Ray's client, which waits for an answer for a minute and not for ever."""

    def _do_request(self, method: str, endpoint: str, **options: Any) -> Any:
        options.setdefault("timeout", _ANSWER_S)
        return super()._do_request(method, endpoint, **options)

    @property
    def address(self) -> str:
        """The address of the cluster's dashboard."""
        return str(self.get_address())

    def python_version(self) -> str:
        """Returns the Python of the cluster: of all its nodes, as Ray lets no other join."""
        answer = self._do_request("GET", "/api/v0/cluster_metadata")
        answer.raise_for_status()
        return str(answer.json()["data"]["pythonVersion"])

    def ray_version(self) -> str:
        """Returns the Ray of the cluster."""
        answer = self._do_request("GET", "/api/version")
        answer.raise_for_status()
        return str(answer.json()["ray_version"])


def connect(address: str) -> Jobs:
    """Finds the job API of a cluster, and checks that the job can run there.

    Args:
        address: of the head node's dashboard, such as `http://HEAD:8265`.

    Returns:
        The client.

    Raises:
        UsageError: when nobody answers there, it is no cluster's, or its Ray or Python does not fit.
    """
    _check_installed()
    _check_reached(address)
    dashboard_sdk.logger.setLevel("WARNING")  # it tells of each upload
    kept = {name: os.environ.pop(name) for name in _ADDRESSES if name in os.environ}
    try:
        with answering(address):
            jobs = Jobs(address)
            found = {"Ray": jobs.ray_version(), "Python": jobs.python_version()}
    finally:
        os.environ.update(kept)
    _check_fits(address, found)
    return jobs


@contextlib.contextmanager
def answering(address: str) -> Generator[None]:
    """Says in one message what goes wrong between here and the cluster.

    Args:
        address: the cluster's.

    Raises:
        UsageError: when it is no cluster's, or asks for a token.
        CurateError: when it does not answer, or refuses.
    """
    try:
        yield
    except AuthenticationError as error:
        raise UsageError(
            f"the cluster at {address} asks for a token: {_first_line(error).split('. ')[0]}\n"
            "give it as Ray does: RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH=FILE"
        ) from None
    except _BROKEN_OFF as error:
        raise CurateError(
            f"the cluster at {address} does not answer any more: {_first_line(error)}\n"
            f"if it is up, what runs there goes on: curate status --address {address}\n"
            "if it is gone, what was finished is kept: submit the same again, to another"
        ) from None
    except (requests.exceptions.RequestException, KeyError, TypeError, ValueError) as error:
        raise _no_dashboard(address, _first_line(error)) from None
    except RuntimeError as error:
        if "Version check returned" in str(error):
            raise _no_dashboard(address, "what answers there knows no jobs") from None
        raise CurateError(f"the cluster at {address} refused: {_refusal(str(error))}") from None


def _no_dashboard(address: str, why: str) -> UsageError:
    return UsageError(
        f"{address} is no dashboard of a Ray cluster: {why}\n"
        "the address is http://HEAD:8265, unless the cluster's owner has given it another port; the cluster needs "
        "ray[default]"
    )


def _check_installed() -> None:
    if any(importlib.util.find_spec(name) is None for name in ("aiohttp", "requests")):
        raise UsageError(
            "to talk to a cluster, Ray needs what is not installed\n"
            f'to install it: pip install "ray[default]=={version("ray")}"'
        )


def _check_reached(address: str) -> None:
    """Raises UsageError when the address is none, or nobody listens there: Ray would try for minutes."""
    try:
        parts = urlsplit(address)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        host = parts.hostname if parts.scheme in {"http", "https"} else ""
    except (ValueError, KeyError):
        host = ""
    if not host:
        raise UsageError(f"--address {address}: write the address of the cluster's dashboard as http://HEAD:8265")
    try:
        socket.create_connection((host, port), timeout=_CONNECT_S).close()  # pyright: ignore[reportPossiblyUnboundVariable]
    except (OSError, UnicodeError) as error:
        raise UsageError(
            f"nobody answers at {address}: {error}\n"
            "start the cluster, or correct the address: it is the dashboard's, which is http://HEAD:8265 by default"
        ) from None


def _check_fits(address: str, found: dict[str, str]) -> None:
    """Raises UsageError when the cluster has another Ray or Python than this program is made for.

    The submitting side's Python does not matter: nothing goes to the cluster but code, as text.
    """
    rays = [Requirement(text) for text in requires(_PROGRAM) or ()]
    wanted = {
        "Ray": next(each.specifier for each in rays if each.name == "ray"),
        "Python": SpecifierSet(metadata(_PROGRAM)["Requires-Python"]),
    }
    for name, is_wanted in wanted.items():
        if not is_wanted.contains(found[name], prereleases=True):
            raise UsageError(
                f"the cluster at {address} has {name} {found[name]}, and this program needs {name} {is_wanted}\n"
                f"nothing was started; here are Ray {version('ray')} and Python {platform.python_version()}: "
                "start the cluster from an image with versions that fit"
            )


def _first_line(error: BaseException) -> str:
    return printable((str(error).strip().splitlines() or [type(error).__name__])[0])


def _refusal(text: str) -> str:
    """Takes the one line out of a traceback that says what is wrong."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    said = [line for line in lines if re.match(r"[\w.]*(Error|Exception): ", line)]
    return printable((said or lines)[-1].removesuffix("."))
