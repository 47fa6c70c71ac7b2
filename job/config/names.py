"""Which names a category may have, in any script, and when two of them are the same."""

from __future__ import annotations

import itertools
import re
import unicodedata

_WORD = re.compile(r"[^\W_]")
_PART = re.compile(r"[\w &.,+'()-]")
_JOINERS = "\u200c\u200d"
"""Invisible characters that the spelling of some words needs: in Persian, and after the virama in Indian scripts."""
_VIRAMA = 9
"""Combining class of the mark that takes the vowel off a letter."""
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""Marks that show nothing, so that two names would look the same."""

_MAX_CATEGORY_BYTES = 200
"""Bytes in a name. File systems allow 255, and `datasets` appends a hash to the name of the folder that it makes."""


def normal_form(name: str) -> str:
    """Returns a name in the form in which names are compared: a letter with its accents as one character (NFC).

    File names from a Mac often have the letter and each accent as characters of their own.
    """
    return unicodedata.normalize("NFC", name)


def check_category(name: str) -> str:
    """Checks a category's name, which becomes a folder, a part of a glob pattern, and a `datasets` config.

    Args:
        name: the name, from a config or from a file's name.

    Returns:
        The name in normal form.

    Raises:
        ValueError: when no category may have this name.
    """
    normal = normal_form(name)
    if not _is_spelled(normal) or normal != normal.strip() or normal == "default" or ".." in normal:
        raise ValueError(
            f"{name!r} is no category's name: use letters, digits, _ and blanks, such as Musical_Instruments"
        )
    if len(normal.encode()) > _MAX_CATEGORY_BYTES:
        raise ValueError(f"{name[:20] + '...'!r} is no category's name: it has more than {_MAX_CATEGORY_BYTES} bytes")
    return normal


def _is_spelled(name: str) -> bool:
    """Tells whether a name begins with a letter or digit, and has only characters that a name may have."""
    if not _WORD.match(name):
        return False
    return (
        all(_PART.match(character) or _belongs(character, before) for before, character in itertools.pairwise(name))
        and name[-1] not in _JOINERS
    )


def _belongs(character: str, before: str) -> bool:
    """Tells whether a character is a part of the letter before it: an accent, a vowel sign, or what joins letters."""
    if character in _JOINERS:
        return unicodedata.combining(before) == _VIRAMA or unicodedata.bidirectional(before) == "AL"
    if unicodedata.category(character) not in {"Mn", "Mc"} or _INVISIBLE.match(character):
        return False
    return before.isalnum() or unicodedata.category(before) in {"Mn", "Mc"} or before in _JOINERS
