"""Reads the lines of a byte range of a JSONL file: each line belongs to the range that its first byte lies in.

So each line is read once whatever the cuts, and every range can be read without knowing the others.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

import pyarrow as pa

from job.errors import UsageError, nearest, printable
from job.recipe.verdicts import MALFORMED
from job.source.location import FileLocation
from job.source.read.content import ContentDigest
from job.source.read.json_row import MalformedRowError, RowDecoder
from job.source.read.last_line import why_cut_off
from job.source.read.rows import MAX_RAW_BYTES, ROWS_AT_ONCE, RowLayout, cut_off_message, end_message

_BUFFER_BYTES = 1 << 20
_ROWS_LOOKED_AT = 100
"""Rows of a file in which the keys of `source.fields` are looked for."""

_BLANK = re.compile(rb"[ \t\r\n\v\f]*")


def is_blank(line: bytes, max_row_bytes: int) -> bool:
    """Tells whether a line is only white space, and so is no row. A line that was cut never is."""
    return line[:1] != b"{" and len(line) <= max_row_bytes and _BLANK.fullmatch(line) is not None


def read_lines(
    stream: BinaryIO, start: int, end: int, max_line_bytes: int, note: Callable[[bytes], None] = lambda _: None
) -> Iterator[tuple[int, bytes]]:
    """Yields the lines that begin in a byte range.

    Args:
        stream: the file, open for reading, able to seek.
        start: the range's first byte.
        end: the byte after its last one.
        max_line_bytes: a longer line is cut, but stays longer than this.
        note: called with all bytes of these lines that are read, line endings included.

    Yields:
        Byte offset of the line in the file, and the line without its line ending.
    """
    offset = start
    if start > 0:
        # The first line here began before the range, unless the byte before is a newline.
        offset = start - 1
        stream.seek(offset)
        offset += _skip_line(stream, end - offset)
    while offset < end and (line := stream.readline(max_line_bytes + len(b"\r\n"))):
        note(line)
        yield offset, line.removesuffix(b"\n").removesuffix(b"\r")
        offset += len(line)
        if not line.endswith(b"\n"):
            offset += _skip_line(stream, end - offset, note)


def _skip_line(stream: BinaryIO, enough: int, note: Callable[[bytes], None] = lambda _: None) -> int:
    """Reads to the end of a line, or at least `enough` bytes of it. Returns how many bytes were read.

    The bound is for a line that spans many ranges: without it each of 48 ranges would read all the rest of the line.
    """
    size = 0
    while size < enough and (piece := stream.readline(_BUFFER_BYTES)):
        note(piece)
        size += len(piece)
        if piece.endswith(b"\n"):
            break
    return size


def end_of_rows(location: FileLocation, limit: int, max_row_bytes: int) -> tuple[int, int]:
    """Finds where the first rows of a file end.

    Args:
        location: a JSONL file.
        limit: how many rows; blank lines do not count, but a last line that was cut off does.
        max_row_bytes: bytes above which a row is malformed.

    Returns:
        Offset of the line after them, or the size of the file when it has no more rows; and how many rows come before.
    """
    rows, size = 0, location.size_now()
    with location.open() as stream:
        for offset, line in read_lines(stream, 0, size, max_row_bytes):
            if not is_blank(line, max_row_bytes):
                if rows == limit:
                    return offset, rows
                rows += 1
    return size, rows


def check_fields(location: FileLocation, fields: Mapping[str, str]) -> None:
    """Looks in the first rows of a file for the keys that stand for the recipe's inputs.

    Args:
        location: a JSONL file.
        fields: key in the source by input.

    Raises:
        UsageError: when a key is in none of these rows, which is probably a typing error.
    """
    seen: set[str] = set()
    with location.open() as stream:
        lines = read_lines(stream, 0, location.size_now(), _BUFFER_BYTES)
        for _, line in itertools.islice(lines, _ROWS_LOOKED_AT):
            with contextlib.suppress(ValueError):
                row = json.loads(line)
                seen |= set(row) if isinstance(row, dict) else set()
    if missing := [key for key in fields.values() if key not in seen]:
        there = sorted(map(printable, seen))
        hint = nearest(missing[0], there)
        raise UsageError(
            f"{location}: none of its first {_ROWS_LOOKED_AT} rows has a key {missing[0]!r}{hint}\n"
            f"they have: {', '.join(there)}"
        )


class JsonlReader:
    """Reads partitions of JSONL files.

    Args:
        layout: what to read of each row.
    """

    def __init__(self, layout: RowLayout):
        self._layout = layout
        self._schema = layout.schema("jsonl")

    def read(
        self, location: FileLocation, partition: int, start: int, end: int, shown: str | None = None
    ) -> Iterator[pa.Table]:
        """Reads one partition.

        Args:
            location: the file.
            partition: number of the partition in its category.
            start: its first byte.
            end: the byte after its last one.
            shown: what a message calls the file; its location by default.

        Yields:
            Tables of rows in order; a message if the file ends in the middle of a line; then the one that ends the
            partition.
        """
        decoder = RowDecoder(self._layout)
        num_rows, digest = 0, ContentDigest()
        rows = _Rows(partition, decoder, self._schema)
        cut_off: pa.Table | None = None
        with location.open(start - 1, end) as stream:
            for offset, line in read_lines(stream, start, end, self._layout.max_row_bytes, digest.add_bytes):
                if is_blank(line, self._layout.max_row_bytes):
                    continue
                try:
                    rows.add(offset, decoder.read(line))
                except MalformedRowError as error:
                    if why := why_cut_off(stream, offset, line, self._layout.max_row_bytes):
                        cause = f"{shown or location} seems to be cut off: its last line, at byte {offset:,}, has no "
                        cause += f"newline and is not JSON: {why}"
                        cut_off = cut_off_message(partition, offset, cause, self._schema)
                        break
                    rows.add_malformed(offset, line, str(error))
                num_rows += 1
                if len(rows) == ROWS_AT_ONCE:
                    yield rows.table()
                    rows = _Rows(partition, decoder, self._schema)
        if len(rows):
            yield rows.table()
        if cut_off is not None:
            yield cut_off
        yield end_message(partition, num_rows, digest.hexdigest(), self._schema)


class _Rows:
    """Collects decoded rows."""

    def __init__(self, partition: int, decoder: RowDecoder, schema: pa.Schema):
        self._partition = partition
        self._decoder = decoder
        self._schema = schema
        self._decoded: list[Any] = []
        self._positions: list[int] = []
        self._malformed: dict[int, tuple[str, bytes]] = {}
        self._nothing: list[Any] = [None] * (len(schema) - _NUM_OWN_COLUMNS)

    def __len__(self) -> int:
        return len(self._decoded)

    def add(self, offset: int, row: Any) -> None:
        self._positions.append(offset)
        self._decoded.append(row)

    def add_malformed(self, offset: int, line: bytes, cause: str) -> None:
        self._malformed[len(self)] = (cause, line[:MAX_RAW_BYTES])
        self.add(offset, self._nothing)

    def table(self) -> pa.Table:
        size = len(self)
        verdicts: list[str | None] = [None] * size
        causes: list[str | None] = [None] * size
        raw: list[bytes | None] = [None] * size
        for index, (cause, line) in self._malformed.items():
            verdicts[index], causes[index], raw[index] = MALFORMED, cause, line
        found = self._decoder.columns(self._decoded)
        columns = [[self._partition] * size, self._positions, verdicts, causes, raw, *found]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        return pa.table(arrays, schema=self._schema)


_NUM_OWN_COLUMNS = 5
"""Columns of the readers themselves, before those of the source: partition, position, verdict, cause, raw."""
