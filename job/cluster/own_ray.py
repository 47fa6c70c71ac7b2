"""A Ray of our own on this machine: started for a run, and stopped after it."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
import threading
from collections.abc import Generator
from pathlib import Path

from job.cluster.environment import own_environment
from job.cluster.processes import end_all, end_workers, without_helpers
from job.cluster.ray_folder import ray_folder
from job.cluster.ray_internals import folder_options, without_uv_run
from job.cluster.watch import Watch
from job.cluster.worker_start import workers_have_to_start
from job.errors import CurateError, UsageError
from job.signals import sigterm_interrupts

OBJECT_STORE_BYTES = 128 << 20
"""Size of Ray's object store, in bytes. Rows do not go through it, only the arguments and results of tasks. Ray's
minimum is 75 MiB."""
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108
"""Where Ray keeps its object store. macOS has no such folder, and Ray uses files there."""
_SHUT_DOWN_S = 10.0
"""Seconds that Ray has to shut down before its processes are killed."""
_STANDARD_ERROR = 2


def check_shared_memory() -> None:
    """Checks that Ray's object store fits into the shared memory.

    Raises:
        UsageError: if it does not.
    """
    with contextlib.suppress(FileNotFoundError):
        free = shutil.disk_usage(SHARED_MEMORY).free
        if free < OBJECT_STORE_BYTES:
            raise UsageError(
                f"{SHARED_MEMORY} has room for {free >> 20} MiB, and Ray's object store needs "
                f"{OBJECT_STORE_BYTES >> 20}\n"
                "remove what lies there; in a container: docker run --shm-size=2g"
            )


@contextlib.contextmanager
def own_ray(cpus: int) -> Generator[None]:
    """Starts a Ray, and stops it at the end of the context.

    Args:
        cpus: the number of CPUs that it has, whatever the machine has.

    Raises:
        CurateError: if Ray does not start, or one of its own processes dies.
    """
    with ray_folder() as folder, own_environment(), Watch(folder) as watch:
        try:
            with workers_have_to_start(folder):
                _start(cpus, folder)
            yield
        finally:
            watch.end()
            with _muted_stderr():
                _shut_down(folder)


def _start(cpus: int, folder: str) -> None:
    import ray

    try:
        with sigterm_interrupts(), without_helpers(), without_uv_run(), folder_options(folder) as options:
            ray.init(
                address="local",
                num_cpus=cpus,
                include_dashboard=False,
                object_store_memory=OBJECT_STORE_BYTES,
                logging_level=logging.CRITICAL,  # else it reports that the dashboard, which was killed, did not start
                log_to_driver=False,
                **options,
            )
    except Exception as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise CurateError(
            f"Ray did not start on this machine: {words}\n"
            "nothing was lost: run the same command again; if that does not help: curate doctor"
        ) from None
    logging.getLogger(ray.__name__).setLevel(logging.ERROR)


def _shut_down(folder: str) -> None:
    """Stops Ray. Kills it if its parts wait for each other, which they may do for minutes."""
    import ray

    end_workers(folder)
    backstop = threading.Timer(_SHUT_DOWN_S, end_all, [folder])
    backstop.daemon = True
    backstop.start()
    ray.shutdown()
    backstop.cancel()


@contextlib.contextmanager
def _muted_stderr() -> Generator[None]:
    """Discards what Ray's core writes to standard error by itself: that the processes we end have failed."""
    sys.stderr.flush()
    kept = os.dup(_STANDARD_ERROR)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), _STANDARD_ERROR)
        try:
            yield
        finally:
            os.dup2(kept, _STANDARD_ERROR)
            os.close(kept)
