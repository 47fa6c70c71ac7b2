"""`curate why`: what became of an item, for each fate, by the default method and by both courses'."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from job.show.why import Fate, fates_of, why_lines
from tests.conftest import Curate
from tests.export.made import item_2024, item_2025, make_items, make_set

EVERY = {"train", "validation", "test", "not_drawn", "unused"}


def told(made: Path, wanted: str) -> tuple[Fate, str]:
    """Returns what is told of an item whose id no other one has."""
    plan, (fate,) = fates_of(made, wanted)
    return fate, "\n".join(why_lines(made, plan, [fate]))


def all_fates(made: Path, names: list[str]) -> dict[str, list[str]]:
    """Returns the ids of items by what became of them, asking for one after the other."""
    found: dict[str, list[str]] = {}
    for name in names:
        for fate in fates_of(made, name)[1]:
            found.setdefault(fate.place.fate, []).append(name)
    return found


@pytest.fixture(scope="module")
def default(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set by keys: items of $5 and of $300, a duplicate of each kind, and an item that has the id of another."""
    root = tmp_path_factory.mktemp("default")
    rows = [item_2024(number, 5.2 if number < 60 else 300.0) for number in range(90)]
    rows.append(item_2024(90, 8.0, name="B001", text="same id"))
    rows.append(item_2024(91, 8.0, title="KETTLE  2", text="same title"))
    rows.append(item_2024(92, 8.0, text="nearly the same"))
    rows.append({**item_2024(3, 9.0), "parent_asin": "B093", "title": "Pot"})
    items = make_items(root / "items", "course-2024", {"Appliances": rows[:50], "Automotive": rows[50:]})
    return make_set(
        items,
        root / "set",
        near=[(92, 4, 0.875)],
        sample={"slot_cap": 20, "size": 36, "category_weights": {"Automotive": 0.5}},
        splits={"train": 20, "validation": 5, "test": 5},
    )


def test_an_item_in_a_split_has_its_shard_and_row(default: Path, curate: Curate) -> None:
    fate, text = told(default, "B070")
    found = all_fates(default, [f"B{number:03}" for number in range(2, 90)])
    assert {*found} >= EVERY
    for split in ("train", "validation", "test"):
        fate, text = told(default, found[split][0])
        place = fate.place
        assert f"in {split}: row {place.row} of " in text
        assert f"(row {place.row} of data/{split}-00000-of-00001.parquet)" in text
        shown = curate("show", default, place.row, "--split", split)
        assert f"id {found[split][0]}" in shown.out.splitlines()[0]
        assert f"curate show {default} {place.row} --split {split}" in text


@pytest.mark.parametrize(
    ("kind", "pair", "alike"),
    [
        ("title", ("B091", "B002"), ""),
        ("near", ("B092", "B004"), "; their texts are 87.5% alike (Jaccard)"),
        ("text", ("B093", "B003"), ""),
    ],
)
def test_a_duplicate_is_told_with_the_item_that_was_kept(
    kind: str, pair: tuple[str, str], alike: str, default: Path
) -> None:
    (removed,) = [name for name in pair if told(default, name)[0].place.fate.startswith("duplicate")]
    (kept,) = {*pair} - {removed}
    fate, text = told(default, removed)
    assert (fate.place.fate, fate.kept_id) == (f"duplicate_{kind}", kept)
    assert f"removed as a duplicate ({kind}): item {kept} was kept in its place{alike}" in text
    assert fate.kept == told(default, kept)[0].place
    assert f"row {fate.place.shard_row} of _removed/removed-00000-of-00001.parquet" in text


def test_all_items_with_an_id_are_told(default: Path, curate: Curate) -> None:
    result = curate("why", default, "B001")
    assert result.out.startswith("2 items have the id B001:")
    assert "removed as a duplicate (id): item B001 was kept in its place" in result.out
    found = json.loads(curate("why", default, "B001", "--json").out)
    assert [item["place"]["fate"] for item in found["items"]].count("duplicate_id") == 1
    assert {item["price"] for item in found["items"]} == {5.2, 8.0}


def value_of(key: int, weight: float) -> float:
    return -math.log(((key >> 12) + 0.5) / 2**52) / weight


def test_what_is_not_drawn_by_its_key_is_told_with_the_last_one_that_was(default: Path) -> None:
    names = [f"B{number:03}" for number in range(90)]
    found = all_fates(default, [name for name in names if name != "B001"])
    slots: dict[Any, list[Any]] = {}
    for name in found["not_drawn"]:
        fate, text = told(default, name)
        missed = fate.not_drawn
        assert missed is not None
        assert missed.value == pytest.approx(value_of(missed.sample_key or 0, missed.weight or 0), rel=1e-12)
        assert missed.value is not None
        assert missed.last_value is not None
        assert missed.value > missed.last_value
        assert f"its key gives {missed.value:.9g}" in text
        assert f"has {missed.last_value:.9g}" in text
        assert missed.weight == (0.5 if fate.category == "Automotive" else 1)
        slots.setdefault(missed.slot, []).append(missed)
    assert {*slots} == {None, 5, 300}
    assert {(each.drawn, each.of) for each in slots[300]} == {(20, 30)}
    assert {each.drawn for each in slots[5]} == {20}
    # 20 of $5, 20 of $300 and what is left at $8 and $9 are drawn of; the last one drawn is the same for all
    assert {(each.drawn, each.of) for each in slots[None]} == {(36, slots[None][0].of)}
    assert len(slots[300]) == 10
    assert len({each.last_value for each in slots[None]}) == 1


def test_an_item_that_no_split_had_room_for_is_unused(default: Path) -> None:
    found = all_fates(default, [f"B{number:03}" for number in range(2, 90)])
    assert len(found["unused"]) <= 6
    _, text = told(default, found["unused"][0])
    assert "unused: it is one of the 36 items drawn, and the splits had no room for it" in text
    assert "20 train, 5 validation, 5 test" in text


@pytest.fixture(scope="module")
def of_2024(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("of-2024")
    prices = [5.2] * 30 + [7.0] * 10 + [0.5, 999.9]
    rows = [item_2024(number, price) for number, price in enumerate(prices)]
    items = make_items(root / "items", "course-2024", {"Appliances": rows[:20], "Automotive": rows[20:]})
    settings: dict[str, Any] = {"sample": {"slot_cap": 12}, "splits": {"train": 15, "validation": 2, "test": 3}}
    return make_set(items, root / "set", preset="course-2024", **settings)


def test_in_2024_what_is_not_drawn_is_told_with_its_slot(of_2024: Path) -> None:
    found = all_fates(of_2024, [f"B{number:03}" for number in range(42)])
    assert {*found} == EVERY
    assert {name: len(each) for name, each in found.items()} == {
        "train": 15,
        "validation": 2,
        "test": 3,
        "unused": 2,
        "not_drawn": 20,
    }
    fate, text = told(of_2024, found["not_drawn"][0])
    assert fate.not_drawn is not None
    assert (fate.not_drawn.slot, fate.not_drawn.of, fate.not_drawn.drawn) == (5, 30, 12)
    assert "not drawn: of the 30 items in its slot, $5, 12 were drawn" in text
    assert "rounded to $0, and only $1 to $999 have a slot; 22 of 42 were drawn" in told(of_2024, "B040")[1]
    assert "rounded to $1,000, and only" in told(of_2024, "B041")[1]
    assert "one of the 22 items drawn" in told(of_2024, found["unused"][0])[1]


def test_in_2025_what_is_not_drawn_is_told_with_its_weight(tmp_path: Path) -> None:
    rows = [item_2025(number, 1.0 + number) for number in range(41)]
    rows.append(item_2025(41, 30.0, title="Kettle 40", text="another"))
    items = make_items(tmp_path / "items", "course-2025", {"Appliances": rows[:20], "Automotive": rows[20:]})
    sample = {"size": 20, "category_weights": {"Automotive": 0.5}}
    splits = {"train": 10, "validation": 4, "test": 4}
    made = make_set(items, tmp_path / "set", preset="course-2025", sample=sample, splits=splits)
    found = all_fates(made, [f"B{number:03}" for number in range(42)])
    assert {*found} == {*EVERY, "duplicate_title"}
    assert len(found["not_drawn"]) == 21
    (removed,) = found["duplicate_title"]
    (kept,) = {"B040", "B041"} - {removed}
    assert told(made, removed)[0].kept_id == kept
    assert "it has the same title as that one\n" in told(made, removed)[1]
    assert "its weight is 0, so it is never drawn; 20 of 41 were" in told(made, "B000")[1]
    highest = 41.0 if kept == "B040" else 40.0
    for name in found["not_drawn"]:
        fate, text = told(made, name)
        assert fate.not_drawn is not None
        assert fate.price is not None
        weight = ((fate.price - 1) / (highest - 1 + 1e-9)) ** 2 * (0.5 if fate.category == "Automotive" else 1)
        assert fate.not_drawn.weight == pytest.approx(weight, rel=1e-12)
        assert (fate.not_drawn.drawn, fate.not_drawn.of) == (20, 41)
        assert "20 of 41 were" in text


def test_the_small_form_of_2024_takes_appliances_alone(tmp_path: Path) -> None:
    rows = [item_2024(number, 5.0) for number in range(30)]
    items = make_items(tmp_path / "items", "course-2024", {"Appliances": rows[:20], "Automotive": rows[20:]})
    settings: dict[str, Any] = {"lite": True, "splits": {"train": 10, "test": 5}}
    made = make_set(items, tmp_path / "set", preset="course-2024", **settings)
    text = told(made, "B025")[1]
    assert "the small form takes only Appliances, and it is of Automotive; 20 of 30 were drawn" in text


def test_an_id_that_is_no_item_says_how_to_ask_the_recipe(default: Path, tmp_path: Path, curate: Curate) -> None:
    result = curate("why", default, "B9'9")
    items = default.parent / "items"
    assert result.exit_code == 2
    assert f"is not an item of {items}; this shows why: curate try --source goods" in result.err
    assert """--id 'B9'"'"'9'""" in result.err
    made = make_set(make_items(tmp_path / "gone", "own", {"A": [own(n) for n in range(9)]}), tmp_path / "set")
    (tmp_path / "gone/plan.json").unlink()
    result = curate("why", made, "B999")
    assert "curate try CONFIG --id B999, with the config of these items" in result.err


def own(number: int) -> dict[str, Any]:
    return {"sku": f"S{number}", "name": f"Shelf {number}", "blurb": f"of oak {number}"}


def test_a_set_without_prices_can_be_asked_too(tmp_path: Path) -> None:
    items = make_items(
        tmp_path / "items", "own", {"A": [own(n) for n in range(30)], "B": [own(n + 30) for n in range(9)]}
    )
    sample = {"size": 10, "category_weights": {"B": 0}}
    made = make_set(items, tmp_path / "set", sample=sample, splits={"test": 2, "validation": 0})
    found = all_fates(made, [f"S{number}" for number in range(39)])
    assert len(found["not_drawn"]) == 29
    assert "weight is 0, so it is never drawn; 10 of 39 were" in told(made, "S35")[1]
    missed = told(made, next(name for name in found["not_drawn"] if int(name[1:]) < 30))[0].not_drawn
    assert missed is not None
    assert (missed.drawn, missed.of, missed.slot) == (10, 30, None)
