"""How fast a Hub on loopback sends files: a CDN limits each connection, and a home's line all of them together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_SLACK_S = 0.05
"""Seconds that an answer may lag behind and catch up, since nothing wakes up exactly when it should."""


class Pace:
    """Says how long to wait before each piece of a file. The limits may change at any time.

    Args:
        connection: bytes per second of each answer; a connection has one at a time. None for no limit.
        line: bytes per second of all answers together; None for no limit.
    """

    def __init__(self, connection: float | None = None, line: float | None = None) -> None:
        self.connection_bytes_per_s = connection
        self.line_bytes_per_s = line
        self._lock = threading.Lock()
        self._line_is_free_at = 0.0

    def of_answer(self) -> Callable[[int], float]:
        """Returns a function for one answer: from the size of its next piece, how many seconds to wait before it."""
        is_free_at = time.monotonic()

        def wait_for(size: int) -> float:
            nonlocal is_free_at
            now = time.monotonic()
            until = now
            if rate := self.connection_bytes_per_s:
                is_free_at = max(is_free_at, now - _SLACK_S) + size / rate
                until = is_free_at
            if rate := self.line_bytes_per_s:
                with self._lock:
                    self._line_is_free_at = max(self._line_is_free_at, now - _SLACK_S) + size / rate
                    until = max(until, self._line_is_free_at)
            return max(0.0, until - now)

        return wait_for
