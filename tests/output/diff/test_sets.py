"""`curate diff` of two training sets: settings, what they were made of, counts, and the rows of each split."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Curate
from tests.export.made import item_2024, make_items, make_set

CATEGORIES = {"Appliances": range(45), "Toys": range(45, 100)}
ALL_IN_TRAIN: dict[str, Any] = {"deduplicate": [], "splits": {"validation": 0, "test": 0}}


@pytest.fixture
def items(tmp_path: Path) -> Path:
    rows = {name: [item_2024(number, number + 1.5) for number in those] for name, those in CATEGORIES.items()}
    return make_items(tmp_path / "items", "course-2024", rows)


def test_sets_that_differ_in_nothing_but_their_place_are_equal(items: Path, tmp_path: Path, curate: Curate) -> None:
    a, b = (make_set(items, tmp_path / name, splits={"validation": 10, "test": 10}) for name in "ab")
    result = curate("diff", a, b, "--exit-code")
    lines = result.out.splitlines()
    assert lines[:2] == [f"a: {a}, of 100 items, complete", f"b: {b}, of 100 items, complete"]
    assert lines[3].startswith("  output: ")
    assert (result.exit_code, lines[2:3] + lines[4:]) == (
        0,
        [
            "config:",
            "made of: the same",
            "  counts: the same, of 100 items",
            "train: the same 80 rows, in the same order",
            "validation: the same 10 rows, in the same order",
            "test: the same 10 rows, in the same order",
            "equal: the same rows in the same order, and the same counts",
        ],
    )


def test_the_same_rows_in_another_order_are_not_equal(items: Path, tmp_path: Path, curate: Curate) -> None:
    a, b = (make_set(items, tmp_path / f"set-{seed}", seed=seed, **ALL_IN_TRAIN) for seed in (42, 43))
    result = curate("diff", a, b, "--exit-code")
    assert (result.exit_code, result.out.splitlines()[-3:]) == (
        1,
        [
            "  counts: the same, of 100 items",
            "train: the same 100 rows, in another order",
            "different: the same rows in another order",
        ],
    )
    assert "  seed: 42 → 43" in result.out.splitlines()


def test_items_that_are_others_and_their_rows_are_named(items: Path, tmp_path: Path, curate: Curate) -> None:
    other = {
        "Appliances": [item_2024(number, number + 1.5) for number in range(45)],
        "Toys": [item_2024(number, 7.5 if number == 50 else number + 1.5) for number in range(45, 99)],
    }
    a = make_set(items, tmp_path / "a", **ALL_IN_TRAIN)
    b = make_set(make_items(tmp_path / "other", "course-2024", other), tmp_path / "b", **ALL_IN_TRAIN)
    lines = curate("diff", a, b, "--examples", "1").out.splitlines()
    made_of = lines[lines.index("made of:") + 1]
    assert made_of.startswith("  items.Toys: ")
    counts = lines.index("  counts                      a           b      change")
    assert lines[counts + 1] == "    train                   100          99          -1"
    assert [line.split(" · ")[0] for line in lines[lines.index("train:") + 1 :]] == [
        "  rows: 1 gone, 0 added, 1 changed, 98 the same",
        "    changed: price in 1, completion in 1, token_count in 1",
        "    changed B050",
        "      price: 51.5 → 7.5",
        "      completion: 52.00 → 8.00",
        "      token_count: 88 → 87",
        "    gone B099",
        "different: 1 gone, 1 changed",
    ]
    found = json.loads(curate("diff", a, b, "--json").out)
    assert (found["equal"], found["funnel"]["train"], found["splits"]["train"]["rows"]["changed"]) == (
        False,
        {"a": 100, "b": 99},
        1,
    )


def test_a_set_that_is_not_complete_is_compared_as_far_as_its_plan_goes(
    items: Path, tmp_path: Path, curate: Curate
) -> None:
    a, b = (make_set(items, tmp_path / name, **ALL_IN_TRAIN) for name in "ab")
    (b / "manifest.json").unlink()
    result = curate("diff", a, b, "--exit-code")
    assert (result.exit_code, result.out.splitlines()[-2:]) == (
        1,
        [
            "  counts: the same, of 100 items",
            f"no difference so far; {b} not complete: run the same command for it again, then compare again",
        ],
    )


def test_a_set_and_items_are_not_compared(items: Path, tmp_path: Path, curate: Curate) -> None:
    made = make_set(items, tmp_path / "a", **ALL_IN_TRAIN)
    for pair in ((made, items), (items, made)):
        result = curate("diff", *pair)
        assert (result.exit_code, f"{made} is a training set, and not items" in result.err) == (2, True)
