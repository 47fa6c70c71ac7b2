"""A command measured from outside: time, CPU and memory of all its processes, the load of others, none left over."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from job.bench.measure import process
from job.bench.measure.process import watch
from job.errors import CurateError

BUSY = "import time\nend = time.process_time() + 1.2\nwhile time.process_time() < end: pass\n"


@pytest.fixture(autouse=True)
def _sampled_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples commands of a second many times, whatever else the machine does."""
    monkeypatch.setattr(process, "SAMPLE_S", 0.05)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_cpu_and_memory_of_all_processes_are_added_up(tmp_path: Path) -> None:
    child = "import time; held = bytearray(60_000_000); time.sleep(0.2)\n" + BUSY
    parent = (
        "import subprocess, sys\n"
        f"pair = [subprocess.Popen([sys.executable, '-c', {child!r}]) for _ in range(2)]\n"
        "[one.wait() for one in pair]"
    )
    figures = watch(python(parent), tmp_path, {})
    assert 2.4 <= figures.cpu_s < 5
    assert figures.wall_s > 1.3
    assert 120e6 < figures.peak_bytes < 200e6


def test_memory_that_processes_share_counts_once() -> None:
    code = (
        "import mmap, os, sys\nheld = mmap.mmap(-1, 100_000_000)\nheld.write(b'x' * 100_000_000)\n"
        "ready, done = os.pipe()\n"
        "if os.fork() == 0:\n    sum(held[::4096])\n    os.write(done, b'x')\n    sys.stdin.read()\n    os._exit(0)\n"
        "os.read(ready, 1)\nprint('ready', flush=True)\nsys.stdin.read()\nos.wait()"
    )
    with subprocess.Popen(python(code), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as pair:
        assert pair.stdout is not None
        assert pair.stdout.readline() == "ready\n"
        processes = [root := psutil.Process(pair.pid), *root.children()]
        assert sum(one.memory_info().rss for one in processes) > 200e6
        if process.MEMORY_KIND == "PSS":
            assert 100e6 < process.memory_bytes(processes) < 130e6
        pair.communicate()


def test_a_process_that_nobody_waited_for_counts_and_is_killed(tmp_path: Path) -> None:
    orphan = BUSY + "print('done', flush=True)\ntime.sleep(60)"
    parent = (
        "import subprocess, sys, time\n"
        f"one = subprocess.Popen([sys.executable, '-c', {orphan!r}], stdout=subprocess.PIPE, "
        "start_new_session=True)\n"
        "one.stdout.readline()\ntime.sleep(0.5)\nprint(one.pid)"
    )
    figures = watch(python(parent), tmp_path, {})
    assert figures.cpu_s >= 1.1
    assert (
        not psutil.pid_exists(int(figures.stdout))
        or psutil.Process(int(figures.stdout)).status() == psutil.STATUS_ZOMBIE
    )


def test_a_failed_command_is_reported_with_its_exit_code_and_its_last_lines(tmp_path: Path) -> None:
    with pytest.raises(CurateError, match=r"(?s)exit code 7: .*out of luck"):
        watch(python("import sys; print('out of luck', file=sys.stderr); sys.exit(7)"), tmp_path, {})


def test_an_interrupted_command_is_killed_with_all_its_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    parent = f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {child!r}]); p.wait()"
    started: list[psutil.Process] = []

    def interrupted(pid: int, options: int) -> object:
        root = psutil.Process(pid)
        while "up" not in (tmp_path / "out").read_text():
            pass
        started.extend([root, *root.children(recursive=True)])
        raise KeyboardInterrupt

    monkeypatch.setattr("os.wait4", interrupted)
    with pytest.raises(KeyboardInterrupt):
        watch(python(parent), tmp_path, {})
    assert len(started) == 2
    _, alive = psutil.wait_procs(started, timeout=5)
    assert alive == []


Fake = Callable[[str, list[float]], None]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Makes a counter of the machine return one value before a command and another after it."""

    def put(name: str, values: list[float]) -> None:
        monkeypatch.setattr(process, name, iter(values).__next__)

    return put


def test_the_load_of_others_is_what_neither_the_command_nor_the_bench_did(tmp_path: Path, fake: Fake) -> None:
    fake("_busy_s", [100.0, 110.0])
    fake("_own_s", [1.0, 3.0])
    fake("_swapped_bytes", [5_000, 9_096])
    figures = watch(python("import time; time.sleep(0.8)"), tmp_path, {})
    assert figures.others_cores == pytest.approx((10.0 - 2.0 - figures.cpu_s) / figures.wall_s)
    assert figures.swapped_bytes == 4_096
