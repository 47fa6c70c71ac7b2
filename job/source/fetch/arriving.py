"""A file of the Hub that is read while it is downloaded into the cache: whoever needs bytes waits until they are there.

A process that reads knows of the download what lies beside it: the part, and which of its bytes are there. When the
part has become the file, whose hash is right then, it is read as any other.
"""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import pyarrow.parquet as pq
from typing_extensions import override

from job.source.fetch.entries import Entry
from job.source.fetch.parts import ranges_there
from job.source.location import LocalFile

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_LOOK_S = 0.02
"""Seconds between two looks at what has arrived; a line of 25 MB/s brings half a megabyte meanwhile."""
_BUFFER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ArrivingFile:
    """A file in the cache, or on its way there. Its hash may turn out to be wrong when it is complete."""

    entry: Entry

    @property
    def name(self) -> str:
        """Its path in the repository."""
        return self.entry.file.name

    @property
    def local_path(self) -> Path | None:
        """None, since it may not be there yet."""
        return None

    def open(self, start: int | None = None, end: int | None = None) -> BinaryIO:
        """Opens it. A read waits for its bytes, so that the range makes no difference."""
        if self.is_verified():
            return LocalFile(self.entry.snapshot).open(start, end)
        return cast(BinaryIO, io.BufferedReader(_ArrivingStream(self), _BUFFER_BYTES))

    def size_now(self) -> int:
        """Returns the size in bytes that it will have."""
        return self.entry.file.size_bytes

    def version(self) -> str:
        """Returns its hash as the commit has it."""
        return self.entry.file.fingerprint

    def fingerprint(self) -> tuple[int, str]:
        """Returns its size in bytes and its hash as the commit has them."""
        return self.entry.file.size_bytes, self.entry.file.fingerprint

    def parquet_metadata(self) -> pq.FileMetaData:
        """Returns its Parquet metadata, which this process has fetched to plan, or fetches now."""
        return self.entry.file.location.parquet_metadata()

    @contextlib.contextmanager
    def open_parquet(
        self, metadata: pq.FileMetaData | None = None, start: int | None = None, end: int | None = None
    ) -> Generator[pq.ParquetFile]:
        """Waits for the bytes of a range, and opens it as Parquet. Only they may be read."""
        metadata = metadata or self.parquet_metadata()
        while True:
            path = self.wait_for(start or 0, self.size_now() if end is None else end)
            with contextlib.suppress(FileNotFoundError):  # it has got its name meanwhile
                opened = pq.ParquetFile(path, metadata=metadata, pre_buffer=False, page_checksum_verification=True)
                break
        with opened as file:
            yield file

    def is_verified(self) -> bool:
        """Tells whether it is complete, and its hash was right."""
        try:
            return self.entry.snapshot.stat().st_size == self.size_now() and not self.entry.part.exists()
        except FileNotFoundError:
            return False

    def wait_until_verified(self) -> None:
        """Waits until it is complete and its hash is found right; for ever if it is not, as the run ends then."""
        while not self.is_verified():
            time.sleep(_LOOK_S)

    def wait_for(self, start: int, end: int) -> Path:
        """Waits until all bytes of a range are there, and returns the path of what has them."""
        while True:
            if self.is_verified():
                return self.entry.snapshot
            if any(first <= start and end <= last for first, last in ranges_there(self.entry.part, self.entry.ranges)):
                return self.entry.part
            time.sleep(_LOOK_S)

    def __str__(self) -> str:
        return str(self.entry.snapshot)


class _ArrivingStream(io.RawIOBase):
    """A stream over a file that arrives. It waits for a byte, and gives what is there from it on."""

    def __init__(self, file: ArrivingFile) -> None:
        super().__init__()
        self._file = file
        self._position = 0
        self._there = (0, 0)
        self._stream: BinaryIO | None = None

    @override
    def readable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def tell(self) -> int:
        return self._position

    @override
    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._file.size_now()}[whence]
        self._position = max(0, base + offset)
        return self._position

    @override
    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        if self._position >= self._file.size_now() or not view:
            return 0
        while not self._there[0] <= self._position < self._there[1]:
            self._there = self._look()
        if self._stream is None:
            self._stream = self._opened()
        self._stream.seek(self._position)
        size = self._stream.readinto(view[: self._there[1] - self._position])  # pyright: ignore[reportAttributeAccessIssue]
        self._position += size
        return size

    def _look(self) -> tuple[int, int]:
        """Waits for the byte at the position, and returns the range around it that is there."""
        path = self._file.wait_for(self._position, self._position + 1)
        entry = self._file.entry
        if path == entry.snapshot:
            return 0, self._file.size_now()
        found = ranges_there(entry.part, entry.ranges)
        return next((at for at in found if at[0] <= self._position < at[1]), (0, 0))

    def _opened(self) -> BinaryIO:
        while True:
            path = self._file.wait_for(self._position, self._position + 1)
            with contextlib.suppress(FileNotFoundError):  # it has got its name meanwhile
                return cast(BinaryIO, path.open("rb", buffering=0))

    @override
    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        super().close()
