"""Downloads files into the Hugging Face cache over several connections at once, in the order of their bytes.

A CDN often gives a connection no more than 25 MB/s, where the line has ten times as much. So several ranges are fetched
at once, each by a thread with a connection of its own. The thread that asked for the files follows them: it hashes the
bytes in order as they become complete, from the memory in which the system still holds them, and gives a file its name
when its hash is right. What has arrived is noted beside it (`parts.py`), so a download that was killed goes on.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import cast

from filelock import FileLock, Timeout

from job.errors import CurateError
from job.source.fetch.arriving import Arrival, Range
from job.source.fetch.entries import Entry, link
from job.source.fetch.parts import Part, bytes_there
from job.source.fetch.verified import is_verified, new_digest
from job.source.hub_file import HubFile, RangeIgnoredError, iter_range
from job.source.hub_forks import hide_client_from_children
from job.source.hub_waits import slow_downs_heard

MAX_CONNECTIONS = 8
"""Number of connections at once. 8 of 25 MB/s bring more than a core hashes and two cores work on."""
_LEAST_RANGE_BYTES, _MOST_RANGE_BYTES = 4 << 20, 64 << 20
"""Bytes of a range. The Hub counts requests: 285 MB take 40 ranges, 5 GB 120, 18 GB 330."""
_MORE_AFTER = 8
"""Number of ranges after which one more connection is tried again, once the Hub has asked to slow down."""
_LOOK_S = 0.1
"""Seconds between two looks at whether to stop."""
_HASHED_BYTES = 1 << 20
"""Bytes that are hashed at a time."""
_END_S = 1.0
"""Seconds to wait for threads that were told to stop; one that waits for the Hub ends later, and writes nothing."""
_TRIES = 2
"""Number of times that a file is fetched when its hash is not what the repository says."""


class _StoppedError(Exception):
    """The download ends, or the file is fetched anew: what has arrived is not wanted any more."""


@dataclass(slots=True, eq=False)
class _File:
    """A file that is being fetched."""

    entry: Entry
    lock: FileLock
    arrival: Arrival | None = None
    """Tells those who read the file meanwhile; None if nobody does."""
    part: Part | None = None
    """Where its bytes go; None before it is its turn, and after its end."""
    todo: deque[Range] = field(default_factory=deque[Range])
    is_there: bool = False
    """Whether somebody else has fetched it meanwhile."""
    is_whole: bool = False
    """Whether it is fetched in one piece, since the server sends no parts."""

    @property
    def location(self) -> HubFile:
        return cast(HubFile, self.entry.file.location)

    def cut(self) -> None:
        """Cuts what is missing into ranges."""
        assert self.part is not None  # noqa: S101
        size = self.entry.file.size_bytes
        self.todo.clear()
        for at, end in self.part.missing():
            while at < end:
                step = size if self.is_whole else range_bytes(at, size)
                self.todo.append((at, min(at + step, end)))
                at += step
        if len(self.todo) > 1:
            self.part.allow_holes()


def range_bytes(at: int, size_bytes: int) -> int:
    """Returns how many bytes to request from a byte on: few at the ends, so that all connections end at one time."""
    return min(max(min(at, size_bytes - at) // MAX_CONNECTIONS, _LEAST_RANGE_BYTES), _MOST_RANGE_BYTES)


class Downloads:
    """Downloads files that are not in the cache.

    Args:
        entries: the files, in the order in which they are wanted.
        connections: how many ranges may be fetched at once.
        report: called with the number of bytes of these files that are there, from any thread, one at a time.
        told: tell those who read a file meanwhile, by the path of its blob.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        connections: int,
        report: Callable[[int], None],
        told: Mapping[Path, Arrival] = MappingProxyType({}),
    ) -> None:
        self._files = [_File(each, FileLock(each.lock, thread_local=False), told.get(each.blob)) for each in entries]
        self._there = {file: bytes_there(file.entry) for file in self._files}
        missing = sum(file.entry.file.size_bytes - size for file, size in self._there.items())
        self._wanted = max(1, min(connections, math.ceil(missing / _LEAST_RANGE_BYTES)))
        self._allowed = self._wanted
        self._report = report
        self._done = sum(self._there.values())
        self._changed = threading.Condition()  # guards all that follows
        self._next_file = 0
        self._turn = threading.Lock()  # of who opens the next file
        self._threads: list[threading.Thread] = []
        self._num_threads = 0  # that have not decided to end
        self._at_work = 0
        self._not_before = 0.0
        self._slowed_at = -math.inf
        self._since_slowed = 0
        self._error: BaseException | None = None
        self._has_ended = False

    def run(self) -> None:
        """Downloads the files, and returns when all of them have their names.

        Raises:
            CurateError: if the Hub does not answer, or the bytes do not have the repository's hash.
            OSError: if the disk is full, or the cache refuses.
        """
        hide_client_from_children()
        try:
            with slow_downs_heard(self._slow_down):
                self._start_threads()
                for file in self._files:
                    self._finish(file)
        finally:
            with self._changed:
                self._has_ended = True
                for file in self._files:
                    if file.part is not None:
                        file.part.close()
                self._changed.notify_all()
            until = time.monotonic() + _END_S
            for thread in self._threads:
                thread.join(max(0.0, until - time.monotonic()))
            for file in self._files:
                file.lock.release()

    def _finish(self, file: _File) -> None:
        """Waits for a file, hashes it as it arrives, and gives it its name, in the thread that asked for the files."""
        for tried in range(1, _TRIES + 1):
            self._until(lambda: file.part is not None or file.is_there)
            if file.is_there or self._hash(file) == file.entry.file.fingerprint:
                self._name(file)
                return
            if tried < _TRIES:
                self._anew(file)
        with self._changed:
            cast(Part, file.part).discard()
            file.part = None
        raise CurateError(
            f"{file.entry.file.name} does not have the hash that its repository says, fetched twice\n"
            "try again later; if this persists, something in between changes it, or the repository is damaged"
        )

    def _hash(self, file: _File) -> str:
        """Returns the hash of a file, taken in the order of its bytes while others arrive."""
        while True:
            part, digest, at = cast(Part, file.part), new_digest(file.entry.file), 0
            while part is file.part and at < file.entry.file.size_bytes:
                data = self._next_bytes(file, part, at)
                digest.update(data)
                at += len(data)
            if part is file.part:  # else it is fetched anew
                return digest.hexdigest()

    def _next_bytes(self, file: _File, part: Part, at: int) -> bytes:
        """Waits for bytes of a file, and returns some; none when it is fetched anew."""
        self._until(lambda: part is not file.part or part.until(at) > at)
        with self._changed:
            return part.read(at, min(part.until(at) - at, _HASHED_BYTES)) if part is file.part else b""

    def _name(self, file: _File) -> None:
        entry = file.entry
        with self._changed:
            self._check()
            if file.part is not None:
                file.part.close()
                entry.part.replace(entry.blob)
            else:  # somebody else has fetched it
                entry.part.unlink(missing_ok=True)
            if file.arrival is not None:
                file.arrival.end()
            link(entry.blob, entry.snapshot)
            entry.ranges.unlink(missing_ok=True)
            file.part = None
        file.lock.release()

    def _anew(self, file: _File) -> None:
        """Begins a file again."""
        with self._changed:
            part = cast(Part, file.part)
            part.discard()
            file.part, file.arrival = Part(file.entry), None
            self._count(file, 0)
            file.cut()
            self._changed.notify_all()
        self._start_threads()

    def _until(self, holds: Callable[[], bool]) -> None:
        with self._changed:
            while self._check() and not holds():
                self._changed.wait(_LOOK_S)  # a thread that waits for longer could not be stopped

    def _check(self) -> bool:
        """Raises what ended one of the threads."""
        if self._error is not None:
            raise self._error
        return True

    def _start_threads(self) -> None:
        with self._changed:
            new = [threading.Thread(target=self._work, daemon=True) for _ in range(self._num_threads, self._wanted)]
            self._threads += new
            self._num_threads += len(new)
        for thread in new:
            thread.start()

    def _work(self) -> None:
        """What each of the other threads does."""
        try:
            while (job := self._next()) is not None:
                file, part, (start, end) = job
                try:
                    for data in iter_range(file.location, start, end):
                        self._add(file, part, start, data)
                        start += len(data)
                except RangeIgnoredError as error:
                    self._fetch_whole(file, part, error)
                except _StoppedError:
                    pass
                finally:
                    self._has_worked(part)
        except BaseException as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self._error = self._error or error
            self._has_ended = True
            self._changed.notify_all()

    def _next(self) -> tuple[_File, Part, Range] | None:
        """Waits for its turn, and returns what to fetch next; None when nothing is left."""
        while True:
            with self._turn:
                with self._changed:
                    while not self._has_ended and not self._may_begin():
                        self._changed.wait(_LOOK_S)
                    if self._has_ended:
                        return None
                    for file in self._files:
                        if file.todo and file.part is not None:
                            self._at_work += 1
                            return file, file.part, file.todo.popleft()
                    if self._next_file == len(self._files):
                        self._num_threads -= 1
                        return None
                    self._next_file += 1
                self._open(self._files[self._next_file - 1])

    def _may_begin(self) -> bool:
        return self._at_work < self._allowed and time.monotonic() >= self._not_before

    def _open(self, file: _File) -> None:
        """Waits until nobody else fetches a file, and looks what is there of it."""
        entry = file.entry
        for folder in (entry.lock.parent, entry.blob.parent, entry.snapshot.parent):
            folder.mkdir(parents=True, exist_ok=True)
        while not self._has_ended:
            with contextlib.suppress(Timeout):
                file.lock.acquire(timeout=_LOOK_S, poll_interval=_LOOK_S / 4)
                break
        is_there = entry.blob.exists() and is_verified(entry.blob, entry)
        with self._changed:
            if self._has_ended:
                file.lock.release()
                return
            if is_there:
                file.is_there = True
                self._count(file, entry.file.size_bytes)
            else:
                file.part = Part(entry, file.arrival)
                self._count(file, file.part.num_bytes)
                file.cut()
            self._changed.notify_all()

    def _count(self, file: _File, there: int) -> None:
        """Notes how many bytes of a file are there."""
        self._done += there - self._there[file]
        self._there[file] = there

    def _add(self, file: _File, part: Part, start: int, data: bytes) -> None:
        with self._changed:
            if self._has_ended or file.part is not part:
                raise _StoppedError
            is_noted = part.add(start, data)
            self._count(file, self._there[file] + len(data))
            try:
                self._report(self._done)
            except BaseException as error:  # before anybody sees that the file is complete
                self._fail(error)
                raise
            if is_noted:
                self._changed.notify_all()

    def _has_worked(self, part: Part) -> None:
        with self._changed:
            if not self._has_ended and part in [file.part for file in self._files]:
                part.note()
            self._at_work -= 1
            self._since_slowed += 1
            if self._allowed < self._wanted and self._since_slowed >= _MORE_AFTER:
                self._since_slowed, self._allowed = 0, self._allowed + 1
            self._changed.notify_all()

    def _fetch_whole(self, file: _File, part: Part, error: RangeIgnoredError) -> None:
        """Begins a file again, in one piece. If it was begun so already, that is an error."""
        with self._changed:
            if file.part is not part:
                return
            if file.is_whole:
                raise CurateError(f"the server does not send the requested bytes: {error}\ntry again later") from None
            file.is_whole = True
        self._anew(file)

    def _slow_down(self, wait_s: float) -> None:
        """Halves the connections, and begins nothing before the Hub allows it."""
        with self._changed:
            now = time.monotonic()
            self._not_before = max(self._not_before, now + wait_s)
            if now - self._slowed_at > 1:  # else several were told the same
                self._slowed_at, self._since_slowed = now, 0
                self._allowed = max(1, self._allowed // 2)
