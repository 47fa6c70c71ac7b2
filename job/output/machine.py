"""The machine that a run was started on, as its output and measured figures name it. It says nothing of its owner."""

from __future__ import annotations

import msgspec


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """The properties of a machine that decide how fast a job is."""

    processor: str
    cores: int
    """Number of cores that this process may use."""
    memory_bytes: int
    """Bytes of memory that this process may use."""
    swap_bytes: int
    system: str
    python: str
