"""How deeply is JSON nested? A bound of our own, so that it does not depend on Python's version or a caller's depth."""

from __future__ import annotations

MAX_DEPTH = 500
"""Levels of nested arrays and objects that a row may have. `json.loads` would give up at a depth that depends on its
caller, and a row must not."""


def is_deeper(text: bytes, max_depth: int) -> bool:
    """Tells whether arrays and objects in JSON are nested deeper than a number of levels."""
    return _num_opened(text) > max_depth and _depth(text) > max_depth


def _num_opened(text: bytes) -> int:
    # Counted by what `replace` removes, since `bytes.count` is slower: 2.7 us for a line of 3 KB instead of 1.3.
    return len(text) - len(text.replace(b"[", b"").replace(b"{", b""))


def _depth(text: bytes) -> int:
    """Returns how deeply arrays and objects are nested; brackets within strings do not count."""
    depth = deepest = 0
    in_string = escaped = False
    for byte in text:
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
