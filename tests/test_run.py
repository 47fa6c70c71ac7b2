"""Runs that go on, are refused, or meet bad rows."""

from __future__ import annotations

import contextlib
import gzip
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import ray.exceptions
from ray.data import DataContext

from job import pipeline
from job.config.load import load_config
from job.errors import CurateError, MalformedLimitError, RefusedError, UsageError
from job.output.folder import OutputFolder
from job.output.verify import verify_output
from job.plan.sources import find_sources
from job.plan.work import plan_work
from job.run import Outcome, run_job
from job.source.location import LocalFile
from job.source.read.partitions import Partition
from job.source.sample.catalogue import make_catalogue
from tests.conftest import Curate, shards, tree

pytestmark = pytest.mark.usefixtures("shared_ray")


def curated(source: Path, output: Path, *, fresh: bool = False, **settings: object) -> Outcome:
    config = load_config(None, {"source.path": str(source), "output": str(output), **settings})
    return run_job(config, fresh=fresh, quiet=True)


@pytest.fixture(scope="module")
def whole(shared_ray: int, catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("whole") / "out"
    curated(catalogue, output)
    return output


def test_only_unfinished_partitions_are_done_again(catalogue: Path, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    curated(catalogue, out)
    untouched = out / "data/Appliances/items-00000-of-00004.parquet"
    stamp = untouched.stat().st_mtime_ns
    (out / "manifest.json").unlink()
    (out / "_partitions/Appliances/00001.json").unlink()
    (out / "_partitions/Appliances/00002.json").unlink()
    (out / "data/Appliances/items-00002-of-00004.parquet").unlink()
    assert curated(catalogue, out).new_partitions == 2
    assert shards(out) == shards(whole)
    assert untouched.stat().st_mtime_ns == stamp
    assert (out / "manifest.json").read_bytes() == (whole / "manifest.json").read_bytes()


def test_a_complete_output_is_left_as_it_is(catalogue: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    curated(catalogue, out)
    before = tree(out)
    outcome = curated(catalogue, out)
    assert outcome.new_partitions == 0
    assert tree(out) == before


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(signal.SIGINT, id="Ctrl-C", marks=pytest.mark.slow),  # in the default lane: whole/test_crash.py
        pytest.param(signal.SIGTERM, id="SIGTERM"),
    ],
)
def test_an_interrupted_run_goes_on(jsonl_only: Path, tmp_path: Path, curate: Curate, how: signal.Signals) -> None:
    """Once the first partition is done: exit code 130, what is done stays, the same command ends the job."""
    out = tmp_path / "out"
    arguments = ["run", "--source", str(jsonl_only), "--output", str(out), "--workers", "1"]
    with subprocess.Popen(
        [sys.executable, "-m", "job", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        records = out / "_partitions" / "Appliances"
        while run.poll() is None and not list(records.glob("*.json")):
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.wait(0.02)
        run.send_signal(how)
        _, err = run.communicate()
    assert run.returncode == 130, err
    assert err.splitlines()[-1].endswith("run the same command again to go on")
    assert "Traceback" not in err
    done = len(list(records.glob("*.json")))
    plan = OutputFolder(out).plan()
    assert plan is not None
    total = len(plan.categories["Appliances"].partitions)
    assert 0 < done < total
    assert not (out / "manifest.json").exists()
    status = curate("status", out)
    assert f"{done} of {total} partitions" in status.out
    assert "not complete" in status.out

    result = curate(*arguments, "--json")
    assert result.exit_code == 0, result.err
    assert json.loads(result.out)["new_partitions"] == total - done
    curated(jsonl_only, tmp_path / "undisturbed")
    assert shards(out) == shards(tmp_path / "undisturbed")
    assert not (out / "_tmp").exists()


def test_a_changed_recipe_is_refused_with_what_changed(catalogue: Path, whole: Path) -> None:
    before = tree(whole)
    with pytest.raises(RefusedError, match=r"recipe\.max_price was 999\.49, is 500") as refusal:
        curated(catalogue, whole, fresh=False, **{"recipe.max_price": 500})
    assert "--fresh" in str(refusal.value)
    assert tree(whole) == before


def test_a_changed_source_is_refused(catalogue: Path, whole: Path, tmp_path: Path) -> None:
    make_catalogue(tmp_path / "other", rows=2_000, seed=1, categories=["Appliances"])
    with pytest.raises(RefusedError, match=r"full-00000-of-00001\.parquet was 3,947,785 bytes, is 1,126,013"):
        curated(tmp_path / "other", whole)


def test_a_full_run_into_a_limited_output_is_refused(catalogue: Path, tmp_path: Path) -> None:
    curated(catalogue, tmp_path / "out", limit=100)
    with pytest.raises(RefusedError, match="limit was 100, is not set"):
        curated(catalogue, tmp_path / "out")


def test_the_same_source_elsewhere_and_other_workers_are_the_same_job(
    catalogue: Path, whole: Path, tmp_path: Path
) -> None:
    (tmp_path / "moved").symlink_to(catalogue)
    outcome = curated(tmp_path / "moved", whole, workers=1, batch_size=10, max_malformed=5)
    assert outcome.new_partitions == 0


def test_a_category_may_be_added(tmp_path: Path) -> None:
    source = tmp_path / "source"
    make_catalogue(source, rows=600, categories=["Appliances", "Toys"], file_format="jsonl")
    one = curated(source, tmp_path / "out", categories=["Toys"])
    both = curated(source, tmp_path / "out", categories=["Appliances"])
    assert both.new_partitions == 1
    assert both.manifest.num_rows == 600
    assert both.manifest.categories["Toys"] == one.manifest.categories["Toys"]


def test_fresh_replaces_what_the_plan_names_and_nothing_else(catalogue: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    curated(catalogue, out, limit=5_000)
    (out / "notes.txt").write_text("mine")
    (out / "data" / "Appliances" / "mine.txt").write_text("mine")
    curated(catalogue, out, fresh=True, limit=2_000)
    assert (out / "notes.txt").read_text() == "mine"
    assert sorted(path.name for path in (out / "data/Appliances").iterdir()) == [
        "items-00000-of-00001.parquet",
        "mine.txt",
    ]


def test_fresh_destroys_nothing_when_the_disk_has_no_room_for_the_new_job(
    catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    curated(catalogue, out, limit=2_000)
    before = tree(out)
    free = iter([1 << 40, 1_000])  # before the job is planned, and when it is known what it needs
    monkeypatch.setattr("job.storage.folder.shutil.disk_usage", lambda _: type("Usage", (), {"free": next(free)})())
    with pytest.raises(UsageError, match="the disk is too full"):
        curated(catalogue, out, fresh=True)
    assert tree(out) == before


def test_fresh_does_not_touch_a_folder_without_a_plan(catalogue: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(RefusedError, match=r"no plan\.json"):
        curated(catalogue, tmp_path, fresh=True)
    assert tree(tmp_path) == {"thesis.txt": b"years of work"}


BAD_LINES = [b'{"title": "cut o', b"[1, 2]", b'{"title": 7}', b'{"title": "\xff"}']


def test_a_malformed_line_is_one_reject(tmp_path: Path, curate: Curate) -> None:
    make_catalogue(tmp_path / "good", rows=400, categories=["Toys"], file_format="jsonl")
    good = (tmp_path / "good/raw/meta_categories/meta_Toys.jsonl").read_bytes().splitlines()
    lines = [*good[:100], *BAD_LINES, *good[100:]]
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "Toys.jsonl").write_bytes(b"\n".join(lines))
    outcome = curated(tmp_path / "bad", tmp_path / "out")
    expected = curated(tmp_path / "good", tmp_path / "expected").manifest
    assert outcome.manifest.funnel == {**expected.funnel, "malformed": len(BAD_LINES)}
    assert outcome.manifest.content_digest == expected.content_digest
    rejects = pq.read_table(tmp_path / "out/_rejects/Toys/00000.parquet").to_pylist()
    assert [reject["raw"] for reject in rejects] == BAD_LINES
    whole_file = b"\n".join(lines)
    for reject in rejects:
        assert reject["file"] == "Toys.jsonl"
        assert whole_file[reject["position"] :].startswith(reject["raw"] + b"\n")
    listed = curate("rejects", tmp_path / "out")
    assert listed.exit_code == 0
    assert "Toys.jsonl at" in listed.out
    assert "title is a number" in listed.out
    assert listed.out.splitlines()[-1] == "4 malformed rows"


@pytest.mark.parametrize(
    ("budget", "bad_rows", "passes"), [(3, 4, False), (4, 4, True), (0.001, 10, True), (0.001, 11, False), (0, 0, True)]
)
def test_the_budget_of_malformed_rows(tmp_path: Path, budget: float, bad_rows: int, passes: bool) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "Toys.jsonl").write_bytes(b'{"title": "plain", "price": null}\n' * 50 + b"broken\n" * bad_rows)
    if passes:
        assert curated(source, tmp_path / "out", max_malformed=budget).manifest.funnel["malformed"] == bad_rows
        return
    with pytest.raises(MalformedLimitError, match=f"{bad_rows} of {50 + bad_rows} rows are malformed"):
        curated(source, tmp_path / "out", max_malformed=budget)
    assert not (tmp_path / "out" / "manifest.json").exists()
    again = curated(source, tmp_path / "out", max_malformed=bad_rows)
    assert again.new_partitions == 0  # all good work was kept
    assert again.manifest.funnel["malformed"] == bad_rows


def test_packed_files_give_the_same_items_and_are_unpacked_once(
    jsonl_only: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = (jsonl_only / "meta_Appliances.jsonl").read_bytes()
    expected = curated(jsonl_only, tmp_path / "expected").manifest.content_digest
    for suffix, command in ((".gz", ["gzip", "-1"]), (".zst", [sys.executable, "-c", ZSTD])):
        source = tmp_path / suffix
        source.mkdir()
        packed = subprocess.run(command, input=plain, stdout=subprocess.PIPE, check=True).stdout
        (source / f"meta_Appliances.jsonl{suffix}").write_bytes(packed)
        said: list[str] = []
        config = load_config(None, {"source.path": str(source), "output": str(tmp_path / f"out{suffix}")})
        assert run_job(config, quiet=True, say=said.append).manifest.content_digest == expected
        assert [line.split(" (")[0] for line in said] == [f"unpacking meta_Appliances.jsonl{suffix}"]
        assert not (tmp_path / f"out{suffix}" / "_scratch").exists()
        assert run_job(config, quiet=True, say=said.append).new_partitions == 0
        assert len(said) == 1


ZSTD = "import sys, zstandard; sys.stdout.buffer.write(zstandard.compress(sys.stdin.buffer.read()))"


def test_what_was_unpacked_of_another_file_is_not_read(tmp_path: Path) -> None:
    """A run that ends between unpacking and its plan leaves the unpacked file; then the packed one is replaced."""
    source, output = tmp_path / "source", tmp_path / "out"
    make_catalogue(tmp_path / "old", rows=50, categories=["Toys"], file_format="jsonl")
    make_catalogue(tmp_path / "new", rows=60, categories=["Toys"], file_format="jsonl")
    source.mkdir()
    for name in ("old", "new"):
        plain = (tmp_path / name / "raw/meta_categories/meta_Toys.jsonl").read_bytes()
        (source / "Toys.jsonl.gz").write_bytes(gzip.compress(plain))
        config = load_config(None, {"source.path": str(source), "output": str(output)})
        (found,) = find_sources(config)
        plan_work(config, found, None, OutputFolder(output).scratch, lambda _: None)
    assert curated(source, output).manifest.num_rows == 60


def test_a_file_cut_off_while_the_job_runs_is_an_error(tmp_path: Path) -> None:
    make_catalogue(tmp_path / "source", rows=3_000, categories=["Toys"], file_format="jsonl")
    path = tmp_path / "source/raw/meta_categories/meta_Toys.jsonl"
    config = load_config(None, {"source.path": str(tmp_path / "source"), "output": str(tmp_path / "out")})
    (found,) = find_sources(config)
    work = plan_work(config, found, None, tmp_path / "scratch", lambda _: None)
    reader = work.reader([LocalFile(path)])
    whole = path.read_bytes()
    first = Partition(0, 0, len(whole) // 2)
    tables = reader.read(0, first)
    next(tables)
    path.write_bytes(whole[:-100])
    with pytest.raises(CurateError, match=f"changed while the job ran: {path}"):
        list(tables)
    with pytest.raises(CurateError, match=f"had {len(whole):,} bytes, has {len(whole) - 100:,}"):
        next(reader.read(0, first))


def test_a_file_replaced_while_the_job_runs_gives_no_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "Toys.jsonl").write_bytes(b'{"title": "a", "price": null}\n')

    def replaced(**arguments: Any) -> None:
        curate_category(**arguments)
        (source / "Toys.jsonl").write_bytes(b'{"title": "b", "price": null}\n')

    curate_category = pipeline.curate_category
    monkeypatch.setattr(pipeline, "curate_category", replaced)
    with pytest.raises(CurateError, match="changed while the job ran"):
        curated(source, tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_fresh_destroys_nothing_before_the_new_job_is_known_to_be_right(tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    make_catalogue(tmp_path / "made", rows=300, categories=["Toys"], file_format="jsonl")
    plain = (tmp_path / "made/raw/meta_categories/meta_Toys.jsonl").read_bytes()
    source.mkdir()
    (source / "Toys.jsonl.gz").write_bytes(gzip.compress(plain))
    curated(source, out)
    before = tree(out)
    (source / "Toys.jsonl.gz").write_bytes(gzip.compress(plain)[:-50])
    with pytest.raises(UsageError, match="damaged"):
        curated(source, out, fresh=True)
    assert {name: content for name, content in tree(out).items() if not name.startswith("_scratch")} == before
    (source / "Toys.jsonl.gz").write_bytes(gzip.compress(plain, 1))
    assert shards(out) == {name.removeprefix("data/"): content for name, content in before.items() if "data/" in name}
    curated(source, out, fresh=True)
    assert shards(out) == {name.removeprefix("data/"): content for name, content in before.items() if "data/" in name}


def test_a_category_over_its_budget_is_not_let_in_by_another_run(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "A.jsonl").write_bytes(b'{"title": "plain", "price": null}\n')
    (source / "B.jsonl").write_bytes(b"broken\n" * 20 + b'{"title": "plain", "price": null}\n')
    with pytest.raises(MalformedLimitError, match="B: 20 of 21"):
        curated(source, tmp_path / "out")
    with pytest.raises(MalformedLimitError, match="B: 20 of 21"):
        curated(source, tmp_path / "out", categories=["A"])
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_a_budget_that_is_a_count_stops_the_job_at_once(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "Toys.jsonl").write_bytes(b"broken\n" * 20 + b'{"title": "plain", "price": null}\n' * 560_000)
    with pytest.raises(MalformedLimitError, match="20 of"):
        curated(source, tmp_path / "out", max_malformed=0, workers=1)
    assert len(list((tmp_path / "out/_partitions/Toys").iterdir())) < 3


def test_a_record_of_other_work_counts_for_nothing(catalogue: Path, whole: Path, tmp_path: Path) -> None:
    cheap, out = tmp_path / "cheap", tmp_path / "out"
    curated(catalogue, cheap, fresh=False, **{"recipe.max_price": 50})
    curated(catalogue, out)
    (out / "manifest.json").unlink()
    shutil.copy(cheap / "_partitions/Appliances/00000.json", out / "_partitions/Appliances/00000.json")
    assert curated(catalogue, out).new_partitions == 1
    assert shards(out) == shards(whole)


def test_a_category_that_is_not_done_is_named(tmp_path: Path, curate: Curate) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    make_catalogue(source, rows=200, categories=["Games", "Toys"], file_format="jsonl")
    curated(source, out)
    (out / "manifest.json").unlink()
    (out / "_partitions/Toys/00000.json").unlink()
    result = curate("run", "--source", source, "--output", out, "--category", "Games")
    assert result.exit_code == 0
    assert result.out.splitlines()[-1].endswith(
        "is not complete: Toys left; to go on: the same command with --category Toys"
    )


def test_the_settings_of_a_ray_that_is_somebody_else_s_stay(catalogue: Path, tmp_path: Path) -> None:
    context = DataContext.get_current()
    before = (context.enable_progress_bars, context.execution_options.resource_limits.cpu)
    curated(catalogue, tmp_path / "out", limit=10, workers=1)
    context = DataContext.get_current()
    assert (context.enable_progress_bars, context.execution_options.resource_limits.cpu) == before


def test_rows_that_are_all_malformed_are_no_success(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "Toys.jsonl").write_bytes(b"title,price\nspoon,5\n")
    with pytest.raises(MalformedLimitError, match="every row is malformed: is it JSONL"):
        curated(source, tmp_path / "out")
    assert curated(source, tmp_path / "out", max_malformed=2).manifest.funnel["malformed"] == 2


def test_an_error_in_a_task_is_said_in_few_words(tmp_path: Path, curate: Curate) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "Toys.jsonl").write_bytes(b"broken\n" * 20 + b'{"title": "plain", "price": null}\n' * 50)
    result = curate("run", "--source", source, "--output", tmp_path / "out", "--set", "max_malformed=0", "--quiet")
    assert result.exit_code == 3
    assert result.err.splitlines()[0] == "error: Toys: 20 of 70 rows are malformed, and max_malformed allows 0"
    assert result.err.splitlines()[1].startswith("  20: not JSON: ")
    assert result.err.splitlines()[1].endswith(", such as Toys.jsonl at 0")
    assert len(result.err.splitlines()) == 4


def test_a_late_twin_changes_nothing(catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that were believed dead do all partitions again: during the run, and once more when it has ended."""
    late: list[dict[str, Any]] = []

    def twice(**arguments: Any) -> None:
        curate_category(**arguments)
        late.append(arguments)
        first = shards(tmp_path / "out")
        curate_category(**arguments)
        assert shards(tmp_path / "out") == first

    curate_category = pipeline.curate_category
    monkeypatch.setattr(pipeline, "curate_category", twice)
    curated(catalogue, tmp_path / "out")
    before = tree(tmp_path / "out")
    with pytest.raises(Exception, match="another run has taken over"):
        curate_category(**late[0])
    assert {name: content for name, content in tree(tmp_path / "out").items() if "_running" not in name} == before


def test_memory_that_runs_out_is_tried_with_fewer_workers_at_once(
    catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once: list[int] = []
    said: list[str] = []

    def greedy(**arguments: Any) -> None:
        at_once.append(arguments["workers"].count)
        if at_once[-1] > 1:
            raise ray.exceptions.OutOfMemoryError("killed by the memory monitor")
        curate_category(**arguments)

    curate_category = pipeline.curate_category
    monkeypatch.setattr(pipeline, "curate_category", greedy)
    config = load_config(None, {"source.path": str(catalogue), "output": str(tmp_path / "out"), "workers": 4})
    run_job(config, quiet=True, say=said.append)
    assert at_once == [4, 2, 1]
    assert [line.rpartition("; ")[2] for line in said] == ["going on with 2 at once", "going on with 1 at once"]


def test_memory_that_runs_out_with_one_worker_says_what_to_lower(
    catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def greedy(**arguments: Any) -> None:
        raise ray.exceptions.OutOfMemoryError("killed by the memory monitor")

    monkeypatch.setattr(pipeline, "curate_category", greedy)
    with pytest.raises(CurateError, match=r"memory ran out.*\n.*lower --workers"):
        curated(catalogue, tmp_path / "out", workers=1)


def test_what_a_run_has_left_that_was_killed_at_its_very_end_is_cleared(
    catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    curated(catalogue, out, limit=100)
    before = shards(out)
    for name in ("_lock", "_tmp/half", "_running/Appliances/00000", "_scratch/Appliances/unpacked.jsonl"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).touch()
    session = tmp_path / "curate-dead"
    session.mkdir()
    (session / "owned").touch()
    monkeypatch.setattr("job.cluster.ray_folder._parent", lambda: tmp_path)
    assert curated(catalogue, out, limit=100).new_partitions == 0
    assert not session.exists()
    assert shards(out) == before
    assert verify_output(out).startswith("intact: ")


def test_a_shard_that_is_cut_off_while_the_job_runs_gives_no_manifest(
    catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When all records are known, and before they are added up."""

    def cut_off(*_: object) -> None:
        shard = tmp_path / "out/data/Appliances/items-00001-of-00004.parquet"
        shard.write_bytes(shard.read_bytes()[:100])

    monkeypatch.setattr("job.run.check_owner", cut_off)
    with pytest.raises(CurateError, match=r"1 of its files in .* are gone or have changed, such as data/Appliances"):
        curated(catalogue, tmp_path / "out")
    assert not (tmp_path / "out/manifest.json").exists()
    monkeypatch.undo()
    assert curated(catalogue, tmp_path / "out").new_partitions == 1
    assert verify_output(tmp_path / "out").startswith("intact")
