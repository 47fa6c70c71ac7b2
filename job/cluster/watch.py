"""Is our own Ray alive? If one of its core processes dies, the run ends soon, with an error that says so.

Without this, Ray ends the driver without a message: 14 s after its node process died, 60 s after its control service.
"""

from __future__ import annotations

import _thread
import os
import threading
import time
from pathlib import Path

import psutil

from job.cluster.guard import START_S, not_started
from job.cluster.processes import core_processes, end_all, failed_core_processes, is_dead
from job.cluster.ray_internals import CORE_PROCESSES
from job.cluster.worker_logs import have_given_up, last_words
from job.errors import CurateError
from job.streams.standard import leave

_START_POLL_S = 0.5
"""Seconds between two looks while Ray starts."""
_POLL_S = 0.02
"""Seconds between two looks once Ray has started. They are few since Ray ends a driver, without a message, that asks
its dead node process to keep an object."""
_LOGS_POLL_S = 5.0
"""Seconds between two looks into the logs of Ray's node process."""
_UNWIND_S = 15.0
"""Seconds that the main thread has to end the run in good order, before the process is ended."""


class Watch:
    """Watches a Ray of our own, from before it starts until `end`.

    Args:
        folder: the Ray's folder.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._error: CurateError | None = None
        self._started = threading.Event()
        self._ended = threading.Event()
        self._next_look = 0.0

    def __enter__(self) -> Watch:
        if threading.current_thread() is threading.main_thread():  # no other thread can be interrupted
            threading.Thread(target=self._watch, daemon=True).start()
        return self

    def has_started(self) -> None:
        """Notes that Ray has started, which must not last for ever."""
        self._started.set()

    def end(self) -> None:
        """Ends the watch before Ray is stopped. If Ray has died it goes on, since stopping Ray may then hang."""
        if not self._error:
            self._ended.set()

    def _watch(self) -> None:
        processes: dict[psutil.Process, str] = {}
        began, poll_s = time.monotonic(), _START_POLL_S
        while not self._ended.wait(poll_s):
            if len(processes) < len(CORE_PROCESSES):
                processes |= core_processes()
            else:
                poll_s = _POLL_S
            if died := [CORE_PROCESSES[name] for process, name in processes.items() if is_dead(process)]:
                self._error = CurateError(
                    f"Ray's {died[0]} has died; it may have been killed, as happens when memory runs out\n"
                    "what was finished is kept: run the same command again to go on, perhaps with fewer --workers"
                )
            elif self._started.is_set() and self._has_to_look() and have_given_up(Path(self._folder)):
                self._error = CurateError(
                    f"a worker process of Ray does not start: {last_words(Path(self._folder))}\n"
                    "what was finished is kept: mend that, then run the same command again; curate doctor shows what "
                    "this Python and this machine have"
                )
            elif not self._started.is_set() and time.monotonic() - began > START_S:
                failed = [f"its {words}" for words in failed_core_processes(os.getpid())]
                self._error = not_started((failed or [f"it was not ready after {START_S:.0f} s"])[0])
            if self._error:
                _thread.interrupt_main()
                if not self._ended.wait(_UNWIND_S):
                    end_all(self._folder)
                    leave(str(self._error), self._error.exit_code, f"error: {self._error}")
                return

    def _has_to_look(self) -> bool:
        """Tells whether it is time to look into the logs again."""
        if (now := time.monotonic()) < self._next_look:
            return False
        self._next_look = now + _LOGS_POLL_S
        return True

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._ended.set()
        if self._error and error is not None:
            raise self._error from None
