"""How many CPUs may work at the same time, and what a Ray task has to request so that no more do."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

_FREE_S = 5.0
"""Seconds to wait for CPUs before the user is told about it."""


class Reserved:
    """CPUs of a joined Ray that are reserved for this job, so that it uses no others.

    A limit in Ray Data would do the same, but Ray Data submits a task only when it has noticed that another one has
    ended: of two workers with tasks of 0.3 s, 1.3 were busy on average. Ray itself starts the next task at once.

    Args:
        say: receives a line if the CPUs are not free.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._group: Any = None
        self._is_gone = False
        self.cpus_now: int | None = None
        """The number of CPUs that this Ray has; None if nobody keeps it up to date."""

    def ray_options(self, count: int) -> dict[str, Any]:
        """Reserves CPUs, and releases those reserved before.

        Args:
            count: the number of CPUs.

        Returns:
            The options for tasks that are to run on these CPUs.
        """
        from ray.util.placement_group import placement_group
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        self._release()
        self._group = placement_group([{"CPU": 1}] * count)
        if not self._group.wait(_FREE_S):
            self._say(f"waiting until {count} CPUs of this Ray are free: others have some, or they are not there yet")
        return {"num_cpus": 1, "scheduling_strategy": PlacementGroupSchedulingStrategy(self._group)}

    def give_up(self) -> None:
        """Leaves everything as it is from now on, since the head does not answer."""
        self._is_gone = True

    def _release(self) -> None:
        if self._is_gone:
            return
        from ray.util.placement_group import remove_placement_group

        if self._group is not None:
            remove_placement_group(self._group)
            self._group = None

    def __enter__(self) -> Reserved:
        return self

    def __exit__(self, *_: object) -> None:
        self._release()


@dataclass(frozen=True, kw_only=True, slots=True)
class Workers:
    """The workers of a run: each is one CPU's worth of Ray tasks."""

    count: int
    """The number of tasks that may run at the same time."""
    ray_options: dict[str, Any]
    """What each task has to request from Ray, so that no more of them run."""
    has_other_nodes: bool
    """Whether some of the workers are on other machines, or may be later."""
    reserved: Reserved | None = None
    """Reserves a part of the CPUs of a Ray that was joined; None for a Ray of our own."""
    cpus: int = 0
    """The number of CPUs that a Ray of our own has: `count`, or fewer if there are fewer tasks."""

    def by_now(self) -> int:
        """Returns the present number of workers. It grows with a joined Ray if all of its CPUs may work."""
        if self.reserved is None or "scheduling_strategy" in self.ray_options:
            return self.count
        if self.reserved.cpus_now is not None:  # to ask would be to wait if the head has died
            return max(self.count, self.reserved.cpus_now)
        import ray

        return max(self.count, int(ray.cluster_resources().get("CPU", 1)))

    def at_most(self, count: int) -> Workers:
        """Returns fewer workers, or the same if there are no more than that.

        Args:
            count: the largest number of workers.
        """
        if self.by_now() <= count:
            return self
        if self.reserved is not None:
            return replace(self, count=count, ray_options=self.reserved.ray_options(count))
        share = math.ceil(self.cpus / count)  # above 1, Ray takes whole numbers only
        return replace(self, count=self.cpus // share, ray_options={"num_cpus": share})
