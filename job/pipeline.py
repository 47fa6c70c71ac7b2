"""The job on one page: source ► map_batches ► sink.

Reading, judging and writing a partition are one Ray task, so no row ever travels between processes. Ray fuses steps
into one task only when none of them has to regroup rows across tasks. It would regroup, to give `map_batches` its
`batch_size` rows, whenever a block from a read may have fewer; and it assumes that of every read. So the dataset begins
with one block per partition that only names it, in as many rows as a batch has, and the rows are read from there.

As three tasks (one million rows of JSONL, two workers), all processes together had 2.5 GB at their peak, and rows were
spilled to disk between the tasks. As one task they have 1.2 GB, and nothing is spilled.
"""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import contextlib
import functools
import logging
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
import ray.data
from ray.data import DataContext, TaskPoolStrategy

from job.cluster.counting import Counter
from job.cluster.memory import return_memory
from job.cluster.nodes import on_live_nodes, this_node
from job.cluster.stand_ins import NoDetectors
from job.cluster.workers import Workers
from job.errors import WorkersDiedError
from job.output.folder import OutputFolder
from job.output.records import CategoryPlan
from job.plan.work import Run
from job.recipe.examples import EXAMPLE, FirstDropped
from job.recipe.judging import judged_rows
from job.recipe.protocol import RecipeSettings
from job.recipe.verdicts import KEPT
from job.sink import ShardSink
from job.source.read.partitions import MAX_PARQUET_ROWS, Partition
from job.source.read.reader import PartitionReader
from job.source.read.rows import KEEP_PREFIX
from job.storage.patience import outlast_outages

_BLOCK_BYTES = 4 << 20
"""Bytes that a task gathers between two of its steps. Ray's default of 128 MiB would be all rows of a partition."""
MAX_ATTEMPTS = 4
"""Times that a partition is begun before the job ends, when its worker dies. Ray Data would retry for ever.
Those on a node that was lost do not count, since the partition has no part in that."""


@contextlib.contextmanager
def data_settings() -> Generator[None]:
    """Gives Ray Data the settings that this job needs while the context lasts.

    They belong to the process, which may be one that uses Ray for more than this job.
    """
    logging.getLogger(ray.data.__name__).setLevel(logging.CRITICAL)  # what goes wrong is raised as well
    context = DataContext.get_current().copy()
    context.enable_progress_bars = False
    context.target_max_block_size = _BLOCK_BYTES
    # Without its reservation Ray Data submits all tasks at once, and Ray itself starts the next one as soon as a CPU is
    # free: of two CPUs of a joined Ray, 1.5 were busy on average, and 1.0 with the reservation.
    context.op_resource_reservation_enabled = False
    context.raise_original_map_exception = True  # else a recipe's error arrives as "UDF failed", without its cause
    context.issue_detectors_config = cast("Any", NoDetectors())
    context.execution_no_progress_timeout_s = -1  # others may use a joined Ray's CPUs for longer than its half hour
    with DataContext.current(context), warnings.catch_warnings():
        # Until Ray 2.64 there is no other way to pass a placement group.
        warnings.filterwarnings("ignore", "`ray_remote_args` is deprecated")
        yield


def curate_category(
    *,
    run: Run,
    plan: CategoryPlan,
    reader: PartitionReader,
    todo: Sequence[int],
    workers: Workers,
    counter: Counter | None = None,
    check: Callable[[], None] | None = None,
) -> None:
    """Curates the partitions of one category that remain to be done, within `data_settings`.

    Args:
        run: the run that works on the output folder.
        plan: the category's plan.
        reader: reads its partitions.
        todo: numbers of the partitions.
        workers: the CPUs that may work.
        counter: told how far each partition is; None if nobody looks.
        check: given while the files arrive; see `ShardSink`. Partitions then begin in the order of their bytes.
    """
    partitions = {index: plan.partitions[index] for index in todo}
    in_turn = sorted(todo)
    if check is None:
        in_turn.sort(key=lambda index: partitions[index].start - partitions[index].end)  # the largest first
    batch_size = min(run.config.batch_size, MAX_PARQUET_ROWS)  # hardly any partition has more

    named = ray.data.from_blocks([pa.table({"partition": pa.array([index] * batch_size)}) for index in in_turn])
    rows = named.map_batches(
        functools.partial(
            read_partitions,
            reader=reader,
            partitions=partitions,
            category=plan.category,
            output=run.output,
            counter=counter,
        ),
        batch_size=None,
        batch_format="pyarrow",
        compute=TaskPoolStrategy(),
        **workers.ray_options,
    )
    judged = rows.map_batches(
        functools.partial(
            judge_batch,
            settings=run.config.recipe,
            places=_places(plan, todo),
            counter=counter,
            examples=FirstDropped(run.config.recipe),
        ),
        batch_size=batch_size,
        batch_format="pyarrow",
        zero_copy_batch=True,
        compute=TaskPoolStrategy(),
        **workers.ray_options,
    )
    sink = ShardSink(run.output, plan, run.recipe, run.run_id, check)
    judged.write_datasink(sink, ray_remote_args=workers.ray_options)


def read_partitions(
    named: pa.Table,
    reader: PartitionReader,
    partitions: Mapping[int, Partition],
    category: str,
    output: OutputFolder,
    counter: Counter | None = None,
) -> Iterator[pa.Table]:
    """Yields the rows of the partitions that a block names.

    Args:
        named: the column `partition`, their numbers.
        reader: reads them.
        partitions: all that remain to be done, by number.
        category: their category.
        output: the output folder, where partitions are marked as begun.
        counter: told that they are begun.
    """
    outlast_outages()
    return_memory()  # of the partition before: else a worker takes more with each, 30 MB more after 50 of them
    for index in pc.unique(named["partition"]).to_pylist():
        begun = output.mark_running(category, index, this_node())
        if len(begun) > MAX_ATTEMPTS and len(on_live_nodes(begun)) > MAX_ATTEMPTS:
            raise WorkersDiedError(
                f"{category}: partition {index}: its worker died {MAX_ATTEMPTS} times, as it does without memory\n"
                "what was finished is kept: make memory free, or lower --workers, then run the same command again"
            )
        if counter is not None:
            counter.begin(index)
        yield from reader.read(index, partitions[index])


def _places(plan: CategoryPlan, todo: Sequence[int]) -> Mapping[int, str]:
    """Returns what a message calls a position in each partition that is to be done."""
    unit = "row" if plan.file_format == "parquet" else "byte"
    names = [f"{file.name}, {unit}" for file in plan.identity.files]
    return {number: names[plan.partitions[number].file] for number in todo}


def judge_batch(
    rows: pa.Table,
    settings: RecipeSettings,
    places: Mapping[int, str] | None = None,
    counter: Counter | None = None,
    examples: FirstDropped | None = None,
) -> pa.Table:
    """Lets the recipe judge the rows of a batch that the reader has not judged already.

    Args:
        rows: rows as the readers yield them.
        settings: settings of the recipe.
        places: for messages, the file of each partition and the unit of a position in it.
        counter: told which rows were judged.
        examples: finds the dropped rows that are kept as examples; None keeps none.

    Returns:
        What the sink needs: rows without the inputs of the recipe, with its item columns. Of a dropped row only the
        verdict remains.
    """
    whole = rows.select(["partition", "position", "verdict"])
    judged_already = rows.filter(pc.is_valid(rows["verdict"]))
    if judged_already.num_rows:
        rows = rows.filter(pc.is_null(rows["verdict"]))

    def place(index: int) -> str:
        partition, position = (rows[name][index].as_py() for name in ("partition", "position"))
        return f"{(places or {}).get(partition, f'partition {partition}, position')} {position:,}"

    judged = judged_rows(rows, settings, place)
    is_kept = pc.equal(judged["verdict"], KEPT)
    result = rows.select(["partition", "position", "cause", "raw"])
    for name in rows.column_names:
        if name.startswith(KEEP_PREFIX):
            kept = pc.if_else(is_kept, rows[name], pa.scalar(None, rows[name].type))
            result = result.append_column(rows.schema.field(name), kept)
    for name in judged.column_names:
        result = result.append_column(judged.schema.field(name), judged[name])
    if examples is not None:
        result = result.append_column(EXAMPLE, examples.among(rows, judged["verdict"].to_pylist()))
    judged_already = judged_already.select(["partition", "position", "cause", "raw", "verdict"])
    if counter is not None:
        counter.add(whole)
    return pa.concat_tables([result, judged_already], promote_options="default")
