"""Threads that can be stopped, and that nobody waits for when the process ends."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

_T = TypeVar("_T")


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
        self._thread = threading.Thread(target=self._run, daemon=True)
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
