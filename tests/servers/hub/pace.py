"""How fast the test Hub sends files: a CDN limits each connection, and a home's line all of them together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Pace:
    """Limits of the bodies of files, which may change at any time.

    Attributes:
        connection_bytes_per_s: Bytes per second of each answer; a connection has one at a time. None: no limit.
        line_bytes_per_s: Bytes per second of all answers together. None: no limit.
    """

    def __init__(self) -> None:
        self.connection_bytes_per_s: float | None = None
        self.line_bytes_per_s: float | None = None
        self._lock = threading.Lock()
        self._line_is_free_at = 0.0

    def answer(self) -> Callable[[int], float]:
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


_SLACK_S = 0.05
"""Seconds that an answer may lag behind and catch up, since nothing wakes up exactly when it should."""
