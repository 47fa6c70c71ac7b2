"""Does this machine give a Ray of our own what it needs? Checked before it starts: Ray itself hangs, or blames memory.

Each check names what is missing and what to type. A limit that this process may raise is raised.
"""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil

from job.cluster.own_ray import check_shared_memory
from job.cluster.ray_folder import check_folder
from job.errors import UsageError, plain_reason, quoted
from job.streams.standard import muted_stderr

_DESCRIPTORS, _DESCRIPTORS_PER_WORKER = 96, 4
"""Numbers of open files of one process: Ray's node process had 54 and 4 for each worker, its control service 57, the
driver 51. A run with one worker still ended well with 64, one with four did not."""
_MOST_DESCRIPTORS = 65536
"""Number of open files that this process asks for if it may; Ray asks for as many."""
_THREADS, _THREADS_PER_WORKER = 220, 26
"""Numbers of threads: Ray's processes and the driver had 195 together while it started, a worker 26. With room for 220
in all, Ray started and then hung."""
_ANSWER_S = 5.0
"""Seconds to wait for a connection within this machine, which takes less than a millisecond."""
_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUPS = Path("/proc/self/cgroup")


def check_surroundings(workers: int) -> None:
    """Checks that a Ray of our own can start on this machine, and raises the number of open files that it may have.

    Args:
        workers: the number of workers that it is to have.

    Raises:
        UsageError: if it cannot, with what is missing.
    """
    check_shared_memory()
    _check_descriptors(workers)
    _check_threads(workers)
    check_folder()
    _check_network()


def _check_descriptors(workers: int) -> None:
    """Raises the limit of open files as far as it goes, as Ray would do later, and checks that it is enough."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < most:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
        except (ValueError, OSError):  # macOS allows fewer than it says
            pass
    needed = _DESCRIPTORS + _DESCRIPTORS_PER_WORKER * workers
    if soft != resource.RLIM_INFINITY and soft < needed:
        raise UsageError(
            f"a process may have {soft} files open here (file descriptors), and Ray needs {needed} for "
            f"{_workers(workers)}\n"
            f"allow more: ulimit -n 8192, as root if it is refused; in a container: docker run --ulimit nofile=8192"
            f"{_fewer(workers, (soft - _DESCRIPTORS) // _DESCRIPTORS_PER_WORKER)}"
        )


def _check_threads(workers: int) -> None:
    needed = _THREADS + _THREADS_PER_WORKER * workers
    for allowed, used, raised in _thread_limits():
        if allowed - used < needed:
            raise UsageError(
                f"{allowed} processes and threads are allowed here and {used} are there, so {max(allowed - used, 0)} "
                f"are left; Ray needs {needed} for {_workers(workers)}\n"
                f"allow more: {raised}"
                f"{_fewer(workers, (allowed - used - _THREADS) // _THREADS_PER_WORKER)}"
            )


def _thread_limits() -> Iterator[tuple[int, int, str]]:
    """Yields each limit of threads: how many are allowed, how many there are, and how to allow more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NPROC, (hard, hard))
            soft = hard
        except (ValueError, OSError):  # macOS allows fewer than it says
            pass
    if soft != resource.RLIM_INFINITY and os.getuid():  # root has no such limit
        yield soft, _threads_of_user(), "ulimit -u 8192, as root if it is refused"
    for folder in _pid_cgroups():
        try:
            allowed, used = ((folder / name).read_text().strip() for name in ("pids.max", "pids.current"))
        except OSError:
            continue
        if allowed.isdigit() and used.isdigit():
            yield int(allowed), int(used), "docker run --pids-limit=2048, or TasksMax=2048 of the systemd service"


def _threads_of_user() -> int:
    user, total = os.getuid(), 0
    for process in psutil.process_iter():
        try:
            if process.uids().real == user:
                total += process.num_threads()
        except psutil.Error:
            continue
    return total


def _pid_cgroups() -> Iterator[Path]:
    """Yields the cgroups of this process that may limit its threads, innermost first; none outside of Linux."""
    try:
        lines = _OWN_CGROUPS.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers in {"", "pids"}:
            root = _CGROUPS / controllers
            inner = root / path.strip("/")
            yield from (each for each in (inner, *inner.parents) if each.is_relative_to(root))


def _check_network() -> None:
    """Checks that this machine reaches itself, at both addresses that the parts of Ray use to talk to each other."""
    import ray.util

    _check_reaches("127.0.0.1", "turn its loopback interface on, as root: ip link set lo up")
    with muted_stderr():  # without a network, Ray's core reports that it looks the name up
        address = ray.util.get_node_ip_address()
    _check_reaches(
        address,
        f"Ray takes {address} for this machine's address: the one of its way to the internet, or else of its name, "
        f"{socket.gethostname()}\nif it is a stale one, correct it in /etc/hosts: 127.0.0.1 "
        f"{quoted(socket.gethostname())}; otherwise a firewall or a VPN is in the way",
    )


def _check_reaches(address: str, advice: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family) as server:  # `create_server` adds words of its own to its errors
            server.bind((address, 0))
            server.listen()
            socket.create_connection(server.getsockname()[:2], timeout=_ANSWER_S).close()
    except OSError as error:
        raise UsageError(
            f"this machine does not reach itself at {address}, so the parts of Ray could not talk to each other: "
            f"{plain_reason(error)}\n{advice}"
        ) from None


def _workers(count: int) -> str:
    return "1 worker" if count == 1 else f"{count} workers"


def _fewer(workers: int, possible: int) -> str:
    return f"; or use fewer: --workers {possible}" if 0 < possible < workers else ""
