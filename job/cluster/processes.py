"""The processes of our own Ray: which they are, and how they are ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator

import psutil

from job.cluster.ray_internals import AGENT_TITLE, CORE_PROCESSES, WORKER_TITLE

_ENDED_S = 5.0
"""Seconds to wait until killed processes are gone."""
_ENDED_POLL_S = 0.01
"""Seconds between two looks at killed processes."""


def core_processes(driver: psutil.Process | None = None) -> dict[psutil.Process, str]:
    """Returns the processes that a driver's Ray cannot work without, with their names.

    Args:
        driver: the process that has started the Ray; None for this one.
    """
    found: dict[psutil.Process, str] = {}
    for process in (driver or psutil.Process()).children():
        with contextlib.suppress(psutil.Error):
            if (name := process.name()) in CORE_PROCESSES:
                found[process] = name
    return found


def failed_core_processes(driver: int) -> list[str]:
    """Returns which core processes of a driver's Ray have died or were stopped, in words.

    Args:
        driver: number of the process that has started the Ray.
    """
    failed: list[str] = []
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(driver).children():
            with contextlib.suppress(psutil.Error):
                if (name := process.name()) in CORE_PROCESSES:
                    if is_dead(process):
                        failed.append(f"{CORE_PROCESSES[name]} has died")
                    elif is_stopped(process.pid):
                        failed.append(f"{CORE_PROCESSES[name]} was stopped by a signal")
    return failed


def is_stopped(number: int) -> bool:
    """Tells whether a process stands still since it got a signal to stop."""
    with contextlib.suppress(psutil.Error):
        return psutil.Process(number).status() == psutil.STATUS_STOPPED
    return False


def end_workers(folder: str) -> None:
    """Kills the workers of a Ray of our own. When it shuts down, Ray would wait for them one after the other.

    The other processes are left to Ray. If the node process were killed, Ray would end the driver without a message
    as soon as the driver asked for an object; and the agents end with their node process.

    Args:
        folder: the Ray's folder.
    """
    found = _processes_of(folder)
    _kill(process for process, command in found if command.startswith(WORKER_TITLE) and AGENT_TITLE not in command)


def end_all(folder: str) -> None:
    """Kills all processes of a Ray of our own, whatever state it is in, and removes its folder.

    Args:
        folder: the Ray's folder.
    """
    _kill(process for process, _ in _processes_of(folder))
    shutil.rmtree(folder, ignore_errors=True)


def is_dead(process: psutil.Process) -> bool:
    """Tells whether a process has ended; a zombie has."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _processes_of(folder: str) -> Iterator[tuple[psutil.Process, str]]:
    """Yields the processes of a Ray with their commands: they have its folder in the command, or log files in it."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            command = " ".join(process.cmdline())
            if command.startswith(WORKER_TITLE):  # the title has replaced the command that it was started with
                if any(file.path.startswith(folder) for file in process.open_files()):
                    yield process, command
            elif f"{os.sep}ray{os.sep}" in command and folder in command:
                yield process, command


def _kill(processes: Iterable[psutil.Process]) -> None:
    killed = list(processes)
    for process in killed:
        with contextlib.suppress(psutil.Error):  # it has ended by itself
            process.kill()
    # `psutil.wait_procs` would also wait for zombies, which their new parent may not collect for a second.
    until = time.monotonic() + _ENDED_S
    while not all(map(is_dead, killed)) and time.monotonic() < until:
        time.sleep(_ENDED_POLL_S)
