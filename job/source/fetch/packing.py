"""Which files are packed, told from their names."""

from __future__ import annotations


def is_packed(name: str) -> bool:
    """Returns whether a file of this name is compressed as a whole, and is unpacked before it is cut."""
    return name.lower().endswith((".gz", ".zst"))
