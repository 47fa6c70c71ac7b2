"""Ray Data's own actors, which a Ray of our own does without.

One keeps figures for the dashboard, the other asks an autoscaler for machines; of a Ray of our own there is neither.
Each is a process that imports Ray Data just when the workers do: with them, a run over 94,327 rows with two workers
took 8.7 s instead of 7.6 (medians of eight in turns), and 200 MB more memory.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import Any

import ray
from ray.data import ExecutionResources
from ray.data._internal import stats
from ray.data._internal.cluster_autoscaler import ClusterAutoscaler
from ray.data._internal.execution import streaming_executor


@contextlib.contextmanager
def without_actors() -> Generator[None]:
    """Has Ray Data start no actors while the context lasts.

    It has no setting for that, so two names inside it mean something else meanwhile, in this process alone:
    `pyproject.toml` allows no Ray that these were not tried with.
    """
    with (
        _other(stats, "get_or_create_stats_actor", _Nobody),
        _other(streaming_executor, "create_cluster_autoscaler", _NoAutoscaler),
    ):
        yield


@contextlib.contextmanager
def _other(module: Any, name: str, other: Any) -> Generator[None]:
    before = getattr(module, name)
    setattr(module, name, other)
    try:
        yield
    finally:
        setattr(module, name, before)


class _Nobody:
    """Takes the place of the actor that keeps figures: whatever it is told, nobody listens."""

    def __getattr__(self, name: str) -> _Nobody:
        return self

    def __call__(self, *args: object, **options: object) -> None:
        del args, options


class _NoAutoscaler(ClusterAutoscaler):
    """Knows what this Ray has, and asks for no more."""

    def __init__(self, *args: object, **options: object) -> None:
        del args, options
        self._total = ExecutionResources.from_resource_dict({**ray.cluster_resources()})

    def try_trigger_scaling(self) -> None:
        """See `ClusterAutoscaler`."""

    def on_executor_shutdown(self) -> None:
        """See `ClusterAutoscaler`."""

    def get_total_resources(self) -> ExecutionResources:
        """See `ClusterAutoscaler`."""
        return self._total
