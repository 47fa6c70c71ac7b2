"""The owner of an output folder: what the lock file says about it, and whether that run is alive."""

from __future__ import annotations

import contextlib
import platform
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil

from job.errors import RefusedError, UsageError
from job.output.folder import LOCK, OutputFolder

LEASE_S = 20.0
"""Seconds for which the lock of another machine is watched for a heartbeat."""
LOOK_S = 0.5
"""Seconds between two looks at the lock."""


class Owner(msgspec.Struct, frozen=True, kw_only=True, rename={"run_id": "run"}):
    """The run that works on an output folder."""

    run_id: str
    """Unique to this run. Its key in the lock file is `run`."""
    process: int
    """The process id."""
    host: str
    """The host name, for messages: several machines may be called `localhost`."""
    machine: str
    """The result of `machine_id`."""
    since: str
    """When the run took the lock."""

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}, since {self.since}"


def owner_line(owner: Owner) -> bytes:
    """Returns the first line of a lock file, which names the owner."""
    return msgspec.json.encode(owner) + b"\n"


def beat_line(count: int) -> bytes:
    """Returns the second line of a lock file, which changes with each heartbeat."""
    return b"%020d\n" % count


def read_lock(output: OutputFolder) -> bytes:
    """Returns the content of the lock file; empty when there is no lock."""
    try:
        return output.store.read(LOCK) or b""
    except UsageError:  # the disk is gone
        return b""


def owner_in(lock: bytes) -> Owner | None:
    """Returns the owner that a lock file names; None when it names nobody."""
    try:
        return msgspec.json.decode(lock.partition(b"\n")[0], type=Owner)
    except msgspec.MsgspecError:
        return None


def is_dead(owner: Owner, *, locks: bool) -> bool:
    """Tells whether the owner of a file that is not locked was a process of this machine that has ended.

    Args:
        owner: the owner that the file names.
        locks: whether the file system has locks. Then a live owner would hold one.
    """
    return owner.machine == machine_id() and (locks or not psutil.pid_exists(owner.process))


def wait_for_expiry(output: OutputFolder, owner: Owner, say: Callable[[str], None]) -> None:
    """Watches another machine's lock and returns once it is removed or has had no heartbeat for `LEASE_S` seconds.

    Args:
        output: the output folder.
        owner: the owner of the lock.
        say: called with one line before the wait.

    Raises:
        RefusedError: when there is a heartbeat.
    """
    say(f"{output.root} has a lock of {owner}: watching for {LEASE_S:.0f} s whether it is alive")
    before = read_lock(output)
    until = time.monotonic() + LEASE_S
    while time.monotonic() < until:
        time.sleep(LOOK_S)
        now = read_lock(output)
        if now == b"":  # that run has ended
            return
        if now != before:
            raise refusal(output, owner)


def refusal(output: OutputFolder, owner: Owner | None) -> RefusedError:
    """Returns the error for an output folder that another run is working on."""
    return RefusedError(
        f"another run is working on {output.root}: {owner or 'its lock does not say which'}\n"
        "wait until it ends, or stop it first"
    )


def machine_id() -> str:
    """Returns an id that differs between machines, and between a machine and a container with its own process ids."""
    machine, namespace = f"{uuid.getnode():x}", ""
    for path in (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id")):
        with contextlib.suppress(OSError):
            if found := path.read_text(encoding="ascii").strip():
                machine = found
                break
    with contextlib.suppress(OSError):  # macOS has no /proc
        namespace = f"/{Path('/proc/self/ns/pid').readlink()}"
    return f"{platform.node()}/{machine}{namespace}"
