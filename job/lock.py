"""One run at a time works on an output folder: a lock that the system takes back when its owner dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Generator
from datetime import UTC, datetime
from typing import TextIO

from job.errors import RefusedError, UsageError, reason
from job.manifest import OutputFolder


def live_owner(output: OutputFolder) -> str | None:
    """Returns who is working on an output folder at this moment; None when nobody is."""
    try:
        with output.lock_path.open(encoding="utf-8") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return stream.read().strip()
    except OSError:
        return None
    return None


@contextlib.contextmanager
def sole_owner(output: OutputFolder) -> Generator[None]:
    """Keeps other runs off an output folder while the context lasts.

    Raises:
        RefusedError: when another live run has it.
        UsageError: when the folder cannot be written.
    """
    stream = _locked(output)
    with stream:
        stream.truncate(0)
        stream.write(f"process {os.getpid()} on {socket.gethostname()}, since {datetime.now(UTC):%Y-%m-%d %H:%M} UTC\n")
        stream.flush()
        try:
            yield
        finally:
            output.lock_path.unlink(missing_ok=True)


def _locked(output: OutputFolder) -> TextIO:
    while True:
        try:
            output.root.mkdir(parents=True, exist_ok=True)
            stream = output.lock_path.open("a+", encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"the output cannot be written: {output.root}: {reason(error)}\nname another: --output DIR"
            ) from None
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Its owner may have removed the file between our opening and locking it: then it keeps nobody off.
            if output.lock_path.stat().st_ino == os.fstat(stream.fileno()).st_ino:
                return stream
        except BlockingIOError:
            stream.seek(0)
            owner = stream.read().strip()
            stream.close()
            raise RefusedError(
                f"another run is working on {output.root}: {owner}\nwait for it, or stop it first"
            ) from None
        except FileNotFoundError:
            pass
        stream.close()
