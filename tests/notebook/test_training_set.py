"""`from job import TrainingSet`."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest

import job
from job import TrainingSet
from job.errors import RefusedError, UsageError
from tests.conftest import Curate
from tests.export.conftest import sets
from tests.export.made import item_2024, make_items, rows_of

__all__ = ["sets"]  # a fixture


def test_it_is_found_where_the_package_says() -> None:
    assert job.TrainingSet is TrainingSet


def test_the_splits_of_an_open_set_are_data_sets(sets: dict[str, Path]) -> None:
    opened = TrainingSet.open(sets["course-2024"])
    assert repr(opened) == f"<TrainingSet {sets['course-2024']}: 60 train, 30 test>"
    assert opened.splits == {"train": 60, "test": 30}
    assert sum(opened.totals.values()) == 100
    assert opened.stages["sample"]["items"] == 100 - opened.totals["not_drawn"]
    read = opened.datasets()
    assert isinstance(read, datasets.DatasetDict)
    for split in ("train", "test"):
        assert list(read[split]) == rows_of(sets["course-2024"], split)


def test_a_path_with_the_signs_of_a_pattern_is_opened(sets: dict[str, Path], tmp_path: Path) -> None:
    for number, name in enumerate(("a [b] *", "c::d")):
        folder = tmp_path / f"{number}" / name
        folder.parent.mkdir()
        shutil.copytree(sets["own"], folder)
        assert list(TrainingSet.open(folder).dataset("test")) == rows_of(sets["own"], "test")


def test_nothing_is_known_that_was_not_looked_for(sets: dict[str, Path]) -> None:
    opened = TrainingSet.open(sets["own"])
    assert (opened.findings, opened.leaks, opened.conflicts) == ({}, None, None)


def test_a_form_is_written_from_python(sets: dict[str, Path], tmp_path: Path) -> None:
    opened = TrainingSet.open(sets["own"])
    with pytest.raises(UsageError, match=r"leave these rows out with too_long='drop', or allow them: max_length=\d+$"):
        opened.export("trl", tmp_path / "out", max_length=20)
    files = opened.export("trl", tmp_path / "out")
    assert files == [tmp_path / "out/train.parquet", tmp_path / "out/validation.parquet", tmp_path / "out/test.parquet"]
    assert pq.read_table(files[2]).num_rows == opened.splits["test"]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda _, root: TrainingSet.open(root / "none"), "there is no such folder"),
        (lambda sets, _: TrainingSet.open(sets["own"].parent / "own-items"), "holds items, and is no training set"),
        (lambda sets, _: TrainingSet.open(sets["own"]).dataset("tests"), "did you mean test?; it has: train, valid"),
        (lambda sets, _: TrainingSet.open(sets["own"]).make(), r"TrainingSet(items, output).make()"),
        (lambda _, root: TrainingSet("items", root / "x").splits, "is not made yet: call make() first"),
        (lambda _, root: TrainingSet("items", root / "x", workers=2), "as in make(workers=2)"),
        (lambda _, root: TrainingSet(root / "none", root / "x").make(), "there is no such folder"),
        (lambda sets, root: TrainingSet(sets["own"].parent / "own-items", root / "x", sed=1).make(), "seed"),
    ],
)
def test_mistakes_are_told_in_words(call: Any, said: str, sets: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        call(sets, tmp_path)
    assert said in str(raised.value)
    assert " --" not in re.sub(r"in a shell: curate .*", "", str(raised.value))
    assert len(raised.value._render_traceback_()) == 1  # pyright: ignore[reportPrivateUsage]


@pytest.mark.usefixtures("shared_ray")
def test_a_set_is_made_taken_as_it_is_and_read_by_ray(tmp_path: Path, curate: Curate) -> None:
    rows = [item_2024(number, 5.0 + number) for number in range(90)]
    items = make_items(tmp_path / "items", "course-2024", {"Appliances": rows})
    settings: dict[str, Any] = {"sample": {"size": 50}, "splits.test": 10, "splits.validation": 0}
    made = TrainingSet(items, tmp_path / "set", **settings)
    assert repr(made) == f"<TrainingSet {tmp_path / 'set'}: not made yet>"
    assert made.make(workers=1) is made
    assert made.splits == {"train": 40, "test": 10}
    assert made.ray_dataset("train").take_all() == rows_of(tmp_path / "set", "train")
    assert TrainingSet(items, tmp_path / "set", **settings).make().totals == made.totals
    with pytest.raises(
        RefusedError, match=r"sample.size was 50, is 40.*\n.*with output='DIR', or .* make\(fresh=True\)"
    ):
        TrainingSet(items, tmp_path / "set", **{**settings, "sample": {"size": 40}}).make()
    # what a real run has written down is enough for `why`
    removed = pq.read_table(next((tmp_path / "set/_removed").iterdir())).to_pylist()
    name = next(row["id"] for row in removed if row["reason"] == "not_drawn")
    assert "; of 90, the 50 with the smallest were drawn" in curate("why", tmp_path / "set", name).out
