"""JSON files that end with a checksum of themselves, so that a damaged one is noticed."""

from __future__ import annotations

import hashlib
import re
from typing import TypeVar

import msgspec

_T = TypeVar("_T")

_CHECKSUM = re.compile(rb',\n "checksum": "([0-9a-f]{64})"\n}\n')


def sealed(value: msgspec.Struct) -> bytes:
    """Writes a struct as JSON whose last key is the SHA-256 of everything before it."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=1)
    checksum = hashlib.sha256(text).hexdigest().encode("ascii")
    return text.removesuffix(b"\n}") + b',\n "checksum": "' + checksum + b'"\n}\n'


def unsealed(content: bytes, kind: type[_T]) -> _T:
    """Reads what `sealed` wrote.

    Args:
        content: bytes of the file.
        kind: type of the struct.

    Returns:
        The struct.

    Raises:
        ValueError: when a byte has changed since.
    """
    found = _CHECKSUM.search(content)
    if found is None or found.end() != len(content):
        raise ValueError("it has no checksum at its end")
    if hashlib.sha256(content[: found.start()] + b"\n}").hexdigest().encode("ascii") != found[1]:
        raise ValueError("its checksum does not match")
    return msgspec.json.decode(content, type=kind)


def intact(content: bytes | None, kind: type[_T]) -> _T | None:
    """Reads a file that can be made again from the rest: a missing or damaged one is None."""
    try:
        return None if content is None else unsealed(content, kind)
    except ValueError:
        return None
