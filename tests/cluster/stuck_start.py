"""`python -m tests.cluster.stuck_start PROCESS SIGNAL ARGUMENTS`: runs `curate ARGUMENTS` on a Ray that fails early.

A process of its Ray gets a signal at the moment when Ray's core makes this process its driver, while no other thread of
this process runs.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import psutil

if __name__ == "__main__":
    os.environ["RAY_DEDUP_LOGS_SKIP_REGEX"] = "."
    import ray._raylet

    name, number, *arguments = sys.argv[1:]
    core_worker = getattr(ray._raylet, "CoreWorker")  # noqa: B009

    def stuck(*given: Any, **options: Any) -> Any:
        for process in psutil.Process().children():
            if process.name() == name:
                process.send_signal(signal.Signals[number])
        return core_worker(*given, **options)

    setattr(ray._raylet, "CoreWorker", stuck)  # noqa: B010
    sys.argv = ["curate", *arguments]
    from job.__main__ import main

    main()
