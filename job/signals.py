"""How the command ends when it is told to: by Ctrl-C, as a cluster ends a job, or as a terminal is closed."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
from typing import NoReturn

INTERRUPTED = 130
_PATIENCE_S = 20.0
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _interrupt(*_: object) -> NoReturn:
    """Ends the command in good order, at the first signal; see `_see_to_the_end` for those that come after."""
    for number in _ENDING:
        signal.signal(number, lambda *_: None)
    _say(b"stopping; once more to leave at once\n")
    raise KeyboardInterrupt


def _say(line: bytes) -> None:
    if not only_follows():
        with contextlib.suppress(OSError):  # of a terminal that was closed
            os.write(sys.stderr.fileno(), line)


def answer_signals() -> None:
    """Has the process answer to the signals that end it."""
    for number in _ENDING:
        if signal.getsignal(number) != signal.SIG_IGN:  # as `nohup` has it
            signal.signal(number, _interrupt)
    _see_to_the_end()


def _see_to_the_end() -> None:
    """Ends the process at a second signal, or when it takes too long to end after the first.

    That takes a thread: a signal's handler has to wait for whatever Ray does in the main one, which may be for ever.
    """
    signals, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)

    def see() -> None:
        os.read(signals, 1)
        select.select([signals], [], [], _PATIENCE_S)
        _say(b"left at once; the same command cleans up and goes on\n")
        os._exit(INTERRUPTED)

    threading.Thread(target=see, daemon=True).start()


def only_follows() -> bool:
    """Tells whether the work is done elsewhere, and goes on when this process ends."""
    return sys.argv[1:2] == ["submit"] or "--follow" in sys.argv
