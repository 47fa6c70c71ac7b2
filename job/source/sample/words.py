"""Numbers words as varied as those of real listings: new ones go on coming, however many are drawn.

Each kind has its ordinary English words first, then words that are made of these or of syllables, without an end in
practice. The number of a word is drawn so that few words take most places, and that the number of different words
grows with a power of the number of all words: the laws of Zipf and Heaps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from job.source.sample import lexicon

_STEP = 15_485_863
"""A prime greater than the length of any list, so that its multiples visit all words of a kind, in a mixed order."""


class Words:
    """The words of one kind by number, from 0. Beyond the last one they begin anew.

    Args:
        ordinary: the first words.
        composed: how further words are made, in order: of one part from each list.
    """

    def __init__(self, ordinary: Sequence[str], *composed: Sequence[Sequence[str]]):
        self._ordinary = ordinary
        self._composed = [(parts, math.prod(map(len, parts))) for parts in composed]

    def __getitem__(self, number: int) -> str:
        """Returns the word that has a number."""
        if number < len(self._ordinary):
            return self._ordinary[number]
        number -= len(self._ordinary)
        parts, size = self._composed[-1]
        for earlier, earlier_size in self._composed[:-1]:
            if number < earlier_size:
                parts, size = earlier, earlier_size
                break
            number -= earlier_size
        number = number * _STEP % size
        word = ""
        for part in parts:
            number, index = divmod(number, len(part))
            word += part[index]
        return word


_HYPHEN = ("-",)
_QUALITIES = tuple(word.title() for word in lexicon.SHORT_ADJECTIVES)
_THINGS = tuple(word.title() for word in lexicon.SHORT_NOUNS)

NOUNS = Words(
    lexicon.NOUNS,
    (lexicon.NOUNS, lexicon.NOUN_ENDINGS),
    (lexicon.SHORT_NOUNS, lexicon.NOUNS),
    (lexicon.SHORT_ADJECTIVES, lexicon.SHORT_NOUNS, lexicon.NOUNS),
)
"""Such as `kettle`, `kettleguard`, `cuphook`, `softcuphook`."""
ADJECTIVES = Words(
    lexicon.ADJECTIVES,
    (lexicon.ADJECTIVE_BEGINNINGS, lexicon.ADJECTIVES),
    (lexicon.SHORT_NOUNS, lexicon.ADJECTIVE_ENDINGS),
    (lexicon.NOUNS, _HYPHEN, lexicon.ADJECTIVE_ENDINGS),
    (lexicon.ADJECTIVES, ("-and-", "-but-", "-yet-"), lexicon.ADJECTIVES),
)
"""Such as `quiet`, `ultraquiet`, `cuplike`, `kettle-safe`, `quiet-and-sturdy`."""
VERBS = Words(
    lexicon.VERBS,
    (lexicon.VERB_BEGINNINGS, lexicon.VERBS),
    (lexicon.SHORT_NOUNS, lexicon.VERBS),
    (lexicon.NOUNS, _HYPHEN, lexicon.VERBS),
)
"""Such as `clean`, `preclean`, `cupclean`, `kettle-clean`."""
NAMES = Words(
    (),
    (lexicon.NAME_STARTS, lexicon.NAME_ENDS),
    (lexicon.NAME_STARTS, lexicon.NAME_MIDDLES, lexicon.NAME_ENDS),
    (lexicon.NAME_STARTS, lexicon.NAME_MIDDLES, lexicon.NAME_MIDDLES, lexicon.NAME_ENDS),
)
"""Such as `Brenntek`, `Brennatek`, `Brennadtek`: brands, people and places, none of them real on purpose."""
FEATURES = Words(
    (),
    (_QUALITIES, _THINGS),
    (_QUALITIES, _QUALITIES),
    (_THINGS, _THINGS),
    (_QUALITIES, _THINGS, _THINGS),
)
"""Such as `SoftGrip`, `SoftQuick`, `CupHook`, `SoftCupHook`."""
FOREIGN = tuple(Words((), (parts, parts), (parts, parts, parts)) for parts in lexicon.FOREIGN_PARTS)
"""Words of several scripts, which mean nothing."""


def vocabulary(size: int) -> Iterator[str]:
    """Yields words of all kinds in turn, those with the least numbers first, and figures.

    Args:
        size: how many; 1% of a million are there twice.
    """
    yield from lexicon.FUNCTION_WORDS[:size]
    kinds = (NOUNS, ADJECTIVES, VERBS, NAMES, FEATURES)
    for number in range(max(0, size - len(lexicon.FUNCTION_WORDS))):
        of_kind, kind = divmod(number, len(kinds) + 1)
        yield kinds[kind][of_kind] if kind < len(kinds) else str(of_kind + 1)


def rank(unit: float, shift: float) -> int:
    """Draws the number of a word.

    The density falls with the power 9/5 of the number plus the shift (Zipf, Mandelbrot, Lomax), so the number of
    different words grows with the power 5/9 of that of all words (Heaps). Only operations are used whose results are
    the same on all machines.

    Args:
        unit: a random number from 0 to below 1.
        shift: how many words share the first place; half of the words drawn have a number below 1.4 times this.

    Returns:
        The number, from 0. It has no bound in practice.
    """
    left = 1.0 - unit
    return int(shift / (left * math.sqrt(math.sqrt(left))) - shift)


def plural(noun: str) -> str:
    """Returns the plural of a noun."""
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return f"{noun}es"
    return f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else f"{noun}s"


def past(verb: str) -> str:
    """Returns the past of a regular verb."""
    if verb.endswith("y") and verb[-2:-1] not in "aeiou":
        return f"{verb[:-1]}ied"
    return f"{verb}d" if verb.endswith("e") else f"{_doubled(verb)}ed"


def gerund(verb: str) -> str:
    """Returns the gerund of a regular verb."""
    if verb.endswith("ie"):
        return f"{verb[:-2]}ying"
    return f"{verb[:-1]}ing" if verb.endswith("e") and verb[-2:] not in {"ee", "oe", "ye"} else f"{_doubled(verb)}ing"


def _doubled(verb: str) -> str:
    """Doubles the last letter of a short verb such as `clip`."""
    if len(verb) < 6 and verb[-1] not in "aeiouwxyh" and verb[-2] in "aiou" and verb[-3:-2] not in "aeiou":
        return verb + verb[-1]
    return verb
