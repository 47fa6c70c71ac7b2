"""Workers that do not start: the run ends with what they said, by a real Ray whose workers fail."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from job.cluster.worker_logs import last_words
from tests.paths import ROOT

FAILS = """
import os, sys
if any(word.endswith("default_worker.py") for word in sys.orig_argv):
    os.write(2, b"ModuleNotFoundError: No module named 'missing'\\n")
    os._exit(1)
"""


def test_the_last_line_is_that_of_the_log_written_last_and_not_of_ray_itself(tmp_path: Path) -> None:
    assert last_words(tmp_path) == "they end, or hang, without a word in their logs"
    logs = tmp_path / "session_2026/logs"
    logs.mkdir(parents=True)
    (tmp_path / "session_latest").symlink_to(logs.parent)
    ray = "[2026-11-26 16:08:49,959 E 18583 18583] (raylet) worker_pool.cc:660: Some workers\n"
    (logs / "raylet.err").write_text(f"Traceback\nImportError: no \x1b[31m\n{ray}\n")
    (logs / "worker-1-2-3.err").write_text(":job_id:01000000\nolder\n")
    os.utime(logs / "worker-1-2-3.err", (1, 1))
    assert last_words(tmp_path) == "ImportError: no \\x1b[31m"
    (logs / "worker-4-5-6.err").write_text(f":job_id:01000000\nits own log\n{ray}")
    os.utime(logs / "raylet.err", (2, 2))
    assert last_words(tmp_path) == "its own log"


@pytest.mark.slow
def test_a_run_whose_workers_fail_to_start_ends_after_a_minute_with_what_they_said(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(FAILS)
    (tmp_path / "Toys.jsonl").write_text('{"title": "A", "price": 5.0}\n')
    command = [sys.executable, "-m", "job", "run", "--source", tmp_path / "Toys.jsonl", "--output", tmp_path / "out"]
    began = time.monotonic()
    ended = subprocess.run(
        [*map(str, command), "--workers", "2"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 1, ended.stderr
    said = "its worker processes do not start: ModuleNotFoundError: No module named 'missing'\n"
    assert said in ended.stderr
    assert time.monotonic() - began > 60
