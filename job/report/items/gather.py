"""Counts all shards of an output in Ray tasks: each counts some shards, and its counts are all that comes back.

The first look gives every figure but one: Spearman's correlation is of ranks, which are known only when all is counted,
so the shards are read a second time for it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from job.output.folder import OutputFolder
from job.report.figures.pairs import PairSums, Ranks
from job.report.items.count import Columns, Counts, Shard, count_shards, sum_ranks

if TYPE_CHECKING:
    from job.cluster.workers import Workers

_T = TypeVar("_T")

_TASKS_PER_WORKER = 4
"""Number of tasks for each worker, so that none waits long for the last one."""


def counts_here(output: OutputFolder, shards: Sequence[Shard], columns: Columns) -> tuple[Counts, PairSums]:
    """Counts in this process, as the tasks do.

    Args:
        output: the output folder.
        shards: all its shards.
        columns: what is counted of them.

    Returns:
        The counts, and the sums of ranks.
    """
    counts = count_shards(output, shards, columns)
    if not counts.pairs.num:
        return counts, PairSums()
    ranks = Ranks.of(counts.paired_prices), Ranks.of(counts.paired_lengths)
    return counts, sum_ranks(output, shards, columns, *ranks)


def counts_by_ray(
    output: OutputFolder, shards: Sequence[Shard], columns: Columns, say: Callable[[str], None]
) -> tuple[Counts, PairSums]:
    """Counts in Ray tasks, on a Ray that is started or joined for it; see `counts_here`.

    Raises:
        CurateError: when a shard cannot be read.
    """
    from job.cluster.few_words import in_few_words
    from job.cluster.shared_paths import check_all_nodes_see
    from job.cluster.start import started_ray

    with started_ray("all", say) as workers:
        if workers.has_other_nodes and not isinstance(output.root, str):
            check_all_nodes_see({}, {output.root: "the output"})
        with in_few_words():
            count = functools.partial(count_shards, output, columns=columns)
            counts = Counts.sum(_in_tasks(count, shards, workers))
            if not counts.pairs.num:
                return counts, PairSums()
            price_ranks, length_ranks = Ranks.of(counts.paired_prices), Ranks.of(counts.paired_lengths)
            rank = functools.partial(
                sum_ranks, output, columns=columns, price_ranks=price_ranks, length_ranks=length_ranks
            )
            return counts, PairSums.sum(_in_tasks(rank, shards, workers))


def _in_tasks(work: Callable[[Sequence[Shard]], _T], shards: Sequence[Shard], workers: Workers) -> list[_T]:
    """Does work on some shards in each of some tasks. Returns what came of each."""
    import ray

    tasks = min(len(shards), _TASKS_PER_WORKER * workers.by_now())
    task = ray.remote(_worked).options(**workers.ray_options)
    return ray.get([task.remote(work, shards[number::tasks]) for number in range(tasks)])


def _worked(work: Callable[[Sequence[Shard]], _T], shards: Sequence[Shard]) -> _T:
    return work(shards)
