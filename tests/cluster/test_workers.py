"""Workers: how many tasks really run at the same time, observed from outside, in a Ray that a run starts itself."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from job.cluster.allowed import usable_cores
from job.cluster.workers import Workers
from tests.conftest import shards

pytestmark = pytest.mark.seconds

ONE_TASK = "ray::MapBatches(read_partitions)->MapBatches(judge_batch)->Write"


class BusyTasks:
    """Records which of a run's Ray tasks run at the same time, by the titles of their processes."""

    def __init__(self, run: int) -> None:
        self._run = psutil.Process(run)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.seen: list[list[str]] = []
        self.workers: set[psutil.Process] = set()
        """All of Ray's worker processes, busy or not."""

    def _sample(self) -> None:
        while not self._stop.wait(0.005):
            self.seen.append(list(self._busy()))

    def _below(self) -> list[psutil.Process]:
        """Returns the run's own processes, not those of other runs on this machine."""
        try:
            return self._run.children(recursive=True)
        except psutil.Error:
            return []

    def _busy(self) -> Iterator[str]:
        for process in self._below():
            try:
                title = " ".join(process.cmdline()).strip()
            except psutil.Error:  # it has ended in the meantime
                continue
            if title.startswith("ray::") and not title.endswith("Agent"):
                self.workers.add(process)
            if title.startswith("ray::") and ("MapBatches" in title or "Write" in title):
                yield title

    def __enter__(self) -> BusyTasks:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


@pytest.fixture(scope="module")
def long_source(jsonl_only: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source with enough partitions to keep working long after the last worker has started."""
    folder = tmp_path_factory.mktemp("long")
    (folder / "Toys.jsonl").write_bytes((jsonl_only / "meta_Appliances.jsonl").read_bytes() * 6)
    return folder


@pytest.fixture(scope="module")
def first_shards() -> dict[str, bytes]:
    """The shards of the first run, which those of the others are compared with."""
    return {}


@pytest.mark.parametrize("workers", [2, *[pytest.param(count, marks=pytest.mark.slow) for count in (1, 4)]])
def test_workers_decide_how_many_tasks_run_at_once(
    long_source: Path, first_shards: dict[str, bytes], tmp_path: Path, workers: int
) -> None:
    output = tmp_path / "out"
    command = [sys.executable, "-m", "job", "run", "--source", long_source, "--output", output, "--workers", workers]
    with (
        subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True) as run,
        BusyTasks(run.pid) as tasks,
    ):
        _, err = run.communicate()
    assert run.returncode == 0, err
    cores = usable_cores()
    assert (f"{workers} workers on {cores} cores: some will share a core" in err) == (workers > cores)
    assert max(map(len, tasks.seen)) == workers
    if workers <= cores:  # else Ray starts only as many at a time as there are cores, and one too many in the end
        assert len(tasks.workers) == workers  # no actor of Ray Data's starts with them
    assert {title for titles in tasks.seen for title in titles} == {ONE_TASK}  # no row moves between processes
    if not first_shards:
        first_shards.update(shards(output))
    assert shards(output) == first_shards


def test_fewer_at_once_are_fewer_each_time() -> None:
    """When memory runs out repeatedly, a task's share is computed from all CPUs, not from those that work by then."""
    workers = Workers(count=8, ray_options={"num_cpus": 1}, has_other_nodes=False, cpus=8)
    for at_once in (4, 2, 1):
        workers = workers.at_most(workers.count // 2)
        assert (workers.count, workers.ray_options) == (at_once, {"num_cpus": 8 // at_once})


@pytest.mark.usefixtures("shared_ray")
def test_a_ray_of_our_own_asks_for_a_token_that_is_written_nowhere() -> None:
    (raylet,) = [each for each in psutil.Process().children() if each.name() == "raylet"]
    environment = raylet.environ()
    assert environment["RAY_AUTH_MODE"] == "token"
    assert len(environment["RAY_AUTH_TOKEN"]) == 64
    assert not (Path.home() / ".ray/auth_token").exists()
