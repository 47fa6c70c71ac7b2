"""What did the work run on? The machine, the versions of packages, the commit."""

from __future__ import annotations

import platform
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from job.cluster.allowed import allowed_memory, usable_cores
from job.output.machine import Machine
from job.output.records import LastRun

_PACKAGES = ("item-curator", "ray", "pyarrow", "msgspec", "splintr-rs", "datasets", "tokenizers", "llama-models")


def this_machine() -> Machine:
    """Returns the properties of this machine."""
    return Machine(
        processor=_processor(),
        cores=usable_cores(),
        memory_bytes=int(allowed_memory().amount),
        swap_bytes=psutil.swap_memory().total,
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
    )


def versions() -> dict[str, str]:
    """Returns the versions of the installed packages that do the work, by name."""
    found: dict[str, str] = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # only a baseline needs it
            continue
    return found


def begun_by(owner: object, workers: int | str) -> LastRun:
    """Returns the note that a run begins now, on this machine.

    Args:
        owner: the run.
        workers: how many were asked for.
    """
    return LastRun(
        owner=str(owner),
        began=time.time(),
        workers=workers,
        rows_before=0,
        machine=this_machine(),
        versions=versions(),
    )


def commit() -> str | None:
    """Returns the commit of this program's source, with `-dirty` if files have changed since; None without git."""
    folder = Path(__file__).parent
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],  # noqa: S607
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return described.stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
