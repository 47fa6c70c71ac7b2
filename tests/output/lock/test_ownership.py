"""One run at a time works on an output folder, on one machine and on several that share a disk."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from job.errors import CurateError, RefusedError, UsageError
from job.output.folder import LOCK, OutputFolder
from job.output.lock import owner
from job.output.lock.ownership import check_owner, live_owner, sole_owner
from tests.conftest import is_root

HOLDER = """
import sys, time
from pathlib import Path
from job.output.lock import ownership as lock
from job.output.folder import LOCK, OutputFolder
lock.BEAT_S = float(sys.argv[3]) if len(sys.argv) > 3 else 0.05
if len(sys.argv) > 2:
    lock.machine_id = lambda: sys.argv[2]
with lock.sole_owner(OutputFolder(Path(sys.argv[1]))):
    print("mine", flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def holder(root: Path, *machine: str) -> Generator[subprocess.Popen[str]]:
    """Another process that has the lock, on this machine or on one that only seems to be another."""
    command = [sys.executable, "-c", HOLDER, str(root), *machine]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "mine\n"
        yield process
        process.kill()


@pytest.fixture
def output(tmp_path: Path) -> OutputFolder:
    return OutputFolder(tmp_path / "out")


@pytest.fixture
def other_machines_locks_are_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on disks that machines share: whoever asks gets the lock."""
    monkeypatch.setattr(fcntl, "flock", lambda stream, kind: None)
    monkeypatch.setattr(owner, "LEASE_S", 1.0)
    monkeypatch.setattr(owner, "LOOK_S", 0.02)


def test_a_second_run_is_refused_with_the_first_one_s_process_host_and_start(output: OutputFolder) -> None:
    with holder(Path(output.root)) as first:
        refusal = f"another run is working on .*: process {first.pid} on .+, since 20..-..-.. ..:..:.. UTC"
        with pytest.raises(RefusedError, match=refusal), sole_owner(output):
            pass
        found = live_owner(output)
        assert found is not None
        assert found.process == first.pid


def test_a_lock_that_a_killed_run_has_left_keeps_nobody_off(output: OutputFolder) -> None:
    with holder(Path(output.root)) as first:
        first.kill()
        first.wait()
    assert (Path(output.root) / "_lock").exists()
    assert live_owner(output) is None
    with sole_owner(output) as me:
        assert me.process == os.getpid()
    assert not (Path(output.root) / "_lock").exists()


def test_a_lock_without_words_keeps_nobody_off(output: OutputFolder) -> None:
    Path(output.root).mkdir()
    (Path(output.root) / "_lock").write_bytes(b"\x00 not ours")
    with sole_owner(output) as me:
        check_owner(output, me.run_id)


@pytest.mark.usefixtures("other_machines_locks_are_not_seen")
def test_a_lock_of_another_machine_that_beats_is_alive(output: OutputFolder) -> None:
    said: list[str] = []
    with holder(Path(output.root), "elsewhere") as first:
        assert live_owner(output) is not None
        with pytest.raises(RefusedError, match=f"process {first.pid} on"), sole_owner(output, said.append):
            pass
    assert [line.split(": ")[-1] for line in said] == ["watching for 1 s whether it is alive"]


@pytest.mark.usefixtures("other_machines_locks_are_not_seen")
def test_a_lock_of_another_machine_that_does_not_beat_is_taken_over(output: OutputFolder) -> None:
    with holder(Path(output.root), "elsewhere") as first:
        first.kill()
        first.wait()
        with sole_owner(output) as me:
            check_owner(output, me.run_id)


@pytest.mark.usefixtures("other_machines_locks_are_not_seen")
def test_a_lock_of_another_machine_whose_run_ends_meanwhile_is_free(
    output: OutputFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with holder(Path(output.root), "elsewhere", "60") as first:
        monkeypatch.setattr(time, "sleep", lambda _: first.communicate(""))
        with sole_owner(output) as me:
            check_owner(output, me.run_id)


def test_where_the_file_system_has_no_locks_a_dead_process_is_told_by_its_number(
    output: OutputFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(stream: object, kind: int) -> None:
        raise OSError(errno.ENOTSUP, "not supported")

    monkeypatch.setattr(fcntl, "flock", none)
    monkeypatch.setattr(owner, "LEASE_S", 0.5)
    monkeypatch.setattr(owner, "LOOK_S", 0.02)
    with holder(Path(output.root)) as first:
        with pytest.raises(RefusedError, match=f"process {first.pid}"), sole_owner(output):
            pass
        first.kill()
        first.wait()
        with sole_owner(output) as me:
            assert me.process == os.getpid()


def test_a_run_that_has_lost_its_lock_writes_no_more(output: OutputFolder) -> None:
    with sole_owner(output) as me:
        (Path(output.root) / "plan.json").write_text("{}")
        check_owner(output, me.run_id)
        (Path(output.root) / "_lock").write_bytes(
            (Path(output.root) / "_lock").read_bytes().replace(me.run_id.encode(), b"0" * 32)
        )
        with pytest.raises(RefusedError, match="another run has taken over"):
            check_owner(output, me.run_id)
    assert (Path(output.root) / "_lock").exists()  # it is not ours to remove


def test_the_keys_in_the_lock_file_are_those_of_earlier_versions(output: OutputFolder) -> None:
    with sole_owner(output) as me:
        first_line = (Path(output.root) / "_lock").read_bytes().partition(b"\n")[0]
        written = json.loads(first_line)
    assert list(written) == ["run", "process", "host", "machine", "since"]
    assert written["run"] == me.run_id


def test_an_output_that_has_gone_away_is_said_to_be_gone(output: OutputFolder) -> None:
    with sole_owner(output) as me:
        (Path(output.root) / "_lock").unlink()
        Path(output.root).rmdir()
        with pytest.raises(CurateError, match="the output is gone"):
            check_owner(output, me.run_id)
        with pytest.raises(CurateError, match="no such file or folder"):
            output.write("data/x", b"")
    assert not Path(output.root).exists()


@pytest.mark.seconds
def test_an_owner_is_alone_however_others_come_and_go(tmp_path: Path) -> None:
    output = OutputFolder(tmp_path / "out")
    inside: list[int] = []
    together: list[int] = []
    entered = 0
    until = time.monotonic() + 120

    def come_and_go() -> None:
        nonlocal entered
        tries = 0
        # On a busy machine the same thread may hold the lock for most of the others' tries.
        while tries < 1_500 or (entered <= 100 and time.monotonic() < until):
            tries += 1
            with contextlib.suppress(RefusedError), sole_owner(output):
                inside.append(1)
                together.append(len(inside))
                entered += 1
                inside.pop()

    threads = [threading.Thread(target=come_and_go) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert entered > 100
    assert set(together) == {1}


@pytest.mark.skipif(not is_root(), reason="only root can have process numbers of its own")
def test_a_container_with_process_numbers_of_its_own_is_another_machine() -> None:
    code = "from job.output.lock.owner import machine_id; print(machine_id())"
    command = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", code]
    there = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert there != owner.machine_id()
    assert there.rpartition("/")[0] == owner.machine_id().rpartition("/")[0]


def test_on_a_full_disk_no_lock_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("job.output.lock.disk.os.pwrite", full)
    with pytest.raises(UsageError, match="the disk is full"), sole_owner(OutputFolder(tmp_path)):
        pass
    assert not (tmp_path / LOCK).exists()
