"""A second recipe runs through everything: the program knows no column and no reason of any recipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec import structs

from job.output.folder import OutputFolder
from job.recipe import registry
from job.recipe.protocol import Roles, describe
from tests.conftest import Curate, shards
from tests.recipe.labels import Labels, LabelSettings

pytestmark = pytest.mark.usefixtures("shared_ray")

SETTINGS = ("--set", "recipe.name=labels")
FUNNEL = {"unnamed": 15, "too_light": 30, "no_tags": 15, "malformed": 0, "kept": 240}


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.RECIPES, "labels", LabelSettings)


def rows() -> list[dict[str, Any]]:
    """Twenty kinds of rows, fifteen times: one without a name, two too light, one without tags."""
    made: list[dict[str, Any]] = []
    for number in range(300):
        kind = number % 20
        made.append(
            {
                "name": None if kind == 3 else f"thing {number}",
                "tags": [] if kind == 7 else [f"shelf {number % 5}", "any"],
                "weight": None if kind == 11 else 0.5 if kind == 12 else number + 1.25,
                "stock": number,
                "attributes": {"number": number},
            }
        )
    return made


@pytest.fixture
def jsonl(tmp_path: Path) -> Path:
    folder = tmp_path / "jsonl"
    folder.mkdir()
    (folder / "Things.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows()))
    return folder


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    """Three files, which are three partitions."""
    folder = tmp_path / "parquet"
    folder.mkdir()
    texts = [row | {"attributes": json.dumps(row["attributes"])} for row in rows()]
    schema = pa.schema([(field.name, field.type) for field in Labels.inputs])
    for file in range(3):
        table = pa.Table.from_pylist(texts[file * 100 : file * 100 + 100], schema=schema)
        pq.write_table(table, folder / f"Things-{file:05d}-of-00003.parquet")
    return folder


def items(output: Path) -> list[dict[str, Any]]:
    return [row for path in sorted((output / "data").rglob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def expected() -> list[dict[str, Any]]:
    return [
        {
            "category": "Things",
            "name": row["name"],
            "label": row["tags"][0],
            "others": row["tags"][1:],
            "stock": row["stock"],
        }
        for row in rows()
        if row["name"] and row["tags"] and (row["weight"] or 0) >= 1
    ]


@pytest.mark.parametrize("file_format", ["jsonl", "parquet"])
def test_a_second_recipe_makes_its_own_items_and_reasons(
    request: pytest.FixtureRequest, tmp_path: Path, curate: Curate, file_format: str
) -> None:
    source, out = request.getfixturevalue(file_format), tmp_path / "out"
    result = curate("run", "--source", source, "--output", out, *SETTINGS)
    assert result.exit_code == 0, result.err
    table = [line.rsplit(maxsplit=1) for line in result.out.splitlines()[: len(FUNNEL) + 2]]
    reasons = [[name.replace("_", " "), str(count)] for name, count in FUNNEL.items()]
    assert table == [["Things"], ["rows", "300"], *reasons]
    assert "One of the names:" in result.out
    assert items(out) == expected()
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["funnel"] == FUNNEL
    assert manifest["recipe"]["columns"] == {
        "name": "string",
        "label": "string",
        "others": "list<string>",
        "stock": "int64",
    }
    assert (manifest["recipe"]["prompt"], manifest["recipe"]["completion"]) == (
        describe(Labels).prompt,
        describe(Labels).completion,
    )
    assert manifest["recipe"] == json.loads((out / "plan.json").read_text())["recipe"]
    assert (out / "README.md").read_text().count("# Shelf labels") == 1
    loaded = datasets.load_dataset(str(out), split="train")
    assert loaded[0] == expected()[0]


def test_it_is_verified_and_shown_when_the_program_does_not_know_it(
    parquet: Path, tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert curate("run", "--source", parquet, "--output", out, *SETTINGS).exit_code == 0
    monkeypatch.delitem(registry.RECIPES, "labels")
    assert curate("verify", out).out == "intact: 10 files, 240 items\n"
    shown = curate("show", out, 5)
    assert shown.exit_code == 0
    assert shown.out.startswith("item 5: 'thing 6' · Things\n")
    assert "--- name\nthing 6\n" in shown.out
    assert "--- test prompt\nWhich shelf is thing 6 on?\n" in shown.out
    assert "3 of 3 partitions done" in curate("status", out).out
    assert curate("rejects", out).out == "0 malformed rows\n"
    shard = next((out / "data").rglob("*.parquet"))
    shard.write_bytes(shard.read_bytes()[:-9] + b"x" * 9)
    assert "its bytes are not those that were written" in curate("verify", out).err


def test_it_is_resumed_and_other_settings_are_another_job(parquet: Path, tmp_path: Path, curate: Curate) -> None:
    out, command = tmp_path / "out", ["run", "--source", parquet, "--output", tmp_path / "out", *SETTINGS]
    assert curate(*command).exit_code == 0
    before = shards(out)
    (out / "manifest.json").unlink()
    (out / "_partitions/Things/00001.json").unlink()
    (out / "data/Things/items-00001-of-00003.parquet").unlink()
    assert json.loads(curate(*command, "--json").out)["new_partitions"] == 1
    assert shards(out) == before
    refused = curate(*command, "--set", "recipe.min_weight=2")
    assert (refused.exit_code, "recipe.min_weight was 1.0, is 2.0" in refused.err) == (4, True)


def test_an_output_has_items_of_one_recipe(jsonl: Path, tmp_path: Path, curate: Curate, catalogue: Path) -> None:
    out = tmp_path / "out"
    assert curate("run", "--source", jsonl, "--output", out, *SETTINGS).exit_code == 0
    refused = curate("run", "--source", catalogue, "--output", out)
    assert refused.exit_code == 4
    assert "has items of the recipe labels (version 7), and this job makes those of course-2024" in refused.err


def test_what_it_lacks_is_said_before_work_starts(
    parquet: Path, tmp_path: Path, curate: Curate, catalogue: Path
) -> None:
    to_out = ("--output", tmp_path / "out", *SETTINGS)
    refused = curate("run", "--source", catalogue, *to_out)
    assert refused.exit_code == 2
    assert "has no column name, tags, weight, stock, attributes" in refused.err
    assert "--set source.fields='{name: NAME}'" in refused.err
    wrong = curate("run", "--source", parquet, *to_out, "--set", "recipe.min_wait=2")
    assert (wrong.exit_code, "recipe.min_wait: unknown key; did you mean min_weight?" in wrong.err) == (2, True)
    mapped = curate("run", "--source", parquet, *to_out, "--set", "source.fields={title: name}")
    assert (mapped.exit_code, "'title' is no input of the recipe" in mapped.err) == (2, True)


@pytest.mark.parametrize(
    "changed",
    [
        {"prompt": "{name:>300000000}"},
        {"prompt": "{name.__class__}"},
        {"completion": "{nobody}"},
        {"columns": {"name": "foo"}},
        {"roles": Roles(title="nobody")},
    ],
    ids=str,
)
def test_a_plan_whose_description_is_wrong_is_refused_in_words(
    parquet: Path, tmp_path: Path, curate: Curate, changed: dict[str, Any]
) -> None:
    out = OutputFolder(tmp_path / "out")
    assert curate("run", "--source", parquet, "--output", out.root, *SETTINGS).exit_code == 0
    plan = out.plan()
    assert plan is not None
    out.write_json("plan.json", structs.replace(plan, recipe=structs.replace(plan.description, **changed)))
    for command in ("show", "verify", "status"):
        result = curate(command, out.root)
        assert result.exit_code == 1
        assert result.err.startswith(f"error: damaged: {out.root}/plan.json: ")
