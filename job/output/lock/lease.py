"""The lock in an object store, which has no file locks: the owner writes a new number into an object every few seconds.

Nor can an object store create an object only if it is absent. So a run writes its lock, waits a moment, and checks that
the lock is still its own. Two runs that slip through would write the same bytes to the same paths.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from job.output.folder import LOCK, OutputFolder
from job.output.lock.owner import (
    LEASE_S,
    Owner,
    beat_line,
    is_dead,
    owner_in,
    owner_line,
    read_lock,
    wait_for_expiry,
)

_SETTLE_S = 1.0
"""Seconds allowed to another run between its look for a lock and the write of its own."""


class Lease:
    """A lock object, kept alive by heartbeats.

    Args:
        output: the output folder.
        me: the owner, which is this run.
    """

    def __init__(self, output: OutputFolder, me: Owner):
        self._output = output
        self._me = me

    @classmethod
    def take(cls, output: OutputFolder, me: Owner, say: Callable[[str], None]) -> Lease:
        """Takes the lock, after watching another run's lock for up to `LEASE_S` seconds.

        Args:
            output: the output folder.
            me: the new owner.
            say: called with one line before a wait.

        Raises:
            RefusedError: when another live run holds the lock.
        """
        lease = cls(output, me)
        while True:
            owner = owner_in(read_lock(output))
            if owner is not None and not is_dead(owner, locks=False):
                wait_for_expiry(output, owner, say)
            lease._write(0)
            time.sleep(_SETTLE_S)
            if owner_in(read_lock(output)) == me:
                return lease

    @staticmethod
    def live_owner(output: OutputFolder) -> Owner | None:
        """Returns the current owner of the lock; None without one, or when its last heartbeat is too old."""
        owner = owner_in(read_lock(output))
        if owner is None or is_dead(owner, locks=False):
            return None
        return owner if output.store.age_s(LOCK) <= 2 * LEASE_S else None

    def beat(self, count: int) -> None:
        """Writes a heartbeat, unless another run has taken the lock over."""
        if owner_in(read_lock(self._output)) == self._me:
            self._write(count)

    def close(self) -> None:
        """Does nothing: a lease has no open file."""

    def _write(self, count: int) -> None:
        self._output.write(LOCK, owner_line(self._me) + beat_line(count))
