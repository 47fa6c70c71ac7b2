"""Joins a Ray that is already running, and takes the program's code along to its nodes."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

from job.cluster.code_archive import write_code_archive
from job.cluster.ray_internals import without_uv_run
from job.errors import UsageError, printable
from job.output.lock.ownership import SUBMITTED
from job.signals import sigterm_interrupts

_ANSWER_S = 10.0
"""Seconds to wait for a connection."""
_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
"""Bytes that begin a connection in the protocol of Ray's control service, HTTP/2. It answers in binary, and with TLS in
binary or not at all; a web server, a proxy or a login answers with a line of text."""
_GREETING_BYTES, _TEXT_BYTES = 80, 4
"""Numbers of bytes that are read of an answer, and that tell text from binary."""


def join(address: str, say: Callable[[str], None]) -> None:
    """Makes this process a driver of the Ray that `RAY_ADDRESS` names.

    Args:
        address: the value of `RAY_ADDRESS`.
        say: receives one line, since joining takes a while.

    Raises:
        UsageError: if no Ray answers there.
    """
    import ray

    say(f"joining Ray at {address}")
    _check_answers(address)
    with tempfile.TemporaryDirectory() as folder:
        environment: dict[str, str] = {}
        if not _has_code():
            archive = Path(folder) / "curate.zip"
            write_code_archive(archive)
            environment["working_dir"] = str(archive)
        try:
            with sigterm_interrupts(), without_uv_run():
                ray.init(runtime_env=environment, logging_level=logging.ERROR, log_to_driver=False)
        except Exception as error:
            raise _no_ray_at(address, " ".join(str(error).split())) from None


def _has_code() -> bool:
    """Tells whether this job was submitted with its code, which is then on all nodes."""
    job = json.loads(os.environ.get(SUBMITTED) or "{}")
    return "working_dir" in (job.get("runtime_env") or {})


def _check_answers(address: str) -> None:
    """Raises UsageError if nobody listens at `host:port`. Ray would try for minutes."""
    if address.startswith("ray://"):
        raise UsageError(
            f"RAY_ADDRESS={address} is for Ray's client, which cannot run Ray Data\n"
            "name the head itself, as in RAY_ADDRESS=HEAD:6379, from a machine of the cluster; or from anywhere: "
            "curate submit CONFIG --address http://HEAD:8265"
        )
    if address.startswith(("http://", "https://")):
        raise UsageError(
            f"RAY_ADDRESS={address} is the address of a dashboard, which a run cannot join\n"
            f"submit the job there: curate submit CONFIG --address {address}"
        )
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit():
        return  # `auto`, `local`
    try:
        connection = socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_S)
    except (OSError, OverflowError) as error:
        raise _no_ray_at(address, str(error)) from None
    greeting = b""
    with connection, contextlib.suppress(OSError):
        connection.sendall(_HELLO)
        greeting = connection.recv(_GREETING_BYTES)
    if len(greeting) >= _TEXT_BYTES and greeting[:_TEXT_BYTES].decode("latin-1").isprintable():
        words = printable(greeting.decode("latin-1").splitlines()[0])
        raise _no_ray_at(
            address,
            f"something else does, with {words!r}; a Ray is joined at its head's port, 6379 unless its owner chose "
            "another, and not at its dashboard's",
        )


def _no_ray_at(address: str, why: str) -> UsageError:
    return UsageError(
        f"no Ray answers at RAY_ADDRESS={address}: {why}\n"
        "start it, correct the address, or unset RAY_ADDRESS to use this machine alone"
    )
