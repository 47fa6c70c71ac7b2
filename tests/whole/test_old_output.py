"""An output of an earlier version of the program is read, verified, shown and resumed by this one.

`old_output` was made at commit 4ba9b1c, before there was more than one recipe, of made-up listings:

    curate run --source source --output output --set 'keep_columns=[store,categories]' --set recipe.max_price=900.5 \\
        --set max_malformed=3
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from job.output.folder import OutputFolder
from job.recipe import registry
from tests.conftest import Curate, shards, tree

pytestmark = pytest.mark.usefixtures("shared_ray")

MADE = Path(__file__).parent / "old_output"
SETTINGS = (
    *("--set", "keep_columns=[store,categories]"),
    *("--set", "recipe.max_price=900.5"),
    *("--set", "max_malformed=3"),
)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy of the output and its source."""
    shutil.copytree(MADE, tmp_path, dirs_exist_ok=True)
    return tmp_path / "output"


def command(old: Path) -> list[object]:
    return ["run", "--source", old.parent / "source", "--output", old, *SETTINGS]


def test_an_old_output_is_complete_and_left_as_it_is(old: Path, curate: Curate) -> None:
    before = tree(old)
    result = curate(*command(old))
    assert result.exit_code == 0, result.err
    assert result.out.splitlines()[-1].startswith("complete already: 43 items")
    assert tree(old) == before


@pytest.mark.parametrize("name", ["price-prompt", "course-2024"])
def test_an_old_output_is_of_the_same_job_under_either_name_of_its_recipe(old: Path, curate: Curate, name: str) -> None:
    before = tree(old)
    result = curate(*command(old), "--set", f"recipe.name={name}")
    assert result.exit_code == 0, result.err
    assert result.out.splitlines()[-1].startswith("complete already: 43 items")
    assert tree(old) == before
    other = curate(*command(old), "--set", "recipe.name=course-2025")
    assert (other.exit_code, "recipe.name was course-2024, is course-2025" in other.err) == (4, True)


def test_an_old_output_is_intact_and_shown(old: Path, curate: Curate) -> None:
    assert curate("verify", old).out == "intact: 13 files, 43 items\n"
    shown = curate("show", old, 3)
    assert shown.exit_code == 0
    assert shown.out.startswith(
        "item 3: 'Isenity Washable Bow Case With Beech Drain Hose, Grey DA45668316' · Old_Lines"
    )
    assert "· $21.62 · 177 tokens\n\n--- prompt\nHow much does this cost" in shown.out
    assert shown.out.rstrip().endswith("Price is $")
    assert curate("rejects", old).out.endswith("2 malformed rows\n")
    assert "Old_Shards: 3 of 3 partitions done · 120 rows · 32 kept" in curate("status", old).out


def test_an_old_output_is_resumed_from_the_middle_with_the_same_bytes(old: Path, curate: Curate) -> None:
    before = tree(old)
    for name in (
        "manifest.json",
        "README.md",
        "_partitions/Old_Shards/00001.json",
        "_partitions/Old_Shards/00002.json",
    ):
        (old / name).unlink()
    (old / "data/Old_Shards/items-00002-of-00003.parquet").unlink()
    assert curate("verify", old).exit_code == 1
    result = curate(*command(old), "--json")
    assert json.loads(result.out)["new_partitions"] == 2
    after = tree(old)
    for name in ("manifest.json", "README.md", "plan.json", *[name for name in before if name.startswith("data/")]):
        assert after[name] == before[name], name
    assert curate("verify", old).out == "intact: 13 files, 43 items\n"


def test_a_category_is_added_to_an_old_output(old: Path, curate: Curate) -> None:
    before = shards(old)
    lines = old.parent / "source/raw/meta_categories"
    shutil.copy(lines / "meta_Old_Lines.jsonl", lines / "meta_New.jsonl")
    result = curate(*command(old), "--category", "New", "--json")
    assert result.exit_code == 0, result.err
    assert {name: content for name, content in shards(old).items() if not name.startswith("New/")} == before
    assert curate("verify", old).out == "intact: 16 files, 54 items\n"


def test_other_settings_are_refused_with_what_changed(old: Path, curate: Curate) -> None:
    result = curate(*command(old), "--set", "recipe.max_price=999.49")
    assert result.exit_code == 4
    assert "recipe.max_price was 900.5, is 999.49" in result.err


def test_a_drop_reason_that_comes_later_does_not_damage_an_old_output(
    old: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = registry.settings_type("price-prompt").recipe_type()
    monkeypatch.setattr(recipe, "drop_reasons", ("too_new", *recipe.drop_reasons))
    assert curate("verify", old).out == "intact: 13 files, 43 items\n"
    assert curate(*command(old)).out.splitlines()[-1].startswith("complete already")
    plan = OutputFolder(old).plan()
    assert plan is not None
    assert "too_new" not in plan.description.reasons
