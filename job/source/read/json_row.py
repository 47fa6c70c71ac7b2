"""Decodes one line of JSON into the values of a row, or says why the row is malformed.

A fast typed decoder reads only the fields that are needed, and refuses whatever is not plainly right. What it refuses
gets a second reading by `json.loads`, whose word is final.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Optional

import msgspec

from job.recipe.inputs import Kind, encodable, kind_of
from job.recipe.json_depth import MAX_DEPTH, is_deeper
from job.source.read.rows import RowLayout

_MAX_INT_DIGITS = 4300
"""Digits of the longest whole number that `json.loads` accepts, wherever it stands."""
_LONG_NUMBER = re.compile(rb"[0-9]{%d}" % (_MAX_INT_DIGITS + 1))
_HAS_DIGIT = re.compile(rb"[0-9]")


class MalformedRowError(ValueError):
    """A line is not a row; the message is the cause."""


_Int64OrNull = Optional[Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]]  # noqa: UP045  # `|` takes no alias

_DECODED_AS: dict[Kind, Any] = {
    Kind.TEXT: str | None,
    Kind.TEXTS: list[str] | None,
    Kind.NUMBER_AS_TEXT: int | float | str | None,
    Kind.ANY_AS_TEXT: str | None,
    Kind.NUMBER: float | None,
    Kind.WHOLE_NUMBER: _Int64OrNull,
    Kind.JSON: msgspec.Raw,
}
"""Types that the fast decoder accepts for each kind of input."""


class RowDecoder:
    """Decodes lines.

    Args:
        layout: what to read of a row. Where columns have other names, text also stands for a list of it.
    """

    def __init__(self, layout: RowLayout):
        self._layout = layout
        self._kinds = [(field.name, kind_of(field)) for field in layout.inputs]
        self._kept = [(field.name, kind_of(field)) for field in layout.kept]
        absent = msgspec.Raw(b"")
        fields = [
            (f"f{index}", _DECODED_AS[kind], msgspec.field(default=absent if kind == Kind.JSON else None, name=name))
            for index, (name, kind) in enumerate(self._kinds)
        ]
        self._decode = msgspec.json.Decoder(msgspec.defstruct("SourceRow", fields, gc=False)).decode
        self._numbers_as_text = [index for index, (_, kind) in enumerate(self._kinds) if kind == Kind.NUMBER_AS_TEXT]
        self._json = [f"f{index}" for index, (_, kind) in enumerate(self._kinds) if kind == Kind.JSON]

    def columns(self, rows: Sequence[Any]) -> list[Sequence[Any]]:
        """Brings decoded rows into columns: at once, which takes two thirds of the time of one by one.

        Args:
            rows: what `read` returned; at least one.

        Returns:
            For each input, then for each kept column, the values as the table of these rows holds them.
        """
        if any(type(row) is list for row in rows):
            return [*zip(*[row if type(row) is list else self._values(row) for row in rows], strict=True)]
        columns: list[Sequence[Any]] = [*zip(*map(msgspec.structs.astuple, rows), strict=True)]
        for index in self._numbers_as_text:
            columns[index] = [*map(str, columns[index])]
        return columns

    def _values(self, row: msgspec.Struct) -> list[Any]:
        values = list(msgspec.structs.astuple(row))
        for index in self._numbers_as_text:
            values[index] = str(values[index])
        return values

    def read(self, line: bytes) -> Any:
        """Decodes one line.

        Args:
            line: one line without its newline.

        Returns:
            A row that `columns` takes: a struct, or from the second reading a list with a value for each column.

        Raises:
            MalformedRowError: when the line is not a row.
        """
        if len(line) > self._layout.max_row_bytes:
            raise MalformedRowError(f"longer than max_row_bytes, {self._layout.max_row_bytes:,}")
        if not line.isascii():
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise MalformedRowError(f"not UTF-8: byte {error.start} of the row: {error.reason}") from None
        if is_deeper(line, MAX_DEPTH):
            raise MalformedRowError(f"nested deeper than {MAX_DEPTH}")
        if self._kept or self._layout.fields or _may_have_long_number(line):
            return self._second_reading(line)
        try:
            row = self._decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return self._second_reading(line)
        for name in self._json:
            setattr(row, name, bytes(getattr(row, name)) or None)  # as it is decoded, it would keep the whole line
        return row

    def _second_reading(self, line: bytes) -> list[Any]:
        try:
            # One byte-order mark is removed, as `json.loads` does with bytes.
            value = json.loads(line.decode("utf-8-sig"))
        except json.JSONDecodeError as error:
            raise MalformedRowError(f"not JSON: {error.msg} at character {error.pos}") from None
        except (ValueError, RecursionError) as error:
            raise MalformedRowError(f"not JSON: {error}") from None
        if not isinstance(value, dict):
            raise MalformedRowError(f"not an object but {_kind(value)}")
        if self._layout.fields:
            value = self._mapped(value)
        inputs = [_CHECKED[kind](value, name) for name, kind in self._kinds]
        return inputs + [_CHECKED_KEPT[kind](value, name) for name, kind in self._kept]

    def _mapped(self, value: dict[str, Any]) -> dict[str, Any]:
        """Renames an object's keys to the recipe's inputs."""
        fields: Mapping[str, str] = self._layout.fields
        mapped = {**value, **{name: value[key] for name, key in fields.items() if key in value}}
        for name, key in fields.items():
            if key not in value:
                mapped.pop(name, None)
        for name, kind in (*self._kinds, *self._kept):
            if kind == Kind.TEXTS and isinstance(mapped.get(name), str):
                mapped[name] = [mapped[name]]
        return mapped


def _may_have_long_number(line: bytes) -> bool:
    if len(line) <= _MAX_INT_DIGITS:
        return False
    # A run of more digits than that has one at a multiple of the longest allowed length.
    return _HAS_DIGIT.search(line[::_MAX_INT_DIGITS]) is not None and _LONG_NUMBER.search(line) is not None


def _kind(value: object) -> str:
    names: dict[type, str] = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "an object",
    }
    return "null" if value is None else names[type(value)]


def _text(value: dict[str, Any], name: str) -> str | None:
    text = value.get(name)
    if text is None:
        return None
    if not isinstance(text, str):
        raise MalformedRowError(f"{name} is {_kind(text)}, neither text nor null")
    return encodable(text)


def _texts(value: dict[str, Any], name: str) -> list[str] | None:
    texts = value.get(name)
    if texts is None:
        return None
    if not isinstance(texts, list):
        raise MalformedRowError(f"{name} is {_kind(texts)}, not a list of strings")
    for text in texts:
        if not isinstance(text, str):
            raise MalformedRowError(f"{name} has {_kind(text)} among its strings")
    return [encodable(text) for text in texts]


def _number_as_text(value: dict[str, Any], name: str) -> str:
    found = value.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float | str | None):
        raise MalformedRowError(f"{name} is {_kind(found)}, neither number, text nor null")
    return encodable(found) if isinstance(found, str) else str(found)


def _any_as_text(value: dict[str, Any], name: str) -> str | None:
    found = value.get(name)
    return encodable(found) if isinstance(found, str) else None if found is None else json.dumps(found)


def _json_text(value: dict[str, Any], name: str) -> str | None:
    return json.dumps(value[name]) if name in value else None


def _kept_json(value: dict[str, Any], name: str) -> str | None:
    found = value.get(name)
    return encodable(found) if isinstance(found, str) else _json_text(value, name)


def _number(value: dict[str, Any], name: str) -> float | None:
    found = value.get(name)
    if found is None:
        return None
    if isinstance(found, int | float) and not isinstance(found, bool) and abs(found) <= sys.float_info.max:
        return float(found)
    raise MalformedRowError(f"{name} is {_kind(found)}, not a finite number")


def _whole_number(value: dict[str, Any], name: str) -> int | None:
    found = value.get(name)
    if found is None:
        return None
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    if not is_number or found != found // 1 or not -(2**63) <= found < 2**63:
        raise MalformedRowError(f"{name} is not a whole number")
    return int(found)


_CHECKED: dict[Kind, Callable[[dict[str, Any], str], Any]] = {
    Kind.TEXT: _text,
    Kind.TEXTS: _texts,
    Kind.NUMBER_AS_TEXT: _number_as_text,
    Kind.ANY_AS_TEXT: _any_as_text,
    Kind.JSON: _json_text,
    Kind.NUMBER: _number,
    Kind.WHOLE_NUMBER: _whole_number,
}
"""What the second reading makes of a field, by its kind."""

_CHECKED_KEPT = {**_CHECKED, Kind.JSON: _kept_json}
"""What it makes of a kept column. Text stays as it stands, as in Parquet; an input is JSON for the recipe to read."""


def checked(kind: Kind, name: str, value: Any) -> Any:
    """Returns what a field with this value is read as.

    Raises:
        MalformedRowError: when a field of that kind cannot have it.
    """
    return _CHECKED[kind]({name: value}, name)


def decoded(text: str) -> Any:
    """Decodes JSON text that is a value by itself.

    Returns:
        The value. Text that is not JSON stands for itself, since some writers leave it bare. What is nested too deeply
        for a row becomes an `object()`, which `checked` has no name for.
    """
    if is_deeper(text.encode(), MAX_DEPTH - 1):  # the row around it is one more level
        return object()
    try:
        return json.loads(text)
    except ValueError:
        return text
