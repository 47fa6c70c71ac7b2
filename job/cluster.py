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
from dataclasses import dataclass
from typing import Any, Literal

from job.errors import CurateError

_OBJECT_STORE_BYTES_PER_WORKER = 256 << 20
_MAX_OBJECT_STORE_BYTES = 8 << 30
_LEAST_OBJECT_STORE_BYTES = 80 << 20
_SHARED_MEMORY = "/dev/shm"  # noqa: S108


_OWN_CORE = "curate_core"
"""A resource of a Ray of our own, one for each core that may work.

Ray Data shares out CPUs between reading and mapping before it starts tasks, and on a few cores leaves one of them idle
most of the time: two workers were hardly faster than one. Of this resource it knows nothing, so every core takes
whatever task is next; how much memory their blocks take it still decides.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Workers:
    """The cores that may work at once."""

    count: int
    task: dict[str, Any]
    """What a task has to ask Ray for, so that no more tasks run than that."""
    cpu_limit: int | None
    """Of how many CPUs Ray Data may make use; None where the tasks' demand is limit enough."""


def usable_cores() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def object_store_bytes(workers: int) -> int:
    """Returns the size of Ray's object store: some partitions per worker, and no more than the machine has."""
    wanted = min(_OBJECT_STORE_BYTES_PER_WORKER * (workers + 1), _MAX_OBJECT_STORE_BYTES)
    with contextlib.suppress(FileNotFoundError):  # macOS has none, and Ray uses files there
        wanted = min(wanted, int(shutil.disk_usage(_SHARED_MEMORY).free * 0.8))
    if wanted < _LEAST_OBJECT_STORE_BYTES:
        raise CurateError(
            f"{_SHARED_MEMORY} has room for {wanted >> 20} MiB, and Ray's object store needs "
            f"{_LEAST_OBJECT_STORE_BYTES >> 20}\n"
            "remove what lies there; in a container: docker run --shm-size=2g"
        )
    return wanted


@contextlib.contextmanager
def started_ray(workers: int | Literal["all"]) -> Generator[Workers]:
    """Has Ray ready while the context lasts; a Ray that was started for it is stopped after it.

    Args:
        workers: how many cores may work at once, or `all`.

    Yields:
        The cores that will.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    if ray.is_initialized() or os.environ.get("RAY_ADDRESS"):
        if not ray.is_initialized():
            ray.init(logging_level=logging.ERROR, log_to_driver=False)
            _hush_ray_data()
        has = int(ray.cluster_resources().get("CPU", 1))
        count = has if workers == "all" else workers
        yield Workers(count=count, task={"num_cpus": 1}, cpu_limit=count)
        return

    # Ray would else put an authentication token under the home folder, and ask later clusters for it.
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    count = usable_cores() if workers == "all" else workers
    folder = tempfile.mkdtemp(prefix="curate-ray-")
    try:
        ray.init(
            address="local",
            num_cpus=count,
            resources={_OWN_CORE: count},
            include_dashboard=False,
            object_store_memory=object_store_bytes(count),
            logging_level=logging.ERROR,
            log_to_driver=False,
            _temp_dir=folder,
        )
        _hush_ray_data()
        yield Workers(count=count, task={"num_cpus": 0, "resources": {_OWN_CORE: 1}}, cpu_limit=None)
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def _hush_ray_data() -> None:
    """Keeps Ray Data's own lines out of the user's sight: what goes wrong is raised as well."""
    import ray.data  # which sets up the logger

    logging.getLogger(ray.data.__name__).setLevel(logging.CRITICAL)
