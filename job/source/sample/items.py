"""Invents finished items, millions in a minute, for what works on items and not on listings.

Every value is a function of the seed and the item's number alone, so any run of items can be made by itself, in any
process. Followed are the figures of real items that decide time and memory: lengths, prices, repeated titles and
texts, and how fast new words come. The words are those of the sample catalogue, in no order that means anything.

In 3,000 prompts 11% of all words are different ones, as in real ones, and new ones go on coming: words are drawn by
the law of Zipf and Mandelbrot.
"""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import functools
import string
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from job.recipe.course_2024.prompt import OPENING, PRICE_PREFIX
from job.source.sample.words import vocabulary

MADE_RECIPES = ("course-2024", "course-2025")
"""Recipes whose items can be invented."""
MADE_VERSION = 2
"""Version of the items. It goes up whenever the same seed gives others."""

_NUM_WORDS = 1 << 20
_ZIPF_EXPONENT = 1.3
_ZIPF_SHIFT = 11.0

_TITLE_WORDS = (5, 17)
_PROMPT_WORDS = (99, 123)
_FULL_WORDS = (95, 650)
_FULL_MEDIAN, _FULL_SPREAD = 160.0, 0.5
"""Of the number of words of a text of 2025; the spread is that of its logarithm."""

_REPEATED_TITLES = 0.015
_REPEATED_TEXTS = 0.0006
_VARIANTS = 0.02
"""Shares of items that have an earlier item's title; its title and text; and these with one other word."""

_PRICE_MEDIAN, _PRICE_SPREAD = 26.0, 1.35
_LOWEST_CENTS, _HIGHEST_CENTS = 50, 99_949
_ENDING_SHARES = ((0.56, 0), (0.78, 99), (0.84, 95), (0.86, 50))
"""Share of prices, added up, by their cents; all others have any."""
_UNKNOWN_WEIGHTS = 0.88
_TOKENS = 177

_BASE = 36
_ID_DIGITS = np.frombuffer((string.digits + string.ascii_uppercase).encode(), np.uint8)
_ID_CHARS = 8
_ID_STEP = 30_000_001
"""Prime to 36, so that no two numbers below 36^8 have the same id."""

_STEP = np.uint64(0x9E3779B97F4A7C15)
_Numbers = np.ndarray


def made_columns(recipe: str, first: int, count: int, seed: int) -> dict[str, pa.Array]:
    """Makes some items.

    Args:
        recipe: one of `MADE_RECIPES`.
        first: the number of the first item, from 0.
        count: how many.
        seed: the same seed gives the same items.

    Returns:
        The items' columns by name, without the category.
    """
    numbers = np.arange(first, first + count, dtype=np.uint64)
    draw = _Draw(seed)
    kind = draw.uniform(numbers, "kind")
    earlier = draw.hashes(numbers, "earlier") % np.maximum(numbers, np.uint64(1))
    shares = np.cumsum([_REPEATED_TEXTS, _VARIANTS, _REPEATED_TITLES])
    titles_from = np.where(kind < shares[2], earlier, numbers)
    texts_from = np.where(kind < shares[1], earlier, numbers)
    is_variant = (kind >= shares[0]) & (kind < shares[1])

    cents = _cents(draw, numbers)
    titles = _texts(draw, "title", titles_from, _uniform_counts(draw, titles_from, _TITLE_WORDS), numbers, is_variant)
    titles = pc.utf8_title(pc.utf8_rtrim(titles, characters=",."))
    is_short = recipe == "course-2024"
    counts = _uniform_counts(draw, texts_from, _PROMPT_WORDS) if is_short else _full_counts(draw, texts_from)
    texts = _texts(draw, "text", texts_from, counts, numbers, is_variant)
    # Recipes remove codes from texts and leave them in titles, so that equal texts may have different titles.
    has_code = (kind < shares[0]) & (draw.uniform(numbers, "code") < 1 / 2)
    ids = _ids(numbers)
    columns: dict[str, Any] = {
        "parent_asin": ids,
        "title": pc.if_else(pa.array(has_code), pc.binary_join_element_wise(titles, ids, " "), titles),
        "price": pa.array(cents / 100),
    }
    if is_short:
        dollars = pa.array(np.rint(cents / 100).astype(np.int64)).cast(pa.string())
        pieces = (OPENING, titles, "\n", texts, "\n\n" + PRICE_PREFIX, dollars, ".00", "")
        few = np.maximum(draw.hashes(numbers, "tokens") % np.uint64(16), np.uint64(9)) - np.uint64(9)
        tokens = pa.array((_TOKENS - few.astype(np.int32)).astype(np.int32))
        return {**columns, "prompt": pc.binary_join_element_wise(*pieces), "token_count": tokens}
    return {
        **columns,
        "full": pc.binary_join_element_wise(titles, "\n['", texts, "']", ""),
        "weight": pa.array(_weights(draw, numbers)),
    }


class _Draw:
    """Random numbers that depend on a seed, a number and a name alone."""

    def __init__(self, seed: int):
        self._seed = seed

    def hashes(self, numbers: _Numbers, name: str) -> _Numbers:
        """Returns 64 random bits for each number."""
        salt = int.from_bytes(name.encode()[:8].ljust(8, b"."), "big") ^ (self._seed * 0xD1B54A32D192ED03)
        return _mixed(_mixed(numbers * _STEP + np.uint64(salt & 0xFFFFFFFFFFFFFFFF)))

    def uniform(self, numbers: _Numbers, name: str) -> _Numbers:
        """Returns a number from 0 to below 1 for each number."""
        return _unit(self.hashes(numbers, name))

    def normal(self, numbers: _Numbers, name: str) -> _Numbers:
        """Returns a normally distributed number for each number, by the method of Box and Muller."""
        radius = np.sqrt(-2 * np.log1p(-self.uniform(numbers, f"{name}/r")))
        return radius * np.cos(2 * np.pi * self.uniform(numbers, f"{name}/a"))


def _mixed(bits: _Numbers) -> _Numbers:
    """Mixes 64 bits as SplitMix64 does, in place."""
    bits ^= bits >> np.uint64(30)
    bits *= np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(27)
    bits *= np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return bits


def _unit(bits: _Numbers) -> _Numbers:
    return (bits >> np.uint64(11)) * 2.0**-53


def _texts(
    draw: _Draw, name: str, sources: _Numbers, counts: _Numbers, numbers: _Numbers, is_variant: _Numbers
) -> pa.Array:
    """Returns a text for each item.

    Args:
        draw: the random numbers.
        name: what the texts are.
        sources: the number that decides each text.
        counts: the number of words of each.
        numbers: the item's own number, which decides the other word of a variant.
        is_variant: which items are variants.
    """
    ends = np.cumsum(counts)
    offsets = np.concatenate([[0], ends]).astype(np.int32)
    places = np.arange(ends[-1], dtype=np.uint64) - np.repeat(offsets[:-1].astype(np.uint64), counts)
    places *= _STEP
    places += np.repeat(draw.hashes(sources, name), counts)
    ranks = _ranks(_mixed(places))
    changed = np.flatnonzero(is_variant)
    other = draw.hashes(numbers[changed], f"{name[:5]}/v")
    within = (other >> np.uint64(32)) % counts[changed].astype(np.uint64)
    ranks[offsets[changed] + within.astype(np.int64)] = _ranks(other)
    words = _vocabulary().take(pa.array(ranks))
    return pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), words), " ")


def _ranks(bits: _Numbers) -> _Numbers:
    """Returns the rank of a word, from 0, by the law of Zipf and Mandelbrot."""
    power = 1 - _ZIPF_EXPONENT
    lowest, highest = _ZIPF_SHIFT**power, (_NUM_WORDS + _ZIPF_SHIFT) ** power
    places = (lowest + (highest - lowest) * _unit(bits)) ** (1 / power) - _ZIPF_SHIFT
    return np.clip(places, 0, _NUM_WORDS - 1).astype(np.int32)


@functools.cache
def _vocabulary() -> pa.Array:
    """Returns the words of the sample catalogue by rank."""
    return pa.array(vocabulary(_NUM_WORDS), pa.string())


def _uniform_counts(draw: _Draw, numbers: _Numbers, bounds: tuple[int, int]) -> _Numbers:
    lowest, highest = bounds
    hashes = draw.hashes(numbers, f"count{lowest}")
    return lowest + (hashes % np.uint64(highest - lowest)).astype(np.int64)


def _full_counts(draw: _Draw, numbers: _Numbers) -> _Numbers:
    return np.clip(_FULL_MEDIAN * np.exp(_FULL_SPREAD * draw.normal(numbers, "full")), *_FULL_WORDS).astype(np.int64)


def _cents(draw: _Draw, numbers: _Numbers) -> _Numbers:
    """Returns the price of each item, in cents: skewed, with a mean of about $60."""
    prices = _PRICE_MEDIAN * np.exp(_PRICE_SPREAD * draw.normal(numbers, "price"))
    cents = np.minimum(prices * 100, 1e9).astype(np.int64)
    ending, below = draw.uniform(numbers, "ending"), 0.0
    for share, fixed in _ENDING_SHARES:
        cents = np.where((ending >= below) & (ending < share), cents // 100 * 100 + fixed, cents)
        below = share
    dear = draw.hashes(numbers, "dear")  # what lies above the highest price gets any, and now and then the highest
    anywhere = _LOWEST_CENTS + ((dear >> np.uint64(8)) % np.uint64(_HIGHEST_CENTS - _LOWEST_CENTS)).astype(np.int64)
    anywhere = np.where(dear % np.uint64(64) == 0, _HIGHEST_CENTS, anywhere)
    return np.where(cents > _HIGHEST_CENTS, anywhere, np.maximum(cents, _LOWEST_CENTS))


def _weights(draw: _Draw, numbers: _Numbers) -> _Numbers:
    pounds = np.round(0.66 * np.exp(1.4 * draw.normal(numbers, "weight")), 4)
    return np.where(draw.uniform(numbers, "known") < _UNKNOWN_WEIGHTS, 0.0, pounds)


def _ids(numbers: _Numbers) -> pa.Array:
    """Returns ids like `B0K4T9ZQ1X`, each once."""
    left = numbers * np.uint64(_ID_STEP) % np.uint64(_BASE**_ID_CHARS)
    chars = np.empty((len(numbers), _ID_CHARS + 2), np.uint8)
    chars[:, 0], chars[:, 1] = ord("B"), ord("0")
    for place in range(_ID_CHARS + 1, 1, -1):
        chars[:, place] = _ID_DIGITS[left % np.uint64(_BASE)]
        left //= np.uint64(_BASE)
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(_ID_CHARS + 2), len(numbers), [None, pa.py_buffer(chars.tobytes())]
    ).cast(pa.string())
