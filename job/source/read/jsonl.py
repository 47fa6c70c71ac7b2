"""Reads the lines of a byte range of a JSONL file: each line belongs to the range that its first byte lies in.

So whatever the cuts, each line comes out once, and every range can be read without knowing the others.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import pyarrow as pa

from job.errors import UsageError, nearest, printable
from job.recipe.verdicts import MALFORMED
from job.source.files import Place, size_of
from job.source.hub_file import announce
from job.source.read.json_row import MalformedRowError, RowDecoder, SourceRow
from job.source.read.rows import KEEP_PREFIX, MAX_RAW_BYTES, end_message, rows_schema

_BUFFER_BYTES = 1 << 20
_ROWS_PER_CHUNK = 4000
_ROWS_LOOKED_AT = 100

_BLANK = re.compile(rb"[ \t\r\n\v\f]*")


def is_blank(line: bytes, max_row_bytes: int) -> bool:
    """Tells whether a line has nothing but white space, and so is no row. A line that was cut may have more."""
    return line[:1] != b"{" and len(line) <= max_row_bytes and _BLANK.fullmatch(line) is not None


def read_lines(stream: BinaryIO, start: int, end: int, max_line_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Yields the lines that begin in a byte range.

    Args:
        stream: the file, open for reading, able to seek.
        start: the range's first byte.
        end: the byte after its last one.
        max_line_bytes: a longer line comes out cut, but still longer than this.

    Yields:
        The line's byte offset in the file, and the line without its line end.
    """
    offset = start
    if start > 0:
        # The line that goes on here began before, unless the byte before is a newline.
        offset = start - 1
        stream.seek(offset)
        offset += _skip_line(stream, end - offset)
    while offset < end and (line := stream.readline(max_line_bytes + len(b"\r\n"))):
        yield offset, line.removesuffix(b"\n").removesuffix(b"\r")
        offset += len(line)
        if not line.endswith(b"\n"):
            offset += _skip_line(stream, end - offset)


def _skip_line(stream: BinaryIO, enough: int) -> int:
    """Reads to the end of a line, or over so many bytes of it, and returns how many that were.

    The bound is for a line over many ranges: each of its 48 would else read all the rest of it.
    """
    size = 0
    while size < enough and (piece := stream.readline(_BUFFER_BYTES)):
        size += len(piece)
        if piece.endswith(b"\n"):
            break
    return size


def end_of_rows(path: Place, limit: int, max_row_bytes: int) -> tuple[int, int]:
    """Finds where the first rows of a file end.

    Args:
        path: a JSONL file.
        limit: how many rows; blank lines do not count.
        max_row_bytes: see `JobConfig`.

    Returns:
        The offset of the next line, or the file's size when it has no more rows than that; and how many rows come
        before it.
    """
    rows, size = 0, size_of(path)
    with path.open("rb", buffering=_BUFFER_BYTES) as stream:
        for offset, line in read_lines(stream, 0, size, max_row_bytes):
            if not is_blank(line, max_row_bytes):
                if rows == limit:
                    return offset, rows
                rows += 1
    return size, rows


def check_fields(path: Place, fields: Mapping[str, str]) -> None:
    """Looks into a file's first rows for the keys that stand for the recipe's inputs.

    Args:
        path: a JSONL file.
        fields: see `SourceConfig`.

    Raises:
        UsageError: when none of the rows has one of them, which must be a slip.
    """
    seen: set[str] = set()
    with path.open("rb", buffering=_BUFFER_BYTES) as stream:
        for _, line in itertools.islice(read_lines(stream, 0, size_of(path), _BUFFER_BYTES), _ROWS_LOOKED_AT):
            with contextlib.suppress(ValueError):
                row = json.loads(line)
                seen |= set(row) if isinstance(row, dict) else set()
    if missing := [key for key in fields.values() if key not in seen]:
        there = sorted(map(printable, seen))
        raise UsageError(
            f"{path}: none of its first {_ROWS_LOOKED_AT} rows has a key {missing[0]!r}{nearest(missing[0], there)}\n"
            f"they have: {', '.join(there)}"
        )


class JsonlReader:
    """Reads partitions of JSONL files.

    Args:
        keep_columns: source columns to carry along.
        max_row_bytes: a longer row is malformed.
        fields: see `SourceConfig`.
    """

    def __init__(self, keep_columns: Sequence[str], max_row_bytes: int, fields: Mapping[str, str] | None = None):
        self._fields = fields
        self._keep_columns = tuple(keep_columns)
        self._max_row_bytes = max_row_bytes
        self._schema = rows_schema("details_json", keep_columns)

    def read(self, path: Place, partition: int, start: int, end: int) -> Iterator[pa.Table]:
        """Reads one partition.

        Args:
            path: the file.
            partition: the partition's number in its category.
            start: its first byte.
            end: the byte after its last one.

        Yields:
            Tables of rows in order, then the message that ends the partition.
        """
        decoder = RowDecoder(self._keep_columns, self._max_row_bytes, self._fields)
        num_rows = 0
        rows = _Rows(partition, self._schema, self._keep_columns)
        with path.open("rb", buffering=_BUFFER_BYTES) as stream:
            announce(stream, start - 1, end)
            for offset, line in read_lines(stream, start, end, self._max_row_bytes):
                if is_blank(line, self._max_row_bytes):
                    continue
                num_rows += 1
                try:
                    rows.add(offset, decoder.row(line))
                except MalformedRowError as error:
                    rows.add_malformed(offset, line, str(error))
                if len(rows) == _ROWS_PER_CHUNK:
                    yield rows.table()
                    rows = _Rows(partition, self._schema, self._keep_columns)
        if len(rows):
            yield rows.table()
        yield end_message(partition, num_rows, self._schema)


class _Rows:
    """Collects decoded rows column by column."""

    def __init__(self, partition: int, schema: pa.Schema, keep_columns: Sequence[str]):
        self._partition = partition
        self._schema = schema
        self._columns: dict[str, list[Any]] = {name: [] for name in schema.names if name != "partition"}
        self._kept = [self._columns[KEEP_PREFIX + name] for name in keep_columns]

    def __len__(self) -> int:
        return len(self._columns["position"])

    def add(self, offset: int, row: SourceRow) -> None:
        columns = self._columns
        columns["position"].append(offset)
        columns["verdict"].append(None)
        columns["cause"].append(None)
        columns["raw"].append(None)
        columns["title"].append(row.title)
        columns["parent_asin"].append(row.parent_asin)
        columns["price"].append(str(row.price))
        columns["description"].append(row.description)
        columns["features"].append(row.features)
        columns["details_json"].append(bytes(row.details) or None)
        for column, value in zip(self._kept, row.kept, strict=False):
            column.append(value)

    def add_malformed(self, offset: int, line: bytes, cause: str) -> None:
        given = {"position": offset, "verdict": MALFORMED, "cause": cause, "raw": line[:MAX_RAW_BYTES]}
        for name, column in self._columns.items():
            column.append(given.get(name))

    def table(self) -> pa.Table:
        partition = pa.array([self._partition] * len(self), pa.int32())
        columns = [self._columns[field.name] for field in list(self._schema)[1:]]
        fields = list(self._schema)[1:]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, fields, strict=True)]
        return pa.table([partition, *arrays], schema=self._schema)
