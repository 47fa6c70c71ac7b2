"""Who has an output folder: what stands in its lock, and whether that run is alive."""

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
"""So long a lock of another machine is watched for a beat."""
LOOK_S = 0.5


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Who works on an output folder."""

    run: str
    """Of this run alone."""
    process: int
    host: str
    machine: str
    """The host's name may be another's too, as `localhost` is."""
    since: str

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}, since {self.since}"


def header(me: Owner) -> bytes:
    """Returns the first line of a lock."""
    return msgspec.json.encode(me) + b"\n"


def number(count: int) -> bytes:
    """Returns its second line, which changes with each beat."""
    return b"%020d\n" % count


def outlive(output: OutputFolder, owner: Owner, say: Callable[[str], None]) -> None:
    """Watches the lock of another machine; raises RefusedError when its owner is alive."""
    say(f"{output.root} has a lock of {owner}: watching for {LEASE_S:.0f} s whether it is alive")
    before = content(output)
    until = time.monotonic() + LEASE_S
    while time.monotonic() < until:
        time.sleep(LOOK_S)
        now = content(output)
        if now == b"":  # it has ended
            return
        if now != before:
            raise refusal(output, owner)


def refusal(output: OutputFolder, owner: Owner | None) -> RefusedError:
    """Makes the message for an output folder that another run has."""
    return RefusedError(
        f"another run is working on {output.root}: {owner or 'it does not say which'}\nwait for it, or stop it first"
    )


def is_dead(owner: Owner, *, locks: bool) -> bool:
    """Tells whether the owner of a lock that is not locked is a process of this machine that is no more.

    Args:
        owner: whom its content names.
        locks: whether the file system has locks, so that a live one would have it locked.
    """
    return owner.machine == machine() and (locks or not psutil.pid_exists(owner.process))


def content(output: OutputFolder) -> bytes:
    """Reads the lock; nothing when there is none."""
    try:
        return output.store.read(LOCK) or b""
    except UsageError:  # on a disk that is away
        return b""


def owner_in(lock: bytes) -> Owner | None:
    """Returns whom a lock names; None when it names nobody."""
    try:
        return msgspec.json.decode(lock.partition(b"\n")[0], type=Owner)
    except msgspec.MsgspecError:
        return None


def machine() -> str:
    """Returns what tells this machine from others, and from a container on it that has process numbers of its own."""
    number, numbers = f"{uuid.getnode():x}", ""
    for path in (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id")):
        with contextlib.suppress(OSError):
            if found := path.read_text(encoding="ascii").strip():
                number = found
                break
    with contextlib.suppress(OSError):  # as on macOS
        numbers = f"/{Path('/proc/self/ns/pid').readlink()}"
    return f"{platform.node()}/{number}{numbers}"
