"""A command's result is shown before its Ray is stopped: who waits for the result does not wait for that."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Generator

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_stopped_last: contextlib.ExitStack | None = None
"""What stops the Rays that are to be stopped last; None if each is stopped as soon as its work is done."""


@contextlib.contextmanager
def ray_stopped_last() -> Generator[None]:
    """Lets a Ray of our own that has done its work stand until the context ends.

    One whose work fails or is interrupted is stopped at once: nothing of it may write once the lock is released.
    """
    global _stopped_last
    _stopped_last = stack = contextlib.ExitStack()
    try:
        yield
    finally:
        _stopped_last = None
        with _uninterrupted():
            stack.close()


def stop_standing() -> None:
    """Stops a Ray that still stands since its work was done, if there is one."""
    if _stopped_last is not None:
        _stopped_last.close()


@contextlib.contextmanager
def at_work() -> Generator[contextlib.ExitStack]:
    """Yields a stack for a Ray and what belongs to it. It is closed at the end of the context, or last."""
    with contextlib.ExitStack() as stack:
        yield stack
        if _stopped_last is not None:
            _stopped_last.push(stack.pop_all())


@contextlib.contextmanager
def _uninterrupted() -> Generator[None]:
    """Drops a first signal to end while the context lasts: the work is done. A second one ends the process as ever."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _ENDING}
    for number, handler in before.items():
        if callable(handler):
            signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        for number, handler in before.items():
            if callable(handler):
                signal.signal(number, handler)
