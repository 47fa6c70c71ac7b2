"""`curate status`: done, running, waiting, rows, kept, pace, time left, the last error; during a run and after."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Curate

pytestmark = pytest.mark.seconds


@pytest.fixture(scope="module")
def source(jsonl_only: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some partitions, which one worker does in seconds."""
    folder = tmp_path_factory.mktemp("source")
    (folder / "Appliances.jsonl").write_bytes((jsonl_only / "meta_Appliances.jsonl").read_bytes() * 2)
    return folder


def test_the_status_of_a_run_at_work_and_after(source: Path, tmp_path: Path, curate: Curate) -> None:
    output = tmp_path / "out"
    command = [sys.executable, "-m", "job", "run", "--source", source, "--output", output, "--workers", "1", "--quiet"]
    line = re.compile(
        r"Appliances: ([1-9]\d*) of (\d+) partitions done, (\d+) running, (\d+) waiting · [\d,]+ rows · [\d,]+ kept"
    )
    seen: list[tuple[int, ...]] = []
    pace = ""
    with subprocess.Popen(list(map(str, command))) as run:
        while run.poll() is None:
            time.sleep(0.1)  # else this takes the time of the run
            if not (output / "plan.json").exists():
                continue
            said = curate("status", output)
            assert said.exit_code == 0, said.err
            if found := line.match(said.out):
                seen.append(tuple(map(int, found.groups())))
                assert f"a run is working on it: process {run.pid} on " in said.out
                pace = pace or said.out
    assert run.returncode == 0
    assert re.search(r"^for \d+ s, [1-9][\d,]* rows/s, about \d+ s left$", pace, re.MULTILINE), pace
    assert any(running == 1 for _, _, running, _ in seen)
    assert all(done + running + waiting == total for done, total, running, waiting in seen)
    after = curate("status", output).out.splitlines()
    assert after[-1] == "complete"
    assert not (output / "_running").exists()


def test_the_status_after_an_error_says_which(shared_ray: int, tmp_path: Path, curate: Curate) -> None:
    (tmp_path / "Toys.jsonl").write_bytes(b"broken\n" * 20 + b'{"title": "plain", "price": null}\n' * 50)
    assert curate("run", "--source", tmp_path / "Toys.jsonl", "--output", tmp_path / "out").exit_code == 3
    said = curate("status", tmp_path / "out").out
    assert "Toys: 1 of 1 partitions done · 70 rows · 0 kept · 20 malformed" in said
    assert "not complete\nthe last run ended after" in said
    assert "20 of 70 rows are malformed, and max_malformed allows 10" in said
    assert said.endswith("--set max_malformed=20\n")


def test_the_status_after_a_kill_says_so(source: Path, tmp_path: Path, curate: Curate) -> None:
    output = tmp_path / "out"
    command = [sys.executable, "-m", "job", "run", "--source", source, "--output", output, "--quiet"]
    with subprocess.Popen(list(map(str, command))) as run:
        while run.poll() is None and not (output / "_run.json").exists():
            time.sleep(0.01)
        run.kill()
    said = curate("status", output).out
    assert f"not complete\nthe last run was killed, or the disk was full: process {run.pid} on" in said
    assert said.endswith("run the same command again to go on\n")
