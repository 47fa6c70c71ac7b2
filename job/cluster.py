"""Starts Ray for this run, or joins the one that this job was given.

A Ray is joined only when `RAY_ADDRESS` says so or this Python process has one already: whatever else runs on the
machine is somebody else's.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Generator
from typing import Literal

from job.errors import UsageError

_OBJECT_STORE_BYTES = 128 << 20
"""Rows do not go through Ray's object store, only what tasks are told and what they answer. Ray's least is 75 MiB."""
_SHARED_MEMORY = "/dev/shm"  # noqa: S108


def usable_cores() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_shared_memory() -> None:
    """Raises UsageError when Ray's object store does not fit."""
    with contextlib.suppress(FileNotFoundError):  # macOS has none, and Ray uses files there
        free = shutil.disk_usage(_SHARED_MEMORY).free
        if free < _OBJECT_STORE_BYTES:
            raise UsageError(
                f"{_SHARED_MEMORY} has room for {free >> 20} MiB, and Ray's object store needs "
                f"{_OBJECT_STORE_BYTES >> 20}\n"
                "remove what lies there; in a container: docker run --shm-size=2g"
            )


@contextlib.contextmanager
def started_ray(workers: int | Literal["all"]) -> Generator[int]:
    """Has Ray ready while the context lasts; a Ray that was started for it is stopped after it.

    Args:
        workers: how many cores may work at once, or `all`.

    Yields:
        How many will.

    Raises:
        UsageError: when a Ray of our own does not fit on the machine.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    if ray.is_initialized() or os.environ.get("RAY_ADDRESS"):
        if not ray.is_initialized():
            ray.init(logging_level=logging.ERROR, log_to_driver=False)
            _hush_ray_data()
        yield int(ray.cluster_resources().get("CPU", 1)) if workers == "all" else workers
        return

    check_shared_memory()
    # Ray would else put an authentication token under the home folder, and ask later clusters for it.
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    count = usable_cores() if workers == "all" else workers
    folder = tempfile.mkdtemp(prefix="curate-ray-")
    try:
        ray.init(
            address="local",
            num_cpus=count,
            include_dashboard=False,
            object_store_memory=_OBJECT_STORE_BYTES,
            logging_level=logging.ERROR,
            log_to_driver=False,
            _temp_dir=folder,
        )
        _hush_ray_data()
        yield count
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def _hush_ray_data() -> None:
    """Keeps Ray Data's own lines out of the user's sight: what goes wrong is raised as well."""
    import ray.data  # which sets up the logger

    logging.getLogger(ray.data.__name__).setLevel(logging.CRITICAL)
