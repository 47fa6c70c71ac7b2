"""A made output of items: intact, the same bytes each time, in the published proportions."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from job.bench.measure import made_items
from job.bench.measure.made_items import NUM_PUBLISHED, category_sizes, make_items
from job.errors import UsageError
from job.output.folder import OutputFolder
from job.output.verify import verify_output
from job.source.sample.items import MADE_RECIPES, made_columns
from tests.conftest import tree

pytestmark = pytest.mark.seconds


def shards(output: OutputFolder) -> list[Path]:
    manifest = output.manifest()
    assert manifest is not None
    return [Path(output.where(shard.path)) for each in manifest.categories.values() for shard in each.shards]


@pytest.mark.parametrize("recipe", MADE_RECIPES)
def test_a_made_output_is_intact_and_holds_the_items_in_order(tmp_path: Path, recipe: str) -> None:
    reports: list[int] = []
    output = make_items(tmp_path / "items", recipe=recipe, items=3_000, report=reports.append)
    assert verify_output(tmp_path / "items").endswith("3,000 items")
    assert (reports[-1], reports) == (3_000, sorted(reports))
    found = pa.concat_tables([pq.read_table(path) for path in shards(output)])
    expected = made_columns(recipe, 0, 3_000, 0)
    assert {name: found[name].to_pylist() for name in expected} == {
        name: column.to_pylist() for name, column in expected.items()
    }
    plan = output.plan()
    assert plan is not None
    assert plan.description.name == recipe


def test_categories_have_the_published_proportions() -> None:
    assert category_sizes(NUM_PUBLISHED) == {
        "Automotive": 911_688,
        "Electronics": 443_473,
        "Office_Products": 240_394,
        "Tools_and_Home_Improvement": 541_051,
        "Cell_Phones_and_Accessories": 238_869,
        "Toys_and_Games": 340_479,
        "Appliances": 28_625,
        "Musical_Instruments": 66_829,
    }
    assert category_sizes(562_281)["Appliances"] == 5_725
    for items in (1, 7, 1000, 562_281):
        assert sum(category_sizes(items).values()) == items


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(tmp_path: Path) -> None:
    for name, seed in (("one", 0), ("two", 0), ("other", 1)):
        make_items(tmp_path / name, recipe="course-2024", items=1_000, seed=seed)
    one, two, other = (tree(tmp_path / name / "data") for name in ("one", "two", "other"))
    assert one == two
    assert one.keys() == other.keys()
    assert all(one[name] != other[name] for name in one)


@pytest.mark.slow
def test_several_processes_make_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_items(tmp_path / "several", recipe="course-2024", items=6_000)
    monkeypatch.setattr(made_items, "_MAX_ITEMS_WITHOUT_POOL", 6_000)
    make_items(tmp_path / "one", recipe="course-2024", items=6_000)
    assert tree(tmp_path / "several" / "data") == tree(tmp_path / "one" / "data")


def test_shards_are_as_large_as_those_of_a_real_run(tmp_path: Path) -> None:
    output = OutputFolder(tmp_path)
    plan, made = made_items._planned(output, "course-2024", NUM_PUBLISHED, 0)  # pyright: ignore[reportPrivateUsage]
    counts = {name: len(category.partitions) for name, category in plan.categories.items()}
    assert (counts["Automotive"], counts["Electronics"], counts["Appliances"]) == (63, 51, 48)
    assert sum(shard.num_items for shard in made) == NUM_PUBLISHED
    assert [shard.num_items for shard in made[:2]] == [14_587, 14_587]


def test_existing_items_are_taken_and_half_made_ones_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "items"
    output = make_items(folder, recipe="course-2024", items=500)
    before = {path: path.stat().st_mtime_ns for path in shards(output)}
    make_items(folder, recipe="course-2024", items=500)
    assert {path: path.stat().st_mtime_ns for path in shards(output)} == before
    (folder / "manifest.json").unlink()
    shards_before = tree(folder / "data")
    shards_of_first = folder / "data" / "Automotive" / "items-00000-of-00001.parquet"
    shards_of_first.unlink()
    make_items(folder, recipe="course-2024", items=500)
    assert tree(folder / "data") == shards_before
    assert verify_output(folder).endswith("500 items")


def test_something_else_in_the_folder_is_left_alone(tmp_path: Path) -> None:
    make_items(tmp_path / "items", recipe="course-2024", items=100)
    before = tree(tmp_path / "items")
    for recipe, items in (("course-2024", 101), ("course-2025", 100)):
        with pytest.raises(UsageError, match="contains something else\nname another folder"):
            make_items(tmp_path / "items", recipe=recipe, items=items)
    assert tree(tmp_path / "items") == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="contains something else"):
        make_items(tmp_path / "mine", recipe="course-2024", items=100)


def test_wrong_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="items of 'course-2026' cannot be made; choose from: course-2024"):
        make_items(tmp_path / "items", recipe="course-2026", items=100)
    with pytest.raises(UsageError, match="items is 0: ask for 1 or more"):
        make_items(tmp_path / "items", recipe="course-2024", items=0)
    assert not (tmp_path / "items").exists()
