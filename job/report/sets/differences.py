"""Which words two texts do not have in common."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from job.report.page.parts import Words

_WORDS = 600
"""Words of a text that are compared, at most."""
_AROUND = 8
"""Words that are shown on either side of a difference."""
_SAID = 12
"""Words that are said of each text, at most."""
_CUT = "\u2026"


def differences(first: str, second: str) -> tuple[list[Words], list[Words]]:
    """Returns two texts with the words marked that the other one has not in this place.

    Of long runs that both have, only the words beside a difference are left.
    """
    one, other = first.split()[:_WORDS], second.split()[:_WORDS]
    sides: tuple[list[Words], list[Words]] = [], []
    codes = difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
    for number, (kind, start, end, other_start, other_end) in enumerate(codes):
        if kind == "equal":
            is_first, is_last = number == 0, number == len(codes) - 1
            for side in sides:
                side.append(Words(text=_around(one[start:end], is_first=is_first, is_last=is_last)))
            continue
        for side, words in zip(sides, (one[start:end], other[other_start:other_end]), strict=True):
            if words:
                side.append(Words(text=" ".join(words), is_marked=True))
    return sides


def said(words: list[Words]) -> str:
    """Says the marked words; `nothing` where there are none."""
    return _first(" ".join(each.text for each in words if each.is_marked).split()) or "nothing"


def _around(words: list[str], *, is_first: bool, is_last: bool) -> str:
    """Leaves out the middle of words; at the end of a text what follows the last difference, too."""
    before, after = _AROUND, 0 if is_last and not is_first else _AROUND
    if len(words) <= 2 * _AROUND + 1:
        return " ".join(words)
    return " ".join([*words[:before], _CUT, *words[len(words) - after :]])


def _first(words: list[str]) -> str:
    more: Iterator[str] = iter([f"and {len(words) - _SAID} more words"] if len(words) > _SAID else [])
    return " ".join([*words[:_SAID], *more])
