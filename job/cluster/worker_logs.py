"""What the log files of a Ray of our own say of worker processes that do not start.

A process cannot start if its Python lacks a package, say, or if there is no memory. Ray gives it up after 60 s, writes
a line into a log, and neither starts another one nor fails what waits for it.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from job.errors import printable

_PATIENCE_S = 60.0
"""Seconds that Ray waits for a worker process to start."""
_GIVEN_UP = "RAY_worker_register_timeout_seconds"
"""Ray's environment variable that sets another number of them."""
_LOGS = ("worker-*.err", "worker-*.out", "raylet.err", "runtime_env_setup-*.log")
"""Log files, as Ray documents them, with what starting workers say, and what is said about them."""
_LOG_TAIL_BYTES = 1 << 16
"""Bytes at the end of a log file that are looked at."""
_BY_RAY = re.compile(r"\[[\d-]+ [\d:,]+ \w \d+ \d+\]|:\w+:")
"""Start of the lines that Ray itself writes into these files."""
_NOT_STARTED = "have not registered within the timeout"
"""Words of Ray's own line about worker processes that it has given up."""
_SILENT = "they end, or hang, without a word in their logs"


def patience_s() -> float:
    """Returns the seconds after which Ray gives up a worker process that does not start."""
    with contextlib.suppress(ValueError):
        return float(os.environ.get(_GIVEN_UP, _PATIENCE_S))
    return _PATIENCE_S


def have_given_up(folder: Path) -> bool:
    """Tells whether Ray has given up a worker process.

    Args:
        folder: the Ray's folder.
    """
    return any(_NOT_STARTED in "\n".join(_tail(log)) for log in folder.glob("**/session_latest/logs/raylet.*"))


def last_words(folder: Path) -> str:
    """Returns the last line that workers of a Ray of our own have written, and not Ray itself.

    Args:
        folder: the Ray's folder.
    """
    logs = [path for name in _LOGS for path in folder.glob(f"**/session_latest/logs/{name}")]
    for path in sorted(logs, key=lambda path: path.stat().st_mtime, reverse=True):
        if found := [line for line in _tail(path) if line.strip() and not _BY_RAY.match(line)]:
            return printable(found[-1].strip())
    return _SILENT


def _tail(path: Path) -> list[str]:
    with path.open("rb") as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
        return log.read().decode(errors="replace").splitlines()
