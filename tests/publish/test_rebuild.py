"""`curate check --rebuild`: an output is made again and compared, whatever it was made from and with."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from job.config.load import load_config
from job.publish import rebuild as rebuild_module
from job.run import run_job
from job.source.sample.catalogue import make_catalogue
from tests.conftest import Curate, tree
from tests.output.made import MadeOutput, item
from tests.paths import ROOT
from tests.servers.hub import Hub

pytestmark = pytest.mark.usefixtures("shared_ray", "scratch")

SHELVES = ROOT / "configs/recipes/shelves.py"
OLD = ROOT / "tests/whole/old_output"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two categories, one with a malformed row."""
    folder = tmp_path_factory.mktemp("source")
    make_catalogue(folder, rows=400, categories=["Books", "Toys"], file_format="jsonl")
    toys = folder / "raw/meta_categories/meta_Toys.jsonl"
    toys.write_bytes(b"broken\n" + toys.read_bytes())
    return folder


@pytest.fixture(scope="module")
def made(shared_ray: int, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output of it, made in two runs: the second category with other settings than the first."""
    out = tmp_path_factory.mktemp("made") / "out"
    settings: dict[str, Any] = {"source.path": str(source), "output": str(out), "keep_columns": ["store"]}
    run_job(load_config(None, {**settings, "categories": ["Toys"], "recipe.max_price": 50}), quiet=True)
    run_job(load_config(None, {**settings, "categories": ["Books"], "limit": 150}), quiet=True)
    return out


@pytest.fixture
def out(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "out")
    return tmp_path / "out"


def test_an_output_made_again_has_the_same_bytes(out: Path, source: Path, scratch: Path, curate: Curate) -> None:
    before = tree(out)
    result = curate("check", out, "--rebuild")
    assert (result.exit_code, result.out) == (
        0,
        f"the same, byte for byte: 2 shards of Toys, Books, made again from {source}\n",
    ), result.err
    assert (tree(out), [*scratch.glob("curate-*")]) == (before, [])


def test_the_recipe_of_2025_and_parquet_from_the_hub_too(
    hub: Hub, tmp_path: Path, scratch: Path, curate: Curate
) -> None:
    make_catalogue(tmp_path / "tree", rows=300, categories=["Toys"], file_format="parquet")
    commit = hub.put("someone/catalogue", tmp_path / "tree")
    given = ["source.dataset=someone/catalogue", "recipe.name=course-2025"]
    sets = [word for each in given for word in ("--set", each)]
    assert curate("run", *sets, "--category", "Toys", "--output", tmp_path / "out").exit_code == 0
    result = curate("check", tmp_path / "out", "--rebuild")
    assert (result.exit_code, result.out) == (
        0,
        f"the same, byte for byte: 1 shard of Toys, made again from someone/catalogue at {commit[:8]}\n",
    ), result.err
    copied = curate("check", tmp_path / "out", "--rebuild", "--source", tmp_path / "tree")
    assert (copied.exit_code, copied.out.count("the same, byte for byte")) == (0, 1), copied.err
    assert [*scratch.glob("curate-*")] == []


def test_a_source_that_has_moved_is_named(out: Path, source: Path, tmp_path: Path, curate: Curate) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(source, moved)
    assert curate("check", out, "--rebuild", "--source", moved).exit_code == 0
    result = curate("check", out, "--rebuild", "--source", tmp_path / "nowhere")
    assert (result.exit_code, f"the source of {out} is not there any more" in result.err) == (2, True)


def test_a_source_that_was_edited_is_refused_before_work(
    out: Path, source: Path, tmp_path: Path, scratch: Path, curate: Curate
) -> None:
    edited = tmp_path / "edited"
    shutil.copytree(source, edited)
    with (edited / "raw/meta_categories/meta_Books.jsonl").open("a") as stream:
        stream.write("{}\n")
    result = curate("check", out, "--rebuild", "--source", edited)
    assert result.exit_code == 4
    assert result.err.startswith(
        f"error: {out} cannot be made again from this: Books: raw/meta_categories/meta_Books.jsonl was "
    )
    assert "starting" not in result.err
    assert [*scratch.glob("curate-*")] == []


def test_other_bytes_are_named(out: Path, scratch: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch) -> None:
    def with_a_fault(config: Any, **more: Any) -> Any:
        return run_job(config.model_copy(update={"limit": 100}), **more)

    monkeypatch.setattr(rebuild_module, "run_job", with_a_fault)
    result = curate("check", out, "--rebuild")
    error = result.err[result.err.index("error: ") :].splitlines()
    assert (result.exit_code, error[:2]) == (
        1,
        [
            f"error: {out} has other bytes than what was made again now:",
            "data/Toys/items-00000-of-00001.parquet: other items",
        ],
    )
    assert [*scratch.glob("curate-*")] == []


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), RuntimeError("a bug")])
def test_the_temporary_folder_goes_whatever_happens(
    out: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch, ending: BaseException
) -> None:
    def end(config: Any, **_: Any) -> None:
        Path(config.output).mkdir()
        (Path(config.output) / "plan.json").write_text("{}")
        raise ending

    monkeypatch.setattr(rebuild_module, "run_job", end)
    with pytest.raises(type(ending)):
        rebuild_module.rebuild(str(out))
    assert [*scratch.glob("curate-*")] == []


def test_a_disk_without_room_is_said_before_work(
    out: Path, scratch: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild_module.shutil, "disk_usage", lambda _: SimpleNamespace(free=10**6))
    result = curate("check", out, "--rebuild")
    assert (result.exit_code, "error: the disk is too full to make it again: 1 MB free at" in result.err) == (2, True)
    assert ("export TMPDIR=/FOLDER" in result.err, [*scratch.glob("curate-*")]) == (True, [])


def test_a_recipe_of_ones_own_is_named_again_and_its_hash_compared(
    source: Path, tmp_path: Path, curate: Curate
) -> None:
    recipe, out = tmp_path / "shelves.py", tmp_path / "out"
    recipe.write_text(SHELVES.read_text())
    run = ("run", "--source", source, "--category", "Toys", "--output", out, "--set", f"recipe.name={recipe}:Shelves")
    assert curate(*run, "--set", "max_malformed=5").exit_code == 0
    unnamed = curate("check", out, "--rebuild")
    assert (unnamed.exit_code, unnamed.err.splitlines()[1]) == (
        2,
        f"name it: curate check {out} --rebuild --recipe FILE.py:Shelves",
    )
    other = tmp_path / "other" / "shelves.py"
    other.parent.mkdir()
    other.write_text(f"open({str(tmp_path / 'was-run')!r}, 'w')\n{recipe.read_text()}")
    refused = curate("check", out, "--rebuild", "--recipe", f"{other}:Shelves")
    assert (refused.exit_code, "is other code (SHA-256 " in refused.err) == (4, True)
    assert not (tmp_path / "was-run").exists()
    assert curate("check", out, "--rebuild", "--recipe", f"{recipe}:Absent").exit_code == 2
    assert curate("check", out, "--rebuild", "--recipe", f"{recipe}:Shelves").out.startswith(
        "the same, byte for byte: 1 "
    )


def test_what_cannot_be_made_again_is_wrong_input(out: Path, tmp_path: Path, curate: Curate) -> None:
    assert curate("check", out).exit_code == 2
    assert curate("check", out, "--rebuild", "--recipe", "x.py:X").exit_code == 2
    assert curate("check", tmp_path / "nowhere", "--rebuild").exit_code == 2
    assert curate("check", "hf://datasets/a/b", "--rebuild").exit_code == 2
    half = MadeOutput(tmp_path / "half").add("Kettles", [[item("K1")]], unfinished=1).close()
    result = curate("check", half, "--rebuild")
    assert (result.exit_code, result.err.startswith(f"error: {half} is not complete")) == (1, True)


def test_an_output_of_an_earlier_version_is_made_again(tmp_path: Path, curate: Curate) -> None:
    shutil.copytree(OLD, tmp_path / "old")
    old = tmp_path / "old/output"
    assert f"the source of {old} is not there any more" in curate("check", old, "--rebuild").err
    result = curate("check", old, "--rebuild", "--source", tmp_path / "old/source")
    assert (result.exit_code, result.out.startswith("the same, byte for byte: ")) == (0, True), result.err
