"""Starts Ray for this run, or joins the one that this job was given.

A Ray is joined only when `RAY_ADDRESS` says so, as it does in a submitted job, or this Python process has one already:
whatever else runs on the machine is somebody else's.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Literal

from job.cluster.join import join
from job.cluster.processes import Watch, end_all, end_working, session_folder, without_idle
from job.cluster.workers import Reserved, Workers
from job.errors import CurateError, UsageError

_OBJECT_STORE_BYTES = 128 << 20
"""Rows do not go through Ray's object store, only what tasks are told and what they answer. Ray's least is 75 MiB."""
_OOM_RETRIES = 0
"""So often Ray tries a task again that it has killed since memory ran out: the run goes on with fewer at once instead.
Ray's default is for ever; with 3, a hundred kills came before one of 48 tasks had used them up."""
_SHUT_DOWN_S = 10.0
_STANDARD_ERROR = 2
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108
"""Where Ray's object store lies; macOS has none, and Ray uses files there."""


_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DASHBOARD_STARTUP_TIMEOUT_S": "0",  # it is not used, and would be waited for
    # What a partition leaves to be written lies between what is thrown away at once. Arrow's own allocator keeps all of
    # that: 355 MB for a partition of 32,000 rows, and 273 for one of 2,000; the system's one takes 277 for either.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "1",
    # By its defaults that one asks the kernel for each large buffer anew, which clears it: 2 of a worker's 19 s.
    "MALLOC_MMAP_THRESHOLD_": str(16 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(16 << 20),
}


def usable_cores() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_shared_memory() -> None:
    """Raises UsageError when Ray's object store does not fit."""
    with contextlib.suppress(FileNotFoundError):
        free = shutil.disk_usage(SHARED_MEMORY).free
        if free < _OBJECT_STORE_BYTES:
            raise UsageError(
                f"{SHARED_MEMORY} has room for {free >> 20} MiB, and Ray's object store needs "
                f"{_OBJECT_STORE_BYTES >> 20}\n"
                "remove what lies there; in a container: docker run --shm-size=2g"
            )


@contextlib.contextmanager
def started_ray(
    workers: int | Literal["all"], say: Callable[[str], None], prepare: Callable[[], object] = lambda: None
) -> Generator[Workers]:
    """Has Ray ready while the context lasts; a Ray that was started for it is stopped after it.

    Args:
        workers: how many cores may work at once, or `all`.
        say: told in a line what takes a while.
        prepare: what each worker of a Ray of our own does first, while the driver gets ready itself.

    Yields:
        The cores that will.

    Raises:
        UsageError: when a Ray of our own does not fit on the machine, or the one to join does not answer.
    """
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")  # else Ray prints to standard output when a worker dies
    on_sigterm = signal.getsignal(signal.SIGTERM)
    address = os.environ.get("RAY_ADDRESS")
    import ray

    if (given := ray.is_initialized()) or address:
        if not given:
            join(str(address), say)
            _take_back(on_sigterm)
            _hush_ray_data()
        cores = int(ray.cluster_resources().get("CPU", 1))
        if isinstance(workers, int) and workers > cores:
            say(f"{workers} workers asked for: this Ray has {cores} CPUs, so {cores} will work")
        with Reserved(say) as reserved:
            has_other_nodes = not given or _nodes() > 1  # a cluster of one node may grow
            count = cores if workers == "all" else min(workers, cores)
            ray_options = {"num_cpus": 1} if workers == "all" else reserved.ray_options(count)
            yield Workers(count=count, ray_options=ray_options, has_other_nodes=has_other_nodes, reserved=reserved)
        return

    check_shared_memory()
    cores = usable_cores()
    count = cores if workers == "all" else workers
    if count > cores:
        say(f"{count} workers on {cores} cores: some will share a core")
    say(f"starting Ray with {count} {'worker' if count == 1 else 'workers'}")
    with session_folder() as folder, _settings(), Watch(folder) as watch:
        try:
            _start(count, folder)
            _take_back(on_sigterm)
            _hush_ray_data()
            for _ in range(count):
                ray.remote(num_cpus=1)(_call).remote(prepare)
            yield Workers(count=count, ray_options={"num_cpus": 1}, has_other_nodes=False, cpus=count)
        finally:
            watch.end()
            with _unheard():
                _shut_down(folder)


@contextlib.contextmanager
def _settings() -> Generator[None]:
    """Has settings of a Ray of our own in the environment, and takes them away again: a Ray joined later has others."""
    added = {name: value for name, value in _SETTINGS.items() if name not in os.environ}
    os.environ.update(added)
    added |= ask_for_token()
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
        _read_token()


def ask_for_token() -> dict[str, str]:
    """Has a Ray that this process starts ask for a token that nobody else knows: its ports are open to the network.

    Left to itself, Ray would put one under the home folder, and ask later clusters for it.

    Returns:
        What was put into the environment; nothing where that says already how Ray is to do it.
    """
    if "RAY_AUTH_MODE" in os.environ:
        return {}
    added = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    os.environ.update(added)
    _read_token()
    return added


def _read_token() -> None:
    """Has Ray read from the environment, as it does once in a process, whether there is a token, and which."""
    from ray._raylet import AuthenticationTokenLoader, Config  # pyright: ignore[reportAttributeAccessIssue]

    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()


def _start(count: int, folder: str) -> None:
    import ray

    # It says that the dashboard did not start, which nobody waits for.
    logging.getLogger("ray._private.services").setLevel(logging.CRITICAL)
    try:
        with without_idle():
            ray.init(
                address="local",
                num_cpus=count,
                include_dashboard=False,
                object_store_memory=_OBJECT_STORE_BYTES,
                logging_level=logging.ERROR,
                log_to_driver=False,
                _temp_dir=folder,
                _system_config={"task_oom_retries": _OOM_RETRIES},
            )
    except Exception as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise CurateError(
            f"Ray did not start on this machine: {words}\n"
            "nothing was lost: run the same command again; if that does not help: curate doctor"
        ) from None


def _shut_down(folder: str) -> None:
    """Ends a Ray of our own; by force where its parts wait for each other, which they may do for minutes."""
    import ray

    end_working(folder)
    backstop = threading.Timer(_SHUT_DOWN_S, end_all, [folder])
    backstop.daemon = True
    backstop.start()
    ray.shutdown()
    backstop.cancel()


@contextlib.contextmanager
def _unheard() -> Generator[None]:
    """Keeps off standard error what Ray's core writes there itself, as that what it ends has failed."""
    sys.stderr.flush()
    kept = os.dup(_STANDARD_ERROR)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), _STANDARD_ERROR)
        try:
            yield
        finally:
            os.dup2(kept, _STANDARD_ERROR)
            os.close(kept)


def _call(function: Callable[[], object]) -> None:
    function()


def _take_back(on_sigterm: Any) -> None:
    """Puts a handler of SIGTERM in place again: Ray has put its own there, which ends the process without a word."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, on_sigterm)


def _nodes() -> int:
    import ray

    return sum(1 for node in ray.nodes() if node["Alive"])


def _hush_ray_data() -> None:
    """Keeps Ray Data's own lines out of the user's sight: what goes wrong is raised as well."""
    import ray.data  # which sets up the logger

    logging.getLogger(ray.data.__name__).setLevel(logging.CRITICAL)
