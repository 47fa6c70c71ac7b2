"""The lock in an object store, where there are no locks: its owner writes a new number into it every few seconds.

Nor can an object be made only if there is none. So whoever puts a lock looks a moment later whether it is still its
own. Two that slip through would write the same bytes to the same places.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from job.output.folder import LOCK, OutputFolder
from job.output.lock.owner import LEASE_S, Owner, content, header, is_dead, number, outlive, owner_in

_SETTLE_S = 1.0
"""So long may another take from looking for a lock to having put its own."""


class Lease:
    """A lock that has been put, to be kept alive by beats.

    Args:
        output: the output folder.
        me: its owner.
    """

    def __init__(self, output: OutputFolder, me: Owner):
        self._output = output
        self._me = me

    @classmethod
    def take(cls, output: OutputFolder, me: Owner, say: Callable[[str], None]) -> Lease:
        """Puts the lock. Raises RefusedError when another live run has one, which takes a while to see."""
        lease = cls(output, me)
        while True:
            owner = owner_in(content(output))
            if owner is not None and not is_dead(owner, locks=False):
                outlive(output, owner, say)
            lease._put(0)
            time.sleep(_SETTLE_S)
            if owner_in(content(output)) == me:
                return lease

    @staticmethod
    def live_owner(output: OutputFolder) -> Owner | None:
        """Returns whose lock it is at this moment; None when nobody has it, or it has not beaten for long."""
        owner = owner_in(content(output))
        if owner is None or is_dead(owner, locks=False):
            return None
        return owner if output.store.age_s(LOCK) <= 2 * LEASE_S else None

    def beat(self, count: int) -> None:
        """Writes another number into it, unless it is another's by now."""
        if owner_in(content(self._output)) == self._me:
            self._put(count)

    def close(self) -> None:
        """Lets go of it: there is nothing to let go of."""

    def _put(self, count: int) -> None:
        self._output.write(LOCK, header(self._me) + number(count))
