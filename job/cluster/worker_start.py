"""Do worker processes start in our own Ray? If none does, the run ends instead of waiting for ever.

A process cannot start if its Python lacks a package, say, or if there is no memory. Ray gives it up after 60 s, writes
a line into a log, and neither starts another one nor fails what waits for it. That is `ray.init`, whose core waits for
the first workers and holds up all threads of the driver, and with them Ctrl-C. So another process watches. It kills
Ray's node process, and the driver ends at once, with the exit code 1.

Ray has a setting with which `ray.init` does not wait (`RAY_prestart_worker_first_driver=0`). With it one worker process
more than there are CPUs was started, each time.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import psutil

from job.cluster.processes import core_processes, end_all
from job.errors import printable

_PATIENCE_S = 60
"""Seconds from the start of Ray's node process that its first workers have, as long as it waits itself for a worker."""
_LOOK_S = 1.0
"""Seconds between two looks at how long the node process has been there."""
_GIVEN_UP = "RAY_worker_register_timeout_seconds"
"""Ray's environment variable: seconds that Ray waits for a process, if the user has set more."""
_LOGS = ("worker-*.err", "worker-*.out", "raylet.err", "runtime_env_setup-*.log")
"""Log files, as Ray documents them, with what starting workers say, and what is said about them."""
_LOG_TAIL_BYTES = 1 << 16
"""Bytes at the end of a log file that are looked at."""
_BY_RAY = re.compile(r"\[[\d-]+ [\d:,]+ \w \d+ \d+\]|:\w+:")
"""Start of the lines that Ray itself writes into these files."""
_WATCH = """
import os, select, sys
if not select.select([sys.stdin], [], [], float(sys.argv[1]))[0]:
    os.execv(sys.argv[2], sys.argv[2:])
"""
"""Code of the process that watches: it waits until its standard input is closed, which a driver that dies does too."""


@contextlib.contextmanager
def workers_have_to_start(folder: str) -> Generator[None]:
    """Ends this process, with a message, if Ray and its first workers have not started when there was time enough.

    Args:
        folder: the Ray's folder.
    """
    then = [sys.executable, "-m", __name__, folder]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    watch = [sys.executable, "-I", "-S", "-c", _WATCH, str(_patience_s()), *then]
    with subprocess.Popen(  # noqa: S603
        watch,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,  # away from Ctrl-C
    ) as watching:
        try:
            yield
        finally:
            watching.terminate()


def last_line(folder: Path) -> str:
    """Returns the last line that workers of a Ray of our own have written, and not Ray itself; empty without one.

    Args:
        folder: the Ray's folder.
    """
    logs = [path for name in _LOGS for path in folder.glob(f"**/session_latest/logs/{name}")]
    for path in sorted(logs, key=lambda path: path.stat().st_mtime, reverse=True):
        with path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
            lines = log.read().decode(errors="replace").splitlines()
        if found := [line for line in lines if line.strip() and not _BY_RAY.match(line)]:
            return printable(found[-1].strip())
    return ""


def _patience_s() -> float:
    with contextlib.suppress(ValueError):
        return max(_PATIENCE_S, float(os.environ.get(_GIVEN_UP, _PATIENCE_S)))
    return _PATIENCE_S


def end_with_message(driver: psutil.Process, folder: str) -> None:
    """Waits until the workers have had their time. Then prints why the run ends, and ends its Ray.

    Args:
        driver: the process that waits for them.
        folder: its Ray's folder.
    """
    while driver.is_running():
        started = [process.create_time() for process in core_processes(driver)]
        if started and time.time() - max(started) >= _patience_s():
            break
        time.sleep(_LOOK_S)
    else:
        return
    said = last_line(Path(folder)) or "they end, or hang, without a word in their logs"
    sys.stderr.write(
        f"error: Ray's worker processes do not start: {said}\n"
        "what was finished is kept: mend that, then run the same command again; curate doctor shows what this "
        "Python and this machine have\n"
    )
    sys.stderr.flush()
    end_all(folder)


if __name__ == "__main__":
    end_with_message(psutil.Process(os.getppid()), sys.argv[1])
