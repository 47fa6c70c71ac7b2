"""`curate categories`: what a source has, in which format, how big, and what of it is in the cache."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from job.source.fetch.cache import fetch_files
from job.source.files import Repository
from job.source.find import hub as on_hub
from job.source.find.amazon_2023 import CATEGORIES, DATASET
from job.source.sample.catalogue import make_catalogue
from job.storage import filesystem
from tests.cli.conftest import refused
from tests.conftest import Curate
from tests.servers.hub import Html, Hub, Refuse, Status
from tests.servers.s3 import S3


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Appliances in both formats, Books as JSONL, and a file that is not read."""
    root = tmp_path / "tree"
    make_catalogue(root, rows=40, categories=["Appliances", "Books"], file_format="jsonl")
    make_catalogue(root, rows=20, categories=["Appliances"], file_format="parquet")
    (root / "notes.csv").write_text("a,b\n")
    return root


@pytest.fixture
def commit(hub: Hub, tree: Path) -> str:
    """The data set's commit on a Hub with that tree."""
    return hub.put(DATASET, tree)


def sizes(tree: Path) -> tuple[int, int]:
    """Returns the bytes of Appliances as Parquet, and of Books as JSONL."""
    parquet = tree / "raw_meta_Appliances/full-00000-of-00001.parquet"
    return parquet.stat().st_size, (tree / "raw/meta_categories/meta_Books.jsonl").stat().st_size


def listed(curate: Curate, *arguments: object) -> dict[str, Any]:
    result = curate("categories", *arguments, "--json")
    assert (result.exit_code, result.err) == (0, "")
    return json.loads(result.out)


def test_the_categories_of_the_data_set_have_sizes_formats_and_what_is_cached(
    commit: str, tree: Path, curate: Curate
) -> None:
    appliances, books = sizes(tree)
    found = listed(curate)
    assert (found["source"], found["commit"], found["offline"]) == (f"{DATASET} at main", commit, None)
    assert found["categories"] == {
        "Appliances": {"form": "parquet", "files": 1, "size_bytes": appliances, "cached_bytes": 0},
        "Books": {"form": "jsonl", "files": 1, "size_bytes": books, "cached_bytes": 0},
    }
    assert sorted(found["not_read"]) == ["notes.csv", "raw/meta_categories/meta_Appliances.jsonl"]
    (source,) = on_hub.find_categories(Repository(DATASET, commit), ["Books"])
    fetch_files(Repository(DATASET, commit), source.files, lambda _: None)
    assert listed(curate, "--category", "Books")["categories"]["Books"]["cached_bytes"] == books
    result = curate("categories")
    lines = result.out.splitlines()
    assert [line.split() for line in lines[:3]] == [
        ["category", "format", "files", "size", "in", "the", "cache"],
        ["Appliances", "parquet", "1", f"{appliances / 1e6:,.1f}", "MB", "no"],
        ["Books", "jsonl", "1", f"{books / 1e6:,.1f}", "MB", "all"],
    ]
    total = f"{(appliances + books) / 1e6:,.1f} MB"
    assert lines[3].startswith(f"2 categories in {DATASET} at main; {total}; 1 in Parquet; 1 in another form too")
    assert result.err == "1 other files or folders there are not read, such as notes.csv\n"


@pytest.mark.parametrize("fault", [None, Refuse(), Status(503), Html()], ids=str)
def test_without_the_hub_the_34_names_are_listed_and_only_sizes_that_are_known(
    hub: Hub, commit: str, tree: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch, fault: Any
) -> None:
    (source,) = on_hub.find_categories(on_hub.resolve(DATASET, "main"), ["Books"])
    fetch_files(Repository(DATASET, commit), source.files, lambda _: None)
    if fault is None:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    else:
        hub.fail(fault, times=None)
    found = listed(curate)
    assert found["offline"]
    assert list(found["categories"]) == list(CATEGORIES)
    _, books = sizes(tree)
    known = {"form": "jsonl", "files": 1, "size_bytes": books, "cached_bytes": books}
    unknown = {"form": None, "files": None, "size_bytes": None, "cached_bytes": None}
    assert found["categories"] == {name: known if name == "Books" else unknown for name in CATEGORIES}
    if fault is None:
        lines = curate("categories").out.splitlines()
        assert lines[0] == "the Hub was not asked: HF_HUB_OFFLINE is set"
        assert lines[1] == "names are those known to this program, and sizes those of what is in the cache"
        assert lines[3].split() == ["All_Beauty", "?", "?", "?", "no"]
        assert lines[-1].startswith(f"34 categories in {DATASET} at main; {books / 1e6:,.1f} MB in the cache, ")


def test_an_unknown_data_set_is_an_error_with_and_without_the_hub(
    hub: Hub, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = ("categories", "--set", "source.dataset=someone/else")
    refused(curate(*other), "there is no such data set on the Hub")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    refused(curate(*other), "nothing is known of someone/else: HF_HUB_OFFLINE is set", code=1)


def test_a_revision_and_another_data_set_are_listed(hub: Hub, tree: Path, curate: Curate) -> None:
    hub.put("someone/else", tree, revision="v2")
    found = listed(curate, "--set", "source.dataset=someone/else", "--set", "source.revision=v2")
    assert (found["source"], list(found["categories"])) == ("someone/else at v2", ["Appliances", "Books"])


def test_a_folder_and_a_bucket_are_listed_without_a_cache(tree: Path, s3: S3, curate: Curate) -> None:
    appliances, books = sizes(tree)
    for path in tree.rglob("*.*"):
        filesystem.put(f"s3://bucket/shop/{path.relative_to(tree).as_posix()}", path.read_bytes())
    expected = {
        "Appliances": {"form": "parquet", "files": 1, "size_bytes": appliances, "cached_bytes": None},
        "Books": {"form": "jsonl", "files": 1, "size_bytes": books, "cached_bytes": None},
    }
    for source in (tree, "s3://bucket/shop"):
        found = listed(curate, "--source", source)
        assert (found["source"], found["commit"], found["categories"]) == (str(source), None, expected)
    assert "cache" not in curate("categories", "--source", tree).out
    assert list(listed(curate, "--source", tree, "--category", "Books")["categories"]) == ["Books"]


def test_a_config_names_the_source(tree: Path, tmp_path: Path, curate: Curate) -> None:
    (tmp_path / "job.yaml").write_text(f"source: {{path: {tree}}}\n")
    assert list(listed(curate, tmp_path / "job.yaml")["categories"]) == ["Appliances", "Books"]


def test_a_source_that_is_not_there_or_has_no_categories_is_refused(tmp_path: Path, tree: Path, curate: Curate) -> None:
    refused(curate("categories", "--source", tmp_path / "tre"), f"to read that: --source {tree}")
    refused(curate("categories", "--set", "source.load_dataset={path: csv, data_files: x}"), "is one category")
