"""Reads runs of rows of a Parquet file, which may begin and end within a row group.

Arrow reads a row group from its first row only. Where a huge one is cut into many partitions, each of them would begin
there, and the time would grow with the square of the rows. So a process holds the row group that it read last, and goes
on from where it was: the 25 partitions of 800,000 rows in one row group took 15.2 s of CPU, and take 1.7 s.
"""

from __future__ import annotations

import contextlib
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from job.source.location import FileLocation
from job.source.read.rows import ROWS_AT_ONCE


def read_rows(
    location: FileLocation,
    metadata: pq.FileMetaData,
    columns: Iterable[str],
    start: int,
    end: int,
    metadata_start: int = 0,
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Reads a run of rows.

    Args:
        location: a Parquet file.
        metadata: its metadata, of all row groups or of consecutive ones that have these rows.
        columns: the columns to read; those that it does not have are left out.
        start: the first row.
        end: the row after the last one.
        metadata_start: the first row that the metadata are about.

    Yields:
        Consecutive rows, after the number of the first of them.
    """
    row_groups, first, last = _row_groups(metadata, metadata_start, start, end)
    version = location.version() if location.local_path else ""
    key = (location, version, first, tuple(row_groups), tuple(columns))
    held = _held.pop() if _held else None
    if held is not None and not (held.key == key and held.position <= start):
        held.close()
        held = None
    rows = held or _Rows(location, metadata, row_groups, columns, first, key)
    is_whole = False
    try:
        yield from rows.between(start, end)
        is_whole = True
    finally:
        if is_whole and end < last:
            _held.append(rows)
        else:
            rows.close()


class _Rows:
    """Rows of some row groups, read once from the first to the last."""

    def __init__(
        self,
        location: FileLocation,
        metadata: pq.FileMetaData,
        row_groups: Sequence[int],
        columns: Iterable[str],
        first: int,
        key: Any,
    ):
        self.key = key
        self.position = first
        """The row that comes next."""
        self._rest: pa.RecordBatch | None = None
        self._file = contextlib.ExitStack()
        file = self._file.enter_context(location.open_parquet(metadata, *_span(metadata, row_groups, {*columns})))
        self._batches = _batches(file, row_groups, [name for name in columns if name in file.schema_arrow.names])

    def between(self, start: int, end: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        while self.position < end:
            batch, self._rest = self._rest, None
            batch = batch if batch is not None else next(self._batches, None)
            if batch is None:
                return
            begins, self.position = self.position, min(self.position + batch.num_rows, end)
            self._rest = batch.slice(end - begins) if begins + batch.num_rows > end else None
            if self.position > start:
                wanted = max(start, begins)
                yield wanted, batch.slice(wanted - begins, self.position - wanted)

    def close(self) -> None:
        self._file.close()


_held: list[_Rows] = []
"""The row group that was read last, if a part of it is left. Who reads takes it out first."""


def _batches(file: pq.ParquetFile, row_groups: Sequence[int], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    # Over the end of a row group, Arrow cannot read lists of dictionary-encoded text, as polars writes categories.
    alone = any(_has_dictionary(file.schema_arrow.field(name).type, is_nested=False) for name in columns)
    for groups in [[group] for group in row_groups] if alone else [row_groups]:
        yield from file.iter_batches(ROWS_AT_ONCE, row_groups=groups, columns=columns, use_threads=False)


def _has_dictionary(found: pa.DataType, *, is_nested: bool) -> bool:
    if pa.types.is_dictionary(found):
        return is_nested
    return any(_has_dictionary(found.field(index).type, is_nested=True) for index in range(found.num_fields))


def _row_groups(metadata: pq.FileMetaData, begins: int, start: int, end: int) -> tuple[list[int], int, int]:
    """Returns the row groups that a run of rows touches, the first row of the first one, and the row after the last."""
    touched: list[int] = []
    first = last = 0
    for index in range(metadata.num_row_groups):
        ends = begins + metadata.row_group(index).num_rows
        if begins < end and ends > start:
            if not touched:
                first = begins
            touched.append(index)
            last = ends
        begins = ends
    return touched, first, last


def _span(metadata: pq.FileMetaData, row_groups: Sequence[int], columns: Container[str]) -> tuple[int, int]:
    """Returns the first byte of some columns in some row groups, and the byte after the last."""
    starts, ends = [0], [0]
    for group in map(metadata.row_group, row_groups):
        for column in map(group.column, range(group.num_columns)):
            if column.path_in_schema.partition(".")[0] in columns:
                pages = [column.data_page_offset]
                if column.has_dictionary_page and column.dictionary_page_offset:
                    pages.append(column.dictionary_page_offset)
                starts.append(min(pages))
                ends.append(min(pages) + column.total_compressed_size)
    return min(starts[1:], default=0), max(ends)
