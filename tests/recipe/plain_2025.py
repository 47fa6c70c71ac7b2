"""The course's recipe of 2025 a second time: row by row, character by character, from the text of the rules.

It shares nothing with the job's recipe but the lists of characters that Unicode added, so a mistake would have to be
made twice to go unnoticed. Characters are asked for one at a time, as Python 3.12 (Unicode 15.0) sees them.
"""

from __future__ import annotations

import functools
import json
import string
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from job.recipe.unicode_tables import ADDED_BY_15, UNASSIGNED_IN_14

Judgement = tuple[str, str | None, float | None]
"""The verdict, the text and the weight; the last two are None unless the verdict is `kept`."""

CODE_CHARACTERS = string.ascii_uppercase + string.digits


class Settings(Protocol):
    @property
    def min_price(self) -> float: ...
    @property
    def max_price(self) -> float: ...
    @property
    def min_chars(self) -> int: ...
    @property
    def max_chars_each(self) -> int: ...
    @property
    def max_chars(self) -> int: ...


def listed(ranges: str) -> Iterator[tuple[int, int]]:
    for part in ranges.split():
        ends = [int(end, 16) for end in part.split("-")]
        yield ends[0], ends[-1]


SPACES = " \t\n\v\f\r" + "".join(chr(code) for code in range(0x80, 0x3001) if chr(code).isspace())
LATER = frozenset(chr(code) for first, last in listed(UNASSIGNED_IN_14) for code in range(first, last + 1))
ADDED = {
    kind: {chr(code): code - first for first, last in listed(ranges) for code in range(first, last + 1)}
    for kind, ranges in ADDED_BY_15.items()
}


@functools.cache
def is_printable(character: str) -> bool:
    if character in LATER:
        return any(character in ADDED[kind] for kind in ("decimal", "word", "printable"))
    return character.isprintable()


@functools.cache
def is_word(character: str) -> bool:
    if character in LATER:
        return character in ADDED["decimal"] or character in ADDED["word"]
    return character == "_" or character.isalnum()


@functools.cache
def decimal_value(character: str) -> int | None:
    if character in LATER:
        return ADDED["decimal"].get(character)
    return int(character) if character.isdecimal() else None


def number(text: str) -> float:
    """As `float`: white space around it does not count, and digits of every script do."""
    plain = ""
    for character in text.strip(SPACES):
        value = decimal_value(character)
        if value is None and not character.isascii():
            raise ValueError(text)
        plain += character if value is None else str(value)
    return float(plain)


def quoted(text: str) -> str:
    """As `repr`."""
    quote = '"' if "'" in text and '"' not in text else "'"
    written = quote
    for character in text:
        code = ord(character)
        if character in (quote, "\\"):
            written += "\\" + character
        elif character in "\t\n\r":
            written += {"\t": "\\t", "\n": "\\n", "\r": "\\r"}[character]
        elif is_printable(character):
            written += character
        elif code < 0x100:
            written += f"\\x{code:02x}"
        else:
            written += f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return written + quote


def simplified(texts: list[str], max_chars: int) -> str:
    written = "[" + ", ".join(quoted(text) for text in texts) + "]"
    found = ""
    index = 0
    while index < len(written):
        found += written[index]
        index += 2 if written[index : index + 2] == "  " else 1
    return found[:max_chars]


def details_of(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def weight_of(details: Mapping[str, Any]) -> float:
    weight = details.get("Item Weight")
    if not isinstance(weight, str):
        return 0.0
    parts = [*weight.split(" "), "", ""]
    try:
        amount = number(parts[0])
    except ValueError:
        return 0.0
    unit = parts[1].lower()
    if unit == "pounds":
        return amount
    if unit == "ounces":
        return amount / 16
    if unit == "grams":
        return amount / 453.592
    if unit == "milligrams":
        return amount / 453592
    if unit == "kilograms":
        return amount / 0.453592
    if unit == "hundredths" and parts[2].lower() == "pounds":
        return amount / 100
    return 0.0


def without_codes(text: str) -> str:
    return "\n".join(line_without_codes(line) for line in text.split("\n"))


def line_without_codes(line: str) -> str:
    kept = ""
    index = 0
    while index < len(line):
        end = index
        while end < len(line) and is_word(line[end]):
            end += 1
        if end == index:
            kept += line[index]
            index += 1
            continue
        word, rest = line[index:end], line[index:]
        is_code = (
            len(word) >= 7
            and all(character in CODE_CHARACTERS for character in word)
            and any(character in string.ascii_uppercase for character in rest)
            and any(decimal_value(character) is not None for character in rest)
        )
        kept += "" if is_code else word
        index = end
    return kept


def full_of(row: Mapping[str, Any], settings: Settings) -> str:
    """The text before the 4,000 characters are cut off."""
    full = row["title"] + "\n"
    for name in ("description", "features"):
        if row[name]:
            full += simplified(row[name], settings.max_chars_each) + "\n"
    details = details_of(row["details"])
    for key in (
        "Part Number",
        "Best Sellers Rank",
        "Batteries Included?",
        "Batteries Required?",
        "Item model number",
    ):
        if key in details:
            del details[key]
    if details:
        full += json.dumps(details) + "\n"
    return without_codes(full).strip()


def judge(row: Mapping[str, Any], settings: Settings) -> Judgement:
    """Judges a row as it is in Parquet: `price` and `details` are text."""
    try:
        price = number(row["price"] or "")
    except ValueError:
        return "price_missing", None, None
    if not settings.min_price <= price <= settings.max_price:
        return "price_out_of_range", None, None
    if row["title"] is None:
        return "title_missing", None, None
    full = full_of(row, settings)[: settings.max_chars]
    if len(full) < settings.min_chars:
        return "text_too_short", None, None
    return "kept", full, weight_of(details_of(row["details"]))
