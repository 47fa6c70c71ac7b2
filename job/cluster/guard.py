"""Ends a run whose Ray does not start, from outside its process.

While Ray makes a process its driver, no other thread of that process runs. If one of Ray's core processes dies then,
Ray ends the driver by itself without a message for the user, at once or after 60 s; if one stands still, it waits for
ever. Neither `Watch` nor Ctrl-C can do anything about it. So another process looks on until Ray has started.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from pathlib import Path

from job.cluster.worker_logs import last_words, patience_s
from job.errors import CurateError
from job.streams.standard import claim, is_claimed, json_options, muted_stderr, report_at_once

_SAID = "driver.err"
"""Name of the file, in the Ray's folder, with what Ray's core writes to the command's standard error in the start."""
_BEAT = b"."
_BEAT_S = 0.5
"""Seconds between two signs that the driver's threads run."""
_POLL_S = 1.0
"""Seconds between two looks."""
_FIRST_LOOK_S = 5.0
"""Seconds of silence until the first look at the driver: what looks takes time to import."""
_SILENT_S = 15.0
"""Seconds of silence until a run is ended of which a core process is dead or stopped."""
START_S = 120.0
"""Seconds that Ray has to start. It takes 2 on two idle cores, and has taken 30 on busy ones."""
_SLACK_S = 20.0
"""Seconds that the driver has to end by itself: after `START_S`, and after its Ray was ended."""


@contextlib.contextmanager
def guarded_start(folder: str) -> Generator[None]:
    """Guards the start of a Ray of our own while the context lasts.

    Args:
        folder: the Ray's folder.
    """
    from job.cluster.ray_internals import LAST_WORDS  # here, since the other process needs no more of that file

    root = str(Path(__file__).parents[2])
    code = f"import sys; sys.path.insert(0, {root!r}); from {__name__} import main; main()"
    command = [sys.executable, "-c", code, *json_options()]
    # In a session of its own, Ctrl-C does not reach it. It is told the folder where no list of processes shows it.
    from_driver, to_guard = os.pipe()
    guard = subprocess.Popen(command, stdin=from_driver, start_new_session=True)  # noqa: S603 (our own code)
    os.close(from_driver)
    with contextlib.suppress(BrokenPipeError):
        os.write(to_guard, f"{os.getpid()}\n{folder}\n{LAST_WORDS}\n".encode())
    ended = threading.Event()

    def beat() -> None:
        with contextlib.suppress(BrokenPipeError):
            while not ended.wait(_BEAT_S):
                os.write(to_guard, _BEAT)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        # Other threads of a user's own program may write at the same time.
        with muted_stderr(Path(folder) / _SAID) if is_claimed() else contextlib.nullcontext():
            yield
    finally:
        ended.set()
        thread.join()
        guard.kill()
        guard.wait()
        os.close(to_guard)


def main() -> None:
    """Looks on from the other process, until it is killed or the driver has ended."""
    claim()
    match os.read(0, 1 << 12).decode().split("\n"):
        case [driver, folder, ended_by_core, *_]:
            if why := _failure(int(driver), folder) or _last_line(folder, ended_by_core):
                _end(int(driver), folder, why)
        case _:  # the driver was killed before it said anything
            pass


def _failure(driver: int, folder: str) -> str:
    """Returns why Ray does not start, as soon as that is sure; an empty text if the driver has ended."""
    waited_s = silent_s = 0.0
    while waited_s < START_S + _SLACK_S:
        if select.select([0], [], [], _POLL_S)[0]:
            if not os.read(0, 1 << 12):
                return ""
            silent_s = 0.0  # the driver's threads run, so that it can help itself
            waited_s += _BEAT_S
        else:
            silent_s += _POLL_S
            waited_s += _POLL_S
        if silent_s >= _FIRST_LOOK_S:
            from job.cluster.processes import failed_core_processes, is_stopped

            if is_stopped(driver):  # by the user, who will let it go on
                silent_s = 0.0
                waited_s -= _POLL_S
            elif silent_s >= _SILENT_S and (failed := failed_core_processes(driver)):
                return f"its {failed[0]}"
            elif silent_s >= patience_s():  # Ray's core waits for the first workers
                return f"its worker processes do not start: {last_words(Path(folder))}"
    return f"it was not ready after {START_S:.0f} s"


def _last_line(folder: str, ended_by_core: str) -> str:
    """Returns the line with which Ray's core has ended the driver, if it has."""
    with contextlib.suppress(OSError):
        for line in (Path(folder) / _SAID).read_text(errors="replace").splitlines():
            _, has_ended, words = line.partition(ended_by_core)
            if has_ended:
                cause = re.split(r" worker_id=|\.? Worker will terminate", words.partition(" ")[2])[0]
                return f"one of its processes has died: {cause}"
    return ""


def _end(driver: int, folder: str, why: str) -> None:
    """Says why, and ends the Ray; Ray's core then ends the driver, with exit code 1."""
    error = not_started(why)
    report_at_once(str(error), error.exit_code, f"error: {error}")
    from job.cluster.processes import end_all

    end_all(folder)
    until = time.monotonic() + _SLACK_S
    while os.getppid() == driver and time.monotonic() < until:
        time.sleep(_POLL_S)
    if os.getppid() == driver:
        os.kill(driver, signal.SIGKILL)


def not_started(why: str) -> CurateError:
    """Returns the error for a Ray of our own that does not start.

    Args:
        why: the reason.
    """
    return CurateError(
        f"Ray did not start on this machine: {why}\n"
        "nothing was lost: run the same command again; if that does not help: curate doctor"
    )
