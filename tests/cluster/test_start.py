"""One Ray at a time in a process: runs in threads take turns, and a run's leftovers start no Ray."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

TURNS = """
import threading
from job.cluster import start

said, order, first_has_it, second_waits = [], [], threading.Event(), threading.Event()

def say(line):
    said.append(line)
    second_waits.set()

def first():
    with start._taken_turn(said.append), start._taken_turn(said.append):
        first_has_it.set()
        second_waits.wait()
        order.append(1)

def second():
    with start._taken_turn(say):
        order.append(2)

threads = [threading.Thread(target=first), threading.Thread(target=second)]
threads[0].start()
first_has_it.wait()
threads[1].start()
for thread in threads:
    thread.join()
assert order == [1, 2], order
assert said == ["waiting for another run in this Python: each starts a Ray of its own, and a process has one at a time"]
"""

LEFTOVER = """
import threading, ray
from job.cluster.stoppable import StoppableThread, forbid_other_rays
forbid_other_rays()
forbid_other_rays()
error = StoppableThread(lambda: ray.put(1)).exception()
assert not ray.is_initialized()
assert str(error).startswith("Ray was stopped while a run was at work on it"), error

class OfRayData(threading.Thread):
    def run(self):
        try:
            ray.put(1)
        except Exception as error:
            self.error = error

OfRayData.__module__ = "ray.data.a_module"
thread = OfRayData()
thread.start()
thread.join()
assert str(thread.error).startswith("Ray was stopped"), thread.error
assert not ray.is_initialized()
"""

TWO_LOADS = """
import sys, threading, ray
from job import ItemLoader

items = {}

def load(name):
    items[name] = ItemLoader("Appliances", source=sys.argv[1], output=sys.argv[2] + name).load(workers=2)

threads = [threading.Thread(target=load, args=[name]) for name in "ab"]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert items["a"] == items["b"]
assert items["a"]
assert not ray.is_initialized()
"""

AFTER_CTRL_C = """
import sys, psutil, ray
from ray._private.node import Node
from job import ItemLoader

begin = Node.start_raylet

def interrupted(*arguments, **options):
    begin(*arguments, **options)
    Node.start_raylet = begin
    raise KeyboardInterrupt

Node.start_raylet = interrupted
loader = ItemLoader("Appliances", source=sys.argv[1], output=sys.argv[2] + "c")
try:
    loader.load(workers=2)
except KeyboardInterrupt:
    print("interrupted")
assert loader.load(workers=2)
assert not ray.is_initialized()
left = [process.name() for process in psutil.Process().children(recursive=True) if process.status() != "zombie"]
assert left == [], left
"""

SHOWN_FIRST = """
import io, sys, psutil
from job.cluster import own_ray
from job.cli import app

stop, workers, shown = own_ray._shut_down, [], []

def stopped(folder):
    titles = [" ".join(each.cmdline()) for each in psutil.Process().children(recursive=True)]
    workers.append(sum(title.startswith("ray::") for title in titles))
    shown.append(sys.stdout.getvalue())
    stop(folder)

own_ray._shut_down = stopped
sys.stdout = io.StringIO()
sys.argv = ["curate", *sys.argv[1:]]
try:
    app.main()
except SystemExit as ending:
    assert not ending.code, ending.code
print(workers[0], "worker of 9 rows shown:", "kept" in shown[0], file=sys.stderr)
"""


def ran(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs a program, which has to succeed."""
    ended = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    return ended


def test_runs_in_threads_take_turns_and_the_one_that_waits_says_so() -> None:
    ran(TURNS)


def test_a_thread_that_is_left_over_from_a_run_starts_no_ray() -> None:
    ran(LEFTOVER)


@pytest.mark.slow
def test_two_loads_in_threads_both_return_their_items(jsonl_only: Path, tmp_path: Path) -> None:
    ended = ran(TWO_LOADS, jsonl_only, tmp_path / "out")
    assert ended.stderr.count("waiting for another run in this Python") == 1
    assert ended.stderr.count("starting Ray with 2 workers") == 2


@pytest.mark.slow
def test_a_load_after_one_that_was_interrupted_as_ray_started_works(jsonl_only: Path, tmp_path: Path) -> None:
    assert ran(AFTER_CTRL_C, jsonl_only, tmp_path / "out").stdout == "interrupted\n"


@pytest.mark.slow
def test_a_command_shows_its_result_before_it_stops_ray(jsonl_only: Path, tmp_path: Path) -> None:
    ended = ran(
        SHOWN_FIRST, "run", "--source", jsonl_only, "--output", tmp_path / "out", "--workers", "4", "--limit", "9"
    )
    last = ended.stderr.splitlines()[-1].split()
    assert last == ["1", "worker", "of", "9", "rows", "shown:", "True"]  # one partition needs one worker
