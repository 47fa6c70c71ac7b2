"""Whole runs over a Hub on loopback: real client, real Ray, real files; the same bytes whatever the way and faults."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from job.config.load import load_config
from job.errors import CurateError, RefusedError
from job.output.folder import OutputFolder
from job.run import Outcome, run_job
from job.source.files import Repository
from job.source.sample.catalogue import make_catalogue
from tests.conftest import Curate, shards, tree
from tests.paths import ROOT
from tests.servers.hub import Drop, Hub, Refuse, Short, Status, TooManyRequests, WrongBytes

DATASET = "McAuley-Lab/Amazon-Reviews-2023"
TOKEN = "hf_" + "x" * 34

pytestmark = pytest.mark.usefixtures("shared_ray")


def curated(
    output: Path, settings: dict[str, Any] | None = None, *, fresh: bool = False, said: list[str] | None = None
) -> Outcome:
    config = load_config(None, {"categories": ["Appliances"], "output": str(output), **(settings or {})})
    return run_job(config, fresh=fresh, quiet=True, say=(said if said is not None else []).append)


@pytest.fixture(scope="module")
def expected(shared_ray: int, catalogue: Path, jsonl_only: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both forms curated from a folder."""
    folder = tmp_path_factory.mktemp("expected")
    curated(folder / "parquet", {"source.path": str(catalogue)})
    curated(folder / "jsonl", {"source.path": str(jsonl_only)})
    return folder


@pytest.fixture(scope="module")
def jsonl_tree(catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The catalogue without its Parquet form."""
    folder = tmp_path_factory.mktemp("tree")
    shutil.copytree(catalogue / "raw", folder / "raw")
    return folder


ONE_FAULT = [(Drop(100_000), 1)]
MANY_FAULTS = [
    (Drop(50_000), 2),
    (Short(1000), 1),
    (TooManyRequests(retry_after=0), 1),
    (Status(503), 1),
    (Refuse(), 1),
]


def cases() -> Iterator[Any]:
    """Every form, way and number of faults; in the default lane each form once with none, and once with many."""
    for file_format, stream in itertools.product(("parquet", "jsonl"), (False, True)):
        for many, faults in (("no fault", []), ("one fault", ONE_FAULT), ("many faults", MANY_FAULTS)):
            is_default = many == ("many faults" if stream == (file_format == "jsonl") else "no fault")
            name = f"{file_format}-{'streamed' if stream else 'cached'}-{many}"
            marks = () if is_default else (pytest.mark.slow,)
            yield pytest.param(file_format, stream, faults, id=name, marks=marks)


@pytest.mark.parametrize(("file_format", "stream", "faults"), cases())
def test_folder_cache_and_stream_give_the_same_bytes(
    hub: Hub,
    expected: Path,
    catalogue: Path,
    jsonl_tree: Path,
    tmp_path: Path,
    file_format: str,
    stream: bool,
    faults: list[tuple[Drop | Short | TooManyRequests | Status | Refuse, int]],
) -> None:
    commit = hub.put(DATASET, catalogue if file_format == "parquet" else jsonl_tree)
    for fault, times in faults:
        hub.fail(fault, server="cdn", method="GET", times=times)
    outcome = curated(tmp_path / "out", {"source.stream": stream})
    assert len(hub.applied) == sum(times for _, times in faults)
    assert shards(tmp_path / "out") == shards(expected / file_format)
    reference = OutputFolder(expected / file_format).manifest()
    assert reference is not None
    assert outcome.manifest.content_digest == reference.content_digest
    assert outcome.manifest.categories["Appliances"].repository == Repository(DATASET, commit)
    assert f"Rows of {DATASET} at commit {commit}." in (tmp_path / "out/README.md").read_text(encoding="utf-8")
    plan = json.loads((tmp_path / "out/plan.json").read_bytes())["categories"]["Appliances"]
    assert plan["determines"]["repository"] == [DATASET, commit]
    blobs = list((tmp_path / "cache").rglob("blobs/*"))
    assert len(blobs) == (0 if stream else 1)


def test_wrong_bytes_are_fetched_again(hub: Hub, expected: Path, catalogue: Path, tmp_path: Path) -> None:
    hub.put(DATASET, catalogue)
    hub.fail(WrongBytes(), server="cdn", method="GET", after=1)  # the first request is for the file's footer
    curated(tmp_path / "out")
    assert len(hub.applied) == 1
    assert shards(tmp_path / "out") == shards(expected / "parquet")


def test_a_file_that_never_has_its_hash_is_no_source(hub: Hub, jsonl_tree: Path, tmp_path: Path) -> None:
    hub.put(DATASET, jsonl_tree)
    hub.fail(WrongBytes(), server="cdn", method="GET", times=None)
    with pytest.raises(CurateError, match="does not have the hash that its repository says, fetched twice"):
        curated(tmp_path / "out")
    assert not (tmp_path / "out/manifest.json").exists()
    assert list((tmp_path / "cache").rglob("*.jsonl")) == []


def test_the_second_run_needs_no_network(
    hub: Hub, expected: Path, catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.put(DATASET, catalogue)
    curated(tmp_path / "first")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    asked = len(hub.requests)
    assert curated(tmp_path / "first").new_partitions == 0
    curated(tmp_path / "second")
    assert len(hub.requests) == asked
    assert shards(tmp_path / "second") == shards(expected / "parquet")
    with pytest.raises(CurateError, match="not in the Hugging Face cache, and HF_HUB_OFFLINE is set"):
        curated(tmp_path / "third", {"categories": ["Toys"]})


def test_a_complete_output_asks_nobody(hub: Hub, catalogue: Path, tmp_path: Path) -> None:
    hub.put(DATASET, catalogue)
    curated(tmp_path / "out", {"limit": 100})
    asked = len(hub.requests)
    assert curated(tmp_path / "out", {"limit": 100}).new_partitions == 0
    assert len(hub.requests) == asked


def test_a_revision_that_moves_is_said_and_the_plan_s_commit_stays(
    hub: Hub, expected: Path, catalogue: Path, tmp_path: Path
) -> None:
    first = hub.put(DATASET, catalogue)
    out = tmp_path / "out"
    curated(out)
    (out / "manifest.json").unlink()
    (out / "_partitions/Appliances/00001.json").unlink()
    make_catalogue(tmp_path / "newer", rows=3_000, seed=1, categories=["Appliances"])
    second = hub.put(DATASET, tmp_path / "newer")
    said: list[str] = []
    assert curated(out, said=said).new_partitions == 1
    assert f"main has moved from {first[:8]} to {second[:8]} since; going on with {first[:8]}" in said[0]
    assert shards(out) == shards(expected / "parquet")
    assert curated(out, fresh=True).manifest.num_rows == 3_000
    assert (
        json.loads((out / "plan.json").read_bytes())["categories"]["Appliances"]["determines"]["repository"][1]
        == second
    )
    with pytest.raises(RefusedError, match=f"repository was .*{second}.*, is .*{first}"):
        curated(out, {"source.revision": first})


def test_a_limited_run_fetches_little_of_a_large_file(hub: Hub, jsonl_tree: Path, tmp_path: Path) -> None:
    hub.put(DATASET, jsonl_tree)
    size = (jsonl_tree / "raw/meta_categories/meta_Appliances.jsonl").stat().st_size
    assert curated(tmp_path / "out", {"limit": 300}).manifest.num_rows == 300
    assert sum(hub.bytes_sent.values()) < size / 5
    assert not list((tmp_path / "cache").rglob("blobs/*"))


def test_a_private_repository_and_its_token(
    hub: Hub, expected: Path, catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.put(DATASET, catalogue)
    hub.private(DATASET, token=TOKEN)
    with pytest.raises(
        CurateError, match=r"no such data set on the Hub, or it is private\nif it is yours, log in"
    ) as no:
        curated(tmp_path / "out")
    assert no.value.exit_code == 2
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    curated(tmp_path / "out")
    assert shards(tmp_path / "out") == shards(expected / "parquet")
    assert not any(TOKEN.encode() in content for content in tree(tmp_path / "out").values())


def test_no_token_is_written_or_said_while_streaming(hub: Hub, catalogue: Path, expected: Path, tmp_path: Path) -> None:
    hub.put(DATASET, catalogue)
    hub.private(DATASET, token=TOKEN)
    hub.fail(Status(503), server="cdn", method="GET")
    out = tmp_path / "out"
    arguments = ["--category", "Appliances", "--output", str(out), "--set", "source.stream=true", "--workers", "2"]
    home = {"HOME": str(tmp_path), "HF_HOME": str(tmp_path / "hf")}
    ended = subprocess.run(
        [sys.executable, "-m", "job", "run", *arguments],
        env={**os.environ, **home, "HF_ENDPOINT": hub.endpoint, "HF_TOKEN": TOKEN},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert shards(out) == shards(expected / "parquet")
    assert TOKEN not in ended.stdout + ended.stderr
    assert not any(TOKEN.encode() in content for content in tree(tmp_path).values())
    assert {request.token for request in hub.requests if request.server == "cdn"} == {False}


def test_a_gated_repository_says_which_page_to_open(hub: Hub, catalogue: Path, tmp_path: Path) -> None:
    hub.put(DATASET, catalogue)
    hub.gated(DATASET, token=TOKEN)
    with pytest.raises(CurateError, match=r"is gated\nopen its page .*accept the terms, then log in: hf auth login"):
        curated(tmp_path / "out")


def test_the_hub_s_categories_are_not_all_taken_unasked(hub: Hub, catalogue: Path, tmp_path: Path) -> None:
    hub.put(DATASET, catalogue)
    with pytest.raises(CurateError, match=r"has 1 categories: Appliances\nname those you want: --category NAME"):
        curated(tmp_path / "out", {"categories": []})


def test_the_home_store_in_order_with_one_summary(hub: Hub, tmp_path: Path, curate: Curate) -> None:
    path = ROOT / "configs/home-store.yaml"
    names = yaml.safe_load(path.read_text(encoding="utf-8"))["categories"]
    assert len(names) == 8
    make_catalogue(tmp_path / "tree", rows=2_400, categories=names)
    shutil.rmtree(tmp_path / "tree/raw_meta_Automotive")  # some have JSONL only
    hub.put(DATASET, tmp_path / "tree")
    result = curate("run", path, "--output", tmp_path / "out")
    assert result.exit_code == 0, result.err
    lines = result.out.splitlines()
    assert all(len(line) <= 80 for line in lines[: lines.index("")])
    assert [line.split()[0] for line in lines if line.split()[:1] and line.split()[0] in names][:8] == names
    fetched = [line.split(":")[0].split()[1] for line in result.err.splitlines() if line.startswith("fetching ")]
    assert list(dict.fromkeys(fetched)) == names
    done = [line.split(":")[0] for line in result.err.splitlines() if "partitions" in line]
    assert sorted(done) == sorted(names)
    manifest = OutputFolder(tmp_path / "out").manifest()
    assert manifest is not None
    count = manifest.categories["Automotive"].num_items
    assert f"Automotive: {count:,} items, {911_688 - count:,} fewer than the 911,688 published" in lines
