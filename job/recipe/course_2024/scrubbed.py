"""Scrubs many texts at once, as `text.scrub` does one, as UTF-8 in one array of bytes.

Each text begins with 0xFF, a byte that UTF-8 never uses, so no rule matches across two texts. A blank is removed if the
next character is a blank or a comma, or if the text ends there: three rules in one.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from job.recipe.course_2024.text import PART_NUMBER_CHARS, is_part_number

_BLANK = ord(" ")
"""The byte before each word of a line but the first."""
_LINE_BEGINS = 0xFF
"""The byte before each line, and after the last one."""
_FIRST_WIDE_BYTE = 0x80
"""The lowest byte of a character that is not ASCII, in UTF-8."""

_COMMA = ord(",")
_COMMAS = re.compile(b",,+")
_REPLACED_BY_BLANKS = b':[]"{}\t\n\v\f\r\x1c\x1d\x1e\x1f'
_TO_BLANKS = bytes.maketrans(_REPLACED_BY_BLANKS, b" " * len(_REPLACED_BY_BLANKS))
_WIDE_REPLACED_BY_BLANKS = (
    "【】\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""Characters of two or three bytes in UTF-8. The first byte is between 0xC2 and 0xE3."""


def _code(character: str) -> int:
    return int.from_bytes(character.encode(), "big")


class _Wide:
    """Some characters that are not ASCII, to be found in UTF-8."""

    def __init__(self, characters: Sequence[str]) -> None:
        self._codes = np.array(sorted(_code(character) for character in characters))
        self._may_begin = np.zeros(256, np.bool_)
        self._may_begin[[character.encode()[0] for character in characters]] = True

    def among(
        self, data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Finds them among bytes that are not ASCII. Returns the offsets at which they begin, and their codes."""
        offsets = offsets[self._may_begin[data[offsets]]]
        codes = _codes_at(data, offsets)
        places = np.minimum(np.searchsorted(self._codes, codes), len(self._codes) - 1)
        is_found = self._codes[places] == codes
        return offsets[is_found], codes[is_found]


_WIDE_BLANKS = _Wide(_WIDE_REPLACED_BY_BLANKS)


def scrub_all(texts: Sequence[str]) -> list[str]:
    """Scrubs texts.

    Args:
        texts: any texts.

    Returns:
        For each text, what `text.scrub` returns.
    """
    lines = b"".join([b"\xff%b" % text.encode() for text in texts]) + b"\xff"
    parts = _without_part_numbers(_words_apart(lines)).split(b"\xff")[1:-1]
    return [part.decode().lstrip(" ") for part in parts]


def _words_apart(lines: bytes) -> bytes:
    """Separates words by single blanks. A line may begin with a blank afterwards."""
    data = np.frombuffer(bytearray(lines.translate(_TO_BLANKS)), np.uint8)
    _overwrite_wide(data)
    is_blank = data == _BLANK
    ends_blanks = is_blank | (data == _COMMA) | (data == _LINE_BEGINS)
    is_blank[:-1] &= ends_blanks[1:]
    return _COMMAS.sub(lambda run: run[0].replace(b",,,", b",").replace(b",,", b","), data[~is_blank].tobytes())


def _without_part_numbers(lines: bytes) -> bytes:
    """Removes part numbers. Where the first word of a line was one, the line begins with a blank afterwards."""
    data = np.frombuffer(lines, np.uint8)
    begins = np.flatnonzero((data == _BLANK) | (data == _LINE_BEGINS))
    sizes = np.diff(begins, append=len(data))
    is_long = sizes > PART_NUMBER_CHARS

    def words_at(offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        found = np.zeros(len(begins), np.bool_)
        found[np.searchsorted(begins, offsets, "right") - 1] = True
        return found

    wide = np.flatnonzero(data >= _FIRST_WIDE_BYTE)
    has_wide_digit = words_at(_wide_digits().among(data, wide)[0])
    is_removed = is_long & (has_wide_digit | words_at(np.flatnonzero((data >= ord("0")) & (data <= ord("9")))))
    for index in np.flatnonzero(is_removed & words_at(wide[data[wide] != _LINE_BEGINS])).tolist():
        begin = begins[index] + 1
        is_removed[index] = is_part_number(lines[begin : begin + sizes[index] - 1].decode())
    removed = np.flatnonzero(is_removed)
    starts = begins[removed] + (data[begins[removed]] == _LINE_BEGINS)
    ends = begins[removed] + sizes[removed]
    bounds = [0, *np.column_stack((starts, ends)).ravel().tolist(), len(lines)]
    return b"".join([lines[begin:end] for begin, end in zip(bounds[::2], bounds[1::2], strict=True)])


def _codes_at(data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Returns the codes of the characters that begin at some offsets, of two bytes or more each; see `_code`."""
    first, *others = (data[np.minimum(offsets + index, len(data) - 1)].astype(np.int64) for index in range(4))
    _, two, three, four = itertools.accumulate(others, lambda code, byte: code << 8 | byte, initial=first)
    return np.where(first < 0xE0, two, np.where(first < 0xF0, three, four))


@functools.cache
def _wide_digits() -> _Wide:
    """Returns the digits that are not ASCII. No character after U+1FFFF is a digit."""
    return _Wide([character for character in map(chr, range(_FIRST_WIDE_BYTE, 0x20000)) if character.isdigit()])


def _overwrite_wide(data: npt.NDArray[np.uint8]) -> None:
    """Overwrites the characters of two or three bytes that blanks replace, in place."""
    offsets, codes = _WIDE_BLANKS.among(data, np.flatnonzero((data >= 0xC2) & (data <= 0xE3)))
    data[offsets] = data[offsets + 1] = data[offsets[codes > 0xFFFF] + 2] = _BLANK
