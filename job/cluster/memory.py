"""Gives memory back to the system."""

from __future__ import annotations

import contextlib
import ctypes


def return_memory() -> None:
    """Gives back to the system what was freed, and what Arrow's own allocator and that of glibc would keep."""
    import pyarrow as pa  # here, since who imports this may never need Arrow

    pa.default_memory_pool().release_unused()
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
