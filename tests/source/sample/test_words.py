"""The sample's words: ordinary ones first, then new ones without an end, as often as in natural text."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest

from job.source.sample.listings import RowMaker
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
    vocabulary,
)
from tests.paths import REAL

Row = dict[str, Any]


def test_composed_words_follow_the_ordinary_ones_and_begin_anew_after_the_last() -> None:
    words = Words(("kettle", "lamp"), ("ab", "xyz"), ("c", "-", "de"))
    first = {words[number] for number in range(2, 8)}
    assert (words[0], words[1]) == ("kettle", "lamp")
    assert first == {"ax", "ay", "az", "bx", "by", "bz"}
    assert {words[8], words[9]} == {"c-d", "c-e"}
    assert words[10] == words[8]
    assert words[10**30] in {"c-d", "c-e"}


@pytest.mark.parametrize("words", [NOUNS, ADJECTIVES, VERBS, NAMES, FEATURES])
def test_there_are_enough_words_of_each_kind(words: Words) -> None:
    first = [words[number] for number in range(50_000)]
    assert all(first)
    assert len(set(first)) > 49_000


def test_words_of_several_scripts_are_made() -> None:
    assert [kind[0].isascii() for kind in FOREIGN] == [False] * len(FOREIGN)
    assert all(len({kind[number] for number in range(500)}) > 400 for kind in FOREIGN)


def test_words_are_numbered_the_same_everywhere() -> None:
    assert [NOUNS[number] for number in (0, 1, 700, 9_000)] == ["kettle", "filter", "squeegeeholder", "shoelawn"]
    assert [NAMES[number] for number in (0, 1, 2_200, 70_000)] == ["Alvix", "Ulmhaus", "Alveben", "Alvunolworth"]


def test_few_words_take_most_places_and_the_rest_has_no_end() -> None:
    assert [rank(unit, 100) for unit in (0.0, 0.5, 0.9, 0.99, 0.9999)] == [0, 137, 1678, 31522, 9_999_900]
    assert rank(1 - 2**-53, 100) > 10**20


def test_verbs_and_nouns_are_inflected() -> None:
    verbs = ("clean", "store", "carry", "play", "clip", "scrub", "dye", "tie", "wax", "stack", "water")
    assert [past(verb) for verb in verbs] == [
        *("cleaned", "stored", "carried", "played", "clipped", "scrubbed", "dyed", "tied", "waxed", "stacked"),
        "watered",
    ]
    assert [gerund(verb) for verb in verbs] == [
        *("cleaning", "storing", "carrying", "playing", "clipping", "scrubbing", "dyeing", "tying", "waxing"),
        *("stacking", "watering"),
    ]
    nouns = ("lamp", "box", "switch", "brush", "battery", "tray")
    assert [plural(noun) for noun in nouns] == ["lamps", "boxes", "switches", "brushes", "batteries", "trays"]


def test_a_vocabulary_has_the_words_of_all_kinds() -> None:
    words = list(vocabulary(60_000))
    assert words[:3] == ["the", "and", "of"]
    assert {"kettle", "quiet", "clean", NAMES[0], FEATURES[0], "1"} <= set(words[:80])
    assert len(words) == 60_000
    assert len(set(words)) > 59_000


def made(num_rows: int) -> list[Row]:
    makers = [RowMaker(3, "Appliances", chunk) for chunk in range(-(-num_rows // 1000))]
    return [maker.row() for maker in makers for _ in range(1000)][:num_rows]


def counted(rows: Iterable[Row]) -> Counter[str]:
    """Counts what stands between white space in the texts that the recipes read."""
    return Counter(
        word
        for row in rows
        for text in (row["title"] or "", *row["features"], *row["description"], json.dumps(row["details"]))
        for word in text.split()
    )


def shares(words: Counter[str]) -> tuple[float, float]:
    """Returns how many of all words are different ones, and how many stand once."""
    total = words.total()
    return len(words) / total, sum(count == 1 for count in words.values()) / total


def test_words_are_varied_and_new_ones_go_on_coming() -> None:
    rows = made(8_000)
    different, once = shares(counted(rows[:4_563]))
    assert 0.10 < different < 0.12
    assert 0.055 < once < 0.08
    sizes = [len(counted(rows[:num_rows])) for num_rows in (1_000, 2_000, 4_000, 8_000)]
    assert all(1.5 < after / before < 1.8 for before, after in pairwise(sizes))


def test_new_words_are_not_only_numbers() -> None:
    words = counted(made(3_000))
    new = [word for word, count in words.items() if count == 1]
    assert sum(word.strip(".,;:!?()\"'[]").isalpha() for word in new) / len(new) > 0.55
    assert 0.01 < sum(not word.isascii() or "\\u" in word for word in new) / len(new) < 0.1
    assert sum(any(char.isdigit() for char in word) for word in new) / len(new) < 0.35


@pytest.mark.skipif(not REAL.exists(), reason="the real rows are not here")
def test_words_are_as_varied_as_in_real_rows() -> None:
    with gzip.open(REAL / "rows.jsonl.gz", "rt", encoding="utf-8") as lines:
        real = counted(map(json.loads, lines))
    words = counted(made(4_563))
    for of_real, of_made in zip(shares(real), shares(words), strict=True):
        assert of_made == pytest.approx(of_real, rel=0.3)
    for most in (10, 100, 1_000, 10_000):
        parts = [sum(count for _, count in each.most_common(most)) / each.total() for each in (real, words)]
        assert parts[1] == pytest.approx(parts[0], rel=0.12), most
