"""Reads row ranges of Parquet files in the Hub's form, and checks before work starts that a file has that form."""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from job.errors import DamagedFileError, DamagedPartError, UsageError, nearest, printable
from job.recipe.verdicts import MALFORMED
from job.source.bucket_file import BucketFile
from job.source.files import Place, size_of
from job.source.hub_file import HubFile, announce
from job.source.read.rows import (
    KEEP_PREFIX,
    KEPT_COLUMN_TYPES,
    LIST_COLUMNS,
    MAX_RAW_BYTES,
    PARQUET_COLUMNS,
    end_message,
    rows_schema,
)

_ROWS_PER_CHUNK = 4000
_FOOTER_BYTES = 1 << 20
"""A file of 100 row groups of the Hub's form has 0.4 MB of it, at its end."""


def open_checked(path: Place, keep_columns: Sequence[str], fields: Mapping[str, str] | None = None) -> pq.FileMetaData:
    """Reads a file's metadata and checks that it has what the recipe reads.

    Args:
        path: a Parquet file.
        keep_columns: source columns to carry along.
        fields: which column is which input, where they have other names; then title and price have to be there, and
            types that can be written as text will do.

    Returns:
        The metadata.

    Raises:
        DamagedFileError: when it is not Parquet, or its metadata is damaged.
        UsageError: when it lacks a column, or a column is of another type.
    """
    try:
        metadata = read_metadata(path)
        schema = metadata.schema.to_arrow_schema()
    # Where Ray Data is imported, it makes types of its own of what a file says of its columns, and trips over some.
    except (pa.ArrowException, OSError, ValueError, TypeError, AttributeError) as error:
        if isinstance(error, PermissionError | FileNotFoundError):
            raise UsageError(f"cannot be read: {path}: {error.strerror}") from None
        raise DamagedFileError(
            f"not a whole Parquet file: {path} ({size_of(path):,} bytes): {error}\n"
            "it may have been cut off on its way here: fetch it again, or go on without: --skip-damaged-files"
        ) from None
    fields = fields or {}
    names = {name: fields.get(name, name) for name in _columns(keep_columns)}
    needed = {names["title"], names["price"], *fields.values()} if fields else set(names.values())
    there = [printable(column) for column in schema.names]
    if missing := [column for column in names.values() if column in needed and column not in schema.names]:
        raise UsageError(
            f"{path} has no column {', '.join(missing)}{nearest(missing[0], there)}\n"
            f"it has: {', '.join(there)}\n"
            "where columns have other names, say which is which: --set source.fields='{title: NAME, price: NAME}'"
        )
    for name, column in names.items():
        if column not in schema.names:
            continue
        if schema.names.count(column) > 1:
            raise UsageError(f"{path} has more than one column {column}")
        found, wanted = schema.field(column).type, _column_type(name)
        if not (_fits(found, wanted) or (fields and _can_be_input(found, name))):
            raise UsageError(f"{path}: the column {column} is {found}, not {wanted}")
    return metadata


def read_metadata(place: Place) -> pq.FileMetaData:
    """Reads a file's metadata; of one on the Hub, which does not change, once per process."""
    if isinstance(place, Path):
        return pq.read_metadata(place)
    return _hub_metadata(place) if isinstance(place, HubFile) else _remote_metadata(place)


@functools.lru_cache(maxsize=1024)
def _hub_metadata(file: HubFile) -> pq.FileMetaData:
    return _remote_metadata(file)


@functools.lru_cache(maxsize=2)
def _local_metadata(path: Path, size_bytes: int, changed_ns: int) -> pq.FileMetaData:
    """Reads the metadata of a file as it is now, once for many partitions: it takes half as long as a partition's rows.

    Of a file of 100 row groups it has 4.5 MB.
    """
    del size_bytes, changed_ns
    return pq.read_metadata(path)


def _remote_metadata(file: HubFile | BucketFile) -> pq.FileMetaData:
    with file.open() as stream:
        announce(stream, file.size_bytes - _FOOTER_BYTES, file.size_bytes)
        return pq.read_metadata(stream)


@contextlib.contextmanager
def _opened(place: Place, metadata: pq.FileMetaData | None) -> Generator[tuple[pq.ParquetFile, BinaryIO | None]]:
    """Opens a file, by Arrow itself where it can; yields the stream too where it cannot."""
    if isinstance(place, Path):
        found = place.stat()
        metadata = metadata or _local_metadata(place, found.st_size, found.st_mtime_ns)
        with pq.ParquetFile(place, metadata=metadata, pre_buffer=False, page_checksum_verification=True) as file:
            yield file, None
    else:
        settings = {"pre_buffer": False, "page_checksum_verification": True}
        with place.open() as stream, pq.ParquetFile(stream, metadata=metadata, **settings) as file:
            yield file, stream


def _columns(keep_columns: Sequence[str]) -> list[str]:
    return list(dict.fromkeys((*PARQUET_COLUMNS, *keep_columns)))


def _column_type(name: str) -> pa.DataType:
    return KEPT_COLUMN_TYPES.get(name, pa.string())


def _is_text(found: pa.DataType) -> bool:
    return pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found)


def _can_be_input(found: pa.DataType, name: str) -> bool:
    """Tells whether a column of somebody's own can stand for one of the recipe's inputs; see `_as_input`."""
    if name in LIST_COLUMNS:
        return _is_text(found)
    if name == "details":
        return pa.types.is_struct(found) or pa.types.is_map(found)
    if name == "price":
        return pa.types.is_integer(found) or pa.types.is_floating(found) or pa.types.is_decimal(found)
    return name == "parent_asin" and pa.types.is_integer(found)


def _as_input(values: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Writes a column of somebody's own as the recipe's input: numbers as Python does, objects as JSON."""
    if pa.types.is_list(wanted):
        return pa.array([None if text is None else [text] for text in values.to_pylist()], wanted)
    if pa.types.is_struct(values.type) or pa.types.is_map(values.type):
        objects = (None if value is None else dict(value) for value in values.to_pylist())
        texts = [None if value is None else json.dumps(value, default=str) for value in objects]
    else:
        texts = [None if value is None else str(value) for value in values.to_pylist()]
    return pa.array(texts, wanted)


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
        fields: see `SourceConfig`.
    """

    def __init__(self, keep_columns: Sequence[str], max_row_bytes: int, fields: Mapping[str, str] | None = None):
        self._fields = dict(fields or {})
        self._keep_columns = tuple(keep_columns)
        self._max_row_bytes = max_row_bytes
        self._schema = rows_schema("details", keep_columns)

    def read(
        self, path: Place, partition: int, start: int, end: int, metadata: pq.FileMetaData | None = None
    ) -> Iterator[pa.Table]:
        """Reads one partition.

        Args:
            path: the file.
            partition: the partition's number in its category.
            start: its first row.
            end: the row after its last one.
            metadata: the file's, where it is known, so that it is not fetched again.

        Yields:
            Tables of rows in order, then the message that ends the partition.
        """
        names = {name: self._fields.get(name, name) for name in _columns(self._keep_columns)}
        num_rows = 0
        with _opened(path, metadata) as (file, stream):
            columns = [name for name in dict.fromkeys(names.values()) if name in file.schema_arrow.names]
            row_groups, first = _row_groups(file.metadata, start, end)
            if stream is not None:
                announce(stream, *_span(file.metadata, row_groups, columns))
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
                    values = {name: self._values(wanted, name, column) for name, column in names.items()}
                    yield self._rows(values, partition, begins)
        yield end_message(partition, num_rows, self._schema)

    def _values(self, found: pa.RecordBatch, name: str, column: str) -> pa.Array:
        """Returns an input's values as they are in the file, in the type that the rest expects."""
        wanted = _column_type(name)
        if column not in found.schema.names:  # of somebody's own catalogue, that has no such thing
            return pa.nulls(found.num_rows, wanted)
        values = found[column]
        if self._fields and not _fits(values.type, wanted):
            return _as_input(values, wanted)
        return _plain(values, wanted)

    def _rows(self, values: Mapping[str, pa.Array], partition: int, first: int) -> pa.Table:
        """Brings rows as they are in the file into the readers' schema, malformed ones set apart."""
        size = len(values["title"])
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


def _undamaged(batches: Iterator[pa.RecordBatch], path: Place, start: int, end: int) -> Iterator[pa.RecordBatch]:
    """Passes batches on; what cannot be read is an error that says where."""
    try:
        yield from batches
    except (pa.ArrowException, OSError) as error:
        words = " ".join(str(error).split())
        raise DamagedPartError(f"damaged: {path}, somewhere in rows {start:,} to {end:,}: {words}") from None


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


def _span(metadata: pq.FileMetaData, row_groups: Sequence[int], columns: Sequence[str]) -> tuple[int, int]:
    """Returns the first byte of columns in some row groups, and the one after the last."""
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
