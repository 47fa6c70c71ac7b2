"""Brings a column of a Parquet file into the type that the rest expects: what JSON of the same rows would give.

The Hub's columns pass with a cast at most. Others are converted: numbers as Python writes them, objects as JSON.
Three things differ from JSON, since the columns of a table are there in every row. A null member of a struct is absent:
a struct has the keys of all rows. NaN in a number column is null: pandas knows no other missing number. And a column
that is all text may stand for a list.
"""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import itertools
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from job.recipe.inputs import Kind, kind_of
from job.source.read.json_row import MAX_DEPTH, MalformedRowError, checked, decoded

Causes = dict[int, str]
"""Why values are malformed, by their index."""


def accepts(found: pa.DataType, field: pa.Field, *, text_for_list: bool) -> bool:
    """Tells whether a column's type can stand for an input or a kept column.

    Args:
        found: the column's type.
        field: what is read, with its kind.
        text_for_list: whether a column of texts may stand for lists of one text each.
    """
    found = _stored(found)
    if fits(found, field.type):
        return True
    kind = kind_of(field)
    match kind:
        case Kind.JSON | Kind.ANY_AS_TEXT:
            return not _is_bytes(found)
        case Kind.NUMBER_AS_TEXT | Kind.NUMBER | Kind.WHOLE_NUMBER:
            return _is_number(found) or _is_json(found)
        case _:
            is_list = kind == Kind.TEXTS and _is_list(found)
            return _is_json(found.value_type if is_list else found) or (
                kind == Kind.TEXTS and text_for_list and _is_text(found)
            )


def fits(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Tells whether a column is of a type that is cast as it is."""
    if pa.types.is_null(found):
        return True
    if pa.types.is_list(wanted):
        return _is_list(found) and (_is_text(found.value_type) or pa.types.is_null(found.value_type))
    return pa.types.is_string(wanted) and _is_text(found)


def converted(found: pa.Array, field: pa.Field, *, text_for_list: bool) -> tuple[pa.Array, Causes]:
    """Converts a column's values.

    Args:
        found: the values. Text may have bytes that are not UTF-8.
        field: what is read, with its kind.
        text_for_list: whether a text that stands among lists as JSON stands for a list, too.

    Returns:
        The values in the type of the field, null where they are malformed; and the causes. Text and lists of text are
        not looked into: they may still have bytes that are not UTF-8, and nulls among their texts.
    """
    while isinstance(found.type, pa.BaseExtensionType) and _stored(found.type) != found.type:
        found = found.storage
    if pa.types.is_dictionary(found.type):
        found = found.dictionary_decode()
    if fits(found.type, field.type):
        return _cast(found, field.type), {}
    if pa.types.is_floating(found.type):
        found = _without_nan(found)
    kind = kind_of(field)
    if kind == Kind.TEXTS and _is_text(found.type):
        return _lists_of_one(found.cast(pa.string())), {}
    if kind in {Kind.NUMBER, Kind.WHOLE_NUMBER} and (numbers := _all_numbers(found, field.type)) is not None:
        return numbers, {}
    return _one_by_one(found, field, kind, text_for_list=text_for_list)


def is_utf8(values: pa.Array) -> bool:
    """Tells whether all text in a column, at any depth, is UTF-8."""
    try:
        # Validating a slice would look at the bytes of the whole array, so a slice is copied.
        (pa.concat_arrays([values]) if len(values) == 1 else values).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _is_text(found: pa.DataType) -> bool:
    if pa.types.is_dictionary(found):
        found = found.value_type
    return pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found)


def _is_list(found: pa.DataType) -> bool:
    types = pa.types
    is_view = types.is_list_view(found) or types.is_large_list_view(found)
    return types.is_list(found) or types.is_large_list(found) or types.is_fixed_size_list(found) or is_view


def _is_number(found: pa.DataType) -> bool:
    return pa.types.is_integer(found) or pa.types.is_floating(found) or pa.types.is_decimal(found)


def _is_bytes(found: pa.DataType) -> bool:
    if pa.types.is_dictionary(found):
        found = found.value_type
    is_long = pa.types.is_large_binary(found) or pa.types.is_binary_view(found)
    return is_long or pa.types.is_binary(found) or pa.types.is_fixed_size_binary(found)


def _is_json(found: pa.DataType) -> bool:
    return isinstance(found, pa.JsonType)


def _stored(found: pa.DataType) -> pa.DataType:
    """Returns what an extension type is stored as, except where its values say more than what is stored."""
    while isinstance(found, pa.BaseExtensionType) and not isinstance(found, pa.JsonType | pa.UuidType):
        found = found.storage_type
    return found


def _cast(values: pa.Array, wanted: pa.DataType) -> pa.Array:
    if _is_list(values.type):
        values = _as_list(values)
    return values.cast(wanted)


def _as_list(values: pa.Array) -> pa.Array:
    """Returns lists of any kind as lists with offsets. Casts of list views have lost elements (pyarrow 26)."""
    is_plain = pa.types.is_list(values.type) or pa.types.is_large_list(values.type)
    is_encoded = pa.types.is_dictionary(values.type.value_type)
    if is_plain and not is_encoded:
        return values
    lengths = pc.fill_null(pc.list_value_length(values), 0).to_numpy(zero_copy_only=False)
    elements = values.flatten()
    return _lists(elements.dictionary_decode() if is_encoded else elements, lengths, values.is_null())


def _lists(elements: pa.Array, lengths: npt.NDArray[Any], is_null: pa.Array) -> pa.Array:
    offsets = pa.array(np.concatenate(([0], np.cumsum(lengths))), pa.int32())
    return pa.ListArray.from_arrays(offsets, elements, mask=is_null)


def _lists_of_one(texts: pa.Array) -> pa.Array:
    return _lists(texts.drop_null(), texts.is_valid().to_numpy(zero_copy_only=False), texts.is_null())


def _without_nan(values: pa.Array) -> pa.Array:
    values = values.cast(pa.float64())
    return pc.if_else(pc.is_nan(values), pa.scalar(None, pa.float64()), values)


def _all_numbers(found: pa.Array, wanted: pa.DataType) -> pa.Array | None:
    """Converts numbers at once. Returns None where that is not possible, or one may be malformed."""
    if pa.types.is_integer(found.type):
        try:
            return found.cast(
                wanted, safe=pa.types.is_integer(wanted)
            )  # to double it is rounded, as JSON's numbers are
        except pa.ArrowInvalid:
            return None
    is_plain = pa.types.is_floating(found.type) and pa.types.is_floating(wanted)
    return found if is_plain and pc.all(pc.is_finite(found), min_count=0).as_py() else None


def _one_by_one(found: pa.Array, field: pa.Field, kind: Kind, *, text_for_list: bool) -> tuple[pa.Array, Causes]:
    causes: Causes = {}
    if not is_utf8(found):
        causes = {i: f"not UTF-8: {field.name}" for i in range(len(found)) if not is_utf8(found.slice(i, 1))}
        found = found.take(pa.array([None if i in causes else i for i in range(len(found))], pa.int64()))
    values: list[Any] = found.to_pylist() if _is_number(found.type) else _json_values(found)
    is_there: list[bool] = found.is_valid().to_pylist()
    for index, value in enumerate(values):
        if kind == Kind.TEXTS and text_for_list and isinstance(value, str):
            value = [value]
        try:
            values[index] = _read(value, field.name, kind) if is_there[index] else None
        except MalformedRowError as error:
            causes[index], values[index] = str(error), None
    return pa.array(values, field.type), causes


def _read(value: Any, name: str, kind: Kind) -> Any:
    """Reads a value as a row of JSON with that value is read."""
    if isinstance(value, Decimal):
        if kind not in {Kind.NUMBER, Kind.WHOLE_NUMBER}:
            value = str(value)
        else:
            value = int(value) if value == value.to_integral_value() else float(value)
    if kind == Kind.JSON and isinstance(value, str):
        return value
    try:
        return checked(kind, name, value)
    except (KeyError, TypeError):
        raise MalformedRowError(f"nested deeper than {MAX_DEPTH}") from None  # what `decoded` returns then


def _json_values(values: pa.Array) -> list[Any]:
    """Returns the values of a column as `json.loads` would give them. All text in it is UTF-8."""
    found = values.type
    if isinstance(found, pa.JsonType):
        return [None if text is None else decoded(text) for text in values.storage.to_pylist()]
    if isinstance(found, pa.BaseExtensionType) and _stored(found) != found:
        return _json_values(values.storage)
    if pa.types.is_dictionary(found):
        return _json_values(values.dictionary_decode())
    if pa.types.is_struct(found):
        return _objects(values)
    if pa.types.is_map(found):
        keys = [key if isinstance(key, str) else _text(key) for key in values.keys.to_pylist()]
        return _pieces(values, [*zip(keys, _json_values(values.items), strict=True)], dict)
    if _is_list(found):
        values = _as_list(values)
        return _pieces(values, _json_values(values.values), list)
    if pa.types.is_floating(found):
        return _without_nan(values).to_pylist()
    if pa.types.is_integer(found) or pa.types.is_boolean(found) or _is_text(found) or pa.types.is_null(found):
        return values.to_pylist()
    return _texts(values)


def _objects(values: pa.StructArray) -> list[Any]:
    """Returns the objects of a struct column. It goes by member: of thousands of keys, a row has only a few."""
    objects: list[Any] = [{} if is_there else None for is_there in values.is_valid().to_pylist()]
    for member, column in zip(values.type, values.flatten(), strict=True):
        if column.null_count == len(column):
            continue
        indices = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False)).tolist()
        for index, value in zip(indices, _json_values(column.drop_null()), strict=True):
            if value is not None:
                objects[index][member.name] = value
    return objects


def _pieces(values: pa.Array, elements: Sequence[Any], of: type) -> list[Any]:
    """Cuts the elements of a list or map column into one piece a row."""
    offsets = values.offsets.to_pylist()
    return [
        of(elements[start:end]) if is_there else None
        for (start, end), is_there in zip(itertools.pairwise(offsets), values.is_valid().to_pylist(), strict=True)
    ]


def _texts(values: pa.Array) -> list[str | None]:
    """Writes dates, decimals and other values that JSON does not know as text."""
    try:
        found = values.to_pylist()
    except (ValueError, OverflowError):  # outside of Python's years, or finer than its microseconds
        found = values.cast(pa.string()).to_pylist()
    return [None if value is None else _text(value) for value in found]


def _text(value: Any) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
