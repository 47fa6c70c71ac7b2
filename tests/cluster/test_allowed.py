"""What a process may use: control groups of both versions, in a folder that stands for `/`, and real ones for root."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from job.cluster.allowed import allowed_cpus, allowed_memory, usable_cores, workers_that_fit
from tests.conftest import is_root

V2 = "30 23 0:26 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup rw"
V1_CPU = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct"
V1_MEMORY = "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory"


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of 8 CPUs and 32 GB."""
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    memory = psutil.virtual_memory()._replace(total=32_000_000_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)


def system(root: Path, *, groups: str, mounts: list[str], **files: str) -> Path:
    """Makes a folder that stands for `/`: the groups of this process, what is mounted, and files of the groups."""
    process = root / "proc/self"
    process.mkdir(parents=True)
    (process / "cgroup").write_text(groups + "\n")
    (process / "mountinfo").write_text("\n".join(["22 1 8:1 / / rw - ext4 /dev/vda rw", *mounts]) + "\n")
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")
    return root


def test_without_control_groups_the_machine_counts(tmp_path: Path) -> None:
    assert (allowed_cpus(tmp_path).amount, allowed_cpus(tmp_path).source) == (8, "the machine")
    assert (allowed_memory(tmp_path).amount, allowed_memory(tmp_path).source) == (32_000_000_000, "the machine")
    assert usable_cores(tmp_path) == 8


def test_the_cpus_that_a_process_is_bound_to_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2, 5, 7})
    assert allowed_cpus(tmp_path).amount == usable_cores(tmp_path) == 3
    assert allowed_cpus(tmp_path).source == "the CPUs that this process is bound to"


def test_a_container_of_version_2_sees_its_own_group_at_the_root(tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/cpu.max": "50000 100000", "sys/fs/cgroup/memory.max": "1000000000"}
    root = system(tmp_path, groups="0::/", mounts=[V2], **files)
    assert (allowed_cpus(root).amount, allowed_cpus(root).source) == (0.5, "quota in /sys/fs/cgroup/cpu.max")
    assert allowed_memory(root).amount == 1_000_000_000
    assert allowed_memory(root).source == "limit in /sys/fs/cgroup/memory.max"


def test_a_container_of_version_1_sees_the_machines_path_and_mounts_its_own_group(tmp_path: Path) -> None:
    files = {
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "300000",
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "2000000000",
    }
    mounts = [V1_CPU.replace(" / ", " /docker/4f1 ", 1), V1_MEMORY.replace(" / ", " /docker/4f1 ", 1)]
    root = system(tmp_path, groups="4:memory:/docker/4f1\n2:cpu,cpuacct:/docker/4f1", mounts=mounts, **files)
    assert allowed_cpus(root).amount == 3
    assert allowed_memory(root).amount == 2_000_000_000


@pytest.mark.parametrize("smallest", ["sys/fs/cgroup", "sys/fs/cgroup/a", "sys/fs/cgroup/a/b"])
def test_the_smallest_limit_on_the_way_up_counts(tmp_path: Path, smallest: str) -> None:
    files: dict[str, str] = {}
    for folder in ("sys/fs/cgroup", "sys/fs/cgroup/a", "sys/fs/cgroup/a/b"):
        files[f"{folder}/cpu.max"] = "200000 100000" if folder == smallest else "max 100000"
        files[f"{folder}/memory.max"] = "3000000000" if folder == smallest else "8000000000"
    files["sys/fs/cgroup/other/cpu.max"] = "10000 100000"  # not on the way
    root = system(tmp_path, groups="0::/a/b", mounts=[V2], **files)
    assert (allowed_cpus(root).amount, allowed_cpus(root).source) == (2, f"quota in /{smallest}/cpu.max")
    assert allowed_memory(root).source == f"limit in /{smallest}/memory.max"


def test_both_versions_at_once_each_have_their_part(tmp_path: Path) -> None:
    files = {
        "sys/fs/cgroup/unified/cpu.max": "max 100000",
        "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "4000000000",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
    }
    mounts = [V2.replace("/sys/fs/cgroup ", "/sys/fs/cgroup/unified "), V1_MEMORY]
    root = system(tmp_path, groups="4:memory:/job\n1:name=systemd:/\n0::/", mounts=mounts, **files)
    assert allowed_memory(root).amount == 4_000_000_000
    assert allowed_cpus(root).amount == 8


@pytest.mark.parametrize("text", ["max 100000", "", "0 100000", "nonsense", "-1 100000", "900000 100000"])
def test_what_is_no_quota_or_more_than_the_machine_has_leaves_the_machine(tmp_path: Path, text: str) -> None:
    root = system(tmp_path, groups="0::/", mounts=[V2], **{"sys/fs/cgroup/cpu.max": text})
    assert allowed_cpus(root).source == "the machine"


@pytest.mark.parametrize(
    ("quota", "workers"), [(10, 1), (50, 1), (100, 1), (149, 1), (150, 2), (200, 2), (270, 3), (800, 8)]
)
def test_a_quota_is_rounded_to_workers(tmp_path: Path, quota: int, workers: int) -> None:
    root = system(tmp_path, groups="0::/", mounts=[V2], **{"sys/fs/cgroup/cpu.max": f"{quota}000 100000"})
    assert usable_cores(root) == workers


@pytest.mark.parametrize(("megabytes", "workers"), [(64, 1), (900, 1), (1_000, 2), (2_000, 6), (40_000, 126)])
def test_memory_is_enough_for_some_workers(tmp_path: Path, megabytes: int, workers: int) -> None:
    root = system(tmp_path, groups="0::/", mounts=[V2], **{"sys/fs/cgroup/memory.max": f"{megabytes}000000"})
    assert workers_that_fit(root) == workers


@pytest.fixture
def half_a_cpu() -> Iterator[Path]:
    """A real group with a quota, and one below it, where this machine lets a test make them."""
    top = Path("/sys/fs/cgroup/cpu" if Path("/sys/fs/cgroup/cpu").is_dir() else "/sys/fs/cgroup")
    group = top / f"curate-test-{os.getpid()}"
    below = group / "below"
    try:
        below.mkdir(parents=True)
        if (group / "cpu.cfs_quota_us").exists():
            (group / "cpu.cfs_quota_us").write_text("50000")
        else:
            (group / "cpu.max").write_text("50000 100000")
    except OSError:
        for folder in (below, group):
            if folder.is_dir():
                folder.rmdir()
        pytest.skip("this machine lets nobody make a control group")
    yield below
    below.rmdir()
    group.rmdir()


@pytest.mark.skipif(not is_root(), reason="only root makes control groups")
def test_doctor_sees_a_real_quota(half_a_cpu: Path) -> None:
    joins = f"open({str(half_a_cpu / 'cgroup.procs')!r}, 'w').write('0')"
    code = f"{joins}; import sys; sys.argv = ['curate', 'doctor']; from job.__main__ import main; main()"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    quota = "cpu.cfs_quota_us" if (half_a_cpu / "cpu.cfs_quota_us").exists() else "cpu.max"
    assert f"cores: 1 (0.5 CPUs: quota in {half_a_cpu.parent / quota})" in ended.stdout, ended.stderr
