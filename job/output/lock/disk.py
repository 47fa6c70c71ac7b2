"""The lock on a disk: the system's own, as far as the file system has such, with a lease in the same file."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from job.errors import cannot_be_written
from job.output.folder import LOCK, OutputFolder
from job.output.lock.owner import LEASE_S, Owner, header, is_dead, number, outlive, owner_in, refusal

_NO_LOCKS = {errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS, errno.EINVAL}


class FileLock:
    """The lock on a disk: a file that is locked, as far as the file system has locks.

    Args:
        stream: the file, open and locked.
        me: its owner.
    """

    def __init__(self, stream: BinaryIO, me: Owner):
        self._stream = stream
        self.header = header(me)
        os.ftruncate(stream.fileno(), 0)
        os.pwrite(stream.fileno(), self.header, 0)
        self.beat(0)

    @classmethod
    def take(cls, output: OutputFolder, me: Owner, say: Callable[[str], None]) -> FileLock:
        """Takes the lock; what a dead run has left of it is removed first."""
        stream = _locked(output, say)
        try:
            return cls(stream, me)
        except OSError as error:
            stream.close()
            raise cannot_be_written(error, output.root) from None

    @staticmethod
    def live_owner(output: OutputFolder) -> Owner | None:
        """Returns whose lock it is at this moment; None when nobody has it, or it cannot be told."""
        try:
            with (Path(output.root) / LOCK).open("rb") as stream:
                owner = owner_in(stream.read())
                locked = _try_lock(stream, fcntl.LOCK_SH)
                age_s = time.time() - os.fstat(stream.fileno()).st_mtime
        except OSError:
            return None
        if locked is False:
            return owner or Owner(run="", process=0, host="a host it does not name", machine="", since="some time")
        if owner is None:
            return None
        return None if is_dead(owner, locks=locked is True) or age_s > 2 * LEASE_S else owner

    def beat(self, count: int) -> None:
        """Writes another number into it."""
        os.pwrite(self._stream.fileno(), number(count), len(self.header))
        os.fsync(self._stream.fileno())

    def close(self) -> None:
        """Lets go of it."""
        self._stream.close()


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
            owner = owner_in(stream.read())
            stream.close()
            raise refusal(output, owner)
        # Its owner may have removed the file between our opening and locking it: then it keeps nobody off.
        if not _is_at(stream, path):
            stream.close()
            continue
        owner = owner_in(stream.read())
        died = owner is not None and is_dead(owner, locks=locked is True)
        if owner is None or (died and locked):
            return stream
        if not died:
            outlive(output, owner, say)
        if _is_at(stream, path):
            path.unlink(missing_ok=True)
        stream.close()


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
