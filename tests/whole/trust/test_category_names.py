"""Names of categories and their files: one that leads elsewhere or that a terminal obeys is refused; odd ones work."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from job.config.load import load_config
from job.errors import UsageError
from job.output.card import card, plain
from job.output.records import Plan
from job.output.totals import CategoryTotals, complete
from job.recipe.verdicts import KEPT, MALFORMED
from job.run import run_job
from job.source.files import Repository
from job.source.find.layout import choose_files
from tests.conftest import Curate, tree
from tests.whole.trust.hostile import (
    HOSTILE,
    columns,
    name_id,
    refused,
    row,
    shown_only,
)

REFUSED_NAMES = [
    *["", ".", "..", "../x", "../../x", "/etc/x", "a/b", "a/../b", "a..b", "a\\b", "..\\x", ".hidden", "_x", "-x"],
    *[
        "--fresh",
        "~root",
        " a",
        "a ",
        "a\nb",
        "a\n",
        "a\tb",
        "a\rb",
        "a\u2028b",
        "a\u00a0b",
        'a"b',
        "`a`",
        "a$b",
        "$(a)",
    ],
    *["a|b", "<script>", "a<b>", "[red]a[/red]", "a[b]", "a{b}", "a*", "a?", "a:b", "a;b", "a#b", "a%2fb", "default"],
    *["a\x1b]0;owned\x07", "a\x9b31m", "a\x08b", "a\x7f", "a\u202eb", "\u200ba", "\ufeffa", "L" * 300, "é" * 101],
]


ODD_NAMES = [
    *["Café_漢字", "Toys & Games, (used) 1.5+", "it's", "null", "true", "1e3", "2024-01-01", "0x1F", "CON", "a-b"],
    *["No", "nul.txt", "N" * 200],
]


@pytest.mark.parametrize("name", REFUSED_NAMES, ids=name_id)
def test_a_category_named_to_lead_elsewhere_or_to_be_obeyed_is_refused(
    tmp_path: Path, curate: Curate, name: str
) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "full-00000-of-00001.parquet").touch()  # which is whatever category is asked for
    (tmp_path / "job.yaml").write_text(yaml.safe_dump({"categories": [name], "source": {"path": str(folder)}}))
    before = tree(tmp_path)
    out = tmp_path / "a" / "b" / "out"
    refused(curate("run", "--source", folder, "--category", name, "--output", out), "is no category's name")
    refused(curate("run", tmp_path / "job.yaml", "--output", out), "is no category's name")
    loaded = "source.load_dataset={path: parquet, data_files: x}"
    refused(curate("run", "--set", loaded, "--category", name, "--output", out), "is no category's name")
    assert tree(tmp_path) == before
    assert not (tmp_path / "a").exists()


FORMATS = ["{}.jsonl", "meta_{}.jsonl.gz", "{}.parquet", "{}-00000-of-00001.parquet"]


@pytest.mark.parametrize("name", REFUSED_NAMES, ids=name_id)
def test_a_file_named_to_lead_elsewhere_or_to_be_obeyed_is_refused(tmp_path: Path, curate: Curate, name: str) -> None:
    """On disk as far as it can have such a name, and as a name that a repository on the Hub may have."""
    for number, file_format in enumerate(FORMATS):
        file = file_format.format(name)
        if "meta_" in file_format and not name:
            continue  # which is a file of the category `meta_`
        if name and "/" not in name and len(os.fsencode(file)) < 256:
            folder = tmp_path / f"source{number}"
            folder.mkdir()
            (folder / file).write_text(row())
            category = ("--category", "Toys") if number % 2 else ()
            refused(curate("run", "--source", folder, *category, "--output", tmp_path / "out"))
        for names in ([file], [f"raw/meta_categories/{file}"], [f"raw_meta_{name}/full-00000-of-00001.parquet"]):
            with pytest.raises(UsageError) as error:
                choose_files(names, [], "the Hub")
            assert shown_only(str(error.value))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", [HOSTILE, "a\nb", "a\udcff"], ids=name_id)
def test_a_file_with_a_hostile_name_in_a_category_s_folder_is_refused(
    tmp_path: Path, curate: Curate, name: str
) -> None:
    folder = tmp_path / "source/raw_meta_Toys"
    folder.mkdir(parents=True)
    pq.write_table(pa.table(columns()), tmp_path / "plain.parquet")
    (tmp_path / "plain.parquet").rename(folder / f"{name}-00000-of-00001.parquet")
    result = curate("run", "--source", folder.parent, "--output", tmp_path / "out")
    refused(result, "control characters or bytes in its name", "rename it")
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def odd(shared_ray: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output of categories whose names are odd but allowed."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / "source").mkdir()
    for name in ODD_NAMES:
        (folder / "source" / f"{name}.jsonl").write_text(row() + "broken\n")
    run_job(load_config(None, {"source.path": str(folder / "source"), "output": str(folder / "out")}), quiet=True)
    assert sorted(path.name for path in folder.iterdir()) == ["out", "source"]
    return folder / "out"


def test_an_odd_category_lies_in_folders_of_its_own_name_and_nowhere_else(odd: Path) -> None:
    for folder in ("data", "_rejects", "_partitions"):
        assert sorted(path.name for path in (odd / folder).iterdir()) == sorted(ODD_NAMES)
    assert {path.relative_to(odd).parts[0] for path in odd.rglob("*")} == {
        *["data", "_rejects", "_partitions", "plan.json", "manifest.json", "README.md", "_run.json"]
    }


def test_the_card_gives_an_odd_category_back_as_it_was(odd: Path) -> None:
    text = (odd / "README.md").read_text(encoding="utf-8")
    _, front, body = text.split("---\n", 2)
    configs = yaml.safe_load(front)["configs"]
    assert [config["config_name"] for config in configs] == ["default", *sorted(ODD_NAMES)]
    assert [config["data_files"] for config in configs[1:]] == [f"data/{name}/*.parquet" for name in sorted(ODD_NAMES)]
    counts = body.partition("## Rows and items")[2]
    lines = [line for line in counts.splitlines() if line.startswith("|")]
    assert [line.count("|") for line in lines] == [10] * (len(ODD_NAMES) + 3)
    assert [line.split(" | ")[0] for line in lines[2:-1]] == [f"| {plain(name)}" for name in sorted(ODD_NAMES)]


@pytest.mark.parametrize("name", ODD_NAMES, ids=name_id)
def test_datasets_finds_an_odd_category_by_its_name(
    odd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    found = datasets.load_dataset(str(odd), name, split="train", cache_dir=str(tmp_path))
    assert isinstance(found, datasets.Dataset)
    assert found["category"] == [name]


def test_an_odd_category_is_named_in_status_verify_and_rejects(odd: Path, curate: Curate) -> None:
    status = curate("status", odd).out.splitlines()
    assert [line.partition(": 1 of 1 partitions")[0] for line in status[:-1]] == sorted(ODD_NAMES)
    listed = curate("rejects", odd).out.splitlines()
    assert [line.partition(".jsonl at ")[0] for line in listed[:-1]] == sorted(ODD_NAMES)
    assert curate("verify", odd).exit_code == 0


def test_the_command_to_go_on_with_an_odd_category_can_be_typed(odd: Path, tmp_path: Path, curate: Curate) -> None:
    out = shutil.copytree(odd, tmp_path / "out")
    left = "Toys & Games, (used) 1.5+"
    (out / "manifest.json").unlink()
    (out / "_partitions" / left / "00000.json").unlink()
    given = ("run", "--source", odd.parent / "source", "--output", out)
    last = curate(*given, "--category", "CON").out.splitlines()[-1]
    more = shlex.split(last.partition("the same command with ")[2])
    assert more == ["--category", left]
    assert curate(*given, *more).exit_code == 0
    assert "complete" in curate("status", out).out.splitlines()[-1]


def card_of(names: list[str]) -> str:
    """Returns the card of an output with categories of these names, of one item each."""
    one = CategoryTotals(
        num_rows=1,
        num_items=1,
        funnel={KEPT: 1, MALFORMED: 0},
        damaged=[],
        content_digest="0" * 64,
        shards=[],
        digest="0" * 64,
        limit=None,
        repository=Repository("owner/<b>", "|"),
    )
    plan = Plan(config={}, categories={})
    return card(complete(plan, dict.fromkeys(names, one)), plan.description).decode()


def test_a_card_escapes_what_it_prints() -> None:
    """Whatever name gets as far as this: it is no markup, and adds no column and no line."""
    hostile = [
        "a|b",
        "a\n| forged | 1 | 1 |",
        "<script>alert(1)</script>",
        "[a](javascript:b)",
        "![a](b)",
        "`a`",
        "a&lt;",
    ]
    names = [*hostile, "---", HOSTILE, "'\"", "a: b"]
    body = card_of(names).partition("\n---\n\n")[2]
    lines = body.splitlines()
    assert len([line for line in lines if line.startswith("|")]) == len(names) + 2
    unescaped = re.sub(r"\\.", "", body)
    for line in unescaped.splitlines():
        assert line.count("|") in {0, 4}, line
    assert not set(unescaped) & set("<[`&")
    assert shown_only(body)


def test_a_card_s_front_matter_gives_every_name_back() -> None:
    names = ["---", "a\n---\nb", "a: b", "- a", "'\"", "{a", "é漢", "null", "~", "x" * 300, "a b " * 50 + "c", HOSTILE]
    front = card_of(names).removeprefix("---\n").partition("\n---\n")[0]
    assert [config["config_name"] for config in yaml.safe_load(front)["configs"]] == ["default", *names]
