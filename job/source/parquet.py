"""Reads row ranges of Parquet files in the Hub's form, and checks before work starts that a file has that form."""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from job.errors import UsageError, nearest
from job.recipe.verdict import MALFORMED
from job.source.rows import (
    KEEP_PREFIX,
    KEPT_COLUMN_TYPES,
    LIST_COLUMNS,
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
    wanted = {name: _column_type(name) for name in (*PARQUET_COLUMNS, *keep_columns)}
    if missing := [name for name in wanted if name not in schema.names]:
        raise UsageError(
            f"{path} has no column {', '.join(missing)}{nearest(missing[0], schema.names)}\n"
            f"it has: {', '.join(schema.names)}"
        )
    for name, wanted_type in wanted.items():
        found = schema.field(name).type
        if not _fits(found, wanted_type):
            raise UsageError(f"{path}: the column {name} is {found}, not {wanted_type}")
    return metadata


def _column_type(name: str) -> pa.DataType:
    if name in KEPT_COLUMN_TYPES:
        return KEPT_COLUMN_TYPES[name]
    return pa.string()


def _is_text(found: pa.DataType) -> bool:
    if pa.types.is_dictionary(found):
        return _is_text(found.value_type)
    return pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found)


def _fits(found: pa.DataType, wanted: pa.DataType) -> bool:
    if pa.types.is_null(found):
        return True
    if pa.types.is_list(wanted):
        is_list = pa.types.is_list(found) or pa.types.is_large_list(found)
        return is_list and (_is_text(found.value_type) or pa.types.is_null(found.value_type))
    if pa.types.is_string(wanted):
        return _is_text(found)
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
        columns = list(dict.fromkeys((*PARQUET_COLUMNS, *self._keep_columns)))
        num_rows = 0
        with pq.ParquetFile(path, pre_buffer=False) as file:
            row_groups, first = _row_groups(file.metadata, start, end)
            position = first
            batches = file.iter_batches(
                batch_size=_ROWS_PER_CHUNK, row_groups=row_groups, columns=columns, use_threads=False
            )
            for batch in batches:
                if position >= end:
                    break
                wanted = batch.slice(max(0, start - position))
                begins = max(start, position)
                position += batch.num_rows
                wanted = wanted.slice(0, max(0, end - begins))
                if wanted.num_rows:
                    num_rows += wanted.num_rows
                    yield self._rows(pa.Table.from_batches([wanted]), partition, begins)
        yield end_message(partition, num_rows, self._schema)

    def _rows(self, found: pa.Table, partition: int, first: int) -> pa.Table:
        """Brings rows as they are in the file into the readers' schema, malformed ones set apart."""
        causes = self._causes(found)
        size = found.num_rows
        columns: dict[str, Any] = {
            "partition": pa.array([partition] * size, pa.int32()),
            "position": pa.array(range(first, first + size), pa.int64()),
            "verdict": pa.array([MALFORMED if index in causes else None for index in range(size)], pa.string()),
            "cause": pa.array([causes.get(index) for index in range(size)], pa.string()),
        }
        well_formed = pa.array([index not in causes for index in range(size)])
        raw: list[bytes | None] = [None] * size
        for index in causes:
            raw[index] = _as_json(found.slice(index, 1))
        columns["raw"] = pa.array(raw, pa.binary())
        for field in list(self._schema)[len(columns) :]:
            name = field.name.removeprefix(KEEP_PREFIX)
            values = found[name]
            if causes:
                values = pc.if_else(well_formed, values, pa.scalar(None, values.type))
            columns[field.name] = values.cast(field.type)
        return pa.table(columns, schema=self._schema)

    def _causes(self, found: pa.Table) -> dict[int, str]:
        """Returns why rows are malformed, by their index. Costs next to nothing where none is."""
        causes: dict[int, str] = {}
        if found.nbytes > self._max_row_bytes:
            for index in range(found.num_rows):
                if found.slice(index, 1).nbytes > self._max_row_bytes:
                    causes[index] = f"longer than max_row_bytes, {self._max_row_bytes:,}"
        for name in found.column_names:
            if not _is_utf8(found[name]):
                for index in range(found.num_rows):
                    if not _is_utf8(found[name].slice(index, 1)):
                        causes.setdefault(index, f"not UTF-8: {name}")
        for name in {*LIST_COLUMNS, *({"categories"} & set(found.column_names))}:
            if pc.list_flatten(found[name]).null_count:
                for index in range(found.num_rows):
                    if pc.list_flatten(found[name].slice(index, 1)).null_count:
                        causes.setdefault(index, f"{name} has null among its strings")
        return causes


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


def _is_utf8(values: pa.ChunkedArray) -> bool:
    try:
        # A slice's validation would look at the whole chunk's bytes: copy what is really there.
        (pa.concat_arrays(values.chunks) if len(values) == 1 else values).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _as_json(row: pa.Table) -> bytes:
    """Writes a malformed row down as JSON, bytes that are not text as backslash escapes."""

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(element) for element in value]
        return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value

    columns: dict[str, Any] = {}
    for name in row.column_names:
        values = row[name].combine_chunks()
        if pa.types.is_list(values.type):
            values = values.cast(pa.list_(pa.binary()))
        elif _is_text(values.type):
            values = values.cast(pa.binary())
        columns[name] = plain(values.to_pylist()[0])
    return json.dumps(columns).encode("ascii")
