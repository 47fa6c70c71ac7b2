"""What does Ray cost? The same reader, recipe and sink over the same partitions, in a plain process pool.

The difference to `curate run` is the cost of Ray. The modules of the job's functions import `ray.data`, which this
method does not use, so the time of that import does not count. No Ray is started.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from job.bench.baselines.child import WorkInput, WorkResult
from job.config.load import load_config
from job.config.models import JobConfig
from job.output.folder import MANIFEST, PLAN, OutputFolder
from job.output.lock.ownership import sole_owner
from job.output.records import CategoryPlan, Plan
from job.output.totals import add_up, complete
from job.plan.sources import find_sources
from job.plan.work import plan_work
from job.recipe.protocol import RecipeDescription, describe
from job.source.fetch.local_copies import local_copies
from job.source.read.reader import PartitionReader

if TYPE_CHECKING:
    from job.sink import ShardSink


@dataclass(frozen=True, kw_only=True, slots=True)
class Kernel:
    """The work on a partition, as a Ray task of the job does it."""

    plan: CategoryPlan
    reader: PartitionReader
    recipe: RecipeDescription
    config: JobConfig
    output: Path
    run_id: str = ""
    """Id of the run that owns the output folder; see `owned`."""

    @contextlib.contextmanager
    def owned(self) -> Generator[Kernel]:
        """Locks the output folder, and yields a kernel that may write into it until the context ends."""
        with sole_owner(OutputFolder(self.output)) as owner:
            yield dataclasses.replace(self, run_id=owner.run_id)

    def curate(self, index: int) -> None:
        """Reads, judges and commits a partition."""
        self.sink().write(self._judged(index), None)

    def sink(self) -> ShardSink:
        """Returns the sink that commits the partitions."""
        from job.sink import ShardSink

        return ShardSink(OutputFolder(self.output), self.plan, self.recipe, self.run_id)

    def _judged(self, index: int) -> Iterator[pa.Table]:
        from job.pipeline import judge_batch

        size = self.config.batch_size
        for rows in self.reader.read(index, self.plan.partitions[index]):
            for start in range(0, rows.num_rows, size):
                yield judge_batch(rows.slice(start, size), self.config.recipe)


def make_kernel(work_input: WorkInput, file_format: str, output: Path, more: Mapping[str, Any] | None = None) -> Kernel:
    """Plans the category as the job does.

    Args:
        work_input: the work to do.
        file_format: the format of the files to read.
        output: the output folder.
        more: other values of the config by dotted key.

    Returns:
        A kernel for the category's partitions.
    """
    overrides = {
        **(more or {}),
        "source.path": work_input.source_paths[file_format],
        "categories": [work_input.category],
        "output": str(output),
    }
    config = load_config(work_input.config, overrides)
    (source,) = find_sources(config)
    scratch = OutputFolder(output).scratch
    work = plan_work(config, source, None, scratch, lambda _: None)
    locations = local_copies(source, scratch, lambda _: None, lambda _: None)
    recipe = describe(config.recipe.recipe_type())
    return Kernel(plan=work.plan, reader=work.reader(locations), recipe=recipe, config=config, output=output)


def import_ray() -> tuple[float, float]:
    """Imports Ray as the job's modules do, and returns the wall seconds and the CPU seconds that it took."""
    for name in ("pyarrow.compute", "pyarrow.parquet"):  # the job needs these without Ray too
        importlib.import_module(name)
    began, began_cpu = time.perf_counter(), time.process_time()
    importlib.import_module("ray.data")
    return time.perf_counter() - began, time.process_time() - began_cpu


def work(work_input: WorkInput, file_format: str, workers: int, output: Path) -> WorkResult:
    """Runs the baseline; see `child.Work`."""
    import_s, import_cpu_s = import_ray()
    from job import pipeline  # before the pool forks

    del pipeline
    kernel = make_kernel(work_input, file_format, output)
    folder, plan = OutputFolder(output), kernel.plan
    with kernel.owned() as owned:
        config = kernel.config.model_dump(mode="json")
        whole = Plan(config=config, categories={plan.category: plan}, recipe=kernel.recipe)
        folder.write_json(PLAN, whole)
        began = time.time()
        with ProcessPoolExecutor(workers) as pool:
            _wait(pool, owned, range(len(plan.partitions)))
        ended = time.time()
        manifest = complete(whole, {plan.category: add_up(plan, folder.records(plan), whole.description)})
        folder.write_json(MANIFEST, manifest)
    return WorkResult(
        content_digest=manifest.content_digest,
        num_rows=manifest.num_rows,
        num_items=manifest.num_items,
        began=began,
        ended=ended,
        not_counted_s=import_s,
        not_counted_cpu_s=import_cpu_s,
        not_counted_before_s=import_s,
        apart_s={},
    )


def _wait(pool: ProcessPoolExecutor, kernel: Kernel, partitions: Sequence[int]) -> None:
    for _ in pool.map(kernel.curate, partitions):
        pass
