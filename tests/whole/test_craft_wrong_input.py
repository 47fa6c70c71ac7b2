"""What `craft` refuses: one clear error each, with the right exit code, and nothing is touched."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from job.recipe.protocol import RecipeDescription, Roles
from tests.conftest import Curate, Result, tree
from tests.output.made import MadeOutput
from tests.selection.presets.made import items
from tests.whole.crafting import rows_in, write_items, written

pytestmark = pytest.mark.usefixtures("shared_ray")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("input")


@pytest.fixture(scope="module")
def of_2024(folder: Path) -> Path:
    """1,000 items of four categories."""
    return write_items(folder / "of 2024", "course-2024", items(1_000, seed=1), cuts=2).close()


@pytest.fixture(scope="module")
def of_2025(folder: Path) -> Path:
    return write_items(folder / "of 2025", "course-2025", items(1_000, seed=1), cuts=2).close()


@pytest.fixture(scope="module")
def made_set(of_2024: Path, shared_ray: int, folder: Path) -> Path:
    """A finished set: preset, seed 42, 500 and 40 rows."""
    from job.craft import craft_set
    from tests.whole.crafting import settings

    small = {"train": 500, "test": 40}
    craft_set(settings(of_2024, folder / "set", preset="course-2024", splits=small), quiet=True)
    return folder / "set"


PRESET = ("--preset", "course-2024", "--set", "splits.train=500", "--set", "splits.test=40")


def refused(result: Result, exit_code: int, *words: str) -> str:
    """Checks that it was one error, without a traceback, and returns it."""
    assert result.exit_code == exit_code, result
    assert result.out == ""
    lines = [line for line in result.err.splitlines() if not line.startswith("mind: ")]
    assert [line.startswith("error: ") for line in lines].count(True) == 1, result.err
    error = result.err[result.err.index("error: ") :]
    assert "Traceback" not in error
    for word in words:
        assert word in error, error
    return error


def asked(curate: Curate, items: Path | str, output: Path | str, *more: object) -> Result:
    return curate("craft", "--items", items, "--output", output, "--workers", 2, *more)


def test_items_that_are_not_complete_are_finished_by_the_line_in_the_error(
    catalogue: Path, tmp_path: Path, curate: Curate
) -> None:
    out = tmp_path / "the items"
    run = curate("run", "--source", catalogue, "--output", out, "--limit", 1_500, "--set", "recipe.min_price=1.5")
    assert run.exit_code == 0, run.err
    whole = tree(out)
    (out / "manifest.json").unlink()
    shutil.rmtree(out / "data")
    error = refused(asked(curate, out, tmp_path / "set"), 2, f"the items in {out} are not complete\nto finish them: ")
    assert not (tmp_path / "set").exists()
    words = shlex.split(error.partition("to finish them: ")[2].splitlines()[0])
    assert words[0] == "curate"
    assert curate(*words[1:]).exit_code == 0
    assert {name: tree(out)[name] for name in ("manifest.json", "README.md")} == {
        name: whole[name] for name in ("manifest.json", "README.md")
    }
    result = asked(curate, out, tmp_path / "set")
    assert result.exit_code == 0, result.err
    assert "mind: the items are made of the first 1,500 rows of each category only, as --limit said" in result.err
    card = (tmp_path / "set/README.md").read_text()
    assert "Mind: the items are made of the first 1,500 rows of each category only" in card


def test_items_of_which_damaged_parts_were_left_out_are_said_in_the_card(
    catalogue: Path, tmp_path: Path, curate: Curate
) -> None:
    source = tmp_path / "Appliances.jsonl"
    lines = (catalogue / "raw/meta_categories/meta_Appliances.jsonl").read_bytes().splitlines(keepends=True)
    source.write_bytes(b"".join(lines[:1_500]) + lines[1_500][:40])
    out = tmp_path / "items"
    assert curate("run", "--source", source, "--output", out, "--skip-damaged-files").exit_code == 0
    said = "damaged parts of source files are left out of the items: Appliances.jsonl"
    result = asked(curate, out, tmp_path / "set")
    assert result.exit_code == 0
    assert f"mind: {said}" in result.err
    assert f"Mind: {said}." in (tmp_path / "set/README.md").read_text()


@pytest.mark.parametrize("name", ["nowhere", "empty", "stranger", "file"])
def test_items_that_are_missing(name: str, tmp_path: Path, curate: Curate) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "stranger").mkdir()
    (tmp_path / "stranger/notes.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    before = tree(tmp_path)
    refused(asked(curate, tmp_path / name, tmp_path / "set"), 2, str(tmp_path / name))
    assert tree(tmp_path) == before
    assert not (tmp_path / "set").exists()


def test_a_training_set_is_no_items(made_set: Path, tmp_path: Path, curate: Curate, of_2024: Path) -> None:
    refused(asked(curate, made_set, tmp_path / "set"), 2, f"{made_set} is a training set, and not items", str(of_2024))
    assert not (tmp_path / "set").exists()


def test_an_output_without_any_item(tmp_path: Path, curate: Curate) -> None:
    from tests.whole.crafting import described

    made = MadeOutput(tmp_path / "items", {}, described("course-2024"))
    made.add("Toys", [[]], dropped={"price_missing": 5}).close()
    refused(asked(curate, tmp_path / "items", tmp_path / "set"), 2, "has no item", "curate status")


@pytest.mark.parametrize(
    ("which", "more", "words"),
    [
        (
            "2024",
            ["--preset", "course-2024"],
            ["splits: 400,000 for train and 2,000 for test are more", "--set splits.t"],
        ),
        ("2024", ["--preset", "course-2024", "--set", "lite=true"], ["25,000 for train and 2,000 for test"]),
        ("2025", ["--preset", "course-2025"], ["sample.size: 820,000 items are to be drawn", "--set sample.size="]),
        ("2024", ["--set", "sample.size=1001"], ["sample.size is 1,001", "--set sample.size="]),
        ("2024", ["--set", "splits.train=1001"], ["splits: the ", "items to divide are too few"]),
        (
            "2024",
            ["--set", "sample.category_weights={Applances: 2}"],
            ["no category 'Applances'", "did you mean Appliances?"],
        ),
        (
            "2024",
            ["--set", "sample.category_weights={Appliances: 0}", "--set", "sample.other_weight=0"],
            ["no item can be drawn"],
        ),
        (
            "2025",
            ["--preset", "course-2025", "--set", "sample.category_weights={Toys: 2}"],
            ["no category 'Toys' among the items; they are of: Automotive, Electronics"],
        ),
        (
            "2025",
            ["--preset", "course-2024"],
            ["preset course-2024 is for items of the recipe course-2024", "of course-2025\n"],
        ),
        (
            "2024",
            ["--preset", "course-2025"],
            ["preset course-2025 is for items of the recipe course-2025", "of course-2024\n"],
        ),
        ("2024", ["--set", "preset=course-2023"], ["preset: ", "course-2024", "course-2025", "course-2023"]),
        ("2024", ["--set", "sample.sice=3"], ["sample.sice: unknown key; did you mean size?"]),
        ("2024", ["--set", "slot_cap=3"], ["slot_cap: unknown key; did you mean sample.slot_cap?"]),
        ("2024", ["--set", "sed=3"], ["sed: unknown key; did you mean seed?"]),
        ("2024", ["--workers", "0"], ["workers"]),
        ("2024", ["--workers", "many"], ["workers"]),
        ("2024", ["--quiet", "--json"], ["--quiet and --json exclude each other"]),
        ("2024", ["--set", "lite=true"], ["lite is the small form of a preset"]),
        ("2024", ["--set", "seed=-1"], ["seed"]),
        ("2024", ["--set", "splits={train: 0, validation: 0.0001, test: 0}", "--set", "deduplicate=[]"], ["splits"]),
    ],
)
def test_settings_that_do_not_fit(
    which: str, more: list[str], words: list[str], of_2024: Path, of_2025: Path, tmp_path: Path, curate: Curate
) -> None:
    root = {"2024": of_2024, "2025": of_2025}[which]
    before = tree(root)
    result = asked(curate, root, tmp_path / "set", *more)
    if "--json" in more:
        assert json.loads(result.out)["exit_code"] == 2
        result = Result(result.exit_code, "", result.err)
    refused(result, 2, *words)
    assert tree(tmp_path) == {}
    assert not (tmp_path / "set").exists()
    assert tree(root) == before


def test_a_set_with_other_settings_is_refused_and_says_what_changed(
    of_2024: Path, of_2025: Path, made_set: Path, curate: Curate, tmp_path: Path
) -> None:
    before = tree(made_set)
    error = refused(asked(curate, of_2024, made_set, *PRESET, "--set", "seed=7"), 4, "seed was 42, is 7", "--fresh")
    assert "changed since: seed was 42, is 7\nnothing was touched" in error
    refused(asked(curate, of_2024, made_set, *PRESET, "--set", "splits.test=41"), 4, "splits.test was 40, is 41")
    assert asked(curate, of_2024, made_set, *PRESET, "--set", "sample.other_weight=5").exit_code == 0  # as before
    refused(asked(curate, of_2025, made_set), 4, "changed since: the items of ")
    other = tmp_path / "items"
    write_items(other, "course-2024", items(1_000, seed=2)).close()
    refused(
        asked(curate, other, made_set, *PRESET),
        4,
        "changed since: the items of Automotive, Electronics, Tools_and_Home_Improvement, Appliances\n",
    )
    assert tree(made_set) == before


def test_a_shard_that_has_changed_under_its_manifest_is_named(of_2024: Path, tmp_path: Path, curate: Curate) -> None:
    root = tmp_path / "items"
    shutil.copytree(of_2024, root)
    shard = root / "data/Appliances/items-00001-of-00002.parquet"
    content = bytearray(shard.read_bytes())
    content[200] ^= 1
    shard.write_bytes(content)
    words = f"{shard} has changed since it was written\nto see what else is wrong: curate verify "
    refused(asked(curate, root, tmp_path / "set", *PRESET), 1, words)
    assert not (tmp_path / "set/plan.json").exists()
    shard.unlink()
    refused(asked(curate, root, tmp_path / "set", *PRESET), 1, f"{shard} is gone\n")
    shutil.copy(of_2024 / "data/Appliances/items-00001-of-00002.parquet", shard)
    assert asked(curate, root, tmp_path / "set", *PRESET).exit_code == 0


def test_an_output_in_its_items_around_them_or_the_same(of_2024: Path, tmp_path: Path, curate: Curate) -> None:
    root = tmp_path / "a/items"
    root.parent.mkdir()
    shutil.copytree(of_2024, root)
    (tmp_path / "link").symlink_to(root)
    (tmp_path / "b").mkdir()
    before = tree(tmp_path)
    for output in (
        root,
        root / "set",
        root.parent,
        tmp_path / "link",
        tmp_path / "link/set",
        root / "../items",
        root / "../items/data/deep",
        tmp_path / "b/../a",
        f"file://{root}/set",
    ):
        refused(asked(curate, root, output, *PRESET), 2, "name another folder: --output DIR")
        refused(asked(curate, tmp_path / "link", output, *PRESET, "--fresh"), 2, "name another folder: --output DIR")
    assert tree(tmp_path) == before


def test_folders_with_similar_names_are_beside_each_other(of_2024: Path, tmp_path: Path, curate: Curate) -> None:
    root = tmp_path / "items"
    shutil.copytree(of_2024, root)
    assert asked(curate, root, tmp_path / "items-set", *PRESET, "--dry-run").exit_code == 0
    assert asked(curate, root, tmp_path / "item", *PRESET, "--dry-run").exit_code == 0


def test_an_output_that_holds_items_or_something_else(
    of_2024: Path, of_2025: Path, tmp_path: Path, curate: Curate
) -> None:
    before = tree(of_2025)
    for more in ((), ("--fresh",)):
        refused(asked(curate, of_2024, of_2025, *PRESET, *more), 4, f"{of_2025} holds items, and not a training set")
    assert tree(of_2025) == before
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    refused(asked(curate, of_2024, other, *PRESET), 4, f"{other} holds something else (notes.txt)")
    refused(asked(curate, of_2024, other, *PRESET, "--fresh"), 4, "--fresh removes only what a plan names")
    refused(asked(curate, of_2024, other / "notes.txt", *PRESET), 2, str(other / "notes.txt"))
    assert tree(tmp_path) == {"other/notes.txt": b"mine"}


def test_items_are_not_made_where_a_set_is(made_set: Path, catalogue: Path, curate: Curate) -> None:
    before = tree(made_set)
    result = curate("run", "--source", catalogue, "--output", made_set, "--limit", 10)
    refused(result, 4, f"{made_set} holds a training set, and not items")
    assert tree(made_set) == before


def test_fresh_removes_what_the_plan_names_and_nothing_else(
    made_set: Path, of_2024: Path, tmp_path: Path, curate: Curate
) -> None:
    output = tmp_path / "set"
    shutil.copytree(made_set, output)
    for name in ("mine.txt", "data/mine.parquet", "_removed/mine.txt", "report.html", "report.json"):
        (output / name).write_text("mine")
    wrong = asked(curate, of_2024, output, *PRESET, "--fresh", "--set", "splits.train=100000")
    refused(wrong, 2, "splits")
    assert rows_in(output).keys() >= rows_in(made_set).keys()
    whole = asked(
        curate,
        of_2024,
        output,
        "--preset",
        "course-2024",
        "--fresh",
        "--set",
        "splits.train=30",
        "--set",
        "splits.test=0",
    )
    assert whole.exit_code == 0, whole.err
    assert set(tree(output)) == {
        *("README.md", "_decision.parquet", "_run.json", "manifest.json", "plan.json", "report.html", "report.json"),
        *("_partitions/removed/00000.json", "_partitions/train/00000.json"),
        *("_removed/removed-00000-of-00001.parquet", "data/train-00000-of-00001.parquet"),
        *("mine.txt", "data/mine.parquet", "_removed/mine.txt"),
    }
    assert len(written(output, "train")) == 30


def test_a_folder_in_the_set_that_is_a_link_is_refused(
    made_set: Path, of_2024: Path, tmp_path: Path, curate: Curate
) -> None:
    output, elsewhere = tmp_path / "set", tmp_path / "elsewhere"
    for name in ("_removed", "data", "_partitions"):
        shutil.copytree(made_set, output)
        (output / name).rename(elsewhere)
        (output / name).symlink_to(elsewhere)
        before = tree(elsewhere)
        refused(asked(curate, of_2024, output, *PRESET, "--fresh", "--set", "seed=3"), 4, f"{output}/{name}")
        assert tree(elsewhere) == before
        (output / name).unlink()
        shutil.rmtree(output)
        shutil.rmtree(elsewhere)


def own_recipe(root: Path, **more: Any) -> Path:
    """Items of somebody's own recipe, which has no price."""
    known: dict[str, Any] = {
        "columns": {
            "key": "string",
            "row": "int64",
            "name": "string",
            "label": "string",
            "at": "timestamp[ms]",
            "tags": "list<string>",
            "ok": "bool",
            "kept_id": "string",
            "place": "uint8",
        },
        "roles": Roles(id="key", title="name"),
        "prompt": "{name}: which shelf?",
        "completion": "{label}",
    }
    description = RecipeDescription(name="own", version=1, reasons=("odd",), **{**known, **more})
    rows = [
        {
            "key": f"k{number}",
            "row": number,
            "name": f"name {number}",
            "label": "red",
            "at": number * 1000,
            "tags": ["a"] * (number % 3) or None,
            "ok": number % 2 == 0 or None,
            "kept_id": "mine",
            "place": number % 200,
        }
        for number in range(300)
    ]
    made = MadeOutput(root, {}, description)
    return made.add("Toys", [rows[:100], rows[100:]]).close()


def test_a_recipe_without_a_template_cannot_be_crafted(tmp_path: Path, curate: Curate) -> None:
    for missing in ("prompt", "completion"):
        root = own_recipe(tmp_path / f"no {missing}", **{missing: None})
        refused(
            asked(curate, root, tmp_path / "set"), 2, f"the recipe own has no template for the {missing}", "add both"
        )
    assert not (tmp_path / "set").exists()


def test_a_recipe_without_a_price(tmp_path: Path, curate: Curate) -> None:
    root = own_recipe(tmp_path / "items")
    for key, value in (("slot_cap", "3"), ("price_power", "2")):
        result = asked(curate, root, tmp_path / "set", "--set", f"sample.{key}={value}")
        refused(result, 2, f"sample.{key} needs prices", f"leave it out: --set sample.{key}=null")
    refused(asked(curate, root, tmp_path / "set", "--preset", "course-2024"), 2, "of own\n")
    assert not (tmp_path / "set").exists()
    result = asked(curate, root, tmp_path / "set", "--set", "splits.test=20", "--set", "deduplicate=[id]")
    assert result.exit_code == 0, result.err
    test = written(tmp_path / "set", "test")
    assert len(test) == 20
    assert list(test[0]) == [
        "id",
        "category",
        "title",
        "prompt",
        "completion",
        "row",
        "label",
        "at",
        "tags",
        "ok",
        "kept_id",
        "place",
    ]
    assert all(row["prompt"] == f"name {row['row']}: which shelf?" and row["id"] == f"k{row['row']}" for row in test)
    assert all(row["completion"] == "red" and row["kept_id"] == "mine" for row in test)
    assert curate("verify", tmp_path / "set").exit_code == 0
    import datasets

    assert datasets.load_dataset(str(tmp_path / "set"), cache_dir=str(tmp_path))["test"].to_list() == test
