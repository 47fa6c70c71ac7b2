"""Waits for the Hub, said in one line: its client logs two lines of its own for each request that it repeats."""

from __future__ import annotations

import contextlib
import logging
import re
import time
from collections.abc import Callable, Generator

from typing_extensions import override

_CLIENT = "huggingface_hub.utils._http"
"""The name of the logger of the client's requests."""
_OF_REPEATS = re.compile(r"thrown while requesting|Retrying in|Rate limited")
_ASKED_TO_WAIT = re.compile(r"Rate limited\. Waiting ([\d.]+)s")
_SLOW_DOWN = re.compile(r"HTTP Error (429|503)")
_QUIET_S = 30.0
"""Seconds for which a wait that was said is not said again."""


@contextlib.contextmanager
def hub_waits_said(say: Callable[[str], None]) -> Generator[None]:
    """Replaces what the Hub's client logs about requests that it repeats by one line, while the context lasts.

    Args:
        say: called with that line.
    """
    told, logger = _InOneLine(say), logging.getLogger(_CLIENT)
    logger.addFilter(told)
    try:
        yield
    finally:
        logger.removeFilter(told)


@contextlib.contextmanager
def slow_downs_heard(hear: Callable[[float], None]) -> Generator[None]:
    """Tells when the Hub asks for fewer requests, while the context lasts: its client waits, but by itself alone.

    Args:
        hear: called with the number of seconds for which the Hub wants none, 0 where it does not say; from the thread
            that was told so.
    """
    heard, logger = _Heard(hear), logging.getLogger(_CLIENT)
    logger.filters.insert(0, heard)  # before one that lets nothing pass
    try:
        yield
    finally:
        logger.removeFilter(heard)


class _Heard(logging.Filter):
    """Lets everything pass, and looks for a request to slow down."""

    def __init__(self, hear: Callable[[float], None]) -> None:
        super().__init__()
        self._hear = hear

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if asked := _ASKED_TO_WAIT.search(message):
            self._hear(float(asked[1]))
        elif _SLOW_DOWN.search(message):
            self._hear(0.0)
        return True


class _InOneLine(logging.Filter):
    """Lets no record about a repeated request pass, unless the user has asked the client to log more than usual."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__()
        self._say = say
        self._silent_until = 0.0

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        wants_more = logging.getLogger(_CLIENT.partition(".")[0]).getEffectiveLevel() < logging.WARNING
        if wants_more or not _OF_REPEATS.search(message):
            return True
        if time.monotonic() >= self._silent_until and "thrown while" not in message:
            asked = _ASKED_TO_WAIT.search(message)
            wait_s = float(asked[1]) if asked else 0.0
            self._silent_until = time.monotonic() + max(_QUIET_S, wait_s)
            if asked:
                self._say(f"the Hub has asked to slow down: waiting for {wait_s:.0f} s")
            else:
                self._say("the Hub does not answer as it should: trying again")
        return False
