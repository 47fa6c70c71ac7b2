"""`curate check SET --rebuild`: a training set is made again from its items, wherever these lie now."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from job.craft import craft_set
from job.errors import CurateError
from job.publish import rebuild_set as rebuild_module
from job.publish.rebuild import rebuild
from tests.conftest import Curate, tree
from tests.export.made import item_2024, item_2025, make_items, make_set
from tests.selection.presets.made import items as made_items
from tests.whole.crafting import settings, write_items

pytestmark = pytest.mark.usefixtures("scratch")

KINDS: dict[str, dict[str, Any]] = {
    "course-2024": {
        "preset": "course-2024",
        "sample": {"slot_cap": 3, "whole_from": 90},
        "splits": {"train": 300, "validation": 20, "test": 30},
    },
    "course-2025": {
        "preset": "course-2025",
        "sample": {"size": 500},
        "splits": {"train": 400, "validation": 50, "test": "rest"},
    },
    "default": {"sample": {"size": 700, "price_power": 1.5}, "splits": {"validation": 0.1, "test": 50}},
}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A set of 100 items, made without Ray; nothing but its plan says where the items lie."""
    rows = [item_2024(number, number + 1.5) for number in range(100)]
    items = make_items(tmp_path / "items", "course-2024", {"Appliances": rows[:45], "Toys": rows[45:]})
    return make_set(items, tmp_path / "set", splits={"validation": 10, "test": 10})


def _again(training_set: Path) -> Any:
    """Returns a function that stands for `craft_set` and makes this set, whatever it is told."""

    def copied(config: Any, **_: Any) -> None:
        shutil.copytree(training_set, config.output)

    return copied


def left(scratch: Path) -> list[Path]:
    return [*scratch.glob("curate-*")]


@pytest.mark.usefixtures("shared_ray")
@pytest.mark.parametrize("kind", KINDS)
def test_each_preset_and_the_default_made_again_have_the_same_bytes(
    tmp_path: Path, scratch: Path, curate: Curate, kind: str
) -> None:
    recipe = "course-2025" if kind == "course-2025" else "course-2024"
    items = write_items(tmp_path / "items", recipe, made_items(1_500, seed=7)).close()
    craft_set(settings(items, tmp_path / "set", workers=2, **KINDS[kind]), quiet=True)
    before = tree(tmp_path / "set")
    moved = items.rename(tmp_path / "moved")
    result = curate("check", tmp_path / "set", "--rebuild", "--items", moved, "--workers", "1")
    splits = "train, validation, test, removed"
    assert (result.exit_code, result.out) == (
        0,
        f"the same, byte for byte: 4 shards of {splits}, made again from {moved}\n",
    ), result.err
    assert (tree(tmp_path / "set"), left(scratch)) == (before, [])


def test_items_that_are_gone_are_said_with_how_to_make_them(
    made: Path, tmp_path: Path, scratch: Path, curate: Curate
) -> None:
    shutil.rmtree(tmp_path / "items")
    result = curate("check", made, "--rebuild")
    assert (result.exit_code, result.err.splitlines()) == (
        2,
        [
            f"error: {made} was made of the items in {tmp_path}/items, and that is not there any more",
            f"if they lie elsewhere now: curate check {made} --rebuild --items PATH",
            "to make them again, with the same source, limit and settings: curate run --source SOURCE "
            f"--category Appliances --category Toys --output {tmp_path}/items",
        ],
    )
    result = curate("check", made, "--rebuild", "--items", tmp_path / "nowhere")
    assert (result.exit_code, result.err.splitlines()[0]) == (
        2,
        f"error: --items: {tmp_path}/nowhere is not there; {made} was made of the items in {tmp_path}/items",
    )
    assert left(scratch) == []


def test_items_that_are_others_by_now_are_refused_before_work(
    made: Path, tmp_path: Path, scratch: Path, curate: Curate
) -> None:
    rows = [item_2024(number, number + 1.5) for number in range(100)]
    other = make_items(tmp_path / "other", "course-2024", {"Appliances": rows[:45], "Toys": rows[46:]})
    result = curate("check", made, "--rebuild", "--items", other)
    assert (result.exit_code, result.err.splitlines()[0]) == (
        4,
        f"error: {made} cannot be made again from {other}; changed since: the items of Toys",
    )
    of_2025 = [item_2025(number, number + 1.5) for number in range(100)]
    other = make_items(tmp_path / "of-2025", "course-2025", {"Appliances": of_2025})
    result = curate("check", made, "--rebuild", "--items", other)
    changed = "the items of Appliances, Toys; the name of the recipe; the roles.text of the recipe"
    assert (result.exit_code, changed in result.err, "the columns of the items" in result.err) == (4, True, True)
    assert left(scratch) == []


def test_the_same_is_said_and_every_kind_of_other_bytes_is_named(
    made: Path, tmp_path: Path, scratch: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild_module, "craft_set", _again(made))
    assert curate("check", made, "--rebuild").out == (
        f"the same, byte for byte: 3 shards of train, validation, test, made again from {tmp_path}/items\n"
    )
    other = make_set(tmp_path / "items", tmp_path / "other", seed=43, splits={"validation": 12, "test": 10})
    monkeypatch.setattr(rebuild_module, "craft_set", _again(other))
    result = curate("check", made, "--rebuild")
    error = result.err[result.err.index("error: ") :].splitlines()
    assert (result.exit_code, error[:6]) == (
        1,
        [
            f"error: {made} has other bytes than what was made again now:",
            "data/train-00000-of-00001.parquet: other rows",
            "data/validation-00000-of-00001.parquet: other rows",
            "data/test-00000-of-00001.parquet: other rows",
            "_decision.parquet: other decisions",
            "manifest.json: other totals, findings or warnings",
        ],
    )
    assert left(scratch) == []


def test_a_set_that_is_damaged_or_not_complete_is_not_made_again(
    made: Path, scratch: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild_module, "craft_set", _again(made))
    shard = made / "data/test-00000-of-00001.parquet"
    content = bytearray(shard.read_bytes())
    content[100] ^= 1
    shard.write_bytes(content)
    result = curate("check", made, "--rebuild")
    assert (result.exit_code, f"{made} is not intact" in result.err) == (1, True)
    content[100] ^= 1
    shard.write_bytes(content)
    (made / "manifest.json").unlink()
    result = curate("check", made, "--rebuild")
    assert (result.exit_code, f"{made} is not complete" in result.err) == (1, True)


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), RuntimeError("a bug"), CurateError("no")])
def test_the_temporary_folder_goes_whatever_happens(
    made: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch, ending: BaseException
) -> None:
    def end(config: Any, **_: Any) -> None:
        assert left(scratch)
        _again(made)(config)
        raise ending

    monkeypatch.setattr(rebuild_module, "craft_set", end)
    with pytest.raises(type(ending)):
        rebuild(str(made))
    assert left(scratch) == []


def test_what_cannot_be_done_is_wrong_input(
    made: Path, tmp_path: Path, scratch: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = ("check", made, "--rebuild")
    for option in ("--source", "--recipe"):
        result = curate(*check, option, "x")
        assert (result.exit_code, f"is made of items, and {option} says nothing about it" in result.err) == (2, True)
    result = curate("check", tmp_path / "items", "--rebuild", "--items", "x")
    assert (result.exit_code, "and --items says nothing about it" in result.err) == (2, True)
    assert curate(*check, "--workers", "0").exit_code == 2
    assert curate(*check, "--items", made).exit_code == 2
    monkeypatch.setattr("job.publish.again.shutil.disk_usage", lambda _: SimpleNamespace(free=10**6))
    result = curate(*check)
    assert (result.exit_code, "error: the disk is too full to make it again: 1 MB free at" in result.err) == (2, True)
    assert left(scratch) == []


@pytest.mark.slow
def test_ctrl_c_ends_it_and_leaves_nothing_behind(made: Path, scratch: Path) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "job", "check", made, "--rebuild", "--workers", "1"],
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not [*scratch.glob("curate-check-*/0/plan.json")] and running.poll() is None:
        threading.Event().wait(0.005)
    running.send_signal(signal.SIGINT)
    assert running.wait() == 130
    assert left(scratch) == []
