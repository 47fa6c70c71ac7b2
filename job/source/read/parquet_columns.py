"""Checks that a Parquet file has the columns that are read, in types that can be read."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.parquet as pq

from job.errors import DamagedFileError, UsageError, nearest, printable
from job.recipe.inputs import is_required
from job.source.location import FileLocation
from job.source.read.footer import Footer, is_encrypted, read_footer
from job.source.read.parquet_values import accepts
from job.source.read.rows import RowLayout


def open_checked(location: FileLocation, layout: RowLayout) -> Footer:
    """Reads the footer of a file, and checks that the file has what is read.

    Args:
        location: a Parquet file.
        layout: what to read of each row. Where columns have other names, only required inputs have to be there.

    Returns:
        The footer.

    Raises:
        DamagedFileError: when it is not Parquet, its metadata is damaged, or columns are encrypted.
        UsageError: when it lacks a column, or a column has another type.
    """
    try:
        footer = read_footer(location)
        with location.open_parquet(footer.summary) as file:
            schema = file.schema_arrow  # the metadata alone give JSON and UUID as what they are stored as
    # Once Ray Data is imported, it makes types of its own from what a file says of its columns, and fails on some.
    except (pa.ArrowException, OSError, ValueError, TypeError, AttributeError) as error:
        if isinstance(error, PermissionError | FileNotFoundError):
            raise UsageError(f"cannot be read: {location}: {error.strerror}") from None
        raise DamagedFileError(
            f"not a whole Parquet file: {location} ({location.size_now():,} bytes): {error}\n"
            "it may have been cut off on its way here: fetch it again, or go on without: --skip-damaged-files"
        ) from None
    if is_encrypted(location, footer):
        raise DamagedFileError(
            f"{location} is a Parquet file with encrypted columns\n"
            "write it as plain Parquet; or go on without it: --skip-damaged-files"
        )
    columns = layout.columns
    if layout.fields:
        required = [field.name for field in layout.inputs if is_required(field)]
        needed = {*map(layout.source_name, required), *layout.fields.values()}
    else:
        needed = {*columns}
    there = [printable(column) for column in schema.names]
    names = {name: layout.source_name(name) for name in columns}
    if missing := [column for column in names.values() if column in needed and column not in schema.names]:
        example = ", ".join(
            f"{field.name}: NAME"
            for field in layout.inputs
            if is_required(field) or not any(map(is_required, layout.inputs))
        )
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
        may_be_text = name in layout.inputs.names or bool(layout.fields)
        is_right = accepts(found, field, text_for_list=may_be_text)
        if not (is_right or _has_no_value(footer.parts(location), column, found)):
            raise UsageError(f"{location}: the column {column} is {found}, not {field.type}")
    return footer


def _has_no_value(parts: Iterable[pq.FileMetaData], column: str, found: pa.DataType) -> bool:
    """Tells whether a column of numbers is known to hold none but NaN: so pandas writes what is missing in all rows."""
    return pa.types.is_floating(found) and all(_part_has_no_value(part, column) for part in parts)


def _part_has_no_value(metadata: pq.FileMetaData, column: str) -> bool:
    paths = [metadata.schema.column(index).path for index in range(len(metadata.schema))]
    if column not in paths:
        return False
    index = paths.index(column)
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        statistics = group.column(index).statistics
        if statistics is None or not statistics.has_null_count:
            return False
        if statistics.has_min_max:  # NaN does not count
            return False
    return True
