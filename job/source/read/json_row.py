"""One line of JSON becomes a row, or the reason why it is malformed.

A fast typed decoder reads only the fields that are needed, and refuses whatever is not plainly right. What it refuses
gets a second reading by `json.loads`, whose word is final.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from job.source.read.rows import LIST_COLUMNS

MAX_DEPTH = 500
"""Arrays and objects nested deeper than this are malformed: `json.loads` would give up at a depth that depends on
who calls it, and a row must not."""

_MAX_INT_DIGITS = 4300
"""`json.loads` refuses longer whole numbers, wherever they stand."""
_LONG_NUMBER = re.compile(rb"[0-9]{%d}" % (_MAX_INT_DIGITS + 1))
_HAS_DIGIT = re.compile(rb"[0-9]")


class MalformedRowError(ValueError):
    """A line is not a row; the message is the cause."""


class SourceRow(msgspec.Struct):
    """The fields that the recipe reads."""

    title: str | None = None
    parent_asin: str | None = None
    price: int | float | str | None = None
    description: list[str] | None = None
    features: list[str] | None = None
    details: msgspec.Raw = msgspec.Raw(b"")
    """The value's JSON source; empty where the key is missing."""

    @property
    def kept(self) -> tuple[Any, ...]:
        """The columns to carry along."""
        return ()


class _KeepingRow(SourceRow):
    carried: tuple[Any, ...] = ()

    @property
    def kept(self) -> tuple[Any, ...]:
        """See `SourceRow`."""
        return self.carried


class RowDecoder:
    """Decodes lines.

    Args:
        keep_columns: source columns to carry along; any of `KEEPABLE_COLUMNS`.
        max_row_bytes: a longer line is malformed.
        fields: which key is which input, where they have other names; then text stands for a list of it, too.
    """

    def __init__(
        self,
        keep_columns: Sequence[str] = (),
        max_row_bytes: int = 64 * 2**20,
        fields: Mapping[str, str] | None = None,
    ):
        self._keep_columns = tuple(keep_columns)
        self._fields = dict(fields or {})
        self._max_row_bytes = max_row_bytes
        self._decode = msgspec.json.Decoder(SourceRow).decode

    def row(self, line: bytes) -> SourceRow:
        """Decodes one line.

        Args:
            line: one line, its newline apart.

        Returns:
            The row, each field of its declared type.

        Raises:
            MalformedRowError: when the line is not a row.
        """
        if len(line) > self._max_row_bytes:
            raise MalformedRowError(f"longer than max_row_bytes, {self._max_row_bytes:,}")
        if not line.isascii():
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise MalformedRowError(f"not UTF-8: byte {error.start} of the row: {error.reason}") from None
        if _num_opened(line) > MAX_DEPTH and _depth(line) > MAX_DEPTH:
            raise MalformedRowError(f"nested deeper than {MAX_DEPTH}")
        if self._keep_columns or self._fields or _may_have_long_number(line):
            return self._second_reading(line)
        try:
            return self._decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return self._second_reading(line)

    def _second_reading(self, line: bytes) -> SourceRow:
        try:
            # One byte-order mark is taken off, as `json.loads` does with bytes.
            value = json.loads(line.decode("utf-8-sig"))
        except json.JSONDecodeError as error:
            raise MalformedRowError(f"not JSON: {error.msg} at character {error.pos}") from None
        except (ValueError, RecursionError) as error:
            raise MalformedRowError(f"not JSON: {error}") from None
        if not isinstance(value, dict):
            raise MalformedRowError(f"not an object but {_kind(value)}")
        if self._fields:
            value = _mapped(value, self._fields)
        fields: dict[str, Any] = {
            "title": _text(value, "title"),
            "parent_asin": _identifier(value.get("parent_asin")),
            "price": _price(value.get("price")),
            "description": _texts(value, "description"),
            "features": _texts(value, "features"),
            "carried": tuple(_kept(value, name) for name in self._keep_columns),
        }
        if "details" in value:
            fields["details"] = msgspec.Raw(json.dumps(value["details"]).encode("ascii"))
        return _KeepingRow(**fields)


def _mapped(value: dict[str, Any], fields: Mapping[str, str]) -> dict[str, Any]:
    """Gives an object's values the names that the recipe knows."""
    mapped = {**value, **{name: value[key] for name, key in fields.items() if key in value}}
    for name in fields:
        if fields[name] not in value:
            mapped.pop(name, None)
    for name in LIST_COLUMNS:
        if isinstance(mapped.get(name), str):
            mapped[name] = [mapped[name]]
    return mapped


def _may_have_long_number(line: bytes) -> bool:
    # Of so many digits on end, one stands at a multiple of the longest allowed length.
    return _HAS_DIGIT.search(line[::_MAX_INT_DIGITS]) is not None and _LONG_NUMBER.search(line) is not None


def _num_opened(line: bytes) -> int:
    # Counts by what is gone, since `bytes.count` looks at each byte by itself: 1.3 us for a line of 3 KB, not 2.7.
    return len(line) - len(line.replace(b"[", b"").replace(b"{", b""))


def _depth(line: bytes) -> int:
    """Returns how deeply a line's arrays and objects are nested; what stands in a string does not count."""
    depth = deepest = 0
    in_string = escaped = False
    for byte in line:
        if in_string:
            if escaped:
                escaped = False
            elif byte == 0x5C:  # backslash
                escaped = True
            elif byte == 0x22:  # quotation mark
                in_string = False
        elif byte == 0x22:
            in_string = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


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


def _plain(text: str) -> str:
    """Writes lone surrogates, which UTF-8 does not have, as U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _text(value: dict[str, Any], name: str) -> str | None:
    text = value.get(name)
    if text is None:
        return None
    if not isinstance(text, str):
        raise MalformedRowError(f"{name} is {_kind(text)}, neither text nor null")
    return _plain(text)


def _texts(value: dict[str, Any], name: str) -> list[str] | None:
    texts = value.get(name)
    if texts is None:
        return None
    if not isinstance(texts, list):
        raise MalformedRowError(f"{name} is {_kind(texts)}, not a list of strings")
    for text in texts:
        if not isinstance(text, str):
            raise MalformedRowError(f"{name} has {_kind(text)} among its strings")
    return [_plain(text) for text in texts]


def _price(price: object) -> int | float | str | None:
    if isinstance(price, bool) or not isinstance(price, int | float | str | None):
        raise MalformedRowError(f"price is {_kind(price)}, neither number, text nor null")
    return _plain(price) if isinstance(price, str) else price


def _identifier(value: object) -> str | None:
    return _plain(value) if isinstance(value, str) else None if value is None else json.dumps(value)


def _kept(value: dict[str, Any], name: str) -> object:
    found = value.get(name)
    if name == "details":
        return json.dumps(found) if name in value else None
    if found is None:
        return None
    if name in {"features", "description", "categories"}:
        return _texts(value, name)
    if name == "average_rating":
        if isinstance(found, int | float) and not isinstance(found, bool) and abs(found) <= sys.float_info.max:
            return float(found)
        raise MalformedRowError(f"{name} is {_kind(found)}, not a finite number")
    if name == "rating_number":
        if isinstance(found, bool) or not isinstance(found, int | float) or found != found // 1 or abs(found) >= 2**63:
            raise MalformedRowError(f"{name} is not a whole number")
        return int(found)
    return _text(value, name)
