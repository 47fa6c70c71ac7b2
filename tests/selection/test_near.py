"""Near duplicates: the definition, and the bands that find them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from job.selection.near import NOTHING, jaccard, shape, similarities
from tests.selection.near_catalogue import all_near_pairs, bands_of, catalogue, groups_of, linked

LONG = "a quiet kettle of brushed steel with a cork handle that stays cool for years and pours without a drip"


def similarity(one: str, other: str, *, titles: tuple[str, str] = ("", ""), threshold: float = 0.1) -> float:
    return float(similarities(titles, (one, other), np.array([0]), np.array([1]), threshold)[0])


def test_similarity_is_what_two_texts_have_in_common_of_their_three_word_runs() -> None:
    assert similarity("a b c d", "a b c e") == 1 / 3  # abc of abc, bcd, bce
    assert similarity("a b c d e f", "a b c d e g") == 3 / 5
    assert similarity("a b c a b c", "a b c a b") == 1  # abc, bca, cab in both
    assert math.isnan(similarity("a b c d", "a b c e", threshold=0.34))
    assert similarity("a b c d", "a b c e", threshold=1 / 3) == 1 / 3


def test_case_white_space_and_marks_at_the_ends_of_words_make_no_difference() -> None:
    assert similarity("Straße, des  17.\nJuni!", "STRASSE des (17) juni") == 1


def test_a_text_of_one_or_two_words_is_one_run_and_one_without_words_is_like_no_other() -> None:
    assert similarity("kettle", "Kettle!") == 1
    assert similarity("steel kettle", "steel kettle.") == 1
    assert math.isnan(similarity("kettle", "steel kettle"))
    assert math.isnan(similarity("", ""))
    assert math.isnan(similarity("--- !!!", "--- !!!"))


@pytest.mark.parametrize(("one", "other"), [("16 GB", "64 GB"), ("2-pack", "4-pack"), ("5 5", "5"), ("A4", "A5")])
def test_texts_with_other_numbers_are_never_near(one: str, other: str) -> None:
    assert math.isnan(similarity(f"{LONG} {one}", f"{LONG} {other}"))
    assert math.isnan(similarity(LONG, LONG, titles=(one, other)))
    found = bands_of([one, other], [LONG, LONG], 0.8)
    assert not (found[0] == found[1]).any()


def test_a_number_counts_the_same_in_the_title_and_in_the_text() -> None:
    assert similarity(LONG, f"{LONG} 16", titles=("16", "")) == 18 / 19


def test_the_threshold_decides_as_it_is_written() -> None:
    four_of_five = ("a b c d e f", "a b c d e f g")
    assert similarity(*four_of_five, threshold=0.8) == 0.8
    assert math.isnan(similarity(*four_of_five, threshold=0.81))


def test_jaccard_knows_no_threshold_and_no_numbers() -> None:
    texts = ["a b c d", "a b c 5", "x", ""]
    assert jaccard(texts, np.array([0, 0, 2, 3]), np.array([1, 2, 2, 3])).tolist() == [1 / 3, 0, 1, 0]


@pytest.mark.parametrize(
    ("threshold", "expected"), [(0.1, (51, 1)), (0.5, (19, 2)), (0.8, (14, 5)), (0.9, (6, 5)), (1.0, (1, 5))]
)
def test_there_are_as_many_bands_as_the_threshold_needs(threshold: float, expected: tuple[int, int]) -> None:
    assert shape(threshold) == expected
    count, rows = expected
    assert 1 - (1 - threshold**rows) ** count >= 0.995


def test_bands_are_the_same_on_every_machine() -> None:
    found = bands_of(["Kettle 16 GB", "", None], [LONG, "静かな ケトル 🎸 2-pack", "one"], 0.9)
    assert found.tolist() == GOLDEN


GOLDEN = [
    [
        *(15469793578072671059, 5378787756294875137, 3308940866425704750),
        *(11848800165201520261, 17986690877671518431, 11640125228379680188),
    ],
    [
        *(15290238778612123874, 15027682945521306366, 8150846658738972744),
        *(5488605040749276119, 13938062739441421970, 9094807480998503117),
    ],
    [
        *(800902527827697001, 9439042496582726795, 7323111136386391019),
        *(15702478404208373637, 4077031770772574967, 12774413806955335376),
    ],
]
"""What Python 3.11, 3.12 and 3.13 gave."""


def test_bands_of_an_item_do_not_depend_on_the_others() -> None:
    titles, texts = catalogue(1200)
    together = bands_of(titles, texts, 0.8)
    for item in (0, 1, 499, 500, 1199):
        assert (bands_of([titles[item]], [texts[item]], 0.8)[0] == together[item]).all()


def test_a_text_without_words_shares_no_band() -> None:
    found = bands_of(["16 GB"] * 4, ["", None, " \n", "--- ! ---"], 0.8)
    assert (found == NOTHING).all()


@pytest.mark.seconds
@pytest.mark.parametrize(("threshold", "size"), [(0.8, 2000), (0.5, 600), (1.0, 600)])
def test_links_are_those_of_the_definition(threshold: float, size: int) -> None:
    titles, texts = catalogue(size)
    expected = all_near_pairs(titles, texts, threshold)
    found, _ = linked(titles, texts, threshold)
    assert {pair: expected.get(pair) for pair in found} == found, "precision is 1, and the similarities are exact"
    groups = groups_of(size, found)
    together = sum(groups[first] == groups[second] for first, second in expected)
    assert together >= 0.99 * len(expected)
    assert len(expected) > size / 5


@pytest.mark.seconds
def test_bands_find_pairs_just_at_the_threshold_as_often_as_calculated() -> None:
    made = np.random.default_rng(1)
    texts: list[str] = []
    for _ in range(3000):
        shared, own = [[f"w{word:x}z".translate(_NO_DIGITS) for word in made.integers(0, 1 << 60, n)] for n in (18, 4)]
        texts += [" ".join(shared), " ".join([*shared, *own])]  # 16 of 20 runs in common: 0.8
    found = bands_of([""] * len(texts), texts, 0.8)
    missed = float((~(found[::2] == found[1::2]).any(axis=1)).mean())
    assert abs(missed - (1 - 0.8**5) ** 14) < 0.0034  # three standard deviations; expected: 0.0039


_NO_DIGITS = str.maketrans("0123456789", "ghijklmnop")
