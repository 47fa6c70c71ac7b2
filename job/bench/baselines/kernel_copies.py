"""What is the ceiling? How much faster N independent copies of the kernel are than one.

Cores share memory, caches and the disk, so N of them do less than N times the work of one, whatever hands out the
work. Every copy does the same partitions into an output of its own. All load their tokenizers first and then start at
the same moment.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path

from job.bench.baselines.child import WorkInput, WorkResult
from job.bench.baselines.no_ray import Kernel, import_ray, make_kernel
from job.output.folder import OutputFolder
from job.recipe.verdicts import KEPT

_MAX_PARTITIONS = 12
"""Number of partitions that each copy does at most: about a quarter of a usual category, enough to measure."""


def work(work_input: WorkInput, file_format: str, workers: int, output: Path) -> WorkResult:
    """Runs one copy per worker, and counts the rows of all copies together; see `child.Work`."""
    import_s, import_cpu_s = import_ray()
    kernel = make_kernel(work_input, file_format, output)
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
    return WorkResult(
        content_digest=None,
        num_rows=sum(record.num_rows for record in records),
        num_items=sum(record.funnel.get(KEPT, 0) for record in records),
        began=min(began for began, _ in spans),
        ended=max(ended for _, ended in spans),
        not_counted_s=import_s,
        not_counted_cpu_s=import_cpu_s,
        not_counted_before_s=import_s,
        apart_s={},
    )


def _copy(kernel: Kernel, partitions: list[int], start: Barrier, times: multiprocessing.SimpleQueue) -> None:
    from job.recipe.registry import make_recipe

    try:
        make_recipe(kernel.config.recipe)
    except BaseException:
        start.abort()  # otherwise the other copies would wait forever
        raise
    with kernel.owned() as owned:
        start.wait()
        began = time.time()
        for index in partitions:
            owned.curate(index)
    times.put((began, time.time()))
