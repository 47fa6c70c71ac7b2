"""Reads the metadata of a Parquet file; where it has very many row groups, some of them at a time.

Arrow takes 17 KB of memory for a row group of 17 columns: 870 MB for 50,000 tiny ones, in the driver and in each
worker. So a large footer is cut into parts, each of them a footer of some of the row groups, and nobody holds more than
one: what is kept takes 16 bytes for each row group.

A footer is a Thrift struct, in which the row groups follow one another. All of them begin with the same bytes, up to a
number. Where these bytes are found as often as there are row groups, every find is the beginning of one. Where they are
found more often, as within a text among the statistics, or less often, the footer is read as a whole.
"""

from __future__ import annotations

import dataclasses
import functools
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from job.source.location import FileLocation, LocalFile

SPLIT_BYTES = 4 << 20
"""Bytes of a footer from which it is cut into parts; Arrow takes 8 times as many. With 100 row groups it has 0.4 MB."""
_PART_BYTES = 1 << 20
"""Bytes of the row groups in a part, about."""
_WINDOW_BYTES = 8 << 20
"""Bytes in which the beginnings of row groups are looked for at a time."""
_BEGINNING_BYTES = 32
"""Bytes that the beginning of a row group has at most."""

_MAGIC = b"PAR1"
_LENGTH_BYTES = 4
_ROW_GROUPS = 4
"""Number of the field that holds the row groups."""

_STRUCT = 12
"""Number of Thrift's type of a struct, in its compact protocol."""
_TRUTH = (1, 2)
"""Numbers of its types of a truth value, which stands in the header of its field."""
_LONG_LIST = 15
"""Size of a list in its header from which the size stands after the header."""
_FIRST_IS_LIST = b"\x19"
"""Header of a struct's first field, if that is a list: the columns of a row group."""
_OFFSET_THEN_METADATA = rb"\x26[\x80-\xff]{0,9}[\x00-\x7f]\x1c\x15"
"""Beginning of a column of a row group: an offset, then its metadata, which begin with a small number."""

_NONE = np.zeros(1, np.int64)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Footer:
    """The metadata of a Parquet file."""

    whole: pq.FileMetaData | None
    """All of it; None where it is cut into parts."""
    head: bytes = b""
    """What comes before the list of row groups."""
    tail: bytes = b""
    """What comes after it."""
    begins: npt.NDArray[np.int64] = dataclasses.field(default_factory=lambda: _NONE)
    """Byte of the file where each row group's metadata begin, then the one where those of the last one end."""
    rows: npt.NDArray[np.int64] = dataclasses.field(default_factory=lambda: _NONE)
    """First row of each row group, then the number of rows."""

    @property
    def num_rows(self) -> int:
        """Number of rows in the file."""
        return self.summary.num_rows

    @property
    def summary(self) -> pq.FileMetaData:
        """What it says of the file: its rows and columns, and perhaps nothing of the row groups."""
        return self.whole or _metadata(self, b"", 0)

    def parts(self, location: FileLocation) -> Iterator[pq.FileMetaData]:
        """Yields the metadata of all row groups in order, some at a time. Their number of rows is that of the file.

        Args:
            location: the file.
        """
        if self.whole is not None:
            yield self.whole
            return
        with location.open() as stream:
            first, last = 0, len(self.begins) - 1
            while first < last:
                end = max(first + 1, int(np.searchsorted(self.begins, self.begins[first] + _PART_BYTES)) - 1)
                yield self._part(stream, first, end)
                first = end

    def around(self, location: FileLocation, start: int, end: int) -> tuple[pq.FileMetaData, int]:
        """Returns the metadata of the row groups that a run of rows touches, or of more.

        Args:
            location: the file.
            start: the first row.
            end: the row after the last one.

        Returns:
            The metadata, and the number in the file of the first row that they are about.
        """
        if self.whole is not None:
            return self.whole, 0
        first = max(0, int(np.searchsorted(self.rows, start, "right")) - 1)
        last = max(first, min(int(np.searchsorted(self.rows, end)), len(self.rows) - 1))
        with location.open() as stream:
            return self._part(stream, first, last), int(self.rows[first])

    def _part(self, stream: BinaryIO, first: int, last: int) -> pq.FileMetaData:
        return _metadata(self, _read(stream, int(self.begins[first]), int(self.begins[last])), last - first)


def read_footer(location: FileLocation) -> Footer:
    """Reads the footer of a file. Over the network it is read as a whole.

    Args:
        location: a Parquet file.

    Raises:
        pa.ArrowException: if it is damaged or the file is not Parquet; OSError and others are possible, too.
        FileNotFoundError: if the file is gone.
    """
    return _cut_footer(location) or Footer(location.parquet_metadata())


def footer_for_tasks(location: FileLocation) -> Footer | None:
    """Returns the footer of a file if tasks should not read it by themselves: if that takes long or much memory.

    Args:
        location: a Parquet file.
    """
    return read_footer(location) if location.local_path is None else _cut_footer(location)


def is_encrypted(location: FileLocation, footer: Footer) -> bool:
    """Tells whether a file has encrypted columns, though its footer can be read.

    Arrow (26) ends the process when it is asked about such a column, and does not say which ones are. But the footer is
    signed then: it is longer than the metadata.

    Args:
        location: a Parquet file. It is not looked for over the network.
        footer: its footer.
    """
    if location.local_path is None or footer.whole is None:  # a signed footer is not cut into parts
        return False
    size = location.size_now()
    with location.open() as stream:
        stream.seek(size - _LENGTH_BYTES - len(_MAGIC))
        return int.from_bytes(stream.read(_LENGTH_BYTES), "little") > footer.whole.serialized_size


def _cut_footer(location: FileLocation) -> Footer | None:
    if location.local_path is None:
        return None
    found = location.local_path.stat()
    return _local_footer(location.local_path, found.st_size, found.st_mtime_ns)


@functools.lru_cache(maxsize=2)
def _local_footer(path: Path, size_bytes: int, modified_ns: int) -> Footer | None:
    """Cuts a large footer into parts, once for many partitions. None where it is not large, or cannot be cut."""
    del modified_ns
    end = size_bytes - _LENGTH_BYTES - len(_MAGIC)
    if end < SPLIT_BYTES:
        return None
    with path.open("rb") as stream:
        ending = _read(stream, end, size_bytes)
    size = int.from_bytes(ending[:_LENGTH_BYTES], "little")
    if ending[_LENGTH_BYTES:] != _MAGIC or not SPLIT_BYTES <= size <= end:
        return None
    try:
        return _cut(LocalFile(path), end - size, end)
    except (IndexError, ValueError, RecursionError, pa.ArrowException, OSError):
        return None  # reading it as a whole says what is wrong


def _cut(location: FileLocation, start: int, end: int) -> Footer | None:
    """Cuts the footer that lies between two bytes of a file. None where it is not sure where row groups begin."""
    with location.open() as stream:
        head = io.BytesIO(_read(stream, start, min(start + _WINDOW_BYTES, end)))
        _skip_fields(head, _ROW_GROUPS)
        list_at = head.tell()
        num_groups = _list_size(head)
        begins = [start + head.tell()]
        pattern = _beginning(head)
        for window in range(begins[0], end, _WINDOW_BYTES):
            content = _read(stream, window, min(window + _WINDOW_BYTES + _BEGINNING_BYTES, end))
            begins += [window + at.start() + 1 for at in pattern.finditer(content) if at.start() < _WINDOW_BYTES]
        if len(begins) != num_groups:
            return None
        rest = io.BytesIO(_read(stream, begins[-1], end))
        _skip(rest, _STRUCT)
        begins.append(begins[-1] + rest.tell())
    tail_at = rest.tell()
    _skip_fields(rest, last=_ROW_GROUPS)
    if rest.read(1):
        return None  # a signature follows: see `is_encrypted`
    tail = rest.getvalue()[tail_at:]
    footer = Footer(None, head.getvalue()[:list_at], tail, np.array(begins, np.int64))
    rows = [part.row_group(index).num_rows for part in footer.parts(location) for index in range(part.num_row_groups)]
    if len(rows) != num_groups or sum(rows) != footer.num_rows:
        return None
    return dataclasses.replace(footer, rows=np.concatenate(([0], np.cumsum(rows))))


def _beginning(stream: BinaryIO) -> re.Pattern[bytes]:
    """Returns how each row group but the first begins, after the byte that ends the one before it.

    Args:
        stream: stands where the first row group begins.
    """
    start = stream.tell()
    if stream.read(1) != _FIRST_IS_LIST:
        raise ValueError("a row group that does not begin with its columns")
    _list_size(stream)
    size = stream.tell() - start
    stream.seek(start)
    return re.compile(re.escape(b"\0" + stream.read(size)) + _OFFSET_THEN_METADATA)


def _metadata(footer: Footer, row_groups: bytes, num_groups: int) -> pq.FileMetaData:
    """Makes the metadata of a file that has only some of its row groups."""
    size = bytes([num_groups << 4 | _STRUCT]) if num_groups < _LONG_LIST else b"\xfc" + _number(num_groups)
    content = footer.head + size + row_groups + footer.tail
    length = len(content).to_bytes(_LENGTH_BYTES, "little")
    return pq.read_metadata(pa.BufferReader(_MAGIC + content + length + _MAGIC))


def _read(stream: BinaryIO, start: int, end: int) -> bytes:
    stream.seek(start)
    return stream.read(end - start)


def _number(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _read_number(stream: BinaryIO) -> int:
    value = shift = 0
    while (byte := stream.read(1)[0]) > 0x7F:
        value |= (byte & 0x7F) << shift
        shift += 7
    return value | byte << shift


def _list_size(stream: BinaryIO) -> int:
    """Reads the header of a list of structs, and returns how many there are."""
    size, kind = divmod(stream.read(1)[0], 16)
    if kind != _STRUCT:
        raise ValueError("a list of something else")
    return _read_number(stream) if size == _LONG_LIST else size


def _skip_fields(stream: BinaryIO, before: int = -1, last: int = 0) -> None:
    """Skips the fields of a struct after a last one: all, or those before a field, whose header is skipped, too."""
    number = last
    while header := stream.read(1)[0]:
        step, kind = divmod(header, 16)
        number = number + step if step else _read_number(stream) // 2
        if number == before:
            return
        if kind not in _TRUTH:
            _skip(stream, kind)
    if before >= 0:
        raise ValueError("no such field")


def _skip(stream: BinaryIO, kind: int) -> None:
    """Skips a value of a type of Thrift's compact protocol."""
    match kind:
        case 3:
            stream.read(1)
        case 4 | 5 | 6:
            _read_number(stream)
        case 7:
            stream.seek(8, io.SEEK_CUR)
        case 8:
            stream.seek(_read_number(stream), io.SEEK_CUR)
        case 9 | 10:
            size, element = divmod(stream.read(1)[0], 16)
            for _ in range(_read_number(stream) if size == _LONG_LIST else size):
                _skip(stream, element)
        case 12:
            _skip_fields(stream)
        case _:
            raise ValueError(f"type {kind}")
