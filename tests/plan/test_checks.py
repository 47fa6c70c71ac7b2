"""What an output binds the next run to: to what was made, and not to what was only planned."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from job.config.load import load_config
from job.config.models import JobConfig
from job.errors import CurateError, RefusedError, UsageError
from job.output.folder import OutputFolder
from job.output.records import Record
from job.output.section import record_name
from job.run import prospects, run_job

ROW = {"title": "Lamp", "price": "24.99", "description": ["A lamp."], "features": ["Bright"], "details": "{}"}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two categories of one partition each."""
    (tmp_path / "source").mkdir()
    for name in ("Books", "Toys"):
        (tmp_path / f"source/{name}.jsonl").write_text(json.dumps(ROW) + "\n")
    return tmp_path / "source"


def job(source: Path, output: Path, **settings: Any) -> JobConfig:
    return load_config(None, {"source.path": str(source), "output": str(output), **settings})


@pytest.fixture
def _no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise CurateError("Ray did not start on this machine")

    monkeypatch.setattr("job.run.curate_categories", fails)


def planned(config: JobConfig) -> dict[str, int | None]:
    """Runs a job up to the start of Ray, and returns the limit of each category in its plan."""
    with pytest.raises(CurateError, match="Ray did not start"):
        run_job(config, quiet=True)
    plan = OutputFolder(Path(config.output)).plan()
    assert plan is not None
    return {name: category.identity.limit for name, category in plan.categories.items()}


def made(output: Path, name: str) -> None:
    """Leaves a file where a run puts what it has made."""
    (output / name).parent.mkdir(parents=True)
    (output / name).write_bytes(b"made")


@pytest.mark.usefixtures("_no_ray")
def test_a_run_that_never_started_binds_nobody(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert planned(job(source, out, limit=5)) == {"Books": 5, "Toys": 5}
    assert planned(job(source, out, limit=7, categories=["Toys"])) == {"Toys": 7}
    (source / "Toys.jsonl").write_text((json.dumps(ROW) + "\n") * 2)
    (found,) = prospects(job(source, out, categories=["Toys"], **{"recipe.max_price": 50}))
    assert (found.partitions, found.done) == (1, 0)
    assert planned(job(source, out, categories=["Toys"], **{"recipe.max_price": 50})) == {"Toys": None}


@pytest.mark.usefixtures("_no_ray")
@pytest.mark.parametrize(
    "name",
    ["_partitions/Toys/00000.json", "data/Toys/items-00000-of-00001.parquet", "_rejects/Toys/00000.parquet"],
)
def test_what_was_made_binds_the_next_run(name: str, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    planned(job(source, out, limit=5))
    made(out, name)
    with pytest.raises(RefusedError, match=r"has Toys from another job; changed since: limit was 5, is 7"):
        run_job(job(source, out, limit=7), quiet=True)
    assert planned(job(source, out, limit=5)) == {"Books": 5, "Toys": 5}


@pytest.mark.usefixtures("_no_ray")
def test_a_category_of_which_nothing_was_made_is_planned_anew(source: Path, tmp_path: Path) -> None:
    """The others stay as they were planned, and nobody is told that the output is complete without them."""
    out = tmp_path / "out"
    planned(job(source, out))
    made(out, "_partitions/Toys/00000.json")
    (source / "Books.jsonl").write_text((json.dumps(ROW) + "\n") * 2)
    assert planned(job(source, out)) == {"Books": None, "Toys": None}
    plan = OutputFolder(out).plan()
    assert plan is not None
    assert plan.categories["Books"].identity.files[0].size_bytes == (source / "Books.jsonl").stat().st_size
    assert planned(job(source, out, categories=["Toys"])) == {"Books": None, "Toys": None}


@pytest.mark.usefixtures("_no_ray")
def test_fresh_still_takes_an_output_that_has_only_a_plan(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    planned(job(source, out, limit=5))
    with pytest.raises(CurateError, match="Ray did not start"):
        run_job(job(source, out, limit=7), fresh=True, quiet=True)
    shutil.rmtree(out)
    made(out, "notes/mine.txt")
    with pytest.raises(RefusedError, match="holds something else"):
        run_job(job(source, out), quiet=True)


def test_a_damaged_partition_keeps_its_record_until_ray_is_there(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise CurateError("Ray did not start on this machine")

    monkeypatch.setattr("job.cluster.start.started_ray", fails)
    out = tmp_path / "out"
    config = job(source, out, categories=["Toys"])
    planned(config)
    output = OutputFolder(out)
    plan = output.plan()
    assert plan is not None
    shard = plan.categories["Toys"].shard_name(0)
    made(out, shard)
    record = Record(
        category="Toys",
        partition=0,
        digest=plan.categories["Toys"].digest,
        file="Toys.jsonl",
        start=0,
        end=1,
        num_rows=0,
        funnel={},
        shard=shard,
        shard_bytes=4,
        shard_sha256="",
        content_digest="",
        rejects=None,
        rejects_bytes=0,
        rejects_sha256=None,
        damaged="its page 3 is damaged",
        elapsed_s=1.0,
    )
    output.write_json(record_name("Toys", 0), record)
    planned(config)
    assert output.records(plan.categories["Toys"]) == [record]


@pytest.mark.usefixtures("_no_ray")
@pytest.mark.parametrize("is_given", [True, False])
def test_packed_files_that_other_nodes_would_not_see_are_refused_before_they_are_unpacked(
    is_given: bool, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unseen(files: object, folders: dict[Path, str]) -> None:
        raise UsageError(f"{next(iter(folders))} is not the same on node b")

    monkeypatch.setattr("job.cluster.start.is_ray_given", lambda: is_given)
    monkeypatch.setattr("job.cluster.start.join_given_ray", lambda _: True)
    monkeypatch.setattr("job.cluster.shared_paths.check_all_nodes_see", unseen)
    out = tmp_path / "out"
    assert planned(job(source, out, categories=["Toys"])) == {"Toys": None}  # which is not packed
    (source / "Books.jsonl.gz").write_bytes(gzip.compress((source / "Books.jsonl").read_bytes()))
    (source / "Books.jsonl").unlink()
    said: list[str] = []
    with pytest.raises(CurateError) as raised:
        run_job(job(source, out, categories=["Books"]), quiet=True, say=said.append)
    unpacked = any(line.startswith("unpacking Books.jsonl.gz") for line in said)
    if is_given:
        assert (raised.value.exit_code, unpacked) == (2, False)
        assert raised.value.message == f"{out}/_scratch is not the same on node b"
        assert OutputFolder(out).scratch.exists() is False
    else:
        assert (raised.value.message, unpacked) == ("Ray did not start on this machine", True)
