"""What `craft` says at its end: the stages, or how they compare with what is published, and what was found."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from job.config.craft import CraftConfig
from job.craft import SetOutcome
from job.output.training_set.findings import Findings, SplitLeaks
from job.output.training_set.plan import SetIdentity, SetPlan
from job.output.training_set.totals import PartTotals, SetManifest
from job.recipe.protocol import RecipeDescription
from job.selection.leaks import Leaks
from job.show.training_set import set_lines

RECIPE = RecipeDescription(name="course-2024", version=1, reasons=(), columns={})
IDENTITY = SetIdentity(items={}, settings={}, columns={}, recipe={}, versions={})
STAGES: dict[str, dict[str, int | float]] = {
    "items": {"items": 28_625, "mean_price": 59.704, "lowest_price": 0.5},
    "without_duplicate_id": {"items": 28_625, "mean_price": 59.704, "lowest_price": 0.5},
    "sample": {"items": 28_625, "mean_price": 60.0},
    "sample_by_category": {"Appliances": 28_625},
    "train": {"items": 25_000, "mean_price": 60.0},
    "test": {"items": 2_000, "mean_price": 60.0},
}


def lines(*, as_published: bool = False, findings: Any = UNSET) -> list[str]:
    counts = {"train": 25_000, "validation": 0, "test": 2_000, "unused": 1_625}
    plan = SetPlan(
        config={},
        identity=IDENTITY,
        digest="",
        recipe=RECIPE,
        counts=counts,
        stages=STAGES,
        decision_sha256="",
        warnings=[],
        as_published=as_published,
    )
    manifest = SetManifest(
        num_items=28_625,
        funnel=counts,
        content_digest="",
        splits={"test": PartTotals(num_rows=2_000, content_digest="", shards=[])},
        removed=None,
        stages=STAGES,
        settings={},
        identity=IDENTITY,
        warnings=[],
        recipe=RECIPE,
        findings=findings,
    )
    config = CraftConfig(items="out/items", output="out/my set", preset="course-2024", lite=True)
    return list(set_lines(config, SetOutcome(manifest=manifest, plan=plan, new_shards=1)))


def test_a_stage_that_changes_something_is_a_short_line() -> None:
    assert lines()[:-1] == [
        "items: 28,625 items, mean price $59.70",
        "sample: 28,625 items, mean price $60.00",
        "sample by category: 28,625 Appliances",
        "train: 25,000 items, mean price $60.00",
        "test: 2,000 items, mean price $60.00",
    ]


def test_a_preset_s_own_settings_are_compared_with_what_is_published() -> None:
    assert lines(as_published=True)[:-1] == [
        "sample: 28,625 items, as published",
        "train: 25,000 items, as published",
        "test: 2,000 items, as published",
    ]


def test_leaks_are_told_with_the_command_that_shows_them() -> None:
    counts = msgspec.convert(
        {"rows": 2_000, "id": 0, "title": 7, "text": 0, "prompt": 0, "near": None, "any": 7}, Leaks
    )
    found = Findings(
        leaks={"test": SplitLeaks(counts=counts, examples={})}, near_threshold=0.8, conflicts=None, mix=None
    )
    assert lines(findings=found)[5:8] == [
        "leaks: 7 of 2,000 rows of test are in train (7 by title)",
        "label conflicts: none, as there are no prices",
        "which rows these are: curate leaks 'out/my set'",
    ]
