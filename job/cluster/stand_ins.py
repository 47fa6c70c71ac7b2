"""What stands in for parts of Ray that a run has no use for."""

from __future__ import annotations

from typing import Any


def nothing(*arguments: object, **options: object) -> None:
    """Stands in for what starts a process: starts none."""
    del arguments, options


class Nobody:
    """Stands in for the actor that collects figures: accepts every call and does nothing."""

    def __getattr__(self, name: str) -> Nobody:
        return self

    def __call__(self, *arguments: object, **options: object) -> None:
        """Does nothing."""
        nothing(*arguments, **options)


class NoDetectors:
    """Stands in for the settings of Ray Data's detectors, whose warnings nobody sees.

    A worker that gets those imports what asks a cluster for its state: 0.2 s of CPU before its first task.
    """

    detectors = ()


class FixedSize:
    """Stands in for Ray Data's cluster autoscaler: knows what this Ray has, and asks for no more."""

    def __init__(self, *args: object, **options: object) -> None:
        import ray
        from ray.data import ExecutionResources

        del args, options
        self._total = ExecutionResources.from_resource_dict({**ray.cluster_resources()})

    def try_trigger_scaling(self) -> None:
        """Asks for nothing."""

    def on_executor_shutdown(self) -> None:
        """Releases nothing, since nothing was requested."""

    def get_total_resources(self) -> Any:
        """Returns all resources of this Ray."""
        return self._total
