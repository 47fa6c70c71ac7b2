"""Recipes of users' own, through everything: real runs, other worker counts, a kill, an archive, the loader."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from job import ItemLoader
from job.cluster.code_archive import write_code_archive
from job.config.load import load_config
from job.output.folder import OutputFolder
from tests.conftest import Curate, shards, tree
from tests.paths import ROOT

pytestmark = pytest.mark.usefixtures("shared_ray")

SHELVES = ROOT / "configs/recipes/shelves.py"


def items(output: Path) -> list[dict[str, Any]]:
    return [row for path in sorted((output / "data").rglob("*.parquet")) for row in pq.read_table(path).to_pylist()]


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe" / "shelves.py"
    path.parent.mkdir()
    path.write_text(SHELVES.read_text())
    return path


def named(recipe: Path) -> tuple[str, ...]:
    return ("--set", f"recipe.name={recipe}:Shelves")


def plainly(source: Path) -> list[dict[str, Any]]:
    """Does by hand what the recipe in `configs` does."""
    found: list[dict[str, Any]] = []
    for line in next(source.rglob("*.jsonl")).read_text().splitlines():
        row = json.loads(line)
        text = "\n".join(" ".join(part.split()) for part in [row["title"] or "", *(row["features"] or [])])
        if row["main_category"] and len(text) >= 80:
            found.append(
                {
                    "category": "Appliances",
                    "parent_asin": row["parent_asin"],
                    "text": text[:2000],
                    "label": row["main_category"],
                }
            )
    return found


def test_both_formats_and_any_number_of_workers_give_the_same_items(
    catalogue: Path, jsonl_only: Path, tmp_path: Path, curate: Curate, recipe: Path
) -> None:
    expected = plainly(catalogue)
    assert 0 < len(expected) < 7_000
    for number, (source, workers) in enumerate([(catalogue, 1), (jsonl_only, 2), (catalogue, 4)]):
        out = tmp_path / str(number)
        result = curate("run", "--source", source, "--output", out, "--workers", workers, "--json", *named(recipe))
        assert result.exit_code == 0, result.err
        assert json.loads(result.out)["num_items"] == len(expected)
        assert items(out) == expected
        assert curate("verify", out).exit_code == 0
    assert shards(tmp_path / "0") == shards(tmp_path / "2")
    shown = curate("show", tmp_path / "0", 0)
    assert expected[0]["label"] in shown.out


def test_a_changed_recipe_is_refused_and_a_moved_one_goes_on(
    catalogue: Path, tmp_path: Path, curate: Curate, recipe: Path
) -> None:
    out = tmp_path / "out"
    arguments = ("run", "--source", catalogue, "--output", out, "--quiet")
    assert curate(*arguments, *named(recipe)).exit_code == 0
    before = tree(out)
    moved = recipe.rename(tmp_path / "shelves.py")
    assert curate(*arguments, *named(moved)).exit_code == 0
    moved.write_text(moved.read_text() + "\n# changed\n")
    result = curate(*arguments, *named(moved))
    assert result.exit_code == 4
    assert "changed since: the recipe's code (SHA-256 was " in result.err
    assert tree(out) == before


def test_a_mended_recipe_does_not_add_a_category_to_what_the_old_one_made(
    tmp_path: Path, curate: Curate, recipe: Path
) -> None:
    row = {"title": "A lamp " * 20, "main_category": "Lights", "features": [], "parent_asin": "B1"}
    for name in ("Aa", "Bb"):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(row) + "\n")
    arguments = ("run", "--source", tmp_path, "--output", tmp_path / "out", "--quiet", *named(recipe))
    assert curate(*arguments, "--category", "Aa").exit_code == 0
    recipe.write_text(recipe.read_text() + "\n# mended\n")
    result = curate(*arguments, "--category", "Bb")
    assert (result.exit_code, "has Aa from another job; changed since: the recipe's code" in result.err) == (4, True)


def test_a_recipe_that_raises_in_a_later_batch_ends_the_job_with_the_row(
    catalogue: Path, tmp_path: Path, curate: Curate, recipe: Path
) -> None:
    line = next(catalogue.rglob("*.jsonl")).read_text().splitlines()[2_500]
    asin = json.loads(line)["parent_asin"]
    recipe.write_text(
        recipe.read_text().replace(
            "        if not main_category:\n",
            f"        assert parent_asin != {asin!r}, 'not this one'\n        if not main_category:\n",
        )
    )
    result = curate("run", "--source", catalogue, "--output", tmp_path / "out", "--quiet", *named(recipe))
    assert result.exit_code == 1
    assert "the recipe shelves.py:Shelves failed: AssertionError: not this one\nline " in result.err
    assert "in raw_meta_Appliances/full-00000-of-00001.parquet, row 2,500: {" in result.err
    assert "Traceback" not in result.err
    assert not (tmp_path / "out/manifest.json").exists()


@pytest.mark.slow
def test_a_killed_run_goes_on_with_a_recipe_of_ones_own(
    catalogue: Path, tmp_path: Path, curate: Curate, recipe: Path
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "job", "run", "--source", str(catalogue), "--output", str(out), "--workers", "1"]
    with subprocess.Popen([*command, *named(recipe)], start_new_session=True, stderr=subprocess.DEVNULL) as run:
        patience = time.monotonic() + 60
        while not list(out.glob("_partitions/*/*")) and time.monotonic() < patience:
            time.sleep(0.05)
        run.kill()
    result = curate("run", "--source", catalogue, "--output", out, "--quiet", *named(recipe))
    assert result.exit_code == 0, result.err
    assert items(out) == plainly(catalogue)


def test_the_loader_gives_items_with_the_recipe_s_columns(catalogue: Path, tmp_path: Path, recipe: Path) -> None:
    settings = {"recipe.name": f"{recipe}:Shelves", "recipe.max_chars": 100}
    found = ItemLoader("Appliances", source=catalogue, output=tmp_path / "out", settings=settings).load(workers=2)
    expected = plainly(catalogue)
    assert (found[0].text, found[0].label) == (expected[0]["text"][:100], expected[0]["label"])
    assert len(found) == len(expected)


def test_a_recipe_travels_with_the_code(tmp_path: Path, recipe: Path) -> None:
    config = load_config(None, {"recipe.name": f"{recipe}:Shelves", "recipe.min_chars": 90, "source.path": "s3://b/x"})
    write_code_archive(tmp_path / "code.zip", config)
    with zipfile.ZipFile(tmp_path / "code.zip") as archive:
        archive.extractall(tmp_path / "node")
    there: Any = load_config(tmp_path / "node/job.yaml")
    assert there.recipe.recipe_code.where == str(tmp_path / "node/recipes/shelves.py")
    assert there.recipe.identity() == config.recipe.identity()
    assert there.recipe.recipe_code.digest == config.recipe.recipe_code.digest if config.recipe.recipe_code else False


@pytest.mark.parametrize("where", ["plan.json", pytest.param("manifest.json", marks=pytest.mark.slow)])
def test_nothing_that_an_output_says_is_ever_imported(
    catalogue: Path, tmp_path: Path, curate: Curate, recipe: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan that names a file which leaves a mark when it is imported."""
    monkeypatch.syspath_prepend(tmp_path)
    out, mark = tmp_path / "out", tmp_path / "mark"
    arguments = ("run", "--source", catalogue, "--output", out, "--quiet", "--limit", 100)
    assert curate(*arguments, *named(recipe)).exit_code == 0
    evil = tmp_path / "evil.py"
    evil.write_text(f"open({str(mark)!r}, 'w').close()\n")
    (tmp_path / "evil_package.py").write_text(evil.read_text())
    output = OutputFolder(out)
    for name in (f"{evil}:Shelves", "evil_package:Shelves"):
        plan = json.loads((out / "plan.json").read_text())
        plan["config"]["recipe"]["name"] = name
        plan["recipe"]["name"] = name
        for category in plan["categories"].values():
            category["determines"]["recipe"]["name"] = name
        del plan["checksum"]
        assert output.plan() is not None
        _write_sealed(out / "plan.json", plan)
        if where == "manifest.json":
            manifest = json.loads((out / "manifest.json").read_text())
            manifest["recipe"]["name"] = name
            del manifest["checksum"]
            _write_sealed(out / "manifest.json", manifest)
        for command in (
            ["show", out, 0],
            ["status", out],
            ["rejects", out],
            ["verify", "--source", out],
            ["diff", out, out],
        ):
            assert "Traceback" not in curate(*command).err
            assert not mark.exists(), command
        result = curate(*arguments)
        assert result.exit_code == 4
        assert not mark.exists()
    importlib.import_module("evil_package")
    assert mark.exists()


def _write_sealed(path: Path, values: dict[str, Any]) -> None:
    import msgspec

    from job.output.sealed import sealed

    structure = msgspec.defstruct("Any_", [(name, Any) for name in values])
    path.write_bytes(sealed(structure(**values)))


def test_the_example_runs_on_the_sample(catalogue: Path, tmp_path: Path, curate: Curate) -> None:
    config = ROOT / "configs/recipes/shelves.yaml"
    tried = curate("try", config, "--source", catalogue, "--row", 1)
    assert "text: " in tried.out
    assert "verdict: " in tried.out
    result = curate("run", config, "--source", catalogue, "--output", tmp_path / "out", "--quiet")
    assert result.exit_code == 0, result.err
    assert {item["label"] for item in items(tmp_path / "out")} >= {"Appliances"}
