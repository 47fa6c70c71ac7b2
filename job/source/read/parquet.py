"""Reads row ranges of Parquet files."""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from job.errors import DamagedPartError
from job.recipe.verdicts import MALFORMED
from job.source.location import FileLocation
from job.source.read.content import ContentDigest
from job.source.read.footer import Footer, read_footer
from job.source.read.parquet_values import Causes, converted, is_utf8
from job.source.read.row_groups import read_rows
from job.source.read.rows import KEEP_PREFIX, MAX_RAW_BYTES, RowLayout, end_message


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
        self, location: FileLocation, partition: int, start: int, end: int, footer: Footer | None = None
    ) -> Iterator[pa.Table]:
        """Reads one partition.

        Args:
            location: the file.
            partition: number of the partition in its category.
            start: its first row.
            end: the row after its last one.
            footer: footer of the file; None to read it from the file.

        Yields:
            Tables of rows in order, then the message that ends the partition.
        """
        metadata, metadata_start = (footer or read_footer(location)).around(location, start, end)
        num_rows, digest = 0, ContentDigest()
        rows = read_rows(location, metadata, self._layout.source_columns, start, end, metadata_start)
        for first, found in _undamaged(rows, location, start, end):
            num_rows += found.num_rows
            digest.add_rows(found)
            yield self._rows(found, partition, first)
        yield end_message(partition, num_rows, digest.hexdigest(), self._schema)

    def _rows(self, found: pa.RecordBatch, partition: int, first: int) -> pa.Table:
        """Brings rows into the readers' schema, with malformed ones set apart."""
        size = found.num_rows
        as_they_came: dict[str, pa.Array] = {}
        values: dict[str, pa.Array] = {}
        unreadable: list[Causes] = []
        for name, field in self._fields.items():
            column = self._layout.source_name(name)
            is_there = column in found.schema.names  # a user's own catalogue may lack it
            as_they_came[name] = found[column] if is_there else pa.nulls(size, field.type)
            values[name], causes = converted(as_they_came[name], field, text_for_list=bool(self._layout.fields))
            unreadable.append(causes)
        causes = self._causes(values, unreadable)
        columns: dict[str, Any] = {
            "partition": pa.array([partition] * size, pa.int32()),
            "position": pa.array(np.arange(first, first + size), pa.int64()),
            "verdict": pa.array([MALFORMED if index in causes else None for index in range(size)], pa.string()),
            "cause": pa.array([causes.get(index) for index in range(size)], pa.string()),
        }
        raw: list[bytes | None] = [None] * size
        for index in causes:
            raw[index] = _as_json({name: column.slice(index, 1) for name, column in as_they_came.items()})
        columns["raw"] = pa.array(raw, pa.binary())
        for field in list(self._schema)[len(columns) :]:
            column = values[field.name.removeprefix(KEEP_PREFIX)]
            if causes:
                column = pc.if_else(pc.is_null(columns["verdict"]), column, pa.scalar(None, column.type))
            columns[field.name] = column
        return pa.table(columns, schema=self._schema)

    def _causes(self, values: Mapping[str, pa.Array], unreadable: Iterable[Causes]) -> Causes:
        """Returns why rows are malformed, by index. Costs next to nothing where none is."""
        causes: Causes = {}

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
            check(is_utf8, column, f"not UTF-8: {name}")
        for found in unreadable:
            causes = found | causes
        for name, column in values.items():
            if pa.types.is_list(column.type):
                check(_has_no_null, column, f"{name} has null among its strings")
        return causes


def _undamaged(
    batches: Iterator[tuple[int, pa.RecordBatch]], location: FileLocation, start: int, end: int
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Passes batches on. What cannot be read is an error that says where."""
    try:
        yield from batches
    except (pa.ArrowException, OSError) as error:
        words = " ".join(str(error).split())
        raise DamagedPartError(f"damaged: {location}, somewhere in rows {start:,} to {end:,}: {words}") from None


def _has_no_null(lists: pa.Array) -> bool:
    return lists.flatten().null_count == 0


def _as_json(row: Mapping[str, pa.Array]) -> bytes:
    """Writes the beginning of a malformed row as JSON, bytes that are not text as backslash escapes."""

    def readable(value: Any) -> Any:
        if isinstance(value, pa.ExtensionScalar) or (isinstance(value, pa.DictionaryScalar) and value.is_valid):
            return readable(value.value)
        if isinstance(value, pa.StringScalar | pa.BinaryScalar) and value.is_valid:
            return value.as_buffer().to_pybytes().decode("utf-8", "backslashreplace")
        if isinstance(value, pa.StructScalar) and value.is_valid:
            return {name: readable(member) for name, member in value.items() if member.is_valid}
        if isinstance(value, pa.ListScalar) and value.is_valid:
            return [readable(element) for element in value.values]
        return value.as_py() if isinstance(value, pa.Scalar) else value

    columns = {name: readable(column[0]) for name, column in row.items()}
    return json.dumps(columns, default=str).encode("ascii")[:MAX_RAW_BYTES]
