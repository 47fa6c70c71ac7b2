"""The environment of a Ray of our own: its settings, those of its workers' memory, and its token."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Generator

from job.cluster import ray_internals

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DASHBOARD_STARTUP_TIMEOUT_S": "0",  # nobody uses the dashboard, and Ray would wait for it
    # Times that Ray tries a task again after killing it because memory ran out. The run continues with fewer workers
    # instead. Ray's default is to try for ever; with 3, it took a hundred kills until one of 48 tasks had failed.
    "RAY_task_oom_retries": "0",
    # The buffers of a partition that wait to be written lie between buffers that are freed at once. Arrow's own
    # allocator keeps all of that memory: 355 MB for a partition of 32,000 rows and 273 MB for one of 2,000. The
    # system's allocator takes 277 MB for either.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "1",
    # By default the system's allocator asks the kernel for every large buffer anew, and the kernel clears it: 2 of the
    # 19 s that a worker took.
    "MALLOC_MMAP_THRESHOLD_": str(16 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(16 << 20),
}
"""Environment variables of a Ray of our own. The user's own values take precedence."""


@contextlib.contextmanager
def own_environment() -> Generator[None]:
    """Sets the environment of a Ray of our own, and restores it at the end: a Ray joined later has its own settings."""
    added = {name: value for name, value in SETTINGS.items() if name not in os.environ}
    os.environ.update(added)
    token = ask_for_token()
    try:
        yield
    finally:
        for name in added | token:
            os.environ.pop(name, None)
        if token:
            ray_internals.reread_token()


def ask_for_token() -> dict[str, str]:
    """Makes a Ray that this process starts require a random token, since its ports are open to the network.

    By default Ray puts a token below the home folder, and then uses it for other clusters too. That still happens if
    this Ray cannot be told of a token any more (see `ray_internals.TOKEN`): its ports are as safe as Ray makes them.

    Returns:
        What was put into the environment; nothing if the environment already says how Ray is to authenticate.
    """
    if "RAY_AUTH_MODE" in os.environ or not ray_internals.TOKEN.is_there():
        return {}
    added = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    os.environ.update(added)
    ray_internals.reread_token()
    return added
