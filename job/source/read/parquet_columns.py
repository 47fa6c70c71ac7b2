"""Checks that a Parquet file has the columns that are read, and brings them into the types that the rest expects."""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq

from job.errors import DamagedFileError, UsageError, nearest, printable
from job.recipe.inputs import Kind, is_required, kind_of
from job.source.location import FileLocation
from job.source.read.rows import RowLayout


def open_checked(location: FileLocation, layout: RowLayout) -> pq.FileMetaData:
    """Reads the metadata of a file, and checks that it has what is read.

    Args:
        location: a Parquet file.
        layout: what to read of each row. Where columns have other names, only required inputs have to be there, and
            types that can be written as text will do.

    Returns:
        The metadata.

    Raises:
        DamagedFileError: when it is not Parquet, or its metadata is damaged.
        UsageError: when it lacks a column, or a column has another type.
    """
    try:
        metadata = location.parquet_metadata()
        schema = metadata.schema.to_arrow_schema()
    # Once Ray Data is imported, it makes types of its own from what a file says of its columns, and fails on some.
    except (pa.ArrowException, OSError, ValueError, TypeError, AttributeError) as error:
        if isinstance(error, PermissionError | FileNotFoundError):
            raise UsageError(f"cannot be read: {location}: {error.strerror}") from None
        raise DamagedFileError(
            f"not a whole Parquet file: {location} ({location.size_now():,} bytes): {error}\n"
            "it may have been cut off on its way here: fetch it again, or go on without: --skip-damaged-files"
        ) from None
    columns = layout.columns
    if layout.fields:
        required = [field.name for field in layout.inputs if is_required(field)]
        needed = {*map(layout.source_name, required), *layout.fields.values()}
    else:
        needed = {*columns}
    there = [printable(column) for column in schema.names]
    names = {name: layout.source_name(name) for name in columns}
    if missing := [column for column in names.values() if column in needed and column not in schema.names]:
        example = ", ".join(f"{field.name}: NAME" for field in layout.inputs if is_required(field))
        raise UsageError(
            f"{location} has no column {', '.join(missing)}{nearest(missing[0], there)}\n"
            f"it has: {', '.join(there)}\n"
            f"where columns have other names, say which is which: --set source.fields='{{{example}}}'"
        )
    for name, column in names.items():
        if column not in schema.names:
            continue
        if schema.names.count(column) > 1:
            raise UsageError(f"{location} has more than one column {column}")
        found, field = schema.field(column).type, columns[name]
        if not (fits(found, field.type) or (layout.fields and _can_be_input(found, kind_of(field)))):
            raise UsageError(f"{location}: the column {column} is {found}, not {field.type}")
    return metadata


def _is_text(found: pa.DataType) -> bool:
    return pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found)


def _can_be_input(found: pa.DataType, kind: Kind) -> bool:
    """Tells whether a column of a user's own catalogue can stand for an input; see `as_input`."""
    match kind:
        case Kind.TEXTS:
            return _is_text(found)
        case Kind.JSON:
            return pa.types.is_struct(found) or pa.types.is_map(found)
        case Kind.NUMBER_AS_TEXT:
            return pa.types.is_integer(found) or pa.types.is_floating(found) or pa.types.is_decimal(found)
        case _:
            return kind == Kind.ANY_AS_TEXT and pa.types.is_integer(found)


def as_input(values: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Writes a column of a user's own catalogue as an input: numbers as Python writes them, objects as JSON."""
    if pa.types.is_list(wanted):
        return pa.array([None if text is None else [text] for text in values.to_pylist()], wanted)
    if pa.types.is_struct(values.type) or pa.types.is_map(values.type):
        objects = (None if value is None else dict(value) for value in values.to_pylist())
        texts = [None if value is None else json.dumps(value, default=str) for value in objects]
    else:
        texts = [None if value is None else str(value) for value in values.to_pylist()]
    return pa.array(texts, wanted)


def fits(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Tells whether a column is of a type that is read as it is."""
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


def plain(values: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Converts text and lists of text to the one type each that Arrow has functions for. Nothing else is copied."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_null(values.type) or pa.types.is_string(wanted) or pa.types.is_list(wanted):
        return values.cast(wanted)
    return values
