"""One run at a time works on an output folder, whichever machine it is on.

On one machine the system's own lock tells: it is taken back when its owner dies. Between machines that share a disk
such locks are often not seen, so the file is a lease too: its owner writes a new number into it every few seconds,
and whoever finds the lock of another machine watches for a while whether the number changes. No clock is compared.
What a run writes is checked against the lock as well: a run that was asleep, and lost its lease, writes no more.

In an object store there is the lease alone, and no way to create an object only if there is none: whoever puts one
looks a moment later whether it is still its own. Two that slip through would write the same bytes to the same places.

A job that was submitted to Ray waits for the other one to end: when a cluster has lost its head, the next try begins
while the lock of the last one still looks alive.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import platform
import threading
import time
import uuid
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import msgspec
import psutil

from job.errors import CurateError, RefusedError, UsageError, cannot_be_written
from job.output import LOCK, PLAN, OutputFolder
from job.storage.objects import ObjectStore

BEAT_S = 5.0
LEASE_S = 20.0
"""So long a lock of another machine is watched for a beat."""
_LOOK_S = 0.5
_SETTLE_S = 1.0
"""So long may another take from looking for a lock to having put its own."""
_WAIT_S = 2.0
_SUBMITTED = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""A variable of this very name, which Ray sets for what was submitted to it."""
_NO_LOCKS = {errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS, errno.EINVAL}


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


def live_owner(output: OutputFolder) -> Owner | None:
    """Returns who is working on an output folder at this moment; None when nobody is, or it cannot be told."""
    if isinstance(output.store, ObjectStore):
        owner = _owner_in(_content(output))
        is_dead = owner is None or _is_dead(owner, locks=False)
        return None if is_dead or output.store.age_s(LOCK) > 2 * LEASE_S else owner
    try:
        with (Path(output.root) / LOCK).open("rb") as stream:
            owner = _owner_in(stream.read())
            locked = _try_lock(stream, fcntl.LOCK_SH)
            age_s = time.time() - os.fstat(stream.fileno()).st_mtime
    except OSError:
        return None
    if locked is False:
        return owner or Owner(run="", process=0, host="a host it does not name", machine="", since="some time")
    if owner is None:
        return None
    return None if _is_dead(owner, locks=locked is True) or age_s > 2 * LEASE_S else owner


def check_owner(output: OutputFolder, run: str) -> None:
    """Raises unless a run still has its output folder, as it must before it writes.

    Raises:
        CurateError: when the folder is gone.
        RefusedError: when another run has taken it over.
    """
    owner = _owner_in(_content(output))
    if owner is not None and owner.run == run:
        return
    if output.store.read(PLAN) is None:
        raise CurateError(
            f"the output is gone: {output.root}\nput it back, or the disk it is on, and run the same command again"
        )
    raise RefusedError(
        f"another run has taken over {output.root}{f': {owner}' if owner else ''}\n"
        "this one was asleep, or cut off from the disk, for too long; what it finished is kept"
    )


@contextlib.contextmanager
def sole_owner(output: OutputFolder, say: Callable[[str], None] = lambda _: None) -> Generator[Owner]:
    """Keeps other runs off an output folder while the context lasts.

    Args:
        output: the folder.
        say: told in a line what takes a while.

    Yields:
        The owner, which is this run.

    Raises:
        RefusedError: when another live run has it.
        UsageError: when the folder cannot be written.
    """
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    me = Owner(run=uuid.uuid4().hex, process=os.getpid(), host=platform.node(), machine=_machine(), since=now)
    lock = _waited_for(output, me, say)
    ended = threading.Event()

    def beat() -> None:
        count = 0
        while not ended.wait(BEAT_S):
            count += 1
            with contextlib.suppress(OSError, CurateError):  # the disk may be full or away for a moment
                lock.beat(count)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield me
    finally:
        ended.set()
        thread.join()
        with contextlib.suppress(OSError, CurateError):
            if _owner_in(_content(output)) == me:
                output.store.remove([LOCK])
        lock.close()


def _waited_for(output: OutputFolder, me: Owner, say: Callable[[str], None]) -> _FileLock | _Lease:
    """Takes the lock; where a try of this very job may still have it, as soon as that is over."""
    take = _lease if isinstance(output.store, ObjectStore) else _FileLock.take
    is_said = False
    while True:
        try:
            return take(output, me, say)
        except RefusedError as refusal:
            if _SUBMITTED not in os.environ:
                raise
            if not is_said:
                say(f"{refusal.message.splitlines()[0]}; this is a submitted job, so it waits until that has ended")
            is_said = True
            time.sleep(_WAIT_S)


class _Lease:
    """The lock in an object store."""

    def __init__(self, output: OutputFolder, me: Owner):
        self._output = output
        self._me = me

    def beat(self, count: int) -> None:
        """Writes the lock anew with another number, unless it is another's by now."""
        if count == 0 or _owner_in(_content(self._output)) == self._me:
            self._output.write(LOCK, _header(self._me) + _number(count))

    def close(self) -> None:
        """See `_FileLock`."""


def _lease(output: OutputFolder, me: Owner, say: Callable[[str], None]) -> _Lease:
    """Takes the lock in an object store."""
    lease = _Lease(output, me)
    while True:
        owner = _owner_in(_content(output))
        if owner is not None and not _is_dead(owner, locks=False):
            _outlive(output, owner, say)
        lease.beat(0)
        time.sleep(_SETTLE_S)
        if _owner_in(_content(output)) == me:
            return lease


class _FileLock:
    """The lock on a disk: a file that is locked, as far as the file system has locks.

    Args:
        stream: the file, open and locked.
        me: its owner.
    """

    def __init__(self, stream: BinaryIO, me: Owner):
        self._stream = stream
        self._header = _header(me)
        os.ftruncate(stream.fileno(), 0)
        os.pwrite(stream.fileno(), self._header, 0)
        self.beat(0)

    @classmethod
    def take(cls, output: OutputFolder, me: Owner, say: Callable[[str], None]) -> _FileLock:
        """Takes the lock; what a dead run has left of it is removed first."""
        stream = _locked(output, say)
        try:
            return cls(stream, me)
        except OSError as error:
            stream.close()
            raise cannot_be_written(error, output.root) from None

    def beat(self, count: int) -> None:
        """Writes another number into it."""
        os.pwrite(self._stream.fileno(), _number(count), len(self._header))
        os.fsync(self._stream.fileno())

    def close(self) -> None:
        """Lets go of it."""
        self._stream.close()


def _header(me: Owner) -> bytes:
    return msgspec.json.encode(me) + b"\n"


def _number(count: int) -> bytes:
    return b"%020d\n" % count


def _locked(output: OutputFolder, say: Callable[[str], None]) -> BinaryIO:
    """Opens the lock's file, locked; what a dead run has left of it is removed first."""
    root = Path(output.root)
    path = root / LOCK
    while True:
        try:
            root.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
            stream = os.fdopen(handle, "r+b", buffering=0)
        except OSError as error:
            raise cannot_be_written(error, output.root) from None
        locked = _try_lock(stream, fcntl.LOCK_EX)
        if locked is False:
            owner = _owner_in(stream.read())
            stream.close()
            raise _refusal(output, owner)
        # Its owner may have removed the file between our opening and locking it: then it keeps nobody off.
        if not _is_at(stream, path):
            stream.close()
            continue
        owner = _owner_in(stream.read())
        is_dead = owner is not None and _is_dead(owner, locks=locked is True)
        if owner is None or (is_dead and locked):
            return stream
        if not is_dead:
            _outlive(output, owner, say)
        if _is_at(stream, path):
            path.unlink(missing_ok=True)
        stream.close()


def _outlive(output: OutputFolder, owner: Owner, say: Callable[[str], None]) -> None:
    """Watches the lock of another machine; raises RefusedError when its owner is alive."""
    say(f"{output.root} has a lock of {owner}: watching for {LEASE_S:.0f} s whether it is alive")
    before = _content(output)
    until = time.monotonic() + LEASE_S
    while time.monotonic() < until:
        time.sleep(_LOOK_S)
        now = _content(output)
        if now == b"":  # it has ended
            return
        if now != before:
            raise _refusal(output, owner)


def _refusal(output: OutputFolder, owner: Owner | None) -> RefusedError:
    return RefusedError(
        f"another run is working on {output.root}: {owner or 'it does not say which'}\nwait for it, or stop it first"
    )


def _try_lock(stream: BinaryIO, kind: int) -> bool | None:
    """Locks a file; returns whether it could, None where the file system has no such locks."""
    try:
        fcntl.flock(stream, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return None
        raise
    return True


def _is_at(stream: BinaryIO, path: Path) -> bool:
    try:
        return path.stat().st_ino == os.fstat(stream.fileno()).st_ino
    except FileNotFoundError:
        return False


def _is_dead(owner: Owner, *, locks: bool) -> bool:
    """Tells whether the owner of a lock that is not locked is a process of this machine that is no more.

    Args:
        owner: whom its content names.
        locks: whether the file system has locks, so that a live one would have it locked.
    """
    return owner.machine == _machine() and (locks or not psutil.pid_exists(owner.process))


def _content(output: OutputFolder) -> bytes:
    try:
        return output.store.read(LOCK) or b""
    except UsageError:  # on a disk that is away
        return b""


def _owner_in(content: bytes) -> Owner | None:
    try:
        return msgspec.json.decode(content.partition(b"\n")[0], type=Owner)
    except msgspec.MsgspecError:
        return None


def _machine() -> str:
    """Returns what tells this machine from others, also after it was started anew."""
    for path in (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id")):
        with contextlib.suppress(OSError):
            return f"{platform.node()}/{path.read_text(encoding='ascii').strip()}"
    return f"{platform.node()}/{uuid.getnode():x}"
