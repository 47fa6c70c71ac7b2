"""Many texts scrubbed at once, by the rules of `text.scrub`, as UTF-8 in one array of bytes.

Each text stands behind 0xFF, which UTF-8 has nowhere; so no rule meets more than one text. A blank goes when a blank, a
comma or the end of its text is behind it, which are three rules in one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

WORD_BEGINS = ord(" ")
LINE_BEGINS = 0xFF

_COMMA = ord(",")
_COMMAS = re.compile(b",,+")
_BLANKED = b':[]"{}\t\n\v\f\r\x1c\x1d\x1e\x1f'
_TO_BLANKS = bytes.maketrans(_BLANKED, b" " * len(_BLANKED))
_WIDE_BLANKED = (
    "【】\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""These have two bytes or three, the first one from 0xC2 to 0xE3."""


def _code(character: str) -> int:
    return int.from_bytes(character.encode(), "big")


_WIDE_CODES = np.array([_code(character) for character in _WIDE_BLANKED])


def joined(lines: Sequence[str]) -> bytes:
    """Joins lines, each behind `LINE_BEGINS`; behind the last one is another."""
    return b"\xff".join([b"", *map(str.encode, lines), b""])


def scrubbed(texts: Sequence[str]) -> bytes:
    """Scrubs texts, all but their part numbers, which stay.

    Args:
        texts: any texts.

    Returns:
        A line for each, joined; its words are parted by single blanks, and one may be in front of the first.
    """
    data = np.frombuffer(bytearray(joined(texts).translate(_TO_BLANKS)), np.uint8)
    _blank_wide(data)
    is_blank = data == WORD_BEGINS
    ends_blanks = is_blank | (data == _COMMA) | (data == LINE_BEGINS)
    is_blank[:-1] &= ends_blanks[1:]
    return _COMMAS.sub(lambda run: run[0].replace(b",,,", b",").replace(b",,", b","), data[~is_blank].tobytes())


def _blank_wide(data: npt.NDArray[np.uint8]) -> None:
    """Overwrites characters of two or three bytes that are to be blank."""
    places = np.flatnonzero((data >= 0xC2) & (data <= 0xE3))
    first, second, third = (data[places + index].astype(np.int64) for index in range(3))
    is_long = first >= 0xE0
    code = np.where(is_long, first << 16 | second << 8 | third, first << 8 | second)
    is_wide = np.isin(code, _WIDE_CODES)
    places, is_long = places[is_wide], is_long[is_wide]
    data[places] = data[places + 1] = data[places[is_long] + 2] = WORD_BEGINS
