"""The mix of each split is compared with that of the sample."""

from __future__ import annotations

import json
import math

import msgspec
import numpy as np
import pytest

from job.selection.decision import FATES, decision
from job.selection.mix import Difference, Mix, Tenth, mix
from tests.selection.made_items import CATEGORIES, Item, index_of

APPLIANCES, AUTOMOTIVE, TOYS = CATEGORIES


def mix_of(items: list[Item], fates: list[str], *, has_price: bool = True) -> Mix:
    index = index_of(items, has_price=has_price)
    places = {fate: np.array([at for at, own in enumerate(fates) if own == fate], np.int64) for fate in set(fates)}
    splits = {fate: at for fate, at in places.items() if FATES.index(fate) < 3}
    removed = {fate: at for fate, at in places.items() if fate not in splits}
    return mix(index, decision(size=len(items), splits=splits, removed=removed, stages={}))


def test_shares_and_the_largest_difference_are_stated() -> None:
    items = [Item(category=APPLIANCES if n % 4 else TOYS, price=n + 1.0, text=str(n)) for n in range(20)]
    items += [Item(category=AUTOMOTIVE, price=999.0, text="not drawn")]
    found = mix_of(items, ["train"] * 12 + ["test"] * 4 + ["unused"] * 4 + ["not_drawn"])
    assert found.categories == {APPLIANCES: 0.75, TOYS: 0.25}
    assert found.tenths[0] == Tenth(lowest=1, highest=2, share=0.1)
    assert found.tenths[-1] == Tenth(lowest=19, highest=20, share=0.1)
    assert len(found.tenths) == 10
    assert list(found.splits) == ["train", "test"]
    train, test = found.splits.values()
    assert train.categories == {APPLIANCES: 0.75, TOYS: 0.25}
    assert train.tenths == [0.166667] * 6 + [0.0] * 4
    assert train.largest_difference == Difference(of="$13.00 to $14.00", split=0.0, sample=0.1)
    assert test.tenths == [0.0] * 6 + [0.5, 0.5, 0.0, 0.0]
    assert test.largest_difference == Difference(of="$13.00 to $14.00", split=0.5, sample=0.1)
    assert json.loads(msgspec.json.encode(found))["splits"]["test"]["largest_difference"]["split"] == 0.5


def test_a_category_may_be_where_a_split_is_farthest() -> None:
    items = [Item(category=APPLIANCES if n < 6 else TOYS, price=5.0, text=str(n)) for n in range(10)]
    found = mix_of(items, ["train"] * 6 + ["test"] * 4)
    assert found.splits["train"].largest_difference == Difference(of=APPLIANCES, split=1.0, sample=0.6)
    assert found.splits["test"].largest_difference == Difference(of=APPLIANCES, split=0.0, sample=0.6)
    assert found.tenths == [Tenth(lowest=5, highest=5, share=1.0)]


def test_equal_prices_stay_in_one_tenth() -> None:
    prices = [1.0] * 25 + [2.0] * 3 + [3.0 + n for n in range(72)]
    found = mix_of([Item(price=price, text=str(n)) for n, price in enumerate(prices)], ["train"] * 100)
    assert found.tenths[:3] == [
        Tenth(lowest=1, highest=1, share=0.25),
        Tenth(lowest=2, highest=4, share=0.05),
        Tenth(lowest=5, highest=14, share=0.1),
    ]
    assert sum(tenth.share for tenth in found.tenths) == pytest.approx(1)
    assert found.splits["train"].largest_difference.split == found.splits["train"].largest_difference.sample


def test_without_prices_only_categories_are_compared() -> None:
    items = [Item(text=str(n)) for n in range(3)]
    found = mix_of(items, ["validation"] * 3, has_price=False)
    assert (found.tenths, found.splits["validation"].tenths) == ([], [])
    nan = [Item(price=math.nan, text="a"), Item(price=2.0, text="b")]
    assert mix_of(nan, ["train"] * 2).tenths == [Tenth(lowest=2, highest=2, share=0.5)]


def test_a_decision_without_any_item_in_a_split_has_no_mix() -> None:
    found = mix_of([Item()], ["not_drawn"])
    assert found == Mix(categories={}, tenths=[], splits={})
