"""Killed, interrupted, or out of disk at any moment: the same command ends with the bytes of an undisturbed set."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path

import psutil
import pytest

from job.config.load import load_craft_config
from job.craft import craft_set
from job.output.folder import OutputFolder
from job.output.section import record_name
from job.output.verify import verify_output
from tests.conftest import Curate, tree
from tests.selection.presets.made import items
from tests.whole.crafting import write_items
from tests.whole.test_crash import left_over

pytestmark = pytest.mark.seconds

COUNT = 60_000
SETTINGS = {
    "preset": "course-2024",
    "sample.slot_cap": 20,
    "sample.whole_from": 100,
    "splits.train": 5000,
    "splits.validation": 100,
    "splits.test": 200,
}
"""Four parts, of which the removed items have two shards."""
MOST_RUNS = 3


@pytest.fixture(scope="module")
def its_items(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_items(tmp_path_factory.mktemp("items") / "items", "course-2024", items(COUNT, seed=3)).close()


def command(its_items: Path, output: Path, *more: str) -> list[str]:
    words = ["craft", "--items", str(its_items), "--output", str(output), "--workers", "2", *more]
    settings = [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]
    return [sys.executable, "-m", "job", *words, *settings]


def started(its_items: Path, output: Path, temporary: Path, *more: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "TMPDIR": str(temporary)}
    words = command(its_items, output, "--json", *more)
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def steady(output: Path) -> dict[str, object]:
    """A set's files, but for how long something took, and where it lies."""
    files: dict[str, object] = dict(tree(output))
    files.pop("_run.json")
    for name in [name for name in files if name == "plan.json" or name.startswith("_partitions/")]:
        values = json.loads((output / name).read_bytes())
        values.get("config", {}).pop("output", None)
        for key in ("elapsed_s", "checksum"):
            values.pop(key, None)
        files[name] = values
    return files


@pytest.fixture(scope="module")
def undisturbed(shared_ray: int, its_items: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The files of a set whose run nobody killed."""
    output = tmp_path_factory.mktemp("undisturbed") / "set"
    config = load_craft_config(None, {"items": str(its_items), "output": str(output), "workers": 2, **SETTINGS})
    assert craft_set(config, quiet=True).new_shards == 5
    return steady(output)


def kill_and_go_on(
    its_items: Path, output: Path, temporary: Path, wait: Callable[[subprocess.Popen[str]], None]
) -> str:
    """Kills the run and all its processes once `wait` returns, and types the command until it succeeds."""
    run = started(its_items, output, temporary)
    wait(run)
    below = [] if run.poll() is not None else psutil.Process(run.pid).children(recursive=True)
    run.send_signal(signal.SIGKILL)
    for process in below:
        with contextlib.suppress(psutil.Error):
            process.kill()
    run.communicate(timeout=120)
    there = sorted(tree(output)) if output.exists() else []
    err = ""
    for _ in range(MOST_RUNS):
        run = started(its_items, output, temporary)
        _, err = run.communicate(timeout=240)
        assert "Traceback" not in err, err
        if run.returncode == 0:
            return f"killed with {len(there)} files: {there}"
    raise AssertionError(err)


def after(seconds: float) -> Callable[[subprocess.Popen[str]], None]:
    def wait(run: subprocess.Popen[str]) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.wait(seconds)

    return wait


def once(output: Path, pattern: str, count: int = 1) -> Callable[[subprocess.Popen[str]], None]:
    """Waits until the folder has so many files of a name."""

    def wait(run: subprocess.Popen[str]) -> None:
        while run.poll() is None and len(list(output.glob(pattern))) < count:
            time.sleep(0.002)

    return wait


def in_turn(*waits: Callable[[subprocess.Popen[str]], None]) -> Callable[[subprocess.Popen[str]], None]:
    def wait(run: subprocess.Popen[str]) -> None:
        for each in waits:
            each(run)

    return wait


def check_whole(its_items: Path, output: Path, undisturbed: dict[str, object], happened: str, temporary: Path) -> None:
    assert steady(output) == undisturbed, happened
    assert verify_output(output).startswith("intact: "), happened
    assert left_over(temporary) == [], happened


@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        pytest.param("plan.json", 1, marks=pytest.mark.slow),  # in the default lane: test_craft_default.py
        ("_partitions/*/*.json", 2),
        pytest.param("_decision.parquet", 1, marks=pytest.mark.slow),
        pytest.param("_running/*/*", 1, marks=pytest.mark.slow),
        pytest.param("_partitions/*/*.json", 5, marks=pytest.mark.slow),
        pytest.param("README.md", 1, marks=pytest.mark.slow),
    ],
)
def test_a_run_that_is_killed_between_two_steps_is_gone_on_with(
    pattern: str, count: int, its_items: Path, undisturbed: dict[str, object], tmp_path: Path, temporary: Path
) -> None:
    output = tmp_path / "set"
    happened = kill_and_go_on(its_items, output, temporary, once(output, pattern, count))
    check_whole(its_items, output, undisturbed, happened, temporary)


@pytest.mark.slow
def test_twenty_kills_at_seeded_moments(
    its_items: Path, undisturbed: dict[str, object], tmp_path: Path, temporary: Path
) -> None:
    chance = random.Random(18)
    for number in range(20):
        output = tmp_path / str(number)
        sign, at_most = chance.choice([("_lock", 4.0), ("plan.json", 0.5), ("_running/*/*", 0.5)])
        seconds = chance.uniform(0, at_most)  # on any machine, some before the decision and most while rows are moved
        wait = in_turn(once(output, sign), after(seconds))
        happened = f"{seconds:.2f} s after {sign}: {kill_and_go_on(its_items, output, temporary, wait)}"
        print(happened)  # noqa: T201  # `pytest -s` shows what was there
        check_whole(its_items, output, undisturbed, happened, temporary)


def test_ctrl_c_is_said_and_the_run_can_be_gone_on_with(
    its_items: Path, undisturbed: dict[str, object], tmp_path: Path, temporary: Path, curate: Curate
) -> None:
    output = tmp_path / "set"
    run = started(its_items, output, temporary)
    once(output, "_lock")(run)
    said = curate("status", output)
    assert said.exit_code == 0, said.err
    assert said.out.startswith("a run is working on it: ")
    once(output, "plan.json")(run)
    assert "removed: " in curate("status", output).out
    once(output, "_partitions/*/*.json")(run)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 130, err
    assert err.endswith("interrupted; what was finished is kept: run the same command again to go on\n")
    assert json.loads(out)["exit_code"] == 130
    assert "not complete" in curate("status", output).out
    again = curate(*command(its_items, output)[3:])
    assert again.exit_code == 0, again.err
    assert curate("status", output).out.splitlines()[-1] == "complete"
    check_whole(its_items, output, undisturbed, "interrupted", temporary)


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    """A real file system of 32 MiB, little more than the free space that a run requires."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "none", disk], check=False).returncode:
        pytest.skip("only root can mount")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=False)


@pytest.mark.parametrize("pattern", ["_partitions/*/*.json", pytest.param("_lock", marks=pytest.mark.slow)])
def test_a_disk_that_fills_up_in_the_middle(
    pattern: str,
    shared_ray: int,
    its_items: Path,
    undisturbed: dict[str, object],
    small_disk: Path,
    curate: Curate,
    temporary: Path,
) -> None:
    output, ballast = small_disk / "set", small_disk / "ballast"
    ended = threading.Event()

    def fill() -> None:
        while not ended.wait(0.001):
            if any(output.glob(pattern)):
                with contextlib.suppress(OSError), ballast.open("wb") as stream:
                    while True:
                        stream.write(bytes(4096))
                        stream.flush()
                return

    words = command(its_items, output)[3:]
    thread = threading.Thread(target=fill)
    thread.start()
    result = curate(*words)
    ended.set()
    thread.join()
    assert result.exit_code == 1, result.err
    assert result.err.splitlines()[-2].startswith(f"error: the disk is full: {output}/"), result.err
    assert "run the same command again to go on" in result.err.splitlines()[-1]
    assert "Traceback" not in result.err
    assert not (output / "manifest.json").exists()
    plan = OutputFolder(output).set_plan()
    for part in plan.sections() if plan else ():
        done = {record.partition for record in OutputFolder(output).records(part)}
        assert all(
            (output / record_name(part.name, number)).exists() == (number in done) for number in range(part.count)
        )
    ballast.unlink()
    assert curate(*words).exit_code == 0
    check_whole(its_items, output, undisturbed, "full", temporary)
