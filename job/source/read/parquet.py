"""Reads row ranges of Parquet files."""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from job.errors import DamagedPartError
from job.recipe.verdicts import MALFORMED
from job.source.location import FileLocation
from job.source.read.parquet_columns import as_input, fits, plain
from job.source.read.rows import KEEP_PREFIX, MAX_RAW_BYTES, RowLayout, end_message

_ROWS_PER_CHUNK = 4000


class ParquetReader:
    """Reads partitions of Parquet files.

    Args:
        layout: what to read of each row.
    """

    def __init__(self, layout: RowLayout):
        self._layout = layout
        self._fields = layout.columns
        self._schema = layout.schema("parquet")

    def read(
        self, location: FileLocation, partition: int, start: int, end: int, metadata: pq.FileMetaData | None = None
    ) -> Iterator[pa.Table]:
        """Reads one partition.

        Args:
            location: the file.
            partition: number of the partition in its category.
            start: its first row.
            end: the row after its last one.
            metadata: metadata of the file; None to read it from the file.

        Yields:
            Tables of rows in order, then the message that ends the partition.
        """
        metadata = metadata or location.parquet_metadata()
        row_groups, position = _row_groups(metadata, start, end)
        names = {name: self._layout.source_name(name) for name in self._fields}
        num_rows = 0
        with location.open_parquet(metadata, *_span(metadata, row_groups, {*names.values()})) as file:
            columns = [name for name in dict.fromkeys(names.values()) if name in file.schema_arrow.names]
            batches = file.iter_batches(
                batch_size=_ROWS_PER_CHUNK, row_groups=row_groups, columns=columns, use_threads=False
            )
            for batch in _undamaged(batches, location, start, end):
                if position >= end:
                    break
                wanted = batch.slice(max(0, start - position))
                begins = max(start, position)
                position += batch.num_rows
                wanted = wanted.slice(0, max(0, end - begins))
                if wanted.num_rows:
                    num_rows += wanted.num_rows
                    values = {name: self._values(wanted, name, column) for name, column in names.items()}
                    yield self._rows(values, partition, begins)
        yield end_message(partition, num_rows, self._schema)

    def _values(self, found: pa.RecordBatch, name: str, column: str) -> pa.Array:
        """Returns the values of a column in the type that the rest expects."""
        wanted = self._fields[name].type
        if column not in found.schema.names:  # a user's own catalogue may lack it
            return pa.nulls(found.num_rows, wanted)
        values = found[column]
        if self._layout.fields and not fits(values.type, wanted):
            return as_input(values, wanted)
        return plain(values, wanted)

    def _rows(self, values: Mapping[str, pa.Array], partition: int, first: int) -> pa.Table:
        """Brings rows into the readers' schema, with malformed ones set apart."""
        size = len(next(iter(values.values())))
        causes = self._causes(values)
        columns: dict[str, Any] = {
            "partition": pa.array([partition] * size, pa.int32()),
            "position": pa.array(np.arange(first, first + size), pa.int64()),
            "verdict": pa.array([MALFORMED if index in causes else None for index in range(size)], pa.string()),
            "cause": pa.array([causes.get(index) for index in range(size)], pa.string()),
        }
        raw: list[bytes | None] = [None] * size
        for index in causes:
            raw[index] = _as_json({name: column.slice(index, 1) for name, column in values.items()})[:MAX_RAW_BYTES]
        columns["raw"] = pa.array(raw, pa.binary())
        for field in list(self._schema)[len(columns) :]:
            column = values[field.name.removeprefix(KEEP_PREFIX)]
            if causes:
                column = pc.if_else(pc.is_null(columns["verdict"]), column, pa.scalar(None, column.type))
            columns[field.name] = column.cast(field.type)
        return pa.table(columns, schema=self._schema)

    def _causes(self, values: Mapping[str, pa.Array]) -> dict[int, str]:
        """Returns why rows are malformed, by index. Costs next to nothing where none is."""
        causes: dict[int, str] = {}

        def check(is_right: Callable[[pa.Array], bool], column: pa.Array, cause: str) -> None:
            if not is_right(column):
                for index in range(len(column)):
                    if not is_right(column.slice(index, 1)):
                        causes.setdefault(index, cause)

        if sum(column.nbytes for column in values.values()) > self._layout.max_row_bytes:
            for index in range(len(next(iter(values.values())))):
                if sum(column.slice(index, 1).nbytes for column in values.values()) > self._layout.max_row_bytes:
                    causes[index] = f"longer than max_row_bytes, {self._layout.max_row_bytes:,}"
        for name, column in values.items():
            check(_is_utf8, column, f"not UTF-8: {name}")
        for name, column in values.items():
            if pa.types.is_list(column.type):
                check(_has_no_null, column, f"{name} has null among its strings")
            elif not pa.types.is_string(column.type):
                check(functools.partial(_can_be, wanted=self._fields[name].type), column, f"{name} is out of range")
        return causes


def _undamaged(
    batches: Iterator[pa.RecordBatch], location: FileLocation, start: int, end: int
) -> Iterator[pa.RecordBatch]:
    """Passes batches on. What cannot be read is an error that says where."""
    try:
        yield from batches
    except (pa.ArrowException, OSError) as error:
        words = " ".join(str(error).split())
        raise DamagedPartError(f"damaged: {location}, somewhere in rows {start:,} to {end:,}: {words}") from None


def _has_no_null(lists: pa.Array) -> bool:
    return lists.flatten().null_count == 0


def _can_be(values: pa.Array, wanted: pa.DataType) -> bool:
    try:
        values.cast(wanted)
    except pa.ArrowInvalid:
        return False
    return True


def _row_groups(metadata: pq.FileMetaData, start: int, end: int) -> tuple[list[int], int]:
    """Returns the row groups that a range of rows touches, and the first row of the first group."""
    touched: list[int] = []
    first = begins = 0
    for index in range(metadata.num_row_groups):
        ends = begins + metadata.row_group(index).num_rows
        if begins < end and ends > start:
            if not touched:
                first = begins
            touched.append(index)
        begins = ends
    return touched, first


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


def _is_utf8(values: pa.Array) -> bool:
    try:
        # Validating a slice would look at the bytes of the whole array, so a slice is copied.
        (pa.concat_arrays([values]) if len(values) == 1 else values).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _as_json(row: Mapping[str, pa.Array]) -> bytes:
    """Writes a malformed row as JSON, bytes that are not text as backslash escapes."""

    def readable(value: Any) -> Any:
        if isinstance(value, list):
            return [readable(element) for element in value]
        return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value

    columns: dict[str, Any] = {}
    for name, column in row.items():
        if pa.types.is_list(column.type):
            column = column.cast(pa.list_(pa.binary()))
        elif pa.types.is_string(column.type):
            column = column.cast(pa.binary())
        columns[name] = readable(column[0].as_py())
    return json.dumps(columns).encode("ascii")
