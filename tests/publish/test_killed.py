"""A push that is killed at any moment, and finished by the same command; then read back as a user does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from job.source.sample.catalogue import make_catalogue
from tests.publish.conftest import TOKEN, made_output
from tests.servers.hub import Hub, Stall

MOMENTS = [
    ("/api/repos/create", 0, False),
    ("/api/repos/create", 0, True),
    ("/preupload/", 0, False),
    ("/objects/batch", 0, False),
    ("/lfs/", 0, False),
    ("/lfs/", 1, True),
    ("/lfs/verify/", 2, False),
    ("/preupload/", 1, False),
    ("/commit/", 0, False),
    ("/commit/", 0, True),
]
"""Ten writes in the middle of which it is killed: part of the path, how many of these before, whether it was done."""

READ = """
import json, sys
import datasets
datasets.disable_progress_bars()
for name in sys.argv[1:]:
    print(json.dumps(datasets.load_dataset(name, split="train").to_list()))
"""


def environment(hub: Hub, home: Path) -> dict[str, str]:
    here = {key: value for key, value in os.environ.items() if key not in {"HF_HUB_OFFLINE", "HF_HUB_CACHE"}}
    return {**here, "HF_ENDPOINT": hub.endpoint, "HF_HOME": str(home), "HF_TOKEN": TOKEN}


def loaded(hub: Hub, home: Path, *names: str) -> list[list[dict[str, object]]]:
    """Returns the rows that `datasets.load_dataset` reads from the Hub, each time through an empty cache."""
    read = [sys.executable, "-c", READ, *names]
    ended = subprocess.run(read, env=environment(hub, home), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def rows(out: Path) -> list[dict[str, object]]:
    return [row for path in sorted(out.glob("data/*/*.parquet")) for row in pq.read_table(path).to_pylist()]


@pytest.mark.slow
@pytest.mark.parametrize(("path", "after", "is_done"), MOMENTS)
def test_a_push_that_was_killed_goes_on_where_it_was(
    writable: Hub, out: Path, tmp_path: Path, path: str, after: int, is_done: bool
) -> None:
    command = [sys.executable, "-m", "job", "push", str(out), "someone/kettles"]
    env = environment(writable, tmp_path / "home")
    writable.fail(Stall(3600, done=is_done), path=path, after=after)
    running = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not writable.applied and running.poll() is None:
        threading.Event().wait(0.005)
    running.kill()
    assert running.wait() == -9
    finished = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert writable.commits("someone/kettles") == 2  # the Hub's own one, and the push's
    assert [*writable.uploads.values()] == [1, 1, 1]
    assert loaded(writable, tmp_path / "reader", "someone/kettles") == [rows(out)]


@pytest.mark.slow
def test_load_dataset_reads_exactly_the_new_rows(writable: Hub, out: Path, tmp_path: Path) -> None:
    fewer = made_output(tmp_path / "fewer", [7, 5])
    home = tmp_path / "home"
    for number, pushed in enumerate((out, fewer)):
        command = [sys.executable, "-m", "job", "push", str(pushed), "someone/kettles"]
        subprocess.run(command, env=environment(writable, home), capture_output=True, check=True)
        assert loaded(writable, tmp_path / f"reader-{number}", "someone/kettles") == [rows(pushed)]
    assert len(rows(fewer)) == 12


@pytest.mark.slow
def test_ctrl_c_ends_a_rebuild_and_leaves_nothing_behind(tmp_path: Path) -> None:
    make_catalogue(tmp_path / "source", rows=300, categories=["Toys"], file_format="jsonl")
    (tmp_path / "scratch").mkdir()
    env = {**os.environ, "TMPDIR": str(tmp_path / "scratch")}
    job, out = [sys.executable, "-m", "job"], tmp_path / "out"
    subprocess.run([*job, "run", "--source", tmp_path / "source", "--output", out, "--workers", "1"], check=True)
    running = subprocess.Popen(
        [*job, "check", out, "--rebuild"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not [*(tmp_path / "scratch").glob("curate-check-*/0/plan.json")] and running.poll() is None:
        threading.Event().wait(0.005)
    running.send_signal(signal.SIGINT)
    assert running.wait() == 130
    assert [*(tmp_path / "scratch").glob("curate-*")] == []
