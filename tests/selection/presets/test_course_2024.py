"""The 2024 course's training set."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from job.errors import UsageError
from job.selection.decision import SPLITS as SPLIT_NAMES
from job.selection.presets.course_2024 import chances_of, decide
from job.selection.presets.cut import shuffled
from tests.selection.presets import made, plain

ITEMS = made.items(30_000)
SMALL_CAP: dict[str, Any] = {"slot_cap": 60}
SPLITS = {"train": 3_000, "validation": 0, "test": 500}


def test_the_first_rows_of_train_and_test_are_at_the_published_positions() -> None:
    order = shuffled(408_635, 42)
    assert (order[0], order[400_000]) == (257_690, 342_796)


@pytest.mark.parametrize(("count", "seed"), [(0, 42), (1, 42), (2, 42), (30_000, 42), (30_000, 0), (777, 2**32 - 1)])
def test_a_shuffle_is_that_of_a_python_list(count: int, seed: int) -> None:
    expected = list(range(count))
    random.seed(seed)
    random.shuffle(expected)
    assert shuffled(count, seed).tolist() == expected


@pytest.mark.parametrize("seed", [42, 7, 0, 2**32 - 1])
def test_it_is_the_set_of_the_plain_way_whatever_the_seed(seed: int) -> None:
    settings = made.config("course-2024", seed=seed, sample=SMALL_CAP, splits=SPLITS)
    expected = plain.course_2024(ITEMS, seed=seed, cap=60, splits=(3_000, 0, 500))
    assert {"not_drawn", "unused"} == set(expected.reasons.values())
    made.assert_same(decide, ITEMS, settings, expected)


@pytest.mark.parametrize(
    ("sample", "as_plain"),
    [
        ({}, {}),
        ({"slot_cap": 1}, {"cap": 1}),
        ({"slot_cap": None}, {"cap": None}),
        ({"slot_cap": 9, "whole_from": None}, {"cap": 9, "whole_from": None}),
        ({"slot_cap": 9, "whole_from": 0}, {"cap": 9, "whole_from": 0}),
        ({"slot_cap": 9, "whole_from": 12}, {"cap": 9, "whole_from": 12}),
        (
            {"slot_cap": 40, "category_weights": {"Electronics": 0.3, "Appliances": 2.7}, "other_weight": 0.1},
            {"cap": 40, "weights": {"Electronics": 0.3, "Appliances": 2.7}, "other": 0.1},
        ),
        (
            {"slot_cap": 20, "category_weights": {"Electronics": 1}, "other_weight": 0, "whole_from": 30},
            {"cap": 20, "weights": {"Electronics": 1}, "other": 0, "whole_from": 30},
        ),
    ],
)
def test_caps_and_weights_are_those_of_the_plain_way(sample: dict[str, Any], as_plain: dict[str, Any]) -> None:
    settings = made.config("course-2024", sample=sample, splits={"train": 600, "test": 100})
    made.assert_same(decide, ITEMS, settings, plain.course_2024(ITEMS, splits=(600, 0, 100), **as_plain))


@pytest.mark.parametrize(("automotive", "other"), [(1, 5), (0.1, 0.7)])
def test_chances_are_those_of_the_plain_way_to_the_last_bit(automotive: float, other: float) -> None:
    slot = ITEMS[5_000:15_000]
    weights = np.array([automotive if item["category"] == "Automotive" else other for item in slot], np.float64)
    expected = plain.chances_2024(slot, {"Automotive": automotive}, other)
    assert chances_of(weights).tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    "splits",
    [("rest", 0, 200), (1_000, "rest", 200), (1_000, 0, "rest"), (1_000, 300, 200), ("rest", 300, 200), (0, 0, "rest")],
)
def test_validation_stands_between_train_and_test_and_any_split_can_be_the_rest(splits: Any) -> None:
    settings = made.config("course-2024", sample=SMALL_CAP, splits=dict(zip(SPLIT_NAMES, splits, strict=True)))
    made.assert_same(decide, ITEMS, settings, plain.course_2024(ITEMS, cap=60, splits=splits))


def test_the_sample_may_be_used_up_to_its_last_item() -> None:
    size = len(plain.course_2024(ITEMS, cap=60).sample)
    splits = {"train": size - 2_000, "validation": "rest"}
    decision = decide(made.index(ITEMS), made.config("course-2024", sample=SMALL_CAP, splits=splits))
    assert [decision.counts()[name] for name in ("train", "validation", "test", "unused")] == [
        size - 2_000,
        0,
        2_000,
        0,
    ]


def test_an_item_at_50_cents_has_no_slot_and_halves_go_to_the_even_dollar() -> None:
    prices = [0.5, 0.51, 1.5, 2.5, 999.49, 999.5, 1_200.0]
    items = [{**ITEMS[0], "number": n, "price": price} for n, price in enumerate(prices)]
    settings = made.config("course-2024", sample={"slot_cap": 1, "whole_from": 2}, splits={"train": "rest", "test": 0})
    decision = decide(made.index(items), settings)
    assert (decision.fate == 0).tolist() == [False, True, True, True, True, False, False]
    made.assert_same(decide, items, settings, plain.course_2024(items, cap=1, whole_from=2, splits=("rest", 0, 0)))


def test_the_sample_is_told_by_category_in_order_of_first_appearance() -> None:
    decision = decide(made.index(ITEMS), made.config("course-2024", sample=SMALL_CAP, splits=SPLITS))
    expected = made.by_appearance(plain.course_2024(ITEMS, cap=60, splits=(3_000, 0, 500)).sample)
    assert list(decision.stages["sample_by_category"].items()) == expected
    assert [name for name, _ in expected] != list(made.CATEGORIES)


def test_the_small_form_takes_appliances_alone_those_at_50_cents_too() -> None:
    items = made.items(30_000, categories=("Automotive", *["Appliances"] * 9))
    settings = made.config("course-2024", lite=True, seed=3)
    expected = plain.course_2024(items, seed=3, lite=True, splits=(25_000, 0, 2_000))
    assert any(item["price"] == 0.5 for item in expected.train)
    assert list(expected.reasons.values()).count("not_drawn") == 3_000
    assert list(expected.reasons.values()).count("unused") == 0
    made.assert_same(decide, items, settings, expected)


def test_the_small_form_takes_other_sizes() -> None:
    settings = made.config("course-2024", lite=True, splits={"train": 100, "validation": "rest", "test": 50})
    made.assert_same(decide, ITEMS, settings, plain.course_2024(ITEMS, lite=True, splits=(100, "rest", 50)))


def test_items_of_one_category_alone_go_with_the_weights_of_the_preset() -> None:
    items = made.items(2_000, categories=("Appliances",))
    settings = made.config("course-2024", sample={"slot_cap": 20}, splits={"train": 100, "test": 10})
    made.assert_same(decide, items, settings, plain.course_2024(items, cap=20, splits=(100, 0, 10)))


def priced(*prices: float) -> dict[str, Any]:
    return {"category": np.zeros(len(prices), np.uint16), "price": np.array(prices)}


@pytest.mark.parametrize(
    ("changes", "settings", "message"),
    [
        (
            {},
            {},
            "splits: 400,000 for train and 2,000 for test are more than the sample has: 29,561 items, 372,439 too few\n"
            "ask for fewer: --set splits.train=29414 --set splits.test=147",
        ),
        (
            priced(3, 4),
            {"splits": {"train": "rest", "test": 3}},
            "splits: 3 for test are more than the sample has: 2 items, 1 too few\nask for fewer: --set splits.test=2",
        ),
        (priced(), {}, "out/items has no items to make a training set of\nname others: --set items=DIR"),
        (
            {"price": None},
            {},
            "preset course-2024 needs prices, and the items of out/items have none\n"
            "name others, --set items=DIR, or leave the preset out: --set preset=null",
        ),
        (
            priced(5, np.inf, np.nan),
            {},
            "preset course-2024 needs finite prices, and 2 of 3 items have none; the first is item 1, of Automotive: "
            "inf\nto see it: curate show out/items 1",
        ),
        (
            priced(0.5, 0.2, 2_000),
            {},
            "none of the 3 items has a price that is rounded to $1 to $999, so course-2024 draws none\n"
            "name others, --set items=DIR, or leave the preset out: --set preset=null",
        ),
        (
            {**priced(5, 5, 5, 7, 7, 7, 8), "category": np.array([0, 0, 1, 0, 1, 1, 0], np.uint16)},
            {"sample": {"slot_cap": 2, "category_weights": {"Automotive": 0}}},
            "sample.slot_cap: 2 items are to be drawn of each dollar, and $5 has only 1 with a weight above 0, of 3\n"
            "draw fewer, --set sample.slot_cap=1, or give more categories a weight above 0: sample.other_weight, "
            "sample.category_weights",
        ),
        (  # with a cap of 1, $8 would be cut too
            {**priced(5, 5, 5, 8, 8), "category": np.array([0, 0, 1, 0, 0], np.uint16)},
            {"sample": {"slot_cap": 2, "category_weights": {"Automotive": 0}}},
            "sample.slot_cap: 2 items are to be drawn of each dollar, and $5 has only 1 with a weight above 0, of 3\n"
            "give more categories a weight above 0: sample.other_weight, sample.category_weights",
        ),
        (
            {"categories": ("Automotive", "Electronics", "Books")},
            {"sample": {"category_weights": {"Automotiv": 2}}},
            "sample.category_weights: no category 'Automotiv' among the items; did you mean Automotive?",
        ),
        (
            {**priced(5, 6), "categories": ("Electronics",)},
            {"lite": True},
            "the small form of course-2024 is made of Appliances, and none of the 2 items of out/items is one\n"
            "name others, --set items=DIR, or make the full form: --set lite=false",
        ),
        (
            {**priced(5, 6), "categories": ("Appliances",)},
            {"lite": True},
            "splits: 25,000 for train and 2,000 for test are more than the sample has: 2 items, 26,998 too few\n"
            "ask for fewer: --set splits.train=2 --set splits.test=0",
        ),
    ],
)
def test_what_these_items_cannot_give_is_one_clear_error(
    changes: dict[str, Any], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as raised:
        decide(made.index(ITEMS, **changes), made.config("course-2024", **settings))
    assert raised.value.message == message
