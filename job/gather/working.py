"""Starts or joins a Ray for work on a training set."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Literal

from job.cluster.few_words import in_few_words

if TYPE_CHECKING:
    from job.cluster.workers import Workers

Say = Callable[[str], None]
"""Called with each line that a user should see."""


@contextlib.contextmanager
def working(
    count: int | Literal["all"],
    check: Callable[[], None],
    say: Say,
    lost_nodes: list[str],
    meanwhile: Callable[[], object] = lambda: None,
) -> Generator[Workers]:
    """Starts or joins a Ray.

    Args:
        count: how many cores work at once.
        check: called when there may be other nodes; checks that these see what they need.
        say: called with each line that a user should see.
        lost_nodes: gets a line for each node that is lost.
        meanwhile: called in a thread while workers start.
    """
    from job.cluster.joined import JoinedWatch
    from job.cluster.start import started_ray  # Ray is slow to import, and a complete set needs none

    def here() -> None:
        _import_gather()
        meanwhile()

    with (
        started_ray(count, say, _import_gather, here, has_exchange=True) as workers,
        JoinedWatch(workers, say, lost_nodes),
    ):
        if workers.has_other_nodes:
            check()
        with in_few_words():
            yield workers


def _import_gather() -> None:
    from job.gather import deciding, findings, move

    del deciding, findings, move
