"""The ceiling: how much faster are N copies of the kernel that know nothing of each other, than one alone?

Cores share memory, caches and the disk, so N of them do less than N times as much, whoever hands out the work. Every
copy does the same partitions, into an output of its own, and all begin at the same moment, their tokenizers loaded.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path

from job.bench.baselines.child import Done, Spec
from job.bench.baselines.no_ray import Kernel, import_ray, make_kernel
from job.output.folder import OutputFolder
from job.recipe.verdicts import KEPT

_MAX_PARTITIONS = 12
"""A quarter of a category, as it is cut as a rule: enough to measure."""


def work(spec: Spec, file_format: str, workers: int, output: Path) -> Done:
    """See `Work`; the number of workers is that of copies. Counts the rows of all copies together."""
    import_s, import_cpu_s = import_ray()
    kernel = make_kernel(spec, file_format, output)
    count = len(kernel.plan.partitions)
    partitions = list(range(0, count, -(-count // _MAX_PARTITIONS)))
    kernels = [dataclasses.replace(kernel, output=output / str(number)) for number in range(workers)]
    start = multiprocessing.Barrier(workers)
    times = multiprocessing.SimpleQueue()
    copies = [multiprocessing.Process(target=_copy, args=(kernel, partitions, start, times)) for kernel in kernels]
    for copy in copies:
        copy.start()
    for copy in copies:
        copy.join()
    if failed := [copy.exitcode for copy in copies if copy.exitcode]:
        raise RuntimeError(f"a copy of the kernel ended with exit code {failed[0]}")
    spans: list[tuple[float, float]] = [times.get() for _ in copies]
    records = [record for kernel in kernels for record in OutputFolder(kernel.output).records(kernel.plan)]
    return Done(
        content_digest=None,
        num_rows=sum(record.num_rows for record in records),
        num_items=sum(record.funnel.get(KEPT, 0) for record in records),
        began=min(began for began, _ in spans),
        ended=max(ended for _, ended in spans),
        not_counted_s=import_s,
        not_counted_cpu_s=import_cpu_s,
        apart_s={},
    )


def _copy(kernel: Kernel, partitions: list[int], start: Barrier, times: multiprocessing.SimpleQueue) -> None:
    from job.pipeline import make_recipe

    try:
        make_recipe(kernel.config.recipe)
    except BaseException:
        start.abort()  # or the others would wait for ever
        raise
    with kernel.owned() as owned:
        start.wait()
        began = time.time()
        for index in partitions:
            owned.curate(index)
    times.put((began, time.time()))
