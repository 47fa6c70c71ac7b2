"""A bucket whose server goes away: that is said at once, outlasted if it is short, and otherwise the run ends soon."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from job.storage import patience
from tests.conftest import Curate
from tests.servers.s3 import S3, Fault

pytestmark = pytest.mark.slow

OUT = "s3://bucket/out"
ARGUMENTS = ["--output", OUT, "--workers", "1", "--set", "batch_size=10"]  # slow enough for this test
ENDED_S = 12.0
"""Seconds that a busy machine may take to stop Ray and end the process."""


class Run:
    """A run in a process of its own, and what it says, with the seconds since the outage began."""

    def __init__(self, source: Path, s3: S3) -> None:
        command = [sys.executable, "-m", "job", "run", "--source", str(source), *ARGUMENTS]
        self._s3 = s3
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def loses(self, fault: Fault) -> float:
        """Waits until something is committed, and lets the server fail. Returns when that was."""
        until = time.monotonic() + 60
        while not any("_partitions/" in request.key and request.method == "PUT" for request in self._s3.requests):
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < until
            time.sleep(0.02)
        self._s3.fault = lambda _: fault
        return time.monotonic()

    def ended(self) -> tuple[int, str]:
        _, err = self.process.communicate(timeout=150)
        assert "Traceback" not in err
        return self.process.returncode, err


@pytest.fixture
def run(jsonl_only: Path, s3: S3) -> Iterator[Run]:
    started = Run(jsonl_only, s3)
    yield started
    started.process.kill()
    started.process.communicate()


@pytest.fixture
def goes_on(jsonl_only: Path, s3: S3, shared_ray: int, curate: Curate) -> Callable[[], None]:
    """Checks that what was finished is kept, and that the same command goes on from there."""

    def check() -> None:
        s3.fault = lambda _: None
        kept = {name for name in s3.tree("bucket", "out/") if name.startswith("_partitions/")}
        assert kept
        s3.requests.clear()
        again = curate("run", "--source", jsonl_only, *ARGUMENTS, "--json")
        assert again.exit_code == 0, again.err
        assert json.loads(again.out)["new_partitions"] == 5 - len(kept)
        assert curate("verify", OUT).exit_code == 0

    return check


@pytest.mark.parametrize("fault", ["cut", "silent"])
def test_a_server_that_goes_away_ends_the_run_soon(run: Run, fault: Fault, goes_on: Callable[[], None]) -> None:
    gone = run.loses(fault)
    code, err = run.ended()
    took_s = time.monotonic() - gone
    print(f"{took_s:.1f} s", err)  # noqa: T201  # `pytest -s` shows it
    assert code == 1, err
    assert "s3://bucket does not answer: trying again for 35 s" in err
    assert f"error: {OUT}/" in err
    assert "the storage cannot be used: " in err
    assert err.endswith("what was finished is kept: run the same command again to go on\n")
    answer_s = 2 * 10.0 if fault == "silent" else 1.0
    assert took_s < answer_s + patience.PATIENCE_S + ENDED_S
    goes_on()


def test_an_outage_of_25_s_is_outlasted(run: Run, s3: S3) -> None:
    gone = run.loses("cut")
    while time.monotonic() < gone + 25:
        assert run.process.poll() is None, run.process.communicate()
        time.sleep(0.1)
    s3.fault = lambda _: None
    code, err = run.ended()
    assert code == 0, err
    assert "s3://bucket does not answer: trying again for 35 s" in err
    assert "s3://bucket answers again" in err
    assert "manifest.json" in s3.tree("bucket", "out/")


@pytest.mark.parametrize("fault", ["cut", "silent"])
def test_ctrl_c_is_taken_at_once_while_the_server_is_away(run: Run, fault: Fault, goes_on: Callable[[], None]) -> None:
    run.loses(fault)
    time.sleep(4)  # by then every thread waits for the bucket
    run.process.send_signal(signal.SIGINT)
    asked = time.monotonic()
    code, err = run.ended()
    took_s = time.monotonic() - asked
    print(f"{took_s:.1f} s", err)  # noqa: T201
    assert code == 130, err
    assert "run the same command again to go on" in err
    assert "left at once" not in err
    assert took_s < ENDED_S
    goes_on()
