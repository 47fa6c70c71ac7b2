"""How many CPUs may work at once, and what a Ray task asks for so that no more do."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

_FREE_S = 5.0


class Reserved:
    """CPUs of a joined Ray that are kept for this job, so that it works on no others.

    A limit of Ray Data's would do the same, but it hands out a task when it has noticed that another one has ended: of
    two workers with tasks of 0.3 s, 1.3 were at work on average. Ray itself waits for nothing.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._group: Any = None

    def ray_options(self, count: int) -> dict[str, Any]:
        """Returns what tasks ask for that are to run on so many CPUs together; those kept before are given back."""
        from ray.util.placement_group import placement_group
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        self._give_back()
        self._group = placement_group([{"CPU": 1}] * count)
        if not self._group.wait(_FREE_S):
            self._say(f"waiting until {count} CPUs of this Ray are free: others have some, or they are not there yet")
        return {"num_cpus": 1, "scheduling_strategy": PlacementGroupSchedulingStrategy(self._group)}

    def _give_back(self) -> None:
        from ray.util.placement_group import remove_placement_group

        if self._group is not None:
            remove_placement_group(self._group)
            self._group = None

    def __enter__(self) -> Reserved:
        return self

    def __exit__(self, *_: object) -> None:
        self._give_back()


@dataclass(frozen=True, kw_only=True, slots=True)
class Workers:
    """The cores that may work at once."""

    count: int
    ray_options: dict[str, Any]
    """What a task has to ask Ray for, so that no more of them run."""
    has_other_nodes: bool
    """Whether other machines have some of them, or may have some later."""
    reserved: Reserved | None = None
    """Keeps fewer than all CPUs of a Ray that was joined; None for a Ray of our own."""
    cpus: int = 0
    """How many a Ray of our own has, whatever may work at once."""

    def by_now(self) -> int:
        """Returns how many may work by now: where all of a joined Ray's CPUs may, it may have grown."""
        if self.reserved is None or "scheduling_strategy" in self.ray_options:
            return self.count
        import ray

        return max(self.count, int(ray.cluster_resources().get("CPU", 1)))

    def at_most(self, count: int) -> Workers:
        """Returns fewer of them, or all if they are no more than that."""
        if self.by_now() <= count:
            return self
        if self.reserved is not None:
            return replace(self, count=count, ray_options=self.reserved.ray_options(count))
        share = math.ceil(self.cpus / count)  # whole numbers only, says Ray, above 1
        return replace(self, count=self.cpus // share, ray_options={"num_cpus": share})
