"""Turns a listing's fields into one text, and reads its weight.

Every rule is that of the course's loader of 2025, because people compare models trained on its output. What looks
odd is part of the rules: lists are written as Python writes them, with brackets and quotation marks, and details as
JSON with escapes; and a word may be removed for what stands after it in its line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from job.recipe.json_depth import MAX_DEPTH, is_deeper
from job.recipe.unicode import UNICODE_15

_REMOVED_KEYS = (
    "Part Number",
    "Best Sellers Rank",
    "Batteries Included?",
    "Batteries Required?",
    "Item model number",
)
_PER_POUND = {"pounds": 1, "ounces": 16, "grams": 453.592, "milligrams": 453592, "kilograms": 0.453592}
_HUNDREDTHS = 100
_MAX_DETAILS_DEPTH = MAX_DEPTH - 1
"""Levels of nested arrays and objects in details; a row that holds them as an object is one more."""

CODE_BEGINS = "[A-Z0-9]{7}"
"""Pattern without which a text has no code; for whatever engine is fast."""

_CODE_CHARS = re.compile("[A-Z0-9]{7,}")
_CAPITAL = re.compile("[A-Z]")
_DECIMAL = re.compile(r"\d")
_NEWLINE = re.compile("\n")


def details_of(text: str | None) -> dict[str, Any]:
    """Reads details.

    Args:
        text: JSON; None when there is none.

    Returns:
        The JSON object; an empty one where the text is no JSON, is no object, or is nested deeper than a row may be.
    """
    if not text:
        return {}
    if len(text) > _MAX_DETAILS_DEPTH and is_deeper(text.encode("utf-8", "surrogatepass"), _MAX_DETAILS_DEPTH):
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def details_as_they_came(source: str | None) -> dict[str, Any]:
    """Reads details from the JSON of a row. Text there, as in JSON Lines made from Parquet, is read as JSON in turn."""
    if source is None:
        return {}
    found = json.loads(source)
    if isinstance(found, str):
        return details_of(found)
    return found if isinstance(found, dict) else {}


def weight_of(details: Mapping[str, Any]) -> float:
    """Reads the weight, in pounds.

    The course's loader ends with an exception where the amount is no number, or the unit is missing; this takes such a
    weight for unknown.

    Args:
        details: the listing's details, with all keys.

    Returns:
        The weight; 0 where it is unknown. It may be NaN, infinite or negative, as `float` reads the amount.
    """
    weight = details.get("Item Weight")
    if not isinstance(weight, str):
        return 0.0
    amount, *units = weight.split(" ")
    try:
        number = UNICODE_15.number(amount)
    except ValueError:
        return 0.0
    match [unit.lower() for unit in units[:2]]:
        case ["hundredths", "pounds"]:
            return number / _HUNDREDTHS
        case [unit, *_] if unit in _PER_POUND:
            return number / _PER_POUND[unit]
        case _:
            return 0.0


def simplified(texts: Sequence[str], max_chars: int) -> str:
    """Writes a list as `str` does, with one blank for each pair of blanks, and cuts it after `max_chars` characters."""
    enough = 2 * max_chars  # pairs of blanks make it shorter by half at most
    if sum(map(len, texts)) > enough:
        texts = [_head(text, enough) for text in texts]
    is_stable = all(map(str.isascii, texts)) or all(map(UNICODE_15.is_stable, texts))
    written = str(texts) if is_stable else f"[{', '.join(map(UNICODE_15.quoted, texts))}]"
    return written[:enough].replace("  ", " ")[:max_chars]


def _head(text: str, num_chars: int) -> str:
    """Cuts a text so that `repr` gives it the same quotation marks."""
    rest = text[num_chars:]
    return text[:num_chars] + "'" * ("'" in rest) + '"' * ('"' in rest)


def without_codes(text: str) -> str:
    """Removes part numbers, and some other words of capitals and digits.

    A whole word of 7 or more characters, all of them A to Z or 0 to 9, goes when a capital and a decimal digit stand
    somewhere from its first character to the end of its line: `QUALITY` goes from `QUALITY PART 12 A`.

    Args:
        text: one or more lines.

    Returns:
        The text without them; the blanks around them stay.
    """
    seen = UNICODE_15.stable(text)
    kept: list[str] = []
    begin = 0
    next_capital = next_decimal = line_end = -1
    for found in _CODE_CHARS.finditer(seen):
        start, end = found.span()
        if (start and _is_word(seen[start - 1])) or (end < len(seen) and _is_word(seen[end])):
            continue
        word = found[0]
        if word.isalpha():
            next_decimal = _next(_DECIMAL, seen, end, next_decimal)
            line_end = _next(_NEWLINE, seen, end, line_end)
            if next_decimal >= line_end:
                continue
        elif word.isdecimal():
            next_capital = _next(_CAPITAL, seen, end, next_capital)
            line_end = _next(_NEWLINE, seen, end, line_end)
            if next_capital >= line_end:
                continue
        kept.append(text[begin:start])
        begin = end
    kept.append(text[begin:])
    return "".join(kept)


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _next(pattern: re.Pattern[str], text: str, begin: int, known: int) -> int:
    """Returns where a pattern is found next, or the length of the text; `known` is the last answer, which may hold."""
    if known >= begin:
        return known
    found = pattern.search(text, begin)
    return found.start() if found else len(text)


def full_text(title: str, description: str, features: str, details: dict[str, Any]) -> str:
    """Puts a listing's text together, from which codes are still to be removed.

    Args:
        title: the title.
        description: the simplified description; empty when there is none.
        features: the simplified features, likewise.
        details: the details; the keys that say nothing are removed from it.

    Returns:
        The title and whatever is not empty, each followed by a newline.
    """
    text = f"{title}\n"
    if description:
        text += f"{description}\n"
    if features:
        text += f"{features}\n"
    for key in _REMOVED_KEYS:
        details.pop(key, None)
    if details:
        text += f"{json.dumps(details)}\n"
    return text
