"""A catalogue with planted near duplicates, and the definition of these, applied to all pairs."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import xxhash

from job.selection.components import components
from job.selection.folding import folded, number_words, shingles, words
from job.selection.near import bands, similarities
from job.selection.near_pairs import Rounds, batches

Pairs = dict[tuple[int, int], float]

_STARTS = ("alb", "bor", "cam", "dun", "fir", "gal", "hol", "jas", "kel", "lum")
_LATIN = [f"{start}{end}" for start in _STARTS for end in ("a", "en", "is", "o", "um")]
_JAPANESE = ["静かな", "電気", "ケトル", "交換用", "部品", "台所", "白い", "軽い", "木製", "音楽"]
_EMOJI = ["🎸", "🔧", "👍🏽", "✨✨"]
_COLOURS = ["red", "blue", "green", "schwarz", "crème", "ROT"]


def words_of(made: random.Random, length: int) -> list[str]:
    """Returns words of a text, mostly of letters."""
    kinds = made.choices(("latin", "japanese", "emoji", "number"), (90, 6, 2, 2), k=length)
    return [
        {
            "latin": lambda: made.choice(_LATIN) + made.choice(_LATIN),
            "japanese": lambda: made.choice(_JAPANESE),
            "emoji": lambda: made.choice(_EMOJI),
            "number": lambda: str(made.randint(1, 300)),
        }[kind]()
        for kind in kinds
    ]


def catalogue(size: int, seed: int = 1) -> tuple[list[str], list[str]]:
    """Returns titles and texts in a random order, of which many are a variant of another one."""
    made = random.Random(seed)
    listings: list[tuple[str, str]] = []
    while len(listings) < size:
        title, text = " ".join(words_of(made, 6)), words_of(made, made.randint(1, 120))
        listings.append((title, " ".join(text)))
        for _ in range(made.choice((0, 0, 1, 2, 5))):
            listings.append(variant(made, title, list(text)))
    made.shuffle(listings)
    titles, texts = zip(*listings[:size], strict=True)
    return list(titles), list(texts)


def variant(made: random.Random, title: str, text: list[str]) -> tuple[str, str]:
    """Returns a listing that differs a little, so that it mostly is a near duplicate, and sometimes just is not."""
    kind = made.choice(("word", "words", "longer", "memory", "pack", "colour", "case", "copy", "number in title"))
    at = made.randrange(len(text))
    if kind in ("word", "colour"):
        text[at] = made.choice(_COLOURS)
    elif kind == "words":
        for place in made.sample(range(len(text)), min(len(text), made.randint(2, 6))):
            text[place] = made.choice(_LATIN)
    elif kind == "longer":
        text += [made.choice(_LATIN) for _ in range(made.randint(1, 15))]
    elif kind == "memory":
        text += [made.choice(("16", "64")), "GB"]
    elif kind == "pack":
        text[at] = made.choice(("2-pack", "4-pack"))
    elif kind == "case":
        text = [word.upper() + "  " for word in text]
    elif kind == "number in title":
        title += f" ({made.randint(1, 3)})"
    return title, " ".join(text)


def all_near_pairs(titles: Sequence[str], texts: Sequence[str], threshold: float) -> Pairs:
    """Returns every pair that meets the definition, with its similarity, by comparing all of them."""
    sets = [shingles(words(folded(text))) for text in texts]
    numbers = [number_words(folded(title), folded(text)) for title, text in zip(titles, texts, strict=True)]
    alike: dict[tuple[str, ...], list[int]] = {}
    for item, ours in enumerate(sets):
        if ours:
            alike.setdefault(numbers[item], []).append(item)
    pairs: Pairs = {}
    for items in alike.values():
        for first, second in itertools.combinations(items, 2):
            common = len(sets[first] & sets[second])
            similarity = common / (len(sets[first]) + len(sets[second]) - common)
            if similarity >= threshold:
                pairs[first, second] = similarity
    return pairs


def hashes_of(texts: Sequence[str]) -> np.ndarray:
    """Returns the hash of each folded text, as the index has it."""
    found = [
        divmod(xxhash.xxh3_128_intdigest(folded(text).encode()), 1 << 64) if folded(text) else (0, 0) for text in texts
    ]
    return np.array(found, np.uint64).reshape(-1, 2)


def bands_of(titles: Sequence[str | None], texts: Sequence[str | None], threshold: float) -> np.ndarray:
    """Returns the bands of items."""
    return bands(pa.array(titles, pa.string()), pa.array(texts, pa.string()), threshold)


def linked(titles: Sequence[str], texts: Sequence[str], threshold: float) -> tuple[Pairs, int]:
    """Returns the links that the program finds, with their similarities, and how many pairs it compared."""
    rounds = Rounds(bands_of(titles, texts, threshold), hashes_of(texts))
    links: Pairs = dict.fromkeys(zip(*(ends.tolist() for ends in rounds.copies), strict=True), 1.0)
    compared = 0
    while (pairs := rounds.next_pairs()) is not None:
        for places in batches(*pairs, 1000):
            first, second = pairs[0][places], pairs[1][places]
            found = similarities(titles, texts, first, second, threshold)
            is_near = ~np.isnan(found)
            rounds.link(first[is_near], second[is_near])
            ends = zip(first[is_near].tolist(), second[is_near].tolist(), strict=True)
            links |= dict(zip(ends, found[is_near].tolist(), strict=True))
            compared += len(places)
    return links, compared


def groups_of(size: int, links: Pairs) -> np.ndarray:
    """Returns the smallest item of each item's group."""
    first, second = (np.array([pair[end] for pair in links], np.int64) for end in (0, 1))
    return components(size, first, second)
