"""Writes the texts of a listing: phrases filled with words, and what goes wrong when people type them."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

from job.source.sample import lexicon, phrases
from job.source.sample.words import (
    ADJECTIVES,
    FEATURES,
    FOREIGN,
    NAMES,
    NOUNS,
    VERBS,
    Words,
    gerund,
    past,
    plural,
    rank,
)

_NOUN_SHIFT, _ADJECTIVE_SHIFT, _VERB_SHIFT, _NAME_SHIFT, _FEATURE_SHIFT = 150.0, 120.0, 80.0, 200.0, 100.0
"""How many words share the first place of each kind: `job.source.sample.words.rank`."""

_SLOT = re.compile(r"\{(\w)\}")
_CODE_LETTERS = "ABCDEFGHKLMNPRSTUVWX"
_CODE_BEGINNINGS = ("WX", "DA", "KR", "MQ")
_FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}

Template = Sequence[str]
"""A phrase in pieces: a text, the letter of a slot, a text, and so on."""


def _templates(texts: Sequence[str]) -> tuple[Template, ...]:
    return tuple(tuple(_SLOT.split(text)) for text in texts)


SENTENCES = _templates(phrases.SENTENCES)
BULLETS = _templates(phrases.BULLETS)
TITLES = _templates(phrases.TITLES)
DETAILS = tuple((key, _templates([text])) for key, text in phrases.DETAILS.items())
VIDEO_TITLES = _templates(phrases.VIDEO_TITLES)
SUBTITLES = _templates(phrases.SUBTITLES)


def _with_article(word: str) -> str:
    return f"an {word}" if word[0] in "aeio" else f"a {word}"


class Writer:
    """Writes texts with random words.

    Args:
        rng: the source of all that is random.
    """

    def __init__(self, rng: random.Random):
        self._unit = rng.random
        self._bits = rng.getrandbits
        self.brand, self.product = self.name(), self.noun()
        self._slots: dict[str, Callable[[], str]] = {
            "n": self.noun,
            "a": lambda: self.word(ADJECTIVES, _ADJECTIVE_SHIFT),
            "v": lambda: self.word(VERBS, _VERB_SHIFT),
            "A": lambda: _with_article(self.word(ADJECTIVES, _ADJECTIVE_SHIFT)),
            "M": lambda: _with_article(self.noun()),
            "N": lambda: plural(self.noun()),
            "e": lambda: past(self.word(VERBS, _VERB_SHIFT)),
            "g": lambda: gerund(self.word(VERBS, _VERB_SHIFT)),
            "t": self.name,
            "f": lambda: self.word(FEATURES, _FEATURE_SHIFT),
            "m": lambda: self.one_of(lexicon.MATERIALS),
            "c": lambda: self.one_of(lexicon.COLOURS),
            "r": lambda: self.one_of(lexicon.PLACES),
            "d": lambda: str(2 + rank(self._unit(), 6) % 1000),
            "y": lambda: str(2023 - rank(self._unit(), 12) % 170),
            "s": self.size,
            "u": self.quantity,
            "l": self._line,
            "k": self.code,
            "i": lambda: f"{self._bits(39):012}",
            "B": lambda: self.brand,
            "P": lambda: self.product,
        }

    def begin(self) -> None:
        """Begins a listing, of another product by another brand."""
        self.brand, self.product = self.name(), f"{self.noun()} {self.noun()}"

    def word(self, words: Words, shift: float) -> str:
        """Draws a word of a kind."""
        return words[rank(self._unit(), shift)]

    def name(self) -> str:
        """Draws a name of a brand, a person or a place."""
        return self.word(NAMES, _NAME_SHIFT)

    def noun(self) -> str:
        """Draws a noun."""
        return self.word(NOUNS, _NOUN_SHIFT)

    def one_of(self, texts: Sequence[str]) -> str:
        """Draws one of some texts, the first ones more often."""
        unit = self._unit()
        return texts[int(unit * unit * len(texts))]

    def fill(self, templates: Sequence[Template]) -> str:
        """Fills one of some phrases with words."""
        pieces = list(templates[int(self._unit() * len(templates))])
        slots = self._slots
        for slot in range(1, len(pieces), 2):
            pieces[slot] = slots[pieces[slot]]()
        text = "".join(pieces)
        return text[0].upper() + text[1:]

    def size(self) -> str:
        """Draws a length."""
        number = self._round_number(9)
        chance = self._unit()
        if chance < 0.3:
            return f"{number}{('-inch', '″', ' inches', 'in')[int(chance * 13)]}"
        if chance < 0.6:
            return f"{number}.{'5552'[self._bits(2)]} {('inches', 'cm', 'mm')[int(chance * 10) - 3]}"
        if chance < 0.75:
            return f'{number}-{("1/4", "1/2", "3/4", "3/8", "5/8")[int(chance * 100) % 5]}"'
        return f"{number}{('mm', 'cm', 'ft', 'm', ' mm')[int(chance * 100) % 5]}"

    def quantity(self) -> str:
        """Draws a number with a unit."""
        number = self._round_number(30)
        unit = lexicon.UNITS[int(self._unit() * len(lexicon.UNITS))]
        chance = self._unit()
        if chance < 0.15:
            return f"{number}.5 {unit}"
        return f"{number:,}{unit}" if chance < 0.6 else f"{number} {unit}"

    def _round_number(self, shift: float) -> int:
        """Draws a number, and rounds great ones."""
        number = 1 + rank(self._unit(), shift) % 20_000
        if number < 12:
            return number
        return number - number % (5 if number < 60 else 50 if number < 1000 else 500)

    def code(self) -> str:
        """Draws a part number."""
        chance = self._unit()
        if chance < 0.05:
            return self.long_code()
        number = 10 + rank(self._unit(), 150) % 100_000
        letter = _CODE_LETTERS[int(chance * 4000) % len(_CODE_LETTERS)]
        if chance < 0.7:
            return f"{letter}{number}"
        return f"{letter}{_CODE_LETTERS[number % 20]}-{number}" if chance < 0.9 else f"{number}-{letter}"

    def long_code(self) -> str:
        """Draws a part number of two letters and eight digits."""
        return f"{_CODE_BEGINNINGS[self._bits(2)]}{int(self._unit() * 10**8):08}"

    def _line(self) -> str:
        ending = self.one_of(lexicon.LINE_ENDINGS)
        return f"{self.name()} {ending}".rstrip()

    def mistype(self, text: str) -> str:
        """Makes a typing error: two letters in the other order, one missing or twice, or a blank that is missing."""
        place = 1 + int(self._unit() * (len(text) - 2)) if len(text) > 3 else 0
        before, here, rest = text[:place], text[place : place + 1], text[place + 1 :]
        chance = self._unit()
        if chance < 0.3:
            return before + rest[:1] + here + rest[1:]
        if chance < 0.6:
            return before + rest
        return before + here + here + rest if chance < 0.8 else text.replace(", ", ",", 1)

    def odd(self, text: str) -> str:
        """Changes some texts as real ones are: brackets, emoji, foreign and invisible characters, errors."""
        chance = self._unit()
        if chance > 0.19:
            return text
        if chance > 0.12:
            return self.mistype(text)
        first, _, rest = text.partition(" ")
        if chance < 0.02:
            return f"【{first}】{rest}"
        if chance < 0.035:
            return f"[{first}] {rest} {{new}}"
        if chance < 0.04:
            return f"{first.translate(_FULL_WIDTH)} {rest}"
        if chance < 0.06:
            return f"{first} {self.one_of(lexicon.ODD_CHARACTERS)} {rest}"
        if chance < 0.075:
            return f"{self.one_of(lexicon.EMOJI)} {text}"
        if chance < 0.095:
            return f"{first} {self.word(FOREIGN[int(chance * 1e6) % len(FOREIGN)], 30)} {rest}"
        return text.upper()
