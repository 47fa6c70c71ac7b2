"""What a Ray of our own needs of the machine, and what is said where it is missing. No Ray starts here."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from job.cluster import own_ray, ray_folder, surroundings
from job.cluster.surroundings import check_surroundings
from job.errors import UsageError
from tests.paths import ROOT

UNSHARE = ["unshare", "--net"] if os.getuid() == 0 else ["unshare", "--map-root-user", "--net"]
CHECK = "from job.cluster.surroundings import check_surroundings; check_surroundings(2)"


def said(workers: int = 2) -> str:
    with pytest.raises(UsageError) as raised:
        check_surroundings(workers)
    return raised.value.message


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> dict[int, tuple[int, int]]:
    """Stands in for the limits of this process, which could not be raised again after the test."""
    found = {resource.RLIMIT_NOFILE: (1024, 524288), resource.RLIMIT_NPROC: (4096, 4096)}
    monkeypatch.setattr(resource, "getrlimit", found.__getitem__)
    monkeypatch.setattr(resource, "setrlimit", found.__setitem__)
    return found


def test_the_number_of_open_files_is_raised_as_far_as_ray_would(limits: dict[int, tuple[int, int]]) -> None:
    limits[resource.RLIMIT_NOFILE] = (64, 524288)
    check_surroundings(2)
    assert limits[resource.RLIMIT_NOFILE] == (65536, 524288)
    limits[resource.RLIMIT_NOFILE] = (64, 104)
    check_surroundings(2)
    assert limits[resource.RLIMIT_NOFILE] == (104, 104)


def test_too_few_open_files_are_said_with_how_many_workers_they_are_enough_for(
    limits: dict[int, tuple[int, int]],
) -> None:
    limits[resource.RLIMIT_NOFILE] = (64, 103)
    assert said() == (
        "a process may have 103 files open here (file descriptors), and Ray needs 104 for 2 workers\n"
        "allow more: ulimit -n 8192, as root if it is refused; in a container: docker run --ulimit nofile=8192; "
        "or use fewer: --workers 1"
    )
    limits[resource.RLIMIT_NOFILE] = (64, 64)
    assert said(1).endswith("docker run --ulimit nofile=8192")


def test_too_few_processes_of_a_user_are_said(
    limits: dict[int, tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    monkeypatch.setattr(surroundings, "_threads_of_user", lambda: 100)
    limits[resource.RLIMIT_NPROC] = (372, 372)
    check_surroundings(2)
    limits[resource.RLIMIT_NPROC] = (371, 371)
    assert said() == (
        "371 processes and threads are allowed here and 100 are there, so 271 are left; Ray needs 272 for 2 workers\n"
        "allow more: ulimit -u 8192, as root if it is refused; or use fewer: --workers 1"
    )


def test_threads_of_this_user_are_counted() -> None:
    counted = surroundings._threads_of_user()  # pyright: ignore[reportPrivateUsage]
    assert counted >= psutil.Process().num_threads()


@pytest.mark.parametrize("line", ["0::/a/b\n", "4:pids:/a/b\n3:cpu:/other\n"])
def test_too_few_processes_of_a_container_are_said(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own").write_text(line)
    root = tmp_path / ("pids" if "pids" in line else "")
    (root / "a/b").mkdir(parents=True)
    (root / "a/b/pids.max").write_text("max\n")
    (root / "a/b/pids.current").write_text("3\n")
    (root / "a/pids.max").write_text("200\n")
    (root / "a/pids.current").write_text("9\n")
    monkeypatch.setattr(surroundings, "_CGROUPS", tmp_path)
    monkeypatch.setattr(surroundings, "_OWN_CGROUPS", tmp_path / "own")
    assert said().startswith(
        "200 processes and threads are allowed here and 9 are there, so 191 are left; Ray needs 272"
    )
    assert "docker run --pids-limit=2048" in said()


def test_a_folder_for_temporary_files_that_ray_cannot_use_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_folder, "_parent", lambda: tmp_path / "none")
    assert said() == (
        f"Ray's logs and sockets cannot be put into {tmp_path / 'none'}, the folder for temporary files: no such file "
        "or folder\nmake room there, or name another folder in at most 22 characters: export TMPDIR=/FOLDER"
    )
    monkeypatch.setattr(ray_folder, "_parent", lambda: tmp_path)
    monkeypatch.setattr(own_ray, "OBJECT_STORE_BYTES", 0)  # the numbers below are those of every folder
    found = SimpleNamespace(f_blocks=9, f_bfree=9, f_bavail=1023, f_frsize=4096, f_files=0, f_favail=0)
    monkeypatch.setattr(os, "statvfs", lambda _: found)
    assert "4,092 KiB are free, and 4,096 are needed" in said()
    found.f_bavail, found.f_files, found.f_favail = 1024, 1000, 199
    assert "it has room for 199 more files, and 200 are needed" in said()
    found.f_files = found.f_favail = 0  # some file systems have no such limit
    check_surroundings(2)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has shared memory in a folder")
def test_shared_memory_that_is_missing_or_full_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_ray, "SHARED_MEMORY", tmp_path / "shm")
    assert said().startswith(
        f"{tmp_path / 'shm'} cannot be written, and Ray keeps its object store there: no such file"
    )
    assert "docker run --shm-size=2g" in said()


@pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run([*UNSHARE, "true"], check=False, capture_output=True).returncode != 0,
    reason="this user may not make a network of its own",
)
@pytest.mark.parametrize(
    ("before", "words"),
    [
        ("true", "this machine does not reach itself at 127.0.0.1, so the parts of Ray could not talk to each other: "),
        ("ip link set lo up", ""),
    ],
)
def test_a_loopback_interface_that_is_down_is_said_and_one_alone_is_enough(before: str, words: str) -> None:
    command = f'{before} && "$0" -c "{CHECK}"'
    done = subprocess.run(
        [*UNSHARE, "bash", "-c", command, sys.executable], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if words:
        assert words in done.stderr
        assert "ip link set lo up" in done.stderr
    else:
        assert (done.returncode, done.stderr) == (0, "")
