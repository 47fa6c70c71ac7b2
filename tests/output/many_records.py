"""What do very many records cost? Makes an output that nobody ran, and reads it as commands do.

    python -m tests.output.many_records 100000

Prints for each step the CPU time, the growth of memory, and what was asked of the folder. Listing counts as in a
bucket: so many names for one request.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.output.test_committed import asked, made, opened_again, work_on

_MB = 1e6


def main(count: int) -> None:
    """Makes `count` records and two partitions without one, and prints what reading them costs."""
    with tempfile.TemporaryDirectory() as folder:
        output = made(Path(folder) / "out", count=count, unfinished=2)
        its = work_on(output)
        steps: dict[str, Callable[[], object]] = {
            "each record read": lambda: work_on(output),
            "a look for the last two": lambda: its.look(output),
            "copied": lambda: its.copy(output),
            "read from the copy": lambda: work_on(output),
        }
        for what, step in steps.items():
            output = opened_again(output)
            process = psutil.Process()
            cpu_s, rss = time.process_time(), process.memory_info().rss
            kept = step()
            cpu_s, grown = time.process_time() - cpu_s, process.memory_info().rss - rss
            sys.stdout.write(f"{what}: {cpu_s:.2f} s of CPU, {grown / _MB:+,.0f} MB, {asked(output)}\n")
            del kept


if __name__ == "__main__":
    main(int(sys.argv[1]))
