"""Which categories are at work at once, in which order they begin, and how they end when one fails."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray
import ray.exceptions
from ray.util import placement_group_table

from job import copies, pipeline, schedule
from job.config.load import load_config
from job.errors import CurateError
from job.output.folder import OutputFolder
from job.output.records import Record
from job.plan.sources import find_sources
from job.plan.work import plan_work
from job.progress.display import ShowProgress
from job.progress.snapshots import Snapshot
from job.progress.watched import watched
from job.run import run_job
from job.source.files import CategorySource
from job.storage.folder import Folder
from tests.conftest import RAY_CORES
from tests.servers.hub import Hub

pytestmark = pytest.mark.usefixtures("shared_ray")

NAMES = ["Toys", "Books", "Games"]
"""In another order than the alphabet's."""
Events = list[tuple[str, str]]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Three categories of four partitions, each of one row."""
    row = {"title": "a spoon", "price": "5.00", "description": ["good"], "features": [], "details": "{}"}
    for name in NAMES:
        for file in range(4):
            path = tmp_path / f"source/{name}-{file:05d}-of-00004.parquet"
            path.parent.mkdir(exist_ok=True)
            pq.write_table(pa.Table.from_pylist([{**row, "parent_asin": f"{name}{file}"}]), path)
    return tmp_path / "source"


def run(source: Path, output: Path, **settings: object) -> None:
    config = load_config(None, {"source.path": str(source), "output": str(output), "categories": NAMES, **settings})
    run_job(config, quiet=True)


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Events:
    """What begins and ends, as it does."""
    found: Events = []
    curate_category, local_copies = pipeline.curate_category, copies.local_copies

    def noted(**arguments: Any) -> None:
        found.append(("begins", arguments["plan"].category))
        curate_category(**arguments)
        found.append(("ends", arguments["plan"].category))

    def noted_copies(source: CategorySource, *arguments: Any, **settings: Any) -> object:
        found.append(("is fetched", source.category))
        return local_copies(source, *arguments, **settings)

    monkeypatch.setattr(pipeline, "curate_category", noted)
    monkeypatch.setattr(copies, "local_copies", noted_copies)
    return found


@pytest.fixture
def done(events: Events, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many partitions of the output are done when each category begins."""
    found: dict[str, int] = {}
    noted = pipeline.curate_category

    def counted(**arguments: Any) -> None:
        found[arguments["plan"].category] = len(list((tmp_path / "out/_partitions").glob("*/*.json")))
        noted(**arguments)

    monkeypatch.setattr(pipeline, "curate_category", counted)
    return found


def test_a_category_begins_when_little_is_left_of_those_before_it(
    source: Path, tmp_path: Path, events: Events, done: dict[str, int]
) -> None:
    """Four workers want eight partitions: as many as two categories have, until one of them is done."""
    run(source, tmp_path / "out")
    assert done["Toys"] == done["Books"] == 0 < done["Games"]
    assert events.index(("begins", "Books")) < events.index(("ends", "Toys"))


def test_with_enough_left_the_next_category_is_only_fetched(
    source: Path, tmp_path: Path, events: Events, done: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "_LEFT_PER_WORKER", 0.25)  # one partition for four workers
    run(source, tmp_path / "out")
    assert 0 == done["Toys"] < done["Books"] < done["Games"]  # how late exactly is a question of pace
    fetched = [name for what, name in events if what == "is fetched"]
    assert fetched == NAMES
    assert events.index(("is fetched", "Books")) < events.index(("ends", "Toys"))


def test_the_first_error_ends_the_others_and_is_the_one_that_is_said(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, stopped = threading.Event(), threading.Event()

    def one_fails(**arguments: Any) -> None:
        if arguments["plan"].category == "Books":
            assert begun.wait(30)  # else there would be nothing to stop
            raise CurateError("Books are wrong")
        try:
            begun.set()
            for _ in range(1_000):
                time.sleep(0.02)
        finally:
            stopped.set()

    monkeypatch.setattr(pipeline, "curate_category", one_fails)
    with pytest.raises(CurateError, match="Books are wrong"):
        run(source, tmp_path / "out")
    assert stopped.is_set()


@pytest.mark.parametrize("is_changed", [False, True])
def test_what_was_done_before_a_worker_died_is_still_looked_at(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_changed: bool
) -> None:
    """All partitions are done when a worker dies: nothing is left to do, but a changed source is still an error."""
    curate_category = pipeline.curate_category
    changed = source / "Games-00003-of-00004.parquet"

    def dies_at_its_end(**arguments: Any) -> None:
        assert arguments["workers"].count > 1
        curate_category(**arguments)
        if arguments["plan"].category != "Games":
            return
        if is_changed:
            changed.write_bytes(changed.read_bytes()[::-1])
        raise ray.exceptions.OutOfMemoryError("killed by the memory monitor")

    monkeypatch.setattr(pipeline, "curate_category", dies_at_its_end)
    if is_changed:
        with pytest.raises(CurateError, match=f"changed while the job ran: {changed}"):
            run(source, tmp_path / "out")
    else:
        run(source, tmp_path / "out")
        assert (tmp_path / "out/manifest.json").exists()


@pytest.mark.parametrize("raised", [KeyboardInterrupt, CurateError])
def test_a_dataset_at_work_is_stopped(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: type[BaseException]
) -> None:
    """As Ctrl-C has it, and in a Ray that goes on for somebody else."""
    read = pipeline.read_partitions

    def slow(named: pa.Table, *arguments: Any, **more: Any) -> object:
        time.sleep(8)
        return read(named, *arguments, **more)

    def until(self: object, holds: Callable[[], bool], *others: object) -> None:
        while not holds():
            if busy() == RAY_CORES:
                raise raised("enough")
            time.sleep(0.05)

    monkeypatch.setattr(pipeline, "read_partitions", slow)
    monkeypatch.setattr("job.schedule._Round._until", until)
    with pytest.raises(raised):
        run(source, tmp_path / "out")
    until_s = time.monotonic() + 10
    while executors() and time.monotonic() < until_s:
        time.sleep(0.1)
    assert executors() == []


def executors() -> list[str]:
    """Returns the threads in which Ray Data hands out tasks."""
    return [thread.name for thread in threading.enumerate() if "StreamingExecutor" in thread.name]


def busy() -> int:
    """Returns how many of the tests' Ray's CPUs have a task."""
    return RAY_CORES - int(ray.available_resources().get("CPU", 0))


def test_fewer_workers_than_a_joined_ray_has_are_kept_for_the_run_and_given_back(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work = tmp_path / "at work"
    at_work.mkdir()
    most = tmp_path / "most"
    read = pipeline.read_partitions

    def counted(named: pa.Table, *arguments: Any, **more: Any) -> object:
        mine = at_work / str(named["partition"][0].as_py() + time.time())
        mine.touch()
        (most / str(len(list(at_work.iterdir())))).mkdir(parents=True, exist_ok=True)
        time.sleep(0.3)
        mine.unlink()
        return read(named, *arguments, **more)

    monkeypatch.setattr(pipeline, "read_partitions", counted)
    run(source, tmp_path / "out", workers=2)
    assert sorted(path.name for path in most.iterdir()) == ["1", "2"]
    assert {group["state"] for group in placement_group_table().values()} == {"REMOVED"}


def test_a_cluster_that_grows_keeps_to_the_readers_of_the_hub(
    hub: Hub, catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two CPUs at the start, as many as may read, and four when the work has begun."""
    hub.put("owner/data", catalogue)
    asked: list[tuple[int, bool]] = []
    ray_nodes, curate_category = ray.nodes, pipeline.curate_category

    def nodes() -> list[dict[str, Any]]:
        return [{**node, "Resources": {"CPU": 4.0 if asked else 2.0}} for node in ray_nodes()]

    def noted(**arguments: Any) -> None:
        asked.append((arguments["workers"].count, "scheduling_strategy" in arguments["workers"].ray_options))
        while len(asked) == 1:  # until it is stopped
            time.sleep(0.02)
        curate_category(**arguments)

    monkeypatch.setattr(ray, "nodes", nodes)
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 2.0})
    monkeypatch.setattr(pipeline, "curate_category", noted)
    settings = {"source.dataset": "owner/data", "source.stream": True, "source.max_hub_readers": 2, "workers": "all"}
    config = load_config(None, {"categories": ["Appliances"], "output": str(tmp_path / "out"), **settings})
    said: list[str] = []
    outcome = run_job(config, quiet=True, say=said.append)
    assert asked == [(2, False), (2, True)]
    assert said == ["this Ray has 4 CPUs by now: 2 of them read from the Hub at once, as source.max_hub_readers says"]
    assert outcome.manifest.num_rows == 7_000


def test_a_disk_that_shows_late_what_others_have_written(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As NFS does: the driver sees a folder's names of some time ago, and the end of a category is long past."""
    known: dict[Path, tuple[float, dict[str, int]]] = {}
    sizes = Folder.sizes

    def of_some_time_ago(folder: Folder, name: str) -> dict[str, int]:
        path = folder.root / name
        if "_partitions" not in name or time.monotonic() - known.get(path, (0.0, {}))[0] > 4:
            known[path] = time.monotonic(), sizes(folder, name)
        return known[path][1]

    monkeypatch.setattr(Folder, "sizes", of_some_time_ago)
    run(source, tmp_path / "out")
    assert len(list((tmp_path / "out/data").glob("*/*.parquet"))) == 12


def test_a_look_at_the_progress_that_fails_is_followed_by_others(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_config(None, {"source.path": str(source), "output": str(tmp_path / "out"), "categories": NAMES[:1]})
    run_job(config, quiet=True)
    output = OutputFolder(tmp_path / "out")
    plan = output.plan()
    assert plan is not None
    (found,) = find_sources(config)
    work = plan_work(config, found, plan.categories[NAMES[0]], tmp_path, lambda _: None)
    looks: list[int] = []
    records = OutputFolder.records

    def failing(folder: OutputFolder, *arguments: Any) -> list[Record]:
        looks.append(1)
        if len(looks) == 1:
            raise CurateError("the storage does not answer")
        return records(folder, *arguments)

    monkeypatch.setattr(OutputFolder, "records", failing)
    shown: list[Snapshot] = []
    with watched(work, output, shown.append):
        late = time.monotonic() + 10
        while len(looks) < 4 and time.monotonic() < late:
            time.sleep(0.01)
    assert len(looks) >= 4
    assert shown[-1].done == 4


def test_rows_are_seen_before_their_partition_is_done_and_count_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a partition is begun a second time, as Ray does when a worker has died."""
    row = {
        "parent_asin": "B0",
        "title": "a spoon",
        "price": 5.0,
        "description": ["good"],
        "features": [],
        "details": "{}",
    }
    (tmp_path / "source").mkdir()
    pq.write_table(pa.Table.from_pylist([row] * 100), tmp_path / "source/Toys.parquet")
    shown: list[Snapshot] = []
    judge, begun = pipeline.judge_batch, tmp_path / "begun"

    def slow(rows: pa.Table, *arguments: Any, **more: Any) -> pa.Table:
        time.sleep(0.3)
        if rows["position"][0].as_py() == 50 and not begun.exists():
            begun.touch()
            os._exit(1)
        return judge(rows, *arguments, **more)

    @contextlib.contextmanager
    def display(*, quiet: bool) -> Generator[ShowProgress]:
        assert not quiet
        yield lambda at: shown.append(at) if isinstance(at, Snapshot) else None

    monkeypatch.setattr(pipeline, "judge_batch", slow)
    monkeypatch.setattr(schedule, "progress_display", display)
    settings = {"source.path": str(tmp_path / "source"), "output": str(tmp_path / "out"), "batch_size": 10}
    run_job(load_config(None, settings))
    assert begun.exists()
    inside = [at.num_rows for at in shown if not at.done]
    assert {10, 20, 30, 40} & {*inside}
    assert {60, 70, 80, 90} & {*inside}
    assert max(inside) <= 100
    assert inside != sorted(inside)  # it counted from 0 again
    assert all(at.share == at.num_rows / 100 or at.share == (at.num_rows - 1) / 100 for at in shown)
    end = shown[-1]
    assert (end.done, end.num_rows, end.rows_inside, end.share) == (1, 100, 0, 1.0)
