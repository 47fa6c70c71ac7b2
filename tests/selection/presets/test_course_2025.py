"""The 2025 course's training set."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from job.errors import UsageError
from job.selection.decision import FATES
from job.selection.decision import SPLITS as SPLIT_NAMES
from job.selection.presets.course_2025 import chances_of, decide, firsts
from tests.selection.presets import made, plain

ITEMS = made.items(30_000)
SPLITS = {"train": 5_000, "validation": 300, "test": "rest"}
AS_PLAIN: dict[str, Any] = {"size": 6_000, "splits": (5_000, 300, "rest")}


def config(**settings: Any) -> Any:
    return made.config("course-2025", **{"sample": {"size": 6_000}, "splits": SPLITS, **settings})


@pytest.mark.parametrize("seed", [42, 7, 0, 2**32 - 1])
def test_it_is_the_set_of_the_plain_way_whatever_the_seed(seed: int) -> None:
    expected = plain.course_2025(ITEMS, seed=seed, **AS_PLAIN)
    assert set(expected.reasons.values()) == {"duplicate_title", "duplicate_text", "not_drawn"}
    made.assert_same(decide, ITEMS, config(seed=seed), expected)


@pytest.mark.parametrize("kinds", [("title",), ("text",), (), ("text", "title")])
def test_duplicates_are_removed_by_the_kinds_named_in_their_order(kinds: tuple[str, ...]) -> None:
    expected = plain.course_2025(ITEMS, deduplicate=kinds, **AS_PLAIN)
    made.assert_same(decide, ITEMS, config(deduplicate=kinds), expected)


@pytest.mark.parametrize(("halves", "others"), [(1, 1), (1, 500), (40, 40), (1 << 60, 1), (1 << 60, 1 << 60)])
def test_hashes_of_which_only_one_half_is_the_same_are_different(halves: int, others: int) -> None:
    """Such hashes occur once in 4 million sets, so that only made ones show it."""
    draw = np.random.default_rng(5)
    hashes = np.stack([draw.integers(0, end, 2_000, np.uint64) for end in (halves, others)], axis=1)
    order = draw.permutation(2_000)
    kept = np.full(2_000, -1)
    is_first = firsts(order, hashes, kept)
    seen: dict[tuple[int, int], int] = {}
    for place, first in zip(order.tolist(), is_first.tolist(), strict=True):
        known = seen.setdefault(tuple(hashes[place].tolist()), place)
        assert first == (known == place)
        assert kept[place] == (-1 if first else known)


def test_texts_are_compared_among_the_items_that_titles_have_left() -> None:
    items = [
        {**ITEMS[0], "number": n, "price": n, "title": title, "text": text}
        for n, (title, text) in enumerate(
            [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y"), ("", ""), ("", ""), ("c", "x")]
        )
    ]
    for seed in range(20):
        settings = config(seed=seed, sample={"size": 1}, splits={"train": "rest", "validation": 0, "test": 0})
        expected = plain.course_2025(items, seed=seed, size=1, splits=("rest", 0, 0))
        made.assert_same(decide, items, settings, expected)


def test_hashes_that_are_the_same_in_one_half_are_not_the_same() -> None:
    text = np.array([[5, 1], [5, 2], [5, 1], [6, 2], [5, 2], [7, 7]], np.uint64)
    expected = [0, 1, 0, 3, 1, 5]
    for seed in range(10):
        settings = config(
            seed=seed,
            deduplicate=["text"],
            sample={"size": None, "price_power": None},
            splits={"train": "rest", "validation": 0, "test": 0},
        )
        decision = decide(made.index(ITEMS[:6], text=text), settings)
        groups = [int(kept) if kept >= 0 else place for place, kept in enumerate(decision.kept)]
        assert [expected[group] for group in groups] == expected
        assert decision.counts()["duplicate_text"] == 2
        assert decision.counts()["train"] == 4


@pytest.mark.parametrize(
    ("sample", "as_plain"),
    [
        ({"price_power": 1}, {"power": 1}),
        ({"price_power": 0.5}, {"power": 0.5}),
        ({"price_power": 3}, {"power": 3}),
        ({"price_power": None}, {"power": None}),
        ({"price_power": 0}, {"power": 0}),
        (
            {"category_weights": {"Electronics": 0.3, "Appliances": 0}},
            {"weights": {"Electronics": 0.3, "Appliances": 0}},
        ),
        ({"category_weights": {}}, {"weights": {}}),
    ],
)
def test_weights_are_those_of_the_plain_way(sample: dict[str, Any], as_plain: dict[str, Any]) -> None:
    expected = plain.course_2025(ITEMS, **AS_PLAIN | as_plain)
    made.assert_same(decide, ITEMS, config(sample={"size": 6_000, **sample}), expected)


@pytest.mark.parametrize("power", [2, 1, 3, 0.7, None])
def test_chances_are_those_of_the_plain_way_to_the_last_bit(power: float | None) -> None:
    index = made.index(ITEMS)
    assert index.price is not None
    weights = {"Tools_and_Home_Improvement": 0.5, "Automotive": 0.05}
    by_category = np.array([weights.get(name, 1) for name in index.categories])
    settings = config(sample={"price_power": power})
    found = chances_of(settings, index.price.copy(), by_category, index.category)
    assert found.tobytes() == plain.chances_2025(ITEMS, power, weights).tobytes()


def test_an_item_at_the_lowest_price_is_never_drawn_and_all_others_can_be() -> None:
    drawable = sum(item["price"] > made.LOWEST for item in ITEMS)
    settings = {"deduplicate": [], "splits": {"train": "rest", "validation": 0, "test": 0}}
    expected = plain.course_2025(ITEMS, deduplicate=(), size=drawable, splits=("rest", 0, 0))
    made.assert_same(decide, ITEMS, config(sample={"size": drawable}, **settings), expected)
    made.assert_same(decide, ITEMS, config(sample={"size": None}, **settings), expected)
    assert {ITEMS[number]["price"] for number in expected.reasons} == {made.LOWEST}


@pytest.mark.parametrize("splits", [("rest", 0, 200), (1_000, "rest", 200), (1_000, 300, "rest"), (1_000, 300, 200)])
def test_any_split_can_be_the_rest(splits: Any) -> None:
    settings = config(splits=dict(zip(SPLIT_NAMES, splits, strict=True)))
    made.assert_same(decide, ITEMS, settings, plain.course_2025(ITEMS, size=6_000, splits=splits))


def test_stages_tell_what_is_left_after_titles_and_after_texts_and_the_categories_as_they_come() -> None:
    expected = plain.course_2025(ITEMS, **AS_PLAIN)
    reasons = list(expected.reasons.values())
    stages = decide(made.index(ITEMS), config()).stages
    after_titles = len(ITEMS) - reasons.count("duplicate_title")
    assert stages["after_titles"]["items"] == after_titles
    assert stages["after_texts"]["items"] == after_titles - reasons.count("duplicate_text")
    lost = {number for number, reason in expected.reasons.items() if reason.startswith("duplicate")}
    left = made.by_appearance([item for item in ITEMS if item["number"] not in lost])
    assert dict(stages["after_texts_by_category"]) == dict(left)
    shuffled = expected.train + expected.validation + expected.test
    assert list(stages["sample_by_category"].items()) == made.by_appearance(shuffled)
    assert made.by_appearance(shuffled) != made.by_appearance(expected.sample)


@pytest.mark.slow
def test_the_small_form_takes_the_first_rows_of_each_split_of_the_full_form() -> None:
    index = made.large_index(900_000)
    items = made.items_of(index)
    sample = {"size": 811_000, "price_power": 0.5}
    expected = plain.course_2025(items, size=811_000, power=0.5, lite=(20_000, 10_000, 1_000))
    decision = decide(index, made.config("course-2025", lite=True, sample=sample, splits={"validation": 10_000}))
    for split in SPLIT_NAMES:
        places = np.flatnonzero(decision.fate == FATES.index(split))
        found = places[np.argsort(decision.row[places])].tolist()
        assert found == [item["number"] for item in getattr(expected, split)]
    reasons = list(expected.reasons.values())
    counts = decision.counts()
    assert (counts["unused"], counts["not_drawn"]) == (reasons.count("unused"), reasons.count("not_drawn"))


def test_the_small_form_cuts_as_the_full_form_does_though_it_is_short() -> None:
    settings = made.config(
        "course-2025", lite=True, sample={"size": 6_000}, splits={"train": 50, "validation": 0, "test": "rest"}
    )
    expected = plain.course_2025(ITEMS, size=6_000, lite=(50, 0, 0))
    assert list(expected.reasons.values()).count("unused") == 5_950
    made.assert_same(decide, ITEMS, settings, expected)


def changed(prices: list[float], categories: list[int] | None = None) -> dict[str, Any]:
    """Returns the columns of items with titles and texts of their own."""
    count = len(prices)
    hashes = np.arange(2 * count, dtype=np.uint64).reshape(-1, 2)
    numbers = np.array(categories or [0] * count, np.uint16)
    return {"price": np.array(prices, np.float64), "category": numbers, "title": hashes, "text": hashes}


@pytest.mark.parametrize(
    ("changes", "settings", "message"),
    [
        (
            {},
            {},
            "sample.size: 820,000 items are to be drawn, and only 22,002 of the 22,292 left after duplicates can be: "
            "the others have the weight 0, as the lowest price, $0.50, always has\n"
            "draw fewer: --set sample.size=22002 --set splits.train=21465 --set splits.validation=268",
        ),
        (
            changed([5, 6, 7]),
            {"deduplicate": [], "sample": {"size": 4, "price_power": None}, "splits": {"train": 4, "validation": 0}},
            "sample.size: 4 items are to be drawn, and only 3 are left\n"
            "draw fewer: --set sample.size=3 --set splits.train=3",
        ),
        (
            changed([5, 6, 7]),
            {"sample": {"size": 3}, "splits": {"train": 1, "validation": 0}},
            "sample.size: 3 items are to be drawn, and only 2 of the 3 left after duplicates can be: the others have "
            "the weight 0, as the lowest price, $5.00, always has\ndraw fewer: --set sample.size=2",
        ),
        (
            changed([5, 6, 7]),
            {"lite": True},
            "sample.size: 820,000 items are to be drawn, and only 2 of the 3 left after duplicates can be: the others "
            "have the weight 0, as the lowest price, $5.00, always has\ndraw fewer: --set lite=false "
            "--set sample.size=2 --set splits.train=1 --set splits.validation=0",
        ),
        (
            changed([5, 5, 5]),
            {},
            "sample.price_power: every price left after duplicates is $5.00 (3 items), so by its price none has a "
            "weight above 0\nleave prices out of the weights: --set sample.price_power=null",
        ),
        (
            changed([5, 6, 7]),
            {"sample": {"category_weights": {"Automotive": 0}}},
            "sample: none of the 3 items left after duplicates has a weight above 0\n"
            "give more categories one: sample.category_weights",
        ),
        (
            changed([5, 6, 7]),
            {"sample": {"size": 2}, "splits": {"train": 2, "validation": 1, "test": 0}},
            "splits: 2 for train and 1 for validation are more than the sample has: 2 items, 1 too few\n"
            "ask for fewer: --set splits.validation=0",
        ),
        (
            changed([5, 6, 7]),
            {"lite": True, "sample": {"size": 2}},
            "splits: the small form takes the first rows of the full form's splits, and cannot take 20,000 of the 2 "
            "for train and 1,000 of the 0 for validation and 1,000 of the 0 for test in a sample of 2 items\n"
            "take fewer: --set splits.train=2 --set splits.validation=0 --set splits.test=0",
        ),
        ({"text": None}, {}, "deduplicate: the items have no text\nleave it out: --set 'deduplicate=[]'"),
        (changed([]), {}, "out/items has no items to make a training set of\nname others: --set items=DIR"),
        (
            {"price": None},
            {},
            "preset course-2025 needs prices, and the items of out/items have none\n"
            "name others, --set items=DIR, or leave the preset out: --set preset=null",
        ),
        (
            changed([5, np.nan], [0, 3]),
            {},
            "preset course-2025 needs finite prices, and 1 of 2 items have none; the first is item 1, of Appliances: "
            "nan\nto see it: curate show out/items 1",
        ),
        (
            {},
            {"sample": {"category_weights": {"Tools": 2}}},
            "sample.category_weights: no category 'Tools' among the items; they are of: Automotive, Electronics, "
            "Tools_and_Home_Improvement, Appliances",
        ),
    ],
)
def test_what_these_items_cannot_give_is_one_clear_error(
    changes: dict[str, Any], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as raised:
        decide(made.index(ITEMS, **changes), made.config("course-2025", **settings))
    assert raised.value.message == message


def test_items_of_one_category_alone_go_with_the_weights_of_the_preset() -> None:
    items = made.items(2_000, categories=("Appliances",))
    settings = config(sample={"size": 500}, splits={"train": 400, "validation": 50})
    made.assert_same(decide, items, settings, plain.course_2025(items, size=500, splits=(400, 50, "rest")))
