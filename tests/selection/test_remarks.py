"""What a user is told of a decision, and when there is nothing left."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from job.config.craft import CraftConfig, SplitsConfig
from job.errors import UsageError
from job.selection.decision import FATES, Decision, decision
from job.selection.default import decide
from job.selection.remarks import remarks
from tests.selection.made_items import Item, index_of


def said(items: list[Item], **settings: Any) -> list[str]:
    config = CraftConfig(items="out/items", **settings)
    index = index_of(items)
    lines = remarks(index, config, decide(index, config))
    return [line for line in lines if " has no row: " not in line]  # of so few items, shares often make no row


def test_a_split_that_was_to_have_rows_and_has_none_is_told() -> None:
    index = index_of(others(5))
    config = CraftConfig(items="out/items", splits=SplitsConfig(validation=0, test=1e-9))
    assert remarks(index, config, decide(index, config)) == ["test has no row: splits.test is 1e-09"]


def test_a_train_without_a_row_is_told_even_if_none_was_asked_for() -> None:
    index = index_of(others(5))
    config = CraftConfig(items="out/items", splits=SplitsConfig(train=0, validation=0, test="rest"))
    assert remarks(index, config, decide(index, config)) == ["train has no row: splits.train is 0"]


@pytest.mark.parametrize(
    ("splits", "told"),
    [
        ({"train": 0.8, "test": 0.2}, "the shares add up to 1.01, more than 1: train 0.8, validation 0.01, test 0.2"),
        ({"train": 0.8, "validation": 0.1, "test": 0.05}, "the shares add up to 0.95, not 1: train 0.8"),
    ],
)
def test_shares_that_do_not_add_up_are_told_with_a_way_out(splits: dict[str, float], told: str) -> None:
    with pytest.raises(ValueError, match=rf"{told}.*; let one be `rest`"):
        SplitsConfig.model_validate(splits)


def others(size: int) -> list[Item]:
    return [Item(id=f"B{number}", title=f"title {number}", text=f"text {number}") for number in range(size)]


def test_nothing_is_told_of_items_that_are_mostly_their_own() -> None:
    items = others(10)
    assert said(items) == []
    assert said([*items, *items[:9]]) == []  # 9 of 19 are removed


def test_a_kind_that_removes_more_than_half_is_told() -> None:
    items = others(4) + [Item(id=f"C{number}", title="the same", text=f"other {number}") for number in range(8)]
    assert said(items) == ["7 of 12 items, more than half, are removed as duplicates by title"]


def test_equal_ids_leave_one_item_and_this_is_told() -> None:
    items = [replace(item, id="0") for item in others(20)]
    assert said(items) == [
        "19 of 20 items, more than half, are removed as duplicates by id",
        "without duplicates, 1 of 20 items are left",
    ]


@pytest.mark.parametrize("none", [None, ""])
def test_ids_that_are_all_null_or_empty_are_told(none: str | None) -> None:
    items = [replace(item, id=none) for item in others(5)]
    assert said(items) == ["none of the 5 items has an id; the text stands for it"]


def test_titles_and_texts_that_are_all_empty_are_told() -> None:
    items = [replace(item, title=" ", text="") for item in others(5)]
    assert said(items) == [
        "the title of all 5 items is empty, so by title none is a duplicate",
        "the text of all 5 items is empty, so by text none is a duplicate",
    ]


def test_a_decision_without_a_row_in_any_split_is_an_error() -> None:
    index, config = index_of(others(3)), CraftConfig(items="out/items")
    nothing: Decision = decision(size=3, splits={}, removed={"not_drawn": [0, 1], "unused": [2]}, stages={})  # pyright: ignore[reportArgumentType]
    assert FATES[nothing.fate[2]] == "unused"
    with pytest.raises(UsageError, match="nothing is left for any split: of 3 items, 2 not drawn, 1 unused"):
        remarks(index, config, nothing)
