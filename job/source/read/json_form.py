"""Looks at the beginning of a JSONL file, and says so when it is another kind of JSON.

One array of all rows, as `json.dump` and `DataFrame.to_json(orient="records")` write it, and objects that are spread
over several lines give one malformed row per line. Lines that end with a carriage return alone are all one row.
"""

from __future__ import annotations

import json

from job.errors import UsageError, quoted
from job.source.location import FileLocation

_HEAD_BYTES = 1 << 18
"""Bytes that are looked at: several listings, and one request where the file is read over the network."""
_LONGEST_WORD = len("-Infinity")
"""Characters of the longest value that stops making sense when it is cut."""


def check_lines(location: FileLocation, shown: str | None = None) -> None:
    """Checks that a file does not begin like JSON that is not one object in each line.

    A first line that is just malformed is no reason: it is one row.

    Args:
        location: a JSONL file, unpacked.
        shown: what a message calls it; its location by default.

    Raises:
        UsageError: when it is one JSON array, its objects are spread over several lines, or its lines end with a
            carriage return alone.
    """
    with location.open() as stream:
        head = stream.read(_HEAD_BYTES)
    text = head.decode("utf-8-sig", errors="replace").lstrip()
    is_all = len(head) < _HEAD_BYTES
    if _is_array(text, is_all=is_all):
        name, filter_ = "it is one JSON array", "'.[]'"
    elif _is_spread(text):
        name, filter_ = "its objects are spread over several lines", "."
    elif _ends_lines_with_cr(text, is_all=is_all):
        name, filter_ = "its lines end with a carriage return alone", "."
    else:
        return
    path = quoted(location.local_path) if shown is None and location.local_path else "FILE"
    raise UsageError(
        f"{shown or location}: {name}, not JSON Lines (one object in each line)\n"
        f"make it so in another folder, and read that: jq -c {filter_} {path} > FOLDER/NAME.jsonl"
    )


def _ends_lines_with_cr(text: str, *, is_all: bool) -> bool:
    """Tells whether a text begins with two objects that only a carriage return parts, as lines on old Macs are."""
    first_line, newline, _ = text.partition("\n")
    lines = first_line.rstrip("\r").split("\r", 2)
    whole = lines[:2] if newline or is_all or len(lines) > 2 else lines[:-1]
    return len(whole) > 1 and all(line[:1] == "{" and _is_json(line) for line in whole)


def _is_array(text: str, *, is_all: bool) -> bool:
    """Tells whether a text begins with one array of objects, or is an array as a whole."""
    if text[:1] != "[":
        return False
    if is_all and _is_json(text):
        return True
    first_line, _, rest = text.partition("\n")
    if rest.strip() and _is_json(first_line):
        return False  # other lines follow: it is a row that is no object
    first = text[1:].lstrip()
    if first[:1] != "{":
        return False
    try:
        _, end = json.JSONDecoder().raw_decode(first)
    except json.JSONDecodeError as error:
        is_cut = error.msg.startswith("Unterminated string") or error.pos > len(first) - _LONGEST_WORD
        return is_cut and not is_all  # by the bound of what is looked at
    except (ValueError, RecursionError):
        return False
    return first[end:].lstrip()[:1] in ("", ",")


def _is_spread(text: str) -> bool:
    """Tells whether a text begins with an object that ends in another line than it begins in."""
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return text[:1] == "{" and "\n" in text[:end]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
