"""Threads that can be stopped, and that nobody waits for when the process ends."""

from __future__ import annotations

import ctypes
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from job.cluster.ray_internals import AUTO_INIT, replace_auto_init_lock
from job.errors import CurateError

_T = TypeVar("_T")
_numbers = itertools.count(1)
_RUN_THREAD = "curate "
"""How the names of a run's own threads begin."""


class _Stopped(BaseException):
    """Ends a thread."""


class StoppableThread(Future[_T]):
    """A future whose work runs in a thread of its own.

    Args:
        work: what to do.
    """

    def __init__(self, work: Callable[[], _T]) -> None:
        super().__init__()
        self._work = work
        self._thread = threading.Thread(target=self._run, name=f"{_RUN_THREAD}{next(_numbers)}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.set_result(self._work())
        except BaseException as error:
            self.set_exception(error)

    def stop(self) -> None:
        """Raises an exception in the thread, as Ctrl-C does in the main one: Ray Data then ends what it has begun."""
        if self._thread.is_alive():  # otherwise its number may belong to another thread by now
            ident = ctypes.c_ulong(self._thread.ident or 0)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(_Stopped))


class _NotForRuns:
    """Stands in for the lock that Ray takes before it starts by itself: refuses it to the threads of a run.

    Args:
        lock: Ray's lock.
    """

    def __init__(self, lock: Any) -> None:
        self._lock = lock._lock if isinstance(lock, _NotForRuns) else lock

    def __enter__(self) -> None:
        thread = threading.current_thread()
        if thread.name.startswith(_RUN_THREAD) or type(thread).__module__.startswith("ray."):
            raise CurateError(
                "Ray was stopped while a run was at work on it\n"
                "what was finished is kept: run the same command again to go on"
            )
        self._lock.__enter__()

    def __exit__(self, *details: object) -> None:
        self._lock.__exit__(*details)


def forbid_other_rays() -> None:
    """Keeps the threads of runs, and those of Ray Data, from starting a Ray that nobody has asked for."""
    if AUTO_INIT.is_there():
        replace_auto_init_lock(_NotForRuns)
