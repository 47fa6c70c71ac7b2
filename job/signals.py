"""How the command ends on a signal: Ctrl-C, a cluster that stops its job, or a terminal that is closed."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Generator
from typing import NoReturn

from job.streams.standard import leave, say_at_once

INTERRUPTED = 130
"""Exit code of a command that was ended by a signal."""
_UNWIND_S = 20.0
"""Seconds that the command has to end in good order after the first signal."""
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _interrupt(*_: object) -> NoReturn:
    """Ends the command in good order at the first signal. `_enforce_ending` handles those that follow."""
    for number in _ENDING:
        signal.signal(number, lambda *_: None)
    if not only_follows():
        say_at_once("stopping; interrupt again to leave at once")
    raise KeyboardInterrupt


def answer_signals() -> None:
    """Installs the handlers for the signals that end the command."""
    for number in _ENDING:
        if signal.getsignal(number) != signal.SIG_IGN:  # under `nohup`
            signal.signal(number, _interrupt)
    _enforce_ending()


def _enforce_ending() -> None:
    """Ends the process at a second signal, or if it takes too long to end after the first.

    This needs a thread: a signal handler runs only when Ray returns control in the main thread, which it may never do.
    """
    signals, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)

    def enforce() -> None:
        os.read(signals, 1)
        select.select([signals], [], [], _UNWIND_S)
        line = "left at once; run the same command again to clean up and go on"
        leave(line, INTERRUPTED, "" if only_follows() else line)

    threading.Thread(target=enforce, daemon=True).start()


@contextlib.contextmanager
def sigterm_interrupts() -> Generator[None]:
    """Turns the exit of Ray's own SIGTERM handler into an interrupt: Ray installs one while it starts."""
    try:
        yield
    except SystemExit as ending:
        if ending.code == signal.SIGTERM:
            raise KeyboardInterrupt from None
        raise


def only_follows() -> bool:
    """Tells whether this command only follows a job on a cluster, which keeps running when this process ends."""
    return sys.argv[1:2] == ["submit"] or "--follow" in sys.argv
