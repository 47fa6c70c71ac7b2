"""Files that are read over the network in byte ranges: a seekable stream over them, and Parquet through it."""

from __future__ import annotations

import contextlib
import io
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import pyarrow.parquet as pq
from typing_extensions import override

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BLOCK_BYTES = 8 << 20
"""Bytes per request in the announced range: enough that latency costs little, and few enough to hold some blocks."""
_BLOCKS_HELD = 4
_OUTSIDE_BYTES = 256 << 10
"""Bytes per request outside the announced range, such as the end of a line or a Parquet file's footer."""
_BUFFER_BYTES = 1 << 20
_FOOTER_BYTES = 1 << 20
"""Bytes at a Parquet file's end that are fetched for its metadata: a file of the Hub with 100 row groups has 0.4 MB."""


class RangedFile(ABC):
    """A file of which byte ranges can be fetched. Implements the parts of `FileLocation` that need nothing else."""

    __slots__ = ()

    size_bytes: int

    @abstractmethod
    def fetch_range(self, start: int, end: int) -> bytes:
        """Returns the bytes from `start` to `end`. Raises CurateError if they do not all arrive."""

    @property
    def local_path(self) -> Path | None:
        """None, since the file is read over the network."""
        return None

    def open(self, start: int | None = None, end: int | None = None) -> BinaryIO:
        """Opens the file. The bytes from `start` to `end` are fetched in blocks of 8 MiB, others in 256 KiB."""
        return cast(BinaryIO, io.BufferedReader(RangeStream(self, start or 0, end or 0), _BUFFER_BYTES))

    def read_parquet_footer(self) -> pq.FileMetaData:
        """Fetches the Parquet metadata at the file's end."""
        with self.open(self.size_bytes - _FOOTER_BYTES, self.size_bytes) as stream:
            return pq.read_metadata(stream)

    @contextlib.contextmanager
    def open_parquet(
        self, metadata: pq.FileMetaData | None = None, start: int | None = None, end: int | None = None
    ) -> Generator[pq.ParquetFile]:
        """Opens it as Parquet through a stream; with `metadata`, the footer is not fetched again."""
        with (
            self.open(start, end) as stream,
            pq.ParquetFile(stream, metadata=metadata, pre_buffer=False, page_checksum_verification=True) as file,
        ):
            yield file


class PositionedStream(io.RawIOBase, ABC):
    """A seekable stream over something whose bytes are asked for by their position.

    Args:
        size_bytes: its size.
    """

    def __init__(self, size_bytes: int):
        super().__init__()
        self._size_bytes = size_bytes
        self._position = 0

    @abstractmethod
    def read_at(self, position: int, view: memoryview) -> int:
        """Reads bytes from a position on.

        Args:
            position: the first byte; there is at least one from it on.
            view: takes the bytes, and has room for no more than there are.

        Returns:
            How many bytes were read: at least one.
        """

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
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size_bytes}[whence]
        self._position = max(0, base + offset)
        return self._position

    @override
    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")[: max(0, self._size_bytes - self._position)]
        size = self.read_at(self._position, view) if view else 0
        self._position += size
        return size


class RangeStream(PositionedStream):
    """A stream over a file on the network. It fetches blocks on demand and holds the last few of them.

    Args:
        file: the file.
        start: the first byte of the range that will be read, fetched in large blocks.
        end: the byte after that range; where it is empty, everything is fetched in small pieces.
    """

    def __init__(self, file: RangedFile, start: int = 0, end: int = 0):
        super().__init__(file.size_bytes)
        self._file = file
        self._start, self._end = max(0, start), min(end, file.size_bytes)
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    @override
    def read_at(self, position: int, view: memoryview) -> int:
        piece = self._piece(position, len(view))
        view[: len(piece)] = piece
        return len(piece)

    def _piece(self, position: int, wanted: int) -> bytes:
        """Returns between one and `wanted` bytes from a position."""
        if self._start <= position < self._end:
            number, offset = divmod(position - self._start, BLOCK_BYTES)
            return self._block(number)[offset : offset + wanted]
        # Stops before the announced range, which is fetched in its own blocks.
        stop = self._start if position < self._start else self._file.size_bytes
        return self._file.fetch_range(position, min(position + max(_OUTSIDE_BYTES, 1), stop))[:wanted]

    def _block(self, number: int) -> bytes:
        if number in self._blocks:
            self._blocks.move_to_end(number)
        else:
            start = self._start + number * BLOCK_BYTES
            self._blocks[number] = self._file.fetch_range(start, min(start + BLOCK_BYTES, self._end))
            if len(self._blocks) > _BLOCKS_HELD:
                self._blocks.popitem(last=False)
        return self._blocks[number]
