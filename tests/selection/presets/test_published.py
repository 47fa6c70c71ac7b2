"""How a training set compares with what the courses have published."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from job.config.craft import CraftConfig
from job.selection.decision import FATES, Decision
from job.selection.index import Index
from job.selection.presets import course_2024
from job.selection.presets.published import (
    PUBLISHED,
    Categories,
    Count,
    Figure,
    Preset,
    compared,
    compared_stages,
    is_as_published,
    stages_to_compare,
)
from tests.selection.presets import made

FORMS = list(PUBLISHED)
each_form = pytest.mark.parametrize(("preset", "lite"), FORMS)


def as_published(preset: Preset, lite: bool) -> tuple[Decision, Index]:
    """Makes a decision with the published figures; its items are 300 rows of test."""
    stages: dict[str, dict[str, float]] = {}
    for published in PUBLISHED[preset, lite]:
        match published:
            case Count(stage, items):
                stages.setdefault(stage, {})["items"] = items
            case Figure(stage, name, value):
                stages.setdefault(stage, {})[name] = value
            case Categories(stage, items):
                stages[stage] = dict(items)
    count = 300
    decision = Decision(
        fate=np.full(count, FATES.index("test"), np.uint8),
        row=np.arange(count, dtype=np.uint32)[::-1],
        kept=np.full(count, -1),
        similarity=np.full(count, np.nan),
        stages=stages,
    )
    return decision, Index(categories=("A",), category=np.zeros(count, np.uint16), price=np.full(count, 20.0))


@each_form
def test_every_figure_that_is_the_published_one_is_told_to_be(preset: Preset, lite: bool) -> None:
    lines = list(compared(preset, lite, *as_published(preset, lite)))
    lines = [line for line in lines if "guessing" not in line]
    assert len(lines) >= 3
    assert {line[-len("as published") :] for line in lines} == {"as published"}


def test_the_figures_are_compared_in_the_order_in_which_a_difference_spreads() -> None:
    assert [
        line.rpartition(":")[0] for line in compared("course-2024", False, *as_published("course-2024", False))
    ] == [
        "items",
        "mean price of the items",
        "sample",
        "price of sample[398000]",
        "mean price of the sample",
        "sample by category",
        "train",
        "test",
        "position of train[0] in the sample",
        "position of test[0] in the sample",
        "price of train[0]",
        "price of test[0]",
        "mean price of train",
        "mean error of guessing it for test[:250]",
        "RMSLE of guessing it for test[:250]",
        "hits in percent of guessing it for test[:250]",
    ]


def changed(stage: str, figures: dict[str, float]) -> list[str]:
    """Returns the lines about a set of 2024 that is as published but for some figures."""
    decision, index = as_published("course-2024", False)
    stages: Any = {**decision.stages, stage: figures}
    before = set(compared("course-2024", False, decision, index))
    after = compared("course-2024", False, replace(decision, stages=stages), index)
    return [line for line in after if line not in before]


def test_a_figure_that_differs_is_told_with_the_published_one() -> None:
    sample = {"items": 408_636, "mean_price": 220.526, "price_at_398000": 764.5}
    assert changed("sample", sample) == [
        "sample: 408,636 items, 1 more than the 408,635 published",
        "price of sample[398000]: 764, not the 765 published",
        "mean price of the sample: 220.53, not the 220.52 published",
    ]
    assert changed("sample", {"items": 7, "mean_price": 220.5249}) == [
        "sample: 7 items, 408,628 fewer than the 408,635 published",
        "price of sample[398000]: none, not the 765 published",
    ]


def test_categories_that_differ_are_named_and_so_is_another_order() -> None:
    published = dict(as_published("course-2024", False)[0].stages["sample_by_category"])
    more = {**published, "Books": 3, "Automotive": 141_883}
    assert changed("sample_by_category", more) == [
        "sample by category: Automotive 141,883 items, 1 fewer than the 141,884 published; "
        "Books 3 items, 3 more than the 0 published"
    ]
    assert changed("sample_by_category", dict(sorted(published.items()))) == [
        "sample by category: the items published, but their order of first appearance is Appliances, Automotive, "
        "Cell_Phones_and_Accessories, Electronics, Musical_Instruments, Office_Products, Tools_and_Home_Improvement, "
        "Toys_and_Games"
    ]


def test_the_mean_price_of_train_is_guessed_for_the_first_250_rows_of_test() -> None:
    decision, index = as_published("course-2024", False)
    prices = np.full(300, 220.46 + 40.5)  # a hit by its share; rows 0 to 249 are places 299 to 50
    prices[:50] = 1e9
    prices[50:100] = 220.46 - 100
    lines = list(compared("course-2024", False, decision, replace(index, price=prices)))
    assert lines[-3:] == [
        "mean error of guessing it for test[:250]: 52.40, not the 145.51 published",
        "RMSLE of guessing it for test[:250]: 0.31, not the 1.22 published",
        "hits in percent of guessing it for test[:250]: 80.0, not the 16.8 published",
    ]


def test_a_real_decision_has_every_figure_that_is_compared() -> None:
    index = made.large_index(405_000)
    settings = made.config("course-2024", sample={"slot_cap": None})
    lines = list(compared("course-2024", False, course_2024.decide(index, settings), index))
    assert not [line for line in lines if "none" in line]
    assert "train: 400,000 items, as published" in lines


@each_form
def test_the_settings_of_a_preset_are_as_published(preset: str, lite: bool) -> None:
    assert is_as_published(made.config(preset, lite=lite))
    assert is_as_published(made.config(preset, lite=lite, output="elsewhere", workers=2, seed=42))


@pytest.mark.parametrize(
    "settings",
    [{"seed": 1}, {"splits": {"test": 1}}, {"sample": {"category_weights": {"Automotive": 2}}}, {"deduplicate": []}],
)
def test_other_settings_are_not(settings: dict[str, Any]) -> None:
    assert not is_as_published(made.config("course-2025", **settings))


def test_a_set_without_a_preset_is_not() -> None:
    assert not is_as_published(CraftConfig.model_validate({"items": "out/items"}))


@pytest.mark.parametrize(("preset", "lite"), PUBLISHED)
def test_a_complete_set_says_the_same_again_from_its_plan(preset: Preset, lite: bool) -> None:
    decision, index = as_published(preset, lite)
    written = json.loads(json.dumps(stages_to_compare(preset, lite, decision, index)))
    assert list(compared_stages(preset, lite, written)) == list(compared(preset, lite, decision, index))
