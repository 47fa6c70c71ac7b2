"""The card for others: valid for the Hub, true to the plan, without a path, and with a command that makes it again."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub
import msgspec
import pytest
import yaml

from job.output.folder import OutputFolder
from job.output.full_card import cards, full_card
from job.output.records import Plan
from job.output.totals import Manifest
from job.recipe.course_2024.recipe import Course2024
from job.recipe.protocol import RecipeDescription, Roles, describe
from job.source.files import Repository
from tests.conftest import Curate
from tests.output.made import DESCRIPTION, MadeOutput, item

AMAZON = Repository("McAuley-Lab/Amazon-Reviews-2023", "2b6d039ed471f2ba5fd2acb718bf33b0a7e5598e")
ROW = {"parent_asin": "B1", "title": "Lamp", "price": 2.5, "prompt": "?", "token_count": 160}


def made(
    root: Path, description: RecipeDescription = DESCRIPTION, row: Any = None, **settings: Any
) -> tuple[Plan, Manifest]:
    """Returns the plan and the manifest of an output that this program began."""
    output = MadeOutput(root, {"output": str(root)}, description=description)
    output.add("Toys", [[row or item("a"), row or item("b")], [row or item("c")]], {"too_dear": 2}, **settings)
    output.add("Games", [[]], {"unnamed": 1}, **settings)
    output.close()
    plan, manifest = output.folder.plan(), output.folder.manifest()
    assert plan is not None
    assert manifest is not None
    return msgspec.structs.replace(plan, program="0.1.0"), manifest


def front_of(card: str) -> dict[str, Any]:
    return yaml.safe_load(card.split("---\n")[1])


def test_the_card_of_own_rows_names_no_licence_no_language_and_no_path(tmp_path: Path) -> None:
    text = full_card(*made(tmp_path / "out")).decode()
    assert front_of(text) == {
        "pretty_name": "made",
        "size_categories": ["n<1K"],
        "tags": ["curate"],
        "configs": [
            {"config_name": "default", "data_files": "data/*/*.parquet", "default": True},
            {"config_name": "Toys", "data_files": "data/Toys/*.parquet"},
        ],
    }
    assert "| category | rows read | too dear | unnamed | malformed | items |\n|---|---:|---:|---:|---:|---:|\n" in text
    assert "\n| Toys | 7 | 4 | 0 | 0 | 3 |\n| Games | 1 | 0 | 1 | 0 | 0 |\n| all | 8 | 4 | 1 | 0 | 3 |\n" in text
    assert "| name | string | Title of the listing. |" in text
    assert "| tags | list\\<string\\> | Made by the recipe. |" in text
    assert str(tmp_path) not in text
    assert "licence" not in text
    assert "## Known limits" not in text
    command = "    curate run --source SOURCE --category Toys --category Games --set recipe.name=made "
    assert f"\n{command}--set recipe.max_cost=10.0 --set max_row_bytes=1048576 --output FOLDER\n" in text


def test_the_card_of_the_amazon_data_set_has_its_limits_terms_and_citation(tmp_path: Path) -> None:
    recipe = {"name": "price-prompt", "min_price": 0.5, "tokenizer": "llama3"}
    plan, manifest = made(tmp_path / "out", describe(Course2024), ROW, repository=AMAZON, recipe=recipe, limit=4)
    text = full_card(plan, manifest).decode()
    front = front_of(text)
    assert (front["language"], front["task_categories"]) == (["en"], ["text-generation"])
    assert (front["pretty_name"], front["tags"]) == ("Price prompts", ["curate", "e-commerce", "price"])
    assert "license" not in front
    assert huggingface_hub.DatasetCard(text).data.to_dict() == front
    assert "\n- Prices are of 2023, in US dollars." in text
    assert "not in a position to give the data a licence" in text
    assert "arXiv:2403.03952" in text
    assert f"Rows of McAuley-Lab/Amazon-Reviews-2023 at commit {AMAZON.commit}." in text
    assert "By curate 0.1.0, with the recipe course-2024, version 1." in text
    assert "| token\\_count" not in text
    assert "| token_count | int32 | Length of the prompt in tokens. |" in text
    assert "Toys: only the first 4 rows were read." in text
    assert (
        "    curate run --category Toys --category Games --set source.dataset=McAuley-Lab/Amazon-Reviews-2023 "
        "--set 'source.revision=\"2b6d039ed471f2ba5fd2acb718bf33b0a7e5598e\"' --set recipe.name=course-2024 "
        "--set recipe.min_price=0.5 --set recipe.tokenizer=llama3 --set max_row_bytes=1048576 --limit 4 "
        "--output FOLDER\n"
    ) in text


@pytest.mark.parametrize(
    ("count", "size"),
    [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (28_625, "10K<n<100K"), (2_811_408, "1M<n<10M"), (10**12, "n>1B")],
)
def test_the_size_category_is_one_of_the_hubs(tmp_path: Path, count: int, size: str) -> None:
    plan, manifest = made(tmp_path / "out")
    text = full_card(plan, msgspec.structs.replace(manifest, num_items=count)).decode()
    assert front_of(text)["size_categories"] == [size]


def test_categories_that_were_added_with_other_settings_have_a_command_of_their_own(tmp_path: Path) -> None:
    output = MadeOutput(tmp_path / "out").add("Toys", [[item("a")]]).add("Games", [[item("b")]], limit=7)
    output.close()
    plan, manifest = output.folder.plan(), output.folder.manifest()
    assert plan is not None
    assert manifest is not None
    text = full_card(msgspec.structs.replace(plan, program=""), manifest).decode()
    assert "By curate, with the recipe made" in text
    assert "These commands make it again:" in text
    assert [
        line.split("--category ")[1].split()[0] for line in text.splitlines() if line.startswith("    curate run")
    ] == [
        "Toys",
        "Games",
    ]


def test_what_a_user_wrote_is_no_markup(tmp_path: Path) -> None:
    evil = RecipeDescription(
        name="<b>",
        version=1,
        reasons=("a|b", "</p>"),
        columns={"x`y": "string"},
        roles=Roles(text="x`y"),
        heading="# [a](javascript:b)\n---\n",
        summary="<script>alert(1)</script>",
        noun="\n\n# n",
    )
    fields = {"x`y": "```\n\u202e"}
    plan, manifest = made(tmp_path / "out", evil, {"x`y": "text"}, fields=fields)
    text = full_card(plan, manifest).decode()
    body = text.split("\n---\n\n", 1)[1]
    outside = "\n".join(line for line in body.splitlines() if not line.startswith("    "))
    unescaped = re.sub(r"\\.", "", outside.replace("`datasets`", "").replace("`FOLDER`", ""))
    assert not {"<", "[", "`", "&"} & {*unescaped}
    assert "\u202e" not in text
    assert front_of(text)["configs"][0]["config_name"] == "default"


def test_an_output_that_an_earlier_program_began_keeps_its_form(tmp_path: Path) -> None:
    plan, manifest = made(tmp_path / "out")
    before = cards(msgspec.structs.replace(plan, program=msgspec.UNSET), manifest)
    assert before[0] == (tmp_path / "out/README.md").read_bytes()
    assert cards(plan, manifest) == [full_card(plan, manifest), *before]


@pytest.mark.slow
def test_the_command_of_a_card_makes_the_same_items(
    shared_ray: int, tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(
        f'{{"name": "Lamp {number}", "cost": {number}.5, "blurb": "{"a fine lamp of wood " * 60}"}}\n'
        for number in range(40)
    )
    (tmp_path / "Odd Lamps.jsonl").write_text(rows)
    (tmp_path / "Lamps.jsonl").write_text(rows)
    fields = 'source.fields={"title": "name", "price": "cost", "description": "blurb"}'
    settings = ["--set", fields, "--set", "recipe.max_price=30", "--limit", "35", "--set", "max_row_bytes=100000"]
    first, second = tmp_path / "first", tmp_path / "second"
    assert curate("run", "--source", tmp_path, "--output", first, *settings).exit_code == 0
    text = (first / "README.md").read_text()
    (line,) = [line.strip() for line in text.splitlines() if line.startswith("    curate run ")]
    line = line.replace("--source SOURCE", f"--source {tmp_path}").replace("--output FOLDER", f"--output {second}")
    said = curate(*shlex.split(line)[1:])
    assert said.exit_code == 0, said.err
    ours, theirs = OutputFolder(first).manifest(), OutputFolder(second).manifest()
    assert ours is not None
    assert ours.num_items > 20
    assert ours == theirs
    assert (second / "README.md").read_text() == text
    assert curate("verify", first).exit_code == 0
    names = datasets.get_dataset_config_names(str(first))
    assert names == ["default", *ours.categories]
    loaded = datasets.load_dataset(str(first), split="train", cache_dir=str(tmp_path / "cache"))
    assert len(loaded) == ours.num_items
