"""What does Python make of a character, if it goes by one version of Unicode?

`repr`, `float`, `str.isdigit` and the words of `re` follow the Unicode tables of the Python that runs: 14.0 in 3.11,
15.0 in 3.12, 15.1 in 3.13. The same rows must become the same items on all of them, so a recipe names its version.
Pythons disagree only on characters that Unicode assigned after 14.0. In a text for one of these functions, a *stand-in*
takes the place of each: an older character of the kind that it is in the recipe's version.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import re
from collections.abc import Iterator, Mapping

from job.recipe.unicode_tables import ADDED_BY_15, UNASSIGNED_IN_14

_STAND_INS = {"word": "\u00aa", "printable": "\u00a1", "format": "\u00ad"}
_ARABIC_ZERO = 0x660
"""Code point of the first of ten decimal digits that no part of a rule names."""
_UNASSIGNED = "\uffff"
"""A code point that stays without a character for good."""
_LAST_OF_FIRST_PLANE = 0xFFFF


def _ranges(text: str) -> Iterator[tuple[int, int]]:
    """Yields the first and the last code point of each range."""
    for part in text.split():
        first, _, last = part.partition("-")
        yield int(first, 16), int(last or first, 16)


@functools.cache
def _bounds() -> list[int]:
    """Returns where ranges of unassigned code points begin, at even indices, and where they have ended, at odd ones."""
    return [bound for first, last in _ranges(UNASSIGNED_IN_14) for bound in (first, last + 1)]


@functools.cache
def _candidates() -> re.Pattern[str]:
    """Returns what matches every character after Unicode 14.0, and all beyond the first plane, to be fast."""
    in_first_plane = [
        f"{chr(first)}-{chr(last)}" for first, last in _ranges(UNASSIGNED_IN_14) if last <= _LAST_OF_FIRST_PLANE
    ]
    return re.compile(f"[{''.join(in_first_plane)}\U00010000-\U0010ffff]")


@functools.lru_cache(maxsize=1 << 12)
def _is_newer(character: str) -> bool:
    """Tells whether a character is none in Unicode 14.0."""
    return bisect.bisect(_bounds(), ord(character)) % 2 == 1


class UnicodeVersion:
    """Python's functions with the tables of one version of Unicode.

    Args:
        added: characters that Unicode 14.0 did not have, by the kinds of `ADDED_BY_15`.
    """

    def __init__(self, added: Mapping[str, str]):
        self._added = added

    @functools.cached_property
    def _stand_ins(self) -> dict[int, str]:
        """The stand-in of each character that was added, by code point."""
        return {
            code: _STAND_INS.get(kind) or chr(_ARABIC_ZERO + code - first)
            for kind, ranges in self._added.items()
            for first, last in _ranges(ranges)
            for code in range(first, last + 1)
        }

    def is_stable(self, text: str) -> bool:
        """Tells whether Pythons agree on all characters of a text."""
        return self.stable(text) is text

    def stable(self, text: str) -> str:
        """Replaces the characters that Pythons disagree on.

        Args:
            text: any text.

        Returns:
            A text of the same length, with stand-ins; the same object where there is nothing to replace.
        """
        if text.isascii() or (candidates := _candidates()).search(text) is None:
            return text
        newer = {found for found in candidates.findall(text) if _is_newer(found)}
        if not newer:
            return text
        return text.translate({ord(found): self._stand_ins.get(ord(found), _UNASSIGNED) for found in newer})

    def number(self, text: str) -> float:
        """Reads a number as `float` does.

        Raises:
            ValueError: when `float` would.
        """
        return float(self.stable(text))

    def quoted(self, text: str) -> str:
        """Writes a text as `repr` does."""
        stable = self.stable(text)
        if stable is text:
            return repr(text)
        quote = '"' if "'" in text and '"' not in text else "'"
        return quote + "".join(map(_escaped, text, stable, itertools.repeat(quote))) + quote


def _escaped(character: str, stable: str, quote: str) -> str:
    """Writes a character as `repr` does within quotation marks, by what stands in for it."""
    if character == stable:
        return character.replace(quote, f"\\{quote}") if character in "'\"" else repr(character)[1:-1]
    if stable.isprintable():
        return character
    return f"\\u{ord(character):04x}" if ord(character) <= _LAST_OF_FIRST_PLANE else f"\\U{ord(character):08x}"


UNICODE_14 = UnicodeVersion({})
"""That of Python 3.11, on which the course of 2024 ran."""

UNICODE_15 = UnicodeVersion(ADDED_BY_15)
"""That of Python 3.12, on which the course of 2025 ran."""
