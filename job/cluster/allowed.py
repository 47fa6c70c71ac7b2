"""How many CPUs and how much memory may this process use? What the machine has, or less in a container or a job slot.

Linux limits both by control groups. Version 1 has a tree of groups for each kind of limit, version 2 has one for all.
A limit holds for all groups below, so the smallest on the way up counts. In a container the way usually begins at the
root of what is mounted there. Ray and `os` read none but that root, or nothing at all.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import psutil

_ROOT = Path("/")
_NO_LIMIT_BYTES = 1 << 60
"""Bytes from which on a memory limit of version 1 is none: it has no word for that."""

_BASE_BYTES = 500_000_000
"""Bytes of memory for the driver and Ray's own processes."""
_WORKER_BYTES = 250_000_000
"""Bytes of memory for each worker. Two of them, with all else, had 0.88 GB at their peak."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """An amount that may be used, and what says so."""

    amount: float
    """CPUs, or bytes."""
    source: str
    """Such as a file, or the machine."""


def allowed_cpus(root: Path = _ROOT) -> Allowed:
    """Returns how much CPU time this process may use, as a number of CPUs.

    Args:
        root: the folder that stands for `/`.

    Returns:
        The smallest of the machine's CPUs, those that this process is bound to, and the quotas of its control groups,
        which may be a fraction.
    """
    found = [Allowed(os.cpu_count() or 1, "the machine")]
    if hasattr(os, "sched_getaffinity"):
        found.append(Allowed(len(os.sched_getaffinity(0)), "the CPUs that this process is bound to"))
    for folder in _groups(root, "cpu"):
        for quota_name, period_name in (("cpu.max", None), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
            words = _words(folder / quota_name) + (_words(folder / period_name) if period_name else [])
            if len(words) == 2 and all(word.isdigit() and int(word) > 0 for word in words):
                source = f"quota in {_shown(folder / quota_name, root)}"
                found.append(Allowed(int(words[0]) / int(words[1]), source))
    return min(found, key=lambda each: each.amount)


def usable_cores(root: Path = _ROOT) -> int:
    """Returns the number of workers that have a CPU of their own, at least 1.

    A quota of 1.5 CPUs makes 2, and one of 1.4 makes 1: the processes of Ray and the driver need some of it as well.
    With a worker more than that, all of them stand still for a part of each period of 0.1 s.

    Args:
        root: the folder that stands for `/`.
    """
    return max(1, math.floor(allowed_cpus(root).amount + 0.5))


def allowed_memory(root: Path = _ROOT) -> Allowed:
    """Returns the bytes of memory that this process may use together with the others of its control groups.

    Args:
        root: the folder that stands for `/`.
    """
    found = [Allowed(psutil.virtual_memory().total, "the machine")]
    for folder in _groups(root, "memory"):
        for name in ("memory.max", "memory.high", "memory.limit_in_bytes"):
            words = _words(folder / name)
            if len(words) == 1 and words[0].isdigit() and int(words[0]) < _NO_LIMIT_BYTES:
                found.append(Allowed(int(words[0]), f"limit in {_shown(folder / name, root)}"))
    return min(found, key=lambda each: each.amount)


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yields the folders of this process's control groups, from its own up to the root, in both versions."""
    paths = {"": PurePosixPath("/")}  # by controller; version 2 has none
    for line in _lines(root / "proc/self/cgroup"):
        _, names, path = (*line.split(":", 2), "", "")[:3]
        paths |= dict.fromkeys(names.split(","), PurePosixPath(path))
    for mount, mounted, names in _mounts(root):
        key = controller if controller in names else ""
        if key == "" and names:
            continue  # version 1, of another controller
        path = paths.get(key, PurePosixPath("/"))
        # A container may see its path as the machine does, and only its own group mounted.
        inside = path.relative_to(mounted) if path.is_relative_to(mounted) else PurePosixPath()
        for step in (inside, *inside.parents):
            if (folder := mount / step).is_dir():
                yield folder


def _mounts(root: Path) -> Iterator[tuple[Path, PurePosixPath, set[str]]]:
    """Yields each mounted tree of groups: where, which of its folders, and its controllers, which version 2 has not."""
    for line in _lines(root / "proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        fields, (kind, *_, options) = before.split(), (after.split() or ["", ""])
        if kind in {"cgroup", "cgroup2"} and len(fields) > 4:
            where, mounted = (name.replace("\\040", " ") for name in (fields[4], fields[3]))
            names = set(options.split(",")) if kind == "cgroup" else set[str]()
            yield root / where.lstrip("/"), PurePosixPath(mounted), names


def _lines(path: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    return []


def _words(path: Path) -> list[str]:
    return " ".join(_lines(path)).split()


def _shown(path: Path, root: Path) -> str:
    return f"/{path.relative_to(root)}"


def workers_that_fit(root: Path = _ROOT) -> int:
    """Returns the number of workers that the memory is enough for, at least 1.

    Args:
        root: the folder that stands for `/`.
    """
    return max(1, int((allowed_memory(root).amount - _BASE_BYTES) // _WORKER_BYTES))
