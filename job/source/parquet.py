"""Reads row ranges of Parquet files in the Hub's form, and checks before work starts that a file has that form."""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from job.errors import CurateError, UsageError, nearest
from job.recipe.verdict import MALFORMED
from job.source.rows import (
    KEEP_PREFIX,
    KEPT_COLUMN_TYPES,
    MAX_RAW_BYTES,
    PARQUET_COLUMNS,
    end_message,
    rows_schema,
)

_ROWS_PER_CHUNK = 4000


def open_checked(path: Path, keep_columns: Sequence[str]) -> pq.FileMetaData:
    """Reads a file's metadata and checks that it has what the recipe reads.

    Args:
        path: a Parquet file.
        keep_columns: source columns to carry along.

    Returns:
        The metadata.

    Raises:
        UsageError: when it is not Parquet or damaged, or lacks a column, or a column is of another type.
    """
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            metadata = file.metadata
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, PermissionError | FileNotFoundError):
            raise UsageError(f"cannot be read: {path}: {error.strerror}") from None
        raise UsageError(
            f"not a whole Parquet file: {path} ({path.stat().st_size:,} bytes): {error}\n"
            "it may have been cut off on its way here: fetch it again"
        ) from None
    wanted = {name: _column_type(name) for name in _columns(keep_columns)}
    if missing := [name for name in wanted if name not in schema.names]:
        raise UsageError(
            f"{path} has no column {', '.join(missing)}{nearest(missing[0], schema.names)}\n"
            f"it has: {', '.join(schema.names)}"
        )
    for name, wanted_type in wanted.items():
        if schema.names.count(name) > 1:
            raise UsageError(f"{path} has more than one column {name}")
        found = schema.field(name).type
        if not _fits(found, wanted_type):
            raise UsageError(f"{path}: the column {name} is {found}, not {wanted_type}")
    return metadata


def _columns(keep_columns: Sequence[str]) -> list[str]:
    return list(dict.fromkeys((*PARQUET_COLUMNS, *keep_columns)))


def _column_type(name: str) -> pa.DataType:
    return KEPT_COLUMN_TYPES.get(name, pa.string())


def _is_text(found: pa.DataType) -> bool:
    return pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found)


def _fits(found: pa.DataType, wanted: pa.DataType) -> bool:
    if pa.types.is_null(found):
        return True
    if pa.types.is_list(wanted):
        is_list = pa.types.is_list(found) or pa.types.is_large_list(found)
        return is_list and (_is_text(found.value_type) or pa.types.is_null(found.value_type))
    if pa.types.is_string(wanted):
        return _is_text(found.value_type if pa.types.is_dictionary(found) else found)
    if pa.types.is_integer(wanted):
        return pa.types.is_integer(found)
    return pa.types.is_floating(found) or pa.types.is_integer(found)


class ParquetReader:
    """Reads partitions of Parquet files.

    Args:
        keep_columns: source columns to carry along.
        max_row_bytes: a longer row is malformed.
    """

    def __init__(self, keep_columns: Sequence[str], max_row_bytes: int):
        self._keep_columns = tuple(keep_columns)
        self._max_row_bytes = max_row_bytes
        self._schema = rows_schema("details", keep_columns)

    def read(self, path: Path, partition: int, start: int, end: int) -> Iterator[pa.Table]:
        """Reads one partition.

        Args:
            path: the file.
            partition: the partition's number in its category.
            start: its first row.
            end: the row after its last one.

        Yields:
            Tables of rows in order, then the message that ends the partition.
        """
        columns = _columns(self._keep_columns)
        num_rows = 0
        with pq.ParquetFile(path, pre_buffer=False) as file:
            row_groups, first = _row_groups(file.metadata, start, end)
            position = first
            batches = file.iter_batches(
                batch_size=_ROWS_PER_CHUNK, row_groups=row_groups, columns=columns, use_threads=False
            )
            for batch in _undamaged(batches, path, start, end):
                if position >= end:
                    break
                wanted = batch.slice(max(0, start - position))
                begins = max(start, position)
                position += batch.num_rows
                wanted = wanted.slice(0, max(0, end - begins))
                if wanted.num_rows:
                    num_rows += wanted.num_rows
                    yield self._rows(wanted, partition, begins)
        yield end_message(partition, num_rows, self._schema)

    def _rows(self, found: pa.RecordBatch, partition: int, first: int) -> pa.Table:
        """Brings rows as they are in the file into the readers' schema, malformed ones set apart."""
        size = found.num_rows
        values = {name: _plain(found[name], _column_type(name)) for name in found.schema.names}
        causes = self._causes(values)
        columns: dict[str, Any] = {
            "partition": pa.array([partition] * size, pa.int32()),
            "position": pa.array(range(first, first + size), pa.int64()),
            "verdict": pa.array([MALFORMED if index in causes else None for index in range(size)], pa.string()),
            "cause": pa.array([causes.get(index) for index in range(size)], pa.string()),
        }
        well_formed = pa.array([index not in causes for index in range(size)])
        raw: list[bytes | None] = [None] * size
        for index in causes:
            raw[index] = _as_json({name: column.slice(index, 1) for name, column in values.items()})[:MAX_RAW_BYTES]
        columns["raw"] = pa.array(raw, pa.binary())
        for field in list(self._schema)[len(columns) :]:
            column = values[field.name.removeprefix(KEEP_PREFIX)]
            if causes:
                column = pc.if_else(well_formed, column, pa.scalar(None, column.type))
            columns[field.name] = column.cast(field.type)
        return pa.table(columns, schema=self._schema)

    def _causes(self, values: Mapping[str, pa.Array]) -> dict[int, str]:
        """Returns why rows are malformed, by their index. Costs next to nothing where none is."""
        causes: dict[int, str] = {}

        def check(is_right: Callable[[pa.Array], bool], column: pa.Array, cause: str) -> None:
            if not is_right(column):
                for index in range(len(column)):
                    if not is_right(column.slice(index, 1)):
                        causes.setdefault(index, cause)

        if sum(column.nbytes for column in values.values()) > self._max_row_bytes:
            for index in range(len(next(iter(values.values())))):
                if sum(column.slice(index, 1).nbytes for column in values.values()) > self._max_row_bytes:
                    causes[index] = f"longer than max_row_bytes, {self._max_row_bytes:,}"
        for name, column in values.items():
            check(_is_utf8, column, f"not UTF-8: {name}")
        for name, column in values.items():
            if pa.types.is_list(column.type):
                check(_has_no_null, column, f"{name} has null among its strings")
            elif not pa.types.is_string(column.type):
                check(functools.partial(_can_be, wanted=_column_type(name)), column, f"{name} is out of range")
        return causes


def _undamaged(batches: Iterator[pa.RecordBatch], path: Path, start: int, end: int) -> Iterator[pa.RecordBatch]:
    """Passes batches on; what cannot be read is an error that says where."""
    try:
        yield from batches
    except (pa.ArrowException, OSError) as error:
        raise CurateError(
            f"damaged: {path}, somewhere in rows {start:,} to {end:,}: {error}\n"
            "what was finished is kept; fetch the file again, then run the same command again"
        ) from None


def _plain(values: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Brings text and lists of text into the one type each that Arrow has functions for; copies nothing else."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_null(values.type) or pa.types.is_string(wanted) or pa.types.is_list(wanted):
        return values.cast(wanted)
    return values


def _has_no_null(lists: pa.Array) -> bool:
    return lists.flatten().null_count == 0


def _can_be(values: pa.Array, wanted: pa.DataType) -> bool:
    try:
        values.cast(wanted)
    except pa.ArrowInvalid:
        return False
    return True


def _row_groups(metadata: pq.FileMetaData, start: int, end: int) -> tuple[list[int], int]:
    """Returns the row groups that a range of rows touches, and the first row of the first of them."""
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


def _is_utf8(values: pa.Array) -> bool:
    try:
        # A slice's validation would look at the whole array's bytes: copy what is really there.
        (pa.concat_arrays([values]) if len(values) == 1 else values).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _as_json(row: Mapping[str, pa.Array]) -> bytes:
    """Writes a malformed row down as JSON, bytes that are not text as backslash escapes."""

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(element) for element in value]
        return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value

    columns: dict[str, Any] = {}
    for name, column in row.items():
        if pa.types.is_list(column.type):
            column = column.cast(pa.list_(pa.binary()))
        elif pa.types.is_string(column.type):
            column = column.cast(pa.binary())
        columns[name] = plain(column[0].as_py())
    return json.dumps(columns).encode("ascii")
