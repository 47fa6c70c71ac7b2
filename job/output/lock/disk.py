"""The lock on a disk: a lock of the file system where it has locks, with a lease in the same file."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from job.errors import CurateError, cannot_be_written
from job.output.folder import LOCK, OutputFolder
from job.output.lock.owner import (
    LEASE_S,
    Owner,
    beat_line,
    is_dead,
    owner_in,
    owner_line,
    refusal,
    wait_for_expiry,
)

_NO_LOCKS = {errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS, errno.EINVAL}


class FileLock:
    """A file that is locked, where the file system has locks, and kept alive by heartbeats.

    Args:
        stream: the open, locked file.
        me: the owner, which is this run.
    """

    def __init__(self, stream: BinaryIO, me: Owner):
        self._stream = stream
        self._owner_line = owner_line(me)
        os.ftruncate(stream.fileno(), 0)
        os.pwrite(stream.fileno(), self._owner_line, 0)
        self.beat(0)

    @classmethod
    def take(cls, output: OutputFolder, me: Owner, say: Callable[[str], None]) -> FileLock:
        """Takes the lock, after removing one that a dead run left behind.

        Args:
            output: the output folder.
            me: the new owner.
            say: called with one line before a wait.

        Raises:
            RefusedError: when another live run holds the lock.
            UsageError: when the folder cannot be written.
        """
        stream = _open_locked(output, say)
        try:
            return cls(stream, me)
        except OSError as error:
            with contextlib.suppress(OSError, CurateError):  # else an empty lock is left behind on a full disk
                output.store.remove([LOCK])
            stream.close()
            raise cannot_be_written(error, output.root) from None

    @staticmethod
    def live_owner(output: OutputFolder) -> Owner | None:
        """Returns the current owner of the lock; None when there is none, or when that cannot be determined."""
        try:
            with (Path(output.root) / LOCK).open("rb") as stream:
                owner = owner_in(stream.read())
                locked = _try_lock(stream, fcntl.LOCK_SH)
                age_s = time.time() - os.fstat(stream.fileno()).st_mtime
        except OSError:
            return None
        if locked is False:
            return owner or Owner(run_id="", process=0, host="an unknown host", machine="", since="an unknown time")
        if owner is None:
            return None
        return None if is_dead(owner, locks=locked is True) or age_s > 2 * LEASE_S else owner

    def beat(self, count: int) -> None:
        """Writes a heartbeat."""
        os.pwrite(self._stream.fileno(), beat_line(count), len(self._owner_line))
        os.fsync(self._stream.fileno())

    def close(self) -> None:
        """Releases the lock."""
        self._stream.close()


def _open_locked(output: OutputFolder, say: Callable[[str], None]) -> BinaryIO:
    """Opens and locks the lock file, after removing one that a dead run left behind."""
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
        # The last owner may have removed the file after we opened it. A lock on a removed file locks nobody out.
        if not _is_at(stream, path):
            stream.close()
            continue
        owner = owner_in(stream.read())
        died = owner is not None and is_dead(owner, locks=locked is True)
        if owner is None or (died and locked):
            return stream
        if not died:
            wait_for_expiry(output, owner, say)
        if _is_at(stream, path):
            path.unlink(missing_ok=True)
        stream.close()


def _try_lock(stream: BinaryIO, kind: int) -> bool | None:
    """Tries to lock a file without waiting. Returns whether it did; None where the file system has no locks."""
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
    """Tells whether a path still leads to an open file."""
    try:
        return path.stat().st_ino == os.fstat(stream.fileno()).st_ino
    except FileNotFoundError:
        return False
