"""Killed at any moment: the same command ends with the same files, and nothing of the dead run is left.

A run of its own process, its own Ray and its own temporary folder is killed, whole or in part, at moments drawn from a
seed. Then the same command is typed until it succeeds, as a user would.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from job.config.load import load_config
from job.run import run_job
from tests.conftest import Curate, tree

pytestmark = pytest.mark.seconds

VICTIMS = ("driver", "worker", "raylet", "control service", "any", "all")
MOST_RUNS = 3


@pytest.fixture(scope="module")
def source(jsonl_only: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two categories, eight partitions or so, a packed file, and some malformed rows."""
    folder = tmp_path_factory.mktemp("source")
    rows = (jsonl_only / "meta_Appliances.jsonl").read_bytes()
    (folder / "Appliances.jsonl.gz").write_bytes(gzip.compress(rows, 1))
    (folder / "Toys.jsonl").write_bytes(b"broken\n" + b"".join(reversed(rows.splitlines(keepends=True))))
    return folder


def started(source: Path, output: Path, temporary: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "job", "run", "--source", str(source), "--output", str(output), "--json"]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


@pytest.fixture(scope="module")
def undisturbed(shared_ray: int, source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    output = tmp_path_factory.mktemp("undisturbed") / "out"
    run_job(load_config(None, {"source.path": str(source), "output": str(output)}), quiet=True)
    return steady(output)


def steady(output: Path) -> dict[str, object]:
    """Returns an output's files, but for how long something took and where it lies."""
    files: dict[str, object] = dict(tree(output))
    for name in [name for name in files if name == "plan.json" or name.startswith(("_partitions/", "_run.json"))]:
        values = json.loads((output / name).read_bytes())
        values.get("config", {}).pop("output", None)
        for key in ("elapsed_s", "checksum", "began", "ended", "owner", "rows_before"):
            values.pop(key, None)
        if name == "_run.json":
            values.pop("num_rows", None)
        files[name] = values
    return files


def victims(run: psutil.Process, what: str, chance: random.Random) -> list[psutil.Process]:
    below = run.children(recursive=True)
    if what == "driver":
        return [run]
    if what == "all":
        return [*below, run]
    if what == "any":
        return [chance.choice([run, *below])]
    names = {"worker": "ray::MapBatches", "raylet": "raylet", "control service": "gcs_server"}
    return [process for process in below if process.name().startswith(names[what][:15])][:1]


def left_over(temporary: Path) -> list[str]:
    """Returns the processes that were told of a folder, and what is in it."""
    told: list[str] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("TMPDIR") == str(temporary) or str(temporary) in " ".join(process.cmdline()):
                told.append(f"{process.pid} {process.name()}")
    return told + [path.name for path in temporary.iterdir()]


def kill_and_go_on(source: Path, output: Path, temporary: Path, seed: int) -> str:
    """Kills a run in a way and at a moment that follow from the seed, and ends it; returns what happened."""
    chance = random.Random(seed)
    what = VICTIMS[seed % len(VICTIMS)]
    run = started(source, output, temporary)
    after_s = chance.uniform(0.2, 9)
    with contextlib.suppress(subprocess.TimeoutExpired):
        run.wait(after_s)
    killed = 0
    with contextlib.suppress(psutil.Error):
        for process in victims(psutil.Process(run.pid), what, chance):
            with contextlib.suppress(psutil.Error):
                process.kill()
                killed += 1
    _, err = run.communicate(timeout=120)
    done = len(list((output / "_partitions").rglob("*.json"))) if output.exists() else 0
    happened = f"seed {seed}: {what} ({killed}) after {after_s:.1f} s: {done} records, exit code {run.returncode}"
    runs = 1
    while run.returncode != 0:
        assert runs < MOST_RUNS, f"{happened}: {err}"
        assert run.returncode < 0 or "Traceback" not in err, f"{happened}: {err}"
        run = started(source, output, temporary)
        _, err = run.communicate(timeout=120)
        runs += 1
    return f"{happened}; {runs} runs"


@pytest.mark.parametrize("seed", [0, *[pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, len(VICTIMS))]])
def test_a_killed_run_is_gone_on_with(
    seed: int, source: Path, undisturbed: dict[str, object], tmp_path: Path, temporary: Path
) -> None:
    happened = kill_and_go_on(source, tmp_path / "out", temporary, seed)
    assert steady(tmp_path / "out") == undisturbed, happened
    assert left_over(temporary) == [], happened


@pytest.mark.slow
def test_fifty_kills(source: Path, undisturbed: dict[str, object], tmp_path: Path, temporary: Path) -> None:
    for seed in range(100, 150):
        happened = kill_and_go_on(source, tmp_path / str(seed), temporary, seed)
        print(happened)  # noqa: T201  # `pytest -s` shows what was killed when
        assert steady(tmp_path / str(seed)) == undisturbed, happened
        assert left_over(temporary) == [], happened


def begun(run: subprocess.Popen[str], output: Path, records: int = 1) -> None:
    """Waits until a run has committed some partitions."""
    while run.poll() is None and len(list((output / "_partitions").glob("*/*.json"))) < records:
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.wait(0.02)


@pytest.mark.slow
def test_ctrl_c_twice_leaves_at_once(
    source: Path, undisturbed: dict[str, object], tmp_path: Path, temporary: Path
) -> None:
    output = tmp_path / "out"
    with started(source, output, temporary) as run:
        begun(run, output)
        while run.poll() is None:
            run.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.wait(0.2)
        _, err = run.communicate()
    assert run.returncode in {-signal.SIGINT, 130}
    assert "Traceback" not in err
    with started(source, output, temporary) as run:
        _, err = run.communicate()
    assert run.returncode == 0, err
    assert steady(output) == undisturbed
    assert left_over(temporary) == []


@pytest.mark.parametrize(
    ("what", "words"),
    [("raylet", "node process"), pytest.param("control service", "control service", marks=pytest.mark.slow)],
)
def test_a_ray_that_dies_is_said_in_one_message(
    what: str, words: str, source: Path, tmp_path: Path, temporary: Path, curate: Curate
) -> None:
    output = tmp_path / "out"
    with started(source, output, temporary) as run:
        begun(run, output)
        for process in victims(psutil.Process(run.pid), what, random.Random(0)):
            process.kill()
        out, err = run.communicate(timeout=120)
    assert run.returncode == 1, err
    assert f"error: Ray's {words}" in err
    assert "run the same command again to go on" in err
    assert json.loads(out)["exit_code"] == 1
    status = curate("status", output).out
    assert f"Ray's {words}" in status
    assert left_over(temporary) == []


def run_that_fails(source: Path, output: Path, temporary: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs Toys with two workers; checks what holds for every run whose workers die again and again."""
    command = [sys.executable, "-m", "job", "run", "--source", str(source / "Toys.jsonl"), "--output", str(output)]
    ended = subprocess.run(
        [*command, "--workers", "2"],
        env={**os.environ, "TMPDIR": str(temporary), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 1, ended.stderr
    assert "going on with 1 at once" in ended.stderr
    assert "lower --workers" in ended.stderr
    assert ended.stdout == ""
    assert left_over(temporary) == []
    return ended


def test_memory_that_runs_out_is_tried_with_fewer_at_once_and_then_said(
    source: Path, tmp_path: Path, temporary: Path
) -> None:
    """Ray's own memory monitor, told that a thousandth of the machine's memory is too much already."""
    ended = run_that_fails(source, tmp_path / "out", temporary, RAY_memory_usage_threshold="0.001")
    assert "error: memory ran out, and Ray has killed a worker" in ended.stderr


@pytest.mark.slow
def test_a_worker_that_dies_again_and_again_ends_the_job(source: Path, tmp_path: Path, temporary: Path) -> None:
    """The worker of one partition is killed whenever it begins: with two at once, then with one, then it is said."""
    (tmp_path / "sitecustomize.py").write_text(POISON)
    ended = run_that_fails(source, tmp_path / "out", temporary, PYTHONPATH=str(tmp_path))
    assert "error: Toys: partition 1: its worker died 4 times" in ended.stderr


POISON = """
import os
from job.source.read import reader

read = reader.PartitionReader.read

def dies(self, index, partition):
    if index == 1:
        os.kill(os.getpid(), 9)
    return read(self, index, partition)

reader.PartitionReader.read = dies
"""
