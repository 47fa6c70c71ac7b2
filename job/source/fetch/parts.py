"""An incomplete download: a file with holes, and beside it which of its bytes are there.

Each line of `ranges` has all ranges that were there when it was written, so the last whole line counts, and a download
that is killed loses at most what came after it. A part without such a file has bytes from its beginning on, and no
holes, as those of older versions of this program, and of downloads over one connection.
"""

from __future__ import annotations

import bisect
import contextlib
import os
from pathlib import Path

from job.source.fetch.arriving import Arrival, Range
from job.source.fetch.entries import Entry

_NOTED_EVERY_BYTES = 1 << 20
"""Bytes that arrive between two lines; so many are fetched again after a kill, for each connection."""
_LINE_BYTES = 4096
"""Bytes of a line, at most: one range for each connection, and each has up to 30 characters."""


def ranges_there(part: Path, ranges: Path) -> list[Range]:
    """Returns which bytes of an incomplete download are there, as far as they were noted; none if there is no such.

    Args:
        part: the file with the bytes.
        ranges: the file beside it.
    """
    try:
        found = part.stat()
        with ranges.open("rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - 2 * _LINE_BYTES))
            *lines, _ = stream.read().split(b"\n")
            inode, *bounds = map(int, lines[-1].split())
            noted = list(zip(bounds[::2], bounds[1::2], strict=True))
    except FileNotFoundError:
        with contextlib.suppress(FileNotFoundError):
            return [(0, size)] if (size := part.stat().st_size) else []
        return []
    except (ValueError, IndexError):
        return []
    if inode != found.st_ino:  # it was of another part
        return []
    return [(start, end) for start, end in noted if end <= found.st_size]


def bytes_there(entry: Entry) -> int:
    """Returns how many bytes of an incomplete download are there."""
    found = ranges_there(entry.part, entry.ranges)
    return 0 if any(end > entry.file.size_bytes for _, end in found) else sum(end - start for start, end in found)


class Part:
    """An incomplete download, open for writing. Nothing else may write to it: the caller has its lock.

    Args:
        entry: its place in the cache.
        arrival: tells those who read it meanwhile, if anybody does.
    """

    def __init__(self, entry: Entry, arrival: Arrival | None = None) -> None:
        self.entry = entry
        self._arrival = arrival
        self.size_bytes = entry.file.size_bytes
        self._there = ranges_there(entry.part, entry.ranges)
        if any(end > self.size_bytes for _, end in self._there):
            self._there = []
        self._has_ranges = entry.ranges.exists() and bool(self._there)
        if not self._there:
            for path in (entry.part, entry.ranges):  # without the ranges it would be a part without holes
                path.unlink(missing_ok=True)
        self._file = os.open(entry.part, os.O_RDWR | os.O_CREAT, 0o666)
        self._unnoted = 0
        if arrival is not None:
            arrival.tell(self._there)

    @property
    def num_bytes(self) -> int:
        """Number of bytes that are there."""
        return sum(end - start for start, end in self._there)

    def missing(self) -> list[Range]:
        """Returns the ranges that are not there, in order."""
        ends = [0, *(end for _, end in self._there)]
        starts = [*(start for start, _ in self._there), self.size_bytes]
        return [(start, end) for start, end in zip(ends, starts, strict=True) if start < end]

    def allow_holes(self) -> None:
        """Prepares for bytes that are added out of order."""
        if not self._has_ranges:
            self._has_ranges = True
            self._note()

    def until(self, at: int) -> int:
        """Returns up to which byte everything is there from a byte on; that byte itself if it is not."""
        index = bisect.bisect_right(self._there, (at, self.size_bytes)) - 1
        return max(at, self._there[index][1]) if index >= 0 else at

    def add(self, start: int, data: bytes) -> bool:
        """Writes bytes that have arrived.

        Args:
            start: the first of them in the file.
            data: the bytes.

        Returns:
            Whether others should look at what is there now.
        """
        view, at = memoryview(data), start
        while view:
            written = os.pwrite(self._file, view, at)
            view, at = view[written:], at + written
        index = bisect.bisect_left(self._there, (start, at))
        before = index > 0 and self._there[index - 1][1] >= start
        if before:
            index -= 1
            start = self._there[index][0]
        end = index + before
        while end < len(self._there) and self._there[end][0] <= at:
            at = max(at, self._there[end][1])
            end += 1
        self._there[index:end] = [(start, at)]
        self._unnoted += len(data)
        if self._unnoted < _NOTED_EVERY_BYTES and self._there != [(0, self.size_bytes)]:
            return False
        self.note()
        return True

    def note(self) -> None:
        """Notes for others, and for a later run, which bytes are there."""
        self._unnoted = 0
        if self._has_ranges:
            self._note()
        if self._arrival is not None:
            self._arrival.tell(self._there)

    def _note(self) -> None:
        line = " ".join(map(str, [os.fstat(self._file).st_ino, *(bound for found in self._there for bound in found)]))
        with self.entry.ranges.open("ab") as stream:
            stream.write(f"\n{line}\n".encode())  # a line before may have been cut off, as on a full disk

    def read(self, start: int, size: int) -> bytes:
        """Returns bytes that are there."""
        return os.pread(self._file, size, start)

    def close(self) -> None:
        """Notes what is there, and closes it."""
        if self._file < 0:
            return
        with contextlib.suppress(OSError):
            self.note()
        os.close(self._file)
        self._file = -1

    def discard(self) -> None:
        """Removes it. Those who read it meanwhile are told that it may be wrong."""
        if self._arrival is not None:
            self._arrival.give_up()
            self._arrival = None
        self.close()
        for path in (self.entry.part, self.entry.ranges):  # without the ranges it would be a part without holes
            path.unlink(missing_ok=True)
