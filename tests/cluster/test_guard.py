"""A Ray whose processes fail while it starts, when no thread of the driver runs: who says so, and how the run ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from tests.paths import ROOT

DRIVER = """
import os, sys
from job.cluster.guard import guarded_start
from job.streams.standard import claim
claim()
with guarded_start(sys.argv[1]):
    os.write(2, sys.argv[2].encode())
    os._exit(1)
"""
LAST_LINE = (
    "[2026-01-01 00:00:00,000 E 1 1] core_worker_process.cc:247: "
    "Failed to register worker to Raylet: IOError: End of file worker_id=01ff"
)


def ended_by_ray(folder: Path, said: str, *options: str) -> tuple[str, str]:
    """Ends a driver at its start after it has said something; returns what is on both streams."""
    folder.mkdir()
    command = [sys.executable, "-c", DRIVER, str(folder), said, *options]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 1
    return ended.stdout, ended.stderr


def test_a_driver_that_ray_ends_as_it_starts_has_an_error_in_words(tmp_path: Path) -> None:
    error = (
        "Ray did not start on this machine: "
        "one of its processes has died: Failed to register worker to Raylet: IOError: End of file\n"
        "nothing was lost: run the same command again; if that does not help: curate doctor"
    )
    assert ended_by_ray(tmp_path / "a", LAST_LINE) == ("", f"error: {error}\n")
    out, err = ended_by_ray(tmp_path / "b", LAST_LINE, "--json")
    assert (json.loads(out), err) == ({"error": error, "exit_code": 1}, f"error: {error}\n")


def test_a_driver_that_is_killed_as_it_starts_is_nothing_to_speak_of(tmp_path: Path) -> None:
    assert ended_by_ray(tmp_path / "c", "a warning of Ray's", "--json") == ("", "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "number", "words"),
    [
        ("gcs_server", "SIGKILL", "control service (gcs_server) has died"),
        ("gcs_server", "SIGSTOP", "control service (gcs_server) was stopped by a signal"),
        ("raylet", "SIGKILL", "has died"),
    ],
)
def test_a_run_whose_ray_fails_as_it_becomes_the_driver_ends_in_one_message(
    name: str, number: str, words: str, catalogue: Path, tmp_path: Path
) -> None:
    """Without the guard the first takes 60 s and the last says nothing in words; the second never ends."""
    arguments = ["run", "--source", str(catalogue), "--output", str(tmp_path / "out"), "--json"]
    with tempfile.TemporaryDirectory(prefix="c", dir="/tmp") as temporary:
        ended = subprocess.run(
            [sys.executable, "-m", "tests.cluster.stuck_start", name, number, *arguments],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": temporary},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert ended.returncode == 1, ended.stderr
        assert words in ended.stderr
        assert [line[:7] for line in ended.stderr.splitlines()].count("error: ") == 1
        assert f"error: {json.loads(ended.stdout)['error']}\n" in ended.stderr
        left = [
            process.pid for process in psutil.process_iter(["cmdline"]) if temporary in str(process.info["cmdline"])
        ]
        assert left == []
