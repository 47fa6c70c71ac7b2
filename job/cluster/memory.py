"""Gives memory back to the system."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable


def return_memory() -> None:
    """Gives back to the system what was freed. The allocator of glibc keeps it otherwise; others have no such call."""
    _trim()(0)


@functools.cache
def _trim() -> Callable[[int], object]:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return lambda _: None
