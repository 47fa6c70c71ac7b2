"""What the courses have published about their training sets, and how a set compares with it, stage by stage.

The stages stand in the order in which a difference spreads: first what needs no generator, then what numpy's draws
decide, then what Python's shuffles decide. The first line that differs says where to look. Source: CRAFT.md, "Presets,
bit for bit"; the counts of 2024's items are those of `configs/home-store.yaml` and `configs/appliances.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from job.config.craft import CraftConfig
from job.selection.decision import FATES, Decision
from job.selection.index import Index
from job.selection.presets.checks import own_settings

Preset = Literal["course-2024", "course-2025"]


@dataclass(frozen=True, slots=True)
class Count:
    """A published number of items."""

    stage: str
    items: int


@dataclass(frozen=True, slots=True)
class Figure:
    """Another published number."""

    stage: str
    """Key of the stage in `Decision.stages`."""
    name: str
    """Key of the figure in the stage."""
    value: float
    said: str
    """What it is, in words."""
    digits: int = 2
    """Digits after the point in which it was published."""


@dataclass(frozen=True, slots=True)
class Categories:
    """Published numbers of items by category."""

    stage: str
    items: Mapping[str, int]
    in_order: bool
    """Whether they were published in order of first appearance."""


_GUESS = "guess_for_test"
"""Stage of the errors of guessing the mean price of train for the first rows of test; computed here."""
_GUESSED_ROWS = 250
"""Rows of test for which the 2024 course guesses."""
_NEAR_DOLLARS, _NEAR_SHARE = 40, 0.2
"""A guess hits when it is off by less than this many dollars, or by less than this share of the price."""

_SAMPLE_2024 = {
    "Toys_and_Games": 30_995,
    "Cell_Phones_and_Accessories": 8_764,
    "Tools_and_Home_Improvement": 97_689,
    "Electronics": 81_667,
    "Office_Products": 24_979,
    "Automotive": 141_884,
    "Musical_Instruments": 17_858,
    "Appliances": 4_799,
}
_LEFT_2025 = {
    "Automotive": 959_656,
    "Tools_and_Home_Improvement": 545_412,
    "Electronics": 456_050,
    "Toys_and_Games": 341_563,
    "Office_Products": 244_152,
    "Cell_Phones_and_Accessories": 240_380,
    "Musical_Instruments": 67_966,
    "Appliances": 32_711,
}
_SAMPLE_2025 = {
    "Tools_and_Home_Improvement": 188_299,
    "Electronics": 191_781,
    "Toys_and_Games": 106_658,
    "Automotive": 174_320,
    "Cell_Phones_and_Accessories": 36_774,
    "Office_Products": 71_314,
    "Musical_Instruments": 36_616,
    "Appliances": 14_238,
}
_STAGES_2025: tuple[Count | Figure | Categories, ...] = (
    Count("items", 2_933_577),
    Count("after_titles", 2_889_429),
    # Which of two items with one title goes, the first shuffle decides.
    Count("after_texts", 2_887_890),
    Categories("after_texts_by_category", _LEFT_2025, in_order=False),
    Count("sample", 820_000),
    Figure("sample", "mean_price", 140.5, "mean price of the sample", 1),
    Figure("sample", "lowest_price", 0.73, "lowest price in the sample"),
    Categories("sample_by_category", _SAMPLE_2025, in_order=True),
)
PUBLISHED: Mapping[tuple[Preset, bool], tuple[Count | Figure | Categories, ...]] = {
    ("course-2024", False): (
        Count("items", 2_811_408),
        Figure("items", "mean_price", 59.7, "mean price of the items", 1),
        Count("sample", 408_635),
        Figure("sample", "price_at_398000", 765, "price of sample[398000]", 0),
        Figure("sample", "mean_price", 220.52, "mean price of the sample"),
        Categories("sample_by_category", _SAMPLE_2024, in_order=True),
        Count("train", 400_000),
        Count("test", 2_000),
        Figure("train", "first_position", 257_690, "position of train[0] in the sample", 0),
        Figure("test", "first_position", 342_796, "position of test[0] in the sample", 0),
        Figure("train", "first_price", 227, "price of train[0]", 0),
        Figure("test", "first_price", 374.41, "price of test[0]"),
        Figure("train", "mean_price", 220.46, "mean price of train"),
        Figure(_GUESS, "mean_error", 145.51, "mean error of guessing it for test[:250]"),
        Figure(_GUESS, "rmsle", 1.22, "RMSLE of guessing it for test[:250]"),
        Figure(_GUESS, "hit_percent", 16.8, "hits in percent of guessing it for test[:250]", 1),
    ),
    ("course-2024", True): (
        Count("sample", 28_625),
        Count("train", 25_000),
        Count("test", 2_000),
    ),
    ("course-2025", False): (
        *_STAGES_2025,
        Count("train", 800_000),
        Count("validation", 10_000),
        Count("test", 10_000),
    ),
    ("course-2025", True): (
        *_STAGES_2025,
        Count("train", 20_000),
        Count("validation", 1_000),
        Count("test", 1_000),
        Figure("train", "first_price", 64.30, "price of train[0]"),
    ),
}
"""The published figures by preset and form (`lite`), in the order in which they are compared."""


def is_as_published(config: CraftConfig) -> bool:
    """Tells whether the settings are those with which a course made what it has published."""
    if config.preset is None:
        return False
    own = own_settings(config)
    return own.model_dump(exclude={"workers"}) == config.model_dump(exclude={"workers"})


def compared(preset: Preset, lite: bool, decision: Decision, index: Index) -> Iterator[str]:  # noqa: FBT001
    """Yields how a decision compares with what is published, a line for each figure.

    Args:
        preset: the course.
        lite: whether the decision is its small form.
        decision: the decision, made with the settings that `is_as_published` accepts.
        index: its items.
    """
    yield from compared_stages(preset, lite, stages_to_compare(preset, lite, decision, index))


def stages_to_compare(
    preset: Preset,
    lite: bool,  # noqa: FBT001
    decision: Decision,
    index: Index,
) -> dict[str, Mapping[str, float]]:
    """Returns the stages of a decision, with all that `compared_stages` needs; arguments are as for `compared`."""
    stages = dict(decision.stages)
    if preset == "course-2024" and not lite:
        stages[_GUESS] = _guess(decision, index)
    return stages


def compared_stages(preset: Preset, lite: bool, stages: Mapping[str, Mapping[str, float]]) -> Iterator[str]:  # noqa: FBT001
    """Yields how stages compare with what is published, a line for each figure.

    Args:
        preset: the course.
        lite: whether they are of its small form.
        stages: what `stages_to_compare` returned.
    """
    for published in PUBLISHED[preset, lite]:
        found = stages.get(published.stage, {})
        match published:
            case Count(stage, items):
                yield f"{_words(stage)}: {_compared_items(int(found.get('items', 0)), items)}"
            case Figure(_, name, value, said, digits):
                shown = f"{found[name]:,.{digits}f}" if name in found else "none"
                expected = f"{value:,.{digits}f}"
                yield f"{said}: {shown}, {'as' if shown == expected else f'not the {expected}'} published"
            case Categories(stage, items, in_order):
                yield f"{_words(stage)}: {_compared_categories(found, items, in_order=in_order)}"


def _words(stage: str) -> str:
    return stage.replace("_", " ")


def _compared_items(count: int, published: int) -> str:
    if count == published:
        return f"{count:,} items, as published"
    difference = f"{abs(count - published):,} {'more' if count > published else 'fewer'}"
    return f"{count:,} items, {difference} than the {published:,} published"


def _compared_categories(found: Mapping[str, float], published: Mapping[str, int], *, in_order: bool) -> str:
    names = {**published, **found}
    differences = [
        f"{name} {_compared_items(int(found.get(name, 0)), published.get(name, 0))}"
        for name in names
        if found.get(name, 0) != published.get(name, 0)
    ]
    if differences:
        return "; ".join(differences)
    if in_order and list(found) != list(published):
        return f"the items published, but their order of first appearance is {', '.join(found)}"
    return "as published"


def _guess(decision: Decision, index: Index) -> dict[str, float]:
    """Returns the errors of guessing the mean price of train for the first rows of test, as the 2024 course does."""
    rows = np.flatnonzero((decision.fate == FATES.index("test")) & (decision.row < _GUESSED_ROWS))
    guess = decision.stages.get("train", {}).get("mean_price")
    if index.price is None or guess is None or not len(rows):
        return {}
    prices = index.price[rows]
    errors = np.abs(prices - guess)
    logs = np.log(prices + 1) - np.log(guess + 1)
    hits = (errors < _NEAR_DOLLARS) | (errors / prices < _NEAR_SHARE)
    return {
        "mean_error": float(errors.mean()),
        "rmsle": float(np.sqrt((logs**2).mean())),
        "hit_percent": float(hits.mean() * 100),
    }
