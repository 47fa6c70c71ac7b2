"""The job on one page: source ► map_batches ► sink.

Reading, judging and writing a partition are one Ray task, so no row ever travels between processes. Ray puts steps
into one task only when none of them has to regroup rows over tasks. It would, to give `map_batches` its `batch_size`
rows, whenever a block from a read has fewer; and it takes every read for one that may have. So the dataset begins with
a block per partition that names it, in as many rows as a batch has, and the partition's rows are read from there.

As three tasks (one million rows of JSONL, two workers), all processes together had 2.5 GB at their peak, and rows were
spilled to disk between the tasks; as one they have 1.2 GB, and nothing is.
"""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import ray.data
from ray.data import DataContext, TaskPoolStrategy

from job.cluster.workers import Workers
from job.config.models import JobConfig, RecipeConfig
from job.errors import WorkersDiedError
from job.output.folder import OutputFolder
from job.output.records import CategoryPlan
from job.recipe.course_2024.recipe import PricePrompt
from job.recipe.tokenizer import load_tokenizer
from job.recipe.verdicts import KEPT
from job.sink import ShardSink
from job.source.read.partitions import MAX_PARQUET_ROWS, Partition
from job.source.read.reader import PartitionReader
from job.source.read.rows import KEEP_PREFIX

_BLOCK_BYTES = 4 << 20
"""Between its steps a task gathers so much. With Ray's 128 MiB that would be all rows of a partition."""
MAX_ATTEMPTS = 4
"""So often a partition is begun whose worker dies, before the job ends. Ray Data itself would try for ever."""


@contextlib.contextmanager
def data_settings() -> Generator[None]:
    """Has Ray Data's settings as this job needs them while the context lasts.

    They are the process's, and it may be somebody's who uses Ray for more than this.
    """
    context = DataContext.get_current().copy()
    context.enable_progress_bars = False
    context.target_max_block_size = _BLOCK_BYTES
    # Without its reservation Ray Data hands out all tasks at once, and Ray itself starts the next one the moment a CPU
    # is free: of a joined Ray's two CPUs 1.5 were at work on average, and 1.0 with it.
    context.op_resource_reservation_enabled = False
    context.execution_no_progress_timeout_s = -1  # others may have a joined Ray's CPUs for longer than its half hour
    with DataContext.current(context), warnings.catch_warnings():
        # Until 2.64 there is no other way to hand over a placement group.
        warnings.filterwarnings("ignore", "`ray_remote_args` is deprecated")
        yield


def curate_category(
    *,
    plan: CategoryPlan,
    reader: PartitionReader,
    file_names: Sequence[str],
    todo: Sequence[int],
    config: JobConfig,
    output: Path | str,
    run: str,
    workers: Workers,
) -> None:
    """Curates the partitions of one category that are still to do, within `data_settings`.

    Args:
        plan: the category's plan.
        reader: reads its partitions.
        file_names: its source files, relative to the source.
        todo: the partitions' numbers.
        config: the job.
        output: the output folder, or its address.
        run: whose output folder it is.
        workers: the cores that may work.
    """
    partitions = {index: Partition(index, *plan.partitions[index]) for index in todo}
    largest_first = sorted(todo, key=lambda index: partitions[index].start - partitions[index].end)
    batch_size = min(config.batch_size, MAX_PARQUET_ROWS)  # a partition hardly has more

    named = ray.data.from_blocks([pa.table({"partition": pa.array([index] * batch_size)}) for index in largest_first])
    rows = named.map_batches(
        functools.partial(
            read_partitions,
            reader=reader,
            partitions=partitions,
            category=plan.category,
            output=OutputFolder(output),
        ),
        batch_size=None,
        batch_format="pyarrow",
        compute=TaskPoolStrategy(),
        **workers.ray_options,
    )
    judged = rows.map_batches(
        functools.partial(judge_batch, settings=config.recipe),
        batch_size=batch_size,
        batch_format="pyarrow",
        zero_copy_batch=True,
        compute=TaskPoolStrategy(),
        **workers.ray_options,
    )
    sink = ShardSink(output, plan, file_names, reader.keep_columns, config.max_malformed, run)
    judged.write_datasink(sink, ray_remote_args=workers.ray_options)


def read_partitions(
    named: pa.Table,
    reader: PartitionReader,
    partitions: Mapping[int, Partition],
    category: str,
    output: OutputFolder,
) -> Iterator[pa.Table]:
    """Yields the rows of the partitions that a block names, in the readers' schema.

    Args:
        named: the column `partition`, their numbers.
        reader: reads them.
        partitions: all there are to do, by number.
        category: whose they are.
        output: the output folder, where it is noted that they are begun.
    """
    for index in pc.unique(named["partition"]).to_pylist():
        if output.mark_running(category, index) > MAX_ATTEMPTS:
            raise WorkersDiedError(
                f"{category}: partition {index}: its worker died {MAX_ATTEMPTS} times, as it does without memory\n"
                "what was finished is kept: make memory free, or lower --workers, then run the same command again"
            )
        yield from reader.read(partitions[index])


def judge_batch(rows: pa.Table, settings: RecipeConfig) -> pa.Table:
    """Lets the recipe judge those rows of a batch that the reader has not judged already.

    Args:
        rows: in the readers' schema.
        settings: the recipe's.

    Returns:
        What the sink needs: rows without the inputs of the recipe, with its results. Of dropped rows only the
        verdict is left.
    """
    judged_already = rows.filter(pc.is_valid(rows["verdict"]))
    if judged_already.num_rows:
        rows = rows.filter(pc.is_null(rows["verdict"]))
    judged = make_recipe(settings).judge(rows)
    is_kept = pc.equal(judged["verdict"], KEPT)
    carried = ["parent_asin", "title", *[name for name in rows.column_names if name.startswith(KEEP_PREFIX)]]
    result = rows.select(["partition", "position", "cause", "raw"])
    for name in carried:
        kept = pc.if_else(is_kept, rows[name], pa.scalar(None, rows[name].type))
        result = result.append_column(rows.schema.field(name), kept)
    for name in judged.column_names:
        result = result.append_column(judged.schema.field(name), judged[name])
    judged_already = judged_already.select(["partition", "position", "cause", "raw", "verdict"])
    return pa.concat_tables([result, judged_already], promote_options="default")


@functools.cache
def make_recipe(settings: RecipeConfig) -> PricePrompt:
    """Makes the recipe that a config asks for, once per process."""
    return PricePrompt(
        min_price=settings.min_price,
        max_price=settings.max_price,
        min_chars=settings.min_chars,
        min_tokens=settings.min_tokens,
        max_tokens=settings.max_tokens,
        tokenizer=load_tokenizer(settings.tokenizer),
    )
