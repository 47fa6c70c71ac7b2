"""Whole training sets: equal to a plain reference row for row, and the same bytes whatever made them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import pytest

from job.craft import craft_set
from job.output.verify import verify_output
from tests.conftest import Curate, tree
from tests.selection.presets import plain
from tests.selection.presets.made import items
from tests.selection.presets.plain import Item, Plain
from tests.whole.crafting import (
    COLUMNS,
    REMOVED_COLUMNS,
    SPLITS,
    expected_removed,
    expected_rows,
    item_id,
    rows_in,
    settings,
    write_items,
    written,
)

pytestmark = pytest.mark.usefixtures("shared_ray")

PRESETS = ("course-2024", "course-2025")
COUNT = 30_000
OWN: dict[str, dict[str, Any]] = {
    "course-2024": {
        "sample": {"slot_cap": 60, "whole_from": 90},
        "splits": {"train": 7_000, "validation": 400, "test": 500},
    },
    "course-2025": {
        "sample": {"size": 12_000},
        "splits": {"train": 10_000, "validation": 1_200, "test": "rest"},
    },
}
"""Settings that suit 30,000 items."""


class Made(NamedTuple):
    """A preset's items, what the plain reference makes of them, and the set that was written."""

    recipe: str
    items: list[Item]
    root: Path
    plain: Plain
    set: Path


def the_plain_way(recipe: str, made: list[Item]) -> Plain:
    if recipe == "course-2024":
        return plain.course_2024(made, cap=60, whole_from=90, splits=(7_000, 400, 500))
    return plain.course_2025(made, size=12_000, splits=(10_000, 1_200, "rest"))


@pytest.fixture(scope="module", params=PRESETS)
def made(request: pytest.FixtureRequest, shared_ray: int, tmp_path_factory: pytest.TempPathFactory) -> Made:
    recipe: str = request.param
    folder = tmp_path_factory.mktemp(recipe)
    its = items(COUNT, seed=5)
    root = write_items(folder / "items", recipe, its).close()
    craft_set(settings(root, folder / "set", preset=recipe, workers=4, **OWN[recipe]), quiet=True)
    return Made(recipe, its, root, the_plain_way(recipe, its), folder / "set")


def test_the_items_try_what_can_go_wrong(made: Made) -> None:
    prices = [item["price"] for item in made.items]
    assert (min(prices), max(prices)) == (0.5, 999.5)  # which are rounded to 0 and 1000, and have no slot
    assert sum(price % 1 == 0.5 for price in prices) > 2_000
    assert len({item["title"] for item in made.items}) < COUNT - 1_000
    assert len({item["text"] for item in made.items}) < COUNT - 1_000


def test_each_split_has_the_rows_of_the_plain_reference_in_its_order(made: Made) -> None:
    for split in SPLITS:
        rows = written(made.set, split)
        assert rows == expected_rows(made.recipe, getattr(made.plain, split)), split
        assert list(rows[0]) == COLUMNS[made.recipe]
    assert {len(written(made.set, split)) for split in SPLITS} == (
        {7_000, 400, 500} if made.recipe == "course-2024" else {10_000, 1_200, 800}
    )


def test_every_other_item_stands_in_load_order_with_its_reason(made: Made) -> None:
    rows = written(made.set, "removed")
    assert rows == expected_removed(made.items, made.plain)
    assert list(rows[0]) == REMOVED_COLUMNS
    reasons = {row["reason"] for row in rows}
    assert reasons == (
        {"not_drawn", "unused"} if made.recipe == "course-2024" else {"duplicate_title", "duplicate_text", "not_drawn"}
    )


def test_the_funnel_adds_up_and_every_byte_is_verified(made: Made) -> None:
    manifest = json.loads((made.set / "manifest.json").read_bytes())
    assert sum(manifest["funnel"].values()) == manifest["num_items"] == COUNT
    assert manifest["funnel"]["train"] == len(made.plain.train)
    num_files = len(tree(made.set))
    assert verify_output(made.set) == (
        f"intact: {num_files} files, "
        + ", ".join(f"{len(getattr(made.plain, split)):,} rows of {split}" for split in SPLITS)
    )


@pytest.mark.parametrize(("workers", "cuts"), [(1, 3), (2, 1), (4, 7)])
def test_workers_and_shards_change_no_byte(made: Made, workers: int, cuts: int, tmp_path: Path) -> None:
    root = made.root if cuts == 3 else write_items(tmp_path / "items", made.recipe, made.items, cuts=cuts).close()
    outcome = craft_set(
        settings(root, tmp_path / "set", preset=made.recipe, workers=workers, **OWN[made.recipe]), quiet=True
    )
    assert outcome.new_shards == 4
    assert rows_in(tmp_path / "set") == rows_in(made.set)
    for name in ("README.md", "_decision.parquet"):
        assert (tmp_path / "set" / name).read_bytes() == (made.set / name).read_bytes()


def test_load_dataset_gives_the_splits_and_nothing_else(made: Made, tmp_path: Path) -> None:
    import datasets

    loaded = datasets.load_dataset(str(made.set), cache_dir=str(tmp_path))
    assert isinstance(loaded, datasets.DatasetDict)
    assert {name: split.num_rows for name, split in loaded.items()} == {
        split: len(getattr(made.plain, split)) for split in SPLITS
    }
    assert loaded["test"].column_names == COLUMNS[made.recipe]
    assert loaded["test"].to_list() == expected_rows(made.recipe, made.plain.test)
    assert datasets.get_dataset_config_names(str(made.set)) == ["default"]


def test_polars_and_duckdb_read_it(made: Made) -> None:
    polars, duckdb = pytest.importorskip("polars"), pytest.importorskip("duckdb")
    expected = expected_rows(made.recipe, made.plain.validation)
    pattern = str(made.set / "data/validation-*.parquet")
    assert polars.read_parquet(pattern).to_dicts() == expected
    found = duckdb.sql(f"select * from '{pattern}'")
    assert found.columns == COLUMNS[made.recipe]
    assert [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()] == expected
    removed = str(made.set / "_removed/*.parquet")
    counted = duckdb.sql(f"select reason, count(*) from '{removed}' group by all").fetchall()
    assert dict(counted) == {
        reason: list(made.plain.reasons.values()).count(reason) for reason in set(made.plain.reasons.values())
    }


def test_the_small_form_of_2024_has_appliances_alone(tmp_path: Path) -> None:
    its = items(2_000, seed=7)
    root = write_items(tmp_path / "items", "course-2024", its).close()
    small = {"lite": True, "splits": {"train": 400, "test": 60}}
    craft_set(settings(root, tmp_path / "set", preset="course-2024", **small), quiet=True)
    expected = plain.course_2024(its, lite=True, splits=(400, 0, 60))
    assert {item["category"] for item in expected.train} == {"Appliances"}
    assert sorted(path.name for path in (tmp_path / "set/data").iterdir()) == [
        "test-00000-of-00001.parquet",
        "train-00000-of-00001.parquet",
    ]  # no file of the split without rows
    for split in ("train", "test"):
        assert written(tmp_path / "set", split) == expected_rows("course-2024", getattr(expected, split))
    assert written(tmp_path / "set", "removed") == expected_removed(its, expected)


def test_a_shard_has_fifty_thousand_rows(tmp_path: Path) -> None:
    its = items(60_000, seed=6)
    root = write_items(tmp_path / "items", "course-2024", its).close()
    many = {"sample": {"slot_cap": None}, "splits": {"train": 50_001, "test": 100}}
    craft_set(settings(root, tmp_path / "many", preset="course-2024", **many), quiet=True)
    expected = plain.course_2024(its, cap=None, splits=(50_001, 0, 100))
    assert written(tmp_path / "many", "train") == expected_rows("course-2024", expected.train)
    last = tmp_path / "many/data/train-00001-of-00002.parquet"
    assert pq.ParquetFile(last).metadata.num_rows == 1
    few = {"sample": {"slot_cap": 5, "whole_from": None}, "splits": {"train": "rest", "test": 100}}
    craft_set(settings(root, tmp_path / "few", preset="course-2024", **few), quiet=True)
    expected = plain.course_2024(its, cap=5, whole_from=None, splits=("rest", 0, 100))
    assert len(expected.reasons) > 50_000
    assert written(tmp_path / "few", "removed") == expected_removed(its, expected)
    assert written(tmp_path / "few", "train") == expected_rows("course-2024", expected.train)


def test_the_default_method_makes_the_same_bytes_of_other_shards(tmp_path: Path) -> None:
    its = items(3_000, seed=8)
    for name, workers, cuts in (("one", 1, 1), ("other", 4, 5)):
        root = write_items(tmp_path / f"{name}-items", "course-2025", its, cuts=cuts).close()
        craft_set(settings(root, tmp_path / name, workers=workers), quiet=True)
    assert rows_in(tmp_path / "one") == rows_in(tmp_path / "other")
    found = [row["id"] for part in (*SPLITS, "removed") for row in written(tmp_path / "one", part)]
    assert sorted(found) == [item_id(number) for number in range(3_000)]


def test_a_complete_set_is_done_at_once_without_ray(
    made: Made, curate: Curate, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def no_ray(*_: object) -> None:
        raise AssertionError("Ray was started")

    monkeypatch.setattr("job.cluster.start.started_ray", no_ray)
    before = tree(made.set)
    config = tmp_path / "set.json"
    config.write_text(settings(made.root, made.set, preset=made.recipe, **OWN[made.recipe]).model_dump_json())
    result = curate("craft", config)
    assert result.exit_code == 0, result.err
    assert f"complete already: {len(made.plain.train):,} train" in result.out
    document = json.loads(curate("craft", config, "--json").out)
    assert document["new_shards"] == 0
    assert document["funnel"]["test"] == len(made.plain.test)
    assert curate("craft", config, "--quiet").out == ""
    assert curate("craft", config, "--dry-run", "--json").exit_code == 0
    assert tree(made.set) == before
