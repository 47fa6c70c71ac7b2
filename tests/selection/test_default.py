"""The default method against a plain second version of it, and what always holds."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest

from job.config.craft import CraftConfig
from job.errors import UsageError
from job.selection.decision import FATES, SPLITS, Decision
from job.selection.default import decide
from tests.selection import plain
from tests.selection.made_items import CATEGORIES, Item, Near, index_of, made, made_near, near_links

CONFIGS: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "another seed": {"seed": 7},
    "nothing removed": {"deduplicate": []},
    "kinds in another order": {"deduplicate": ["near", "text", "id"], "splits": {"train": 0.5, "test": "rest"}},
    "only near": {"deduplicate": ["near"], "splits": {"train": 0.9, "validation": 0.05, "test": 0.05}},
    "an exact size": {"sample": {"size": 700}, "splits": {"train": 300, "validation": 100, "test": "rest"}},
    "weights and a power of the price": {
        "sample": {"size": 500, "price_power": 1.5, "category_weights": {"Automotive": 0.05}, "other_weight": 2},
        "splits": {"train": 400, "validation": 0, "test": 20},
    },
    "at most so many per dollar": {"sample": {"slot_cap": 12, "whole_from": 30, "category_weights": {"Appliances": 0}}},
    "caps, a size and groups that stay together": {
        "deduplicate": ["title"],
        "sample": {"slot_cap": 30, "size": 900, "price_power": 0.5},
        "splits": {"train": 300, "validation": 0.2, "test": 40},
    },
    "all of it for one split": {"splits": {"train": 0.0, "validation": 1.0, "test": 0.0}},
    "unused ones": {"deduplicate": ["id", "title"], "splits": {"train": 100, "validation": 10, "test": 10}},
}
SIZE = 1_500


def config_of(**values: Any) -> CraftConfig:
    return CraftConfig.model_validate({"items": "made", **values})


def fates_of(decision: Decision) -> list[str]:
    return [FATES[fate] for fate in decision.fate.tolist()]


def rows_of(decision: Decision, fates: list[str]) -> dict[str, list[int]]:
    """Returns the items of each split in the order of their rows."""
    rows: dict[str, dict[int, int]] = {name: {} for name in SPLITS}
    for number, (fate, row) in enumerate(zip(fates, decision.row.tolist(), strict=True)):
        if fate in rows:
            assert row not in rows[fate]
            rows[fate][row] = number
    return {name: [found[row] for row in range(len(found))] for name, found in rows.items()}


@pytest.mark.parametrize("values", CONFIGS.values(), ids=CONFIGS)
def test_the_decision_is_that_of_the_plain_version(values: dict[str, Any]) -> None:
    items, near, config = made(SIZE), made_near(SIZE, 300), config_of(**values)
    expected, splits = plain.decide(items, config, near)
    decided = decide(index_of(items, config.seed), config, near_links(near))
    fates = fates_of(decided)
    assert fates == [fate for fate, _ in expected]
    assert decided.kept.tolist() == [-1 if kept is None else kept for _, kept in expected]
    assert rows_of(decided, fates) == splits
    known = {frozenset(link[:2]): link[2] for link in near}
    for number, (fate, kept) in enumerate(expected):
        similarity = known.get(frozenset((number, kept or 0))) if fate == "duplicate_near" else None
        assert decided.similarity[number] == similarity or math.isnan(decided.similarity[number]) > (similarity or 0)
    removed = [number for number, fate in enumerate(fates) if fate not in SPLITS]
    assert decided.row[removed].tolist() == list(range(len(removed)))


def test_the_made_items_have_duplicates_of_every_kind() -> None:
    decided = decide(index_of(made(SIZE)), config_of(), near_links(made_near(SIZE, 300)))
    counts = decided.counts()
    assert min(counts[f"duplicate_{kind}"] for kind in plain.KINDS) > 50
    assert np.isnan(decided.similarity[decided.fate == FATES.index("duplicate_near")]).any()  # in a chain
    assert (decided.similarity > 0.8).sum() > 50


@pytest.mark.parametrize("values", CONFIGS.values(), ids=CONFIGS)
def test_the_funnel_adds_up_and_no_group_is_in_two_splits(values: dict[str, Any]) -> None:
    items, near, config = made(SIZE, seed=1), made_near(SIZE, 300, seed=1), config_of(**values)
    decided = decide(index_of(items, config.seed), config, near_links(near))
    fates, counts = fates_of(decided), decided.counts()
    assert sum(counts.values()) == SIZE
    for group in plain.grouped(SIZE, plain.neighbours(items, near).values()):
        assert len({fates[member] for member in group} & set(SPLITS)) <= 1
    stages = decided.stages
    assert list(stages) == [
        "items",
        *(f"without_duplicate_{kind}" for kind in config.deduplicate),
        "sample",
        *SPLITS,
    ]
    left = SIZE
    for kind in config.deduplicate:
        left -= counts[f"duplicate_{kind}"]
        assert stages[f"without_duplicate_{kind}"]["items"] == left
    assert stages["sample"]["items"] == left - counts["not_drawn"]
    assert sum(stages[name]["items"] for name in SPLITS) == stages["sample"]["items"] - counts["unused"]
    for name in SPLITS:
        prices = [item.price for item, fate in zip(items, fates, strict=True) if fate == name]
        expected: dict[str, Any] = {"items": len(prices)}
        if prices:
            expected["mean_price"] = pytest.approx(math.fsum(prices) / len(prices), abs=1e-4)
        assert stages[name] == expected


@pytest.mark.parametrize("values", CONFIGS.values(), ids=CONFIGS)
def test_the_order_of_the_items_plays_no_part(values: dict[str, Any]) -> None:
    items, near, config = made(SIZE, seed=2), made_near(SIZE, 300, seed=2), config_of(**values)
    order = random.Random(3).sample(range(SIZE), SIZE)
    now_at = {old: new for new, old in enumerate(order)}
    moved: Near = [(now_at[one], now_at[other], similarity) for one, other, similarity in reversed(near)]
    decided = decide(index_of(items, config.seed), config, near_links(near))
    other = decide(index_of([items[old] for old in order], config.seed), config, near_links(moved))
    assert len(set(items)) == SIZE
    assert [fates_of(other)[now_at[number]] for number in range(SIZE)] == fates_of(decided)
    rows = rows_of(other, fates_of(other))
    assert {name: [order[number] for number in found] for name, found in rows.items()} == rows_of(
        decided, fates_of(decided)
    )


def test_more_items_push_out_as_many_as_they_are_drawn_and_move_no_other() -> None:
    items = [Item(id=f"B{n}", title=f"T {n}", text=f"A {n}", category=CATEGORIES[n % 3]) for n in range(2_200)]
    config = config_of(sample={"size": 600, "category_weights": {"Automotive": 3}}, splits={"test": 0.2})
    before = fates_of(decide(index_of(items[:2_000]), config))
    after = fates_of(decide(index_of(items), config))
    changed = [(fate, after[number]) for number, fate in enumerate(before) if fate != after[number]]
    num_new = sum(fate in SPLITS for fate in after[2_000:])
    assert 30 < num_new < 90
    assert len(changed) == num_new
    assert all(old in SPLITS and new == "not_drawn" for old, new in changed)


def test_more_items_move_only_members_of_groups_that_they_come_into() -> None:
    items, config = made(2_200, seed=4), config_of(splits={"validation": 0.2, "test": 0.2})
    before = fates_of(decide(index_of(items[:2_000]), config))
    after = fates_of(decide(index_of(items), config))
    changed = {number for number, fate in enumerate(before) if fate != after[number]}
    groups = plain.grouped(len(items), plain.neighbours(items, []).values())
    assert 20 < len(changed) < 200
    assert all(max(groups[number]) >= 2_000 for number in changed)


def one_like(**values: Any) -> list[Item]:
    """Returns items that differ in everything but what is given."""
    own: list[dict[str, Any]] = [
        {"id": f"B{n}", "title": f"T {n}", "text": f"A {n}", "price": n + 1.0} for n in range(50)
    ]
    return [Item(**{**each, **values}) for each in own]


@pytest.mark.parametrize(
    ("items", "kept"),
    [
        (one_like(id=None), 50),
        (one_like(id=""), 50),
        (one_like(id="B"), 1),
        (one_like(title=""), 50),
        (one_like(title=" \t"), 50),
        (one_like(text=""), 50),
        (one_like(title="T", text=""), 1),
        (one_like(id=None, title="", text=""), 50),
        (one_like(id=None, title="", text="The same"), 1),
        (one_like(id="B", title="T", text="A"), 1),
    ],
)
def test_what_is_null_or_empty_equals_no_other(items: list[Item], kept: int) -> None:
    decided = decide(index_of(items), config_of())
    assert decided.stages["sample"]["items"] == kept
    assert sum(stage["items"] for name, stage in decided.stages.items() if name in SPLITS) == kept
    survivors = set(np.flatnonzero(decided.fate < len(SPLITS)).tolist())
    assert set(decided.kept.tolist()) - {-1} <= survivors


def test_items_that_are_all_alike_leave_the_first_one() -> None:
    decided = decide(index_of(one_like(id="B", title="T", text="A", price=2.0)), config_of())
    assert decided.counts()["duplicate_id"] == 49
    assert decided.kept.tolist() == [-1] + [0] * 49


def test_without_ids_the_text_stands_for_them() -> None:
    items = [Item(text="Same"), Item(text=" SAME "), Item(id="B", text="same"), Item(text="other")]
    config = config_of(deduplicate=["id"])
    assert decide(index_of(items), config).counts()["duplicate_id"] == 1  # the one with an id is another
    assert decide(index_of(items, has_id=False), config).counts()["duplicate_id"] == 2


def test_without_prices_there_are_no_means() -> None:
    decided = decide(index_of(made(100), has_price=False), config_of())
    assert all(list(stage) == ["items"] for stage in decided.stages.values())


def test_prices_that_are_no_numbers_are_left_out_of_means_when_no_setting_needs_them() -> None:
    items = [Item(price=price, text=str(price)) for price in (math.nan, math.inf, 1.0, 2.0)]
    assert decide(index_of(items), config_of()).stages["items"] == {"items": 4, "mean_price": 1.5}


@pytest.mark.parametrize(
    ("items", "values", "message"),
    [
        ([], {}, "there are no items to make a training set of\nname another output of `curate run`: items"),
        (
            one_like(),
            {"sample": {"size": 51}},
            "sample.size is 51, and only 50 can be drawn: 50 items, 50 without duplicates, 50 with a weight above 0\n"
            "ask for fewer (--set sample.size=50) or for all (--set sample.size=null)",
        ),
        (
            one_like(id="B"),
            {"sample": {"size": 50}},
            "sample.size is 50, and only 1 can be drawn: 50 items, 1 without duplicates, 1 with a weight above 0\n"
            "ask for fewer (--set sample.size=1) or for all (--set sample.size=null)",
        ),
        (
            one_like(price=3.2),
            {"sample": {"size": 50, "slot_cap": 20}},
            "sample.size is 50, and only 20 can be drawn: 50 items, 50 without duplicates, 50 with a weight above 0, "
            "20 in slots of at most 20 per dollar\n"
            "ask for fewer (--set sample.size=20) or for all (--set sample.size=null)",
        ),
        (
            one_like(),
            {"sample": {"other_weight": 0}},
            "sample: no item can be drawn: 50 items, 50 without duplicates, 0 with a weight above 0\n"
            "give a weight above 0: sample.category_weights, or --set sample.other_weight=1",
        ),
        (
            one_like(price=9.99),
            {"sample": {"price_power": 2}},
            "sample.price_power weighs items by their price, and all 50 left to draw from cost $9.99\n"
            "leave it out: --set sample.price_power=null",
        ),
        (
            [*one_like(), Item(price=math.nan, category="Automotive"), Item(price=math.inf)],
            {"sample": {"slot_cap": 1}},
            "sample.slot_cap needs the price of every item, and 2 of 52 have none (a null, or no finite number); "
            "the first is in Automotive\nleave it out: --set sample.slot_cap=null",
        ),
        (
            one_like(),
            {"splits": {"train": 30, "validation": 20, "test": 5}},
            "splits: the 50 items to divide are too few for 55 rows: train 25 of 30, validation 20 of 20, test 5 of 5\n"
            "ask for fewer rows: --set splits.train=25, or let one be what the others leave: --set splits.train=rest",
        ),
        (
            one_like(title="T"),
            {"deduplicate": [], "splits": {"train": "rest", "validation": 20, "test": 10}},
            "splits: the 50 items to divide do not fill them, since linked items stay together: "
            "validation 0 of 20, test 0 of 10\n"
            "ask for fewer rows: --set splits.validation=0 --set splits.test=0",
        ),
        (
            one_like(),
            {"sample": {"category_weights": {"Automotiv": 2}}},
            "sample.category_weights: no category 'Automotiv' among the items; did you mean Automotive?",
        ),
    ],
)
def test_wrong_input_is_one_clear_error(items: list[Item], values: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        decide(index_of(items), config_of(**values))
    assert raised.value.message == message


@pytest.mark.parametrize("key", ["slot_cap", "price_power"])
def test_settings_that_need_a_price_say_so(key: str) -> None:
    with pytest.raises(UsageError, match=f"sample.{key} needs a price, and the recipe of these items has none\nleave"):
        decide(index_of(one_like(), has_price=False), config_of(sample={key: 2}))
