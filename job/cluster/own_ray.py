"""A Ray of our own on this machine: started for a run, and stopped after it."""

from __future__ import annotations

import contextlib
import logging
import shutil
import sys
import threading
from collections.abc import Callable, Generator
from pathlib import Path

from job.cluster.environment import own_environment
from job.cluster.guard import guarded_start, not_started
from job.cluster.processes import end_all, end_workers
from job.cluster.ray_folder import owned_folder, why_not_writable
from job.cluster.ray_internals import folder_options, killed_at_once, without_helpers, without_uv_run
from job.cluster.watch import Watch
from job.errors import UsageError, plain_reason
from job.signals import sigterm_interrupts
from job.streams.standard import muted_stderr

OBJECT_STORE_BYTES = 128 << 20
"""Size of Ray's object store, in bytes. Rows do not go through it, only the arguments and results of tasks. Ray's
minimum is 75 MiB."""
EXCHANGE_STORE_BYTES = 640 << 20
"""Size of the object store where items travel between tasks, in bytes, if there is room. What does not fit is spilled
to the disk, by two more processes."""
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108
"""Where Ray keeps its object store. macOS has no such folder, and Ray uses files there."""
_SHUT_DOWN_S = 10.0
"""Seconds that Ray has to shut down before its processes are killed."""


def check_shared_memory() -> None:
    """Checks that Ray's object store fits into the shared memory.

    Raises:
        UsageError: if it does not.
    """
    if sys.platform != "linux":
        return
    try:
        free = shutil.disk_usage(SHARED_MEMORY).free
    except OSError as error:
        raise _no_shared_memory(plain_reason(error)) from None
    if free < OBJECT_STORE_BYTES:
        raise UsageError(
            f"{SHARED_MEMORY} has room for {free >> 20} MiB, and Ray's object store needs "
            f"{OBJECT_STORE_BYTES >> 20}\n"
            "remove what lies there; in a container: docker run --shm-size=2g"
        )
    if (why := why_not_writable(SHARED_MEMORY)) is not None:
        raise _no_shared_memory(why)


def _no_shared_memory(why: str) -> UsageError:
    return UsageError(
        f"{SHARED_MEMORY} cannot be written, and Ray keeps its object store there: {why}\n"
        f"as root: mkdir -p {SHARED_MEMORY}; mount -t tmpfs -o mode=1777 tmpfs {SHARED_MEMORY}; "
        "in a container: docker run --shm-size=2g"
    )


def _exchange_store_bytes() -> int:
    """Returns the size of an object store for an exchange: half of the shared memory is left to others."""
    if sys.platform != "linux":
        return EXCHANGE_STORE_BYTES
    free = shutil.disk_usage(SHARED_MEMORY).free
    return max(OBJECT_STORE_BYTES, min(EXCHANGE_STORE_BYTES, free // 2))


@contextlib.contextmanager
def own_ray(cpus: int, meanwhile: Callable[[], object], *, has_exchange: bool = False) -> Generator[Watch]:
    """Starts a Ray, and stops it at the end of the context.

    Args:
        cpus: the number of CPUs that it has, whatever the machine has.
        meanwhile: called in a thread of its own as soon as the workers start.
        has_exchange: whether items will travel between tasks.

    Yields:
        What ends the run when a process of the Ray dies. It may be ended before.

    Raises:
        CurateError: if Ray does not start, or one of its own processes dies.
    """
    with owned_folder() as folder, own_environment(), Watch(folder) as watch:
        try:
            with guarded_start(folder):
                _start(cpus, folder, meanwhile, _exchange_store_bytes() if has_exchange else OBJECT_STORE_BYTES)
            watch.has_started()
            yield watch
        finally:
            watch.end()
            try:
                with muted_stderr():
                    _shut_down(folder)
            finally:
                end_all(folder)  # workers that were about to start, and whatever a start that was interrupted has begun


def _start(cpus: int, folder: str, meanwhile: Callable[[], object], store_bytes: int) -> None:
    import ray

    thread = threading.Thread(target=meanwhile, daemon=True)
    try:
        with sigterm_interrupts(), without_helpers(thread.start), without_uv_run(), folder_options(folder) as options:
            ray.init(
                address="local",
                num_cpus=cpus,
                include_dashboard=False,
                object_store_memory=store_bytes,
                logging_level=logging.CRITICAL,  # else it reports that the dashboard, which was killed, did not start
                log_to_driver=False,
                **options,
            )
    except Exception as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise not_started(words) from None
    logging.getLogger(ray.__name__).setLevel(logging.ERROR)


def _shut_down(folder: str) -> None:
    """Stops Ray. Kills it if its parts wait for each other, which they may do for minutes."""
    import ray

    end_workers(folder)
    backstop = threading.Timer(_SHUT_DOWN_S, end_all, [folder])
    backstop.daemon = True
    backstop.start()
    with killed_at_once():
        ray.shutdown()
    backstop.cancel()
