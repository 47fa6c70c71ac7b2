"""The job on one page: source ► map_batches ► sink."""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import ray.data
from ray.data import DataContext, ExecutionResources, TaskPoolStrategy

from job.cluster import Workers
from job.config import RecipeConfig
from job.manifest import CategoryPlan
from job.recipe.price_prompt import PricePrompt
from job.recipe.tokenizer import load_tokenizer
from job.recipe.verdict import KEPT
from job.sink import ShardSink
from job.source.datasource import PartitionReader, PartitionsDatasource
from job.source.partitions import Partition
from job.source.rows import KEEP_PREFIX

_ONE_BLOCK_BYTES = 4 << 30
"""Ray cuts larger blocks, and two tasks would write the halves. A partition has some 64 MB."""


def curate_category(
    *,
    plan: CategoryPlan,
    reader: PartitionReader,
    file_names: Sequence[str],
    todo: Sequence[int],
    recipe: RecipeConfig,
    output: Path,
    workers: Workers,
    batch_size: int,
) -> None:
    """Curates the partitions of one category that are still to do.

    Args:
        plan: the category's plan.
        reader: reads its partitions.
        file_names: its source files, relative to the source.
        todo: the partitions' numbers.
        recipe: what makes a row an item.
        output: the output folder.
        workers: the cores that may work.
        batch_size: rows per batch.
    """
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.target_max_block_size = _ONE_BLOCK_BYTES
    context.execution_options.resource_limits = ExecutionResources(cpu=workers.cpu_limit)
    partitions = [Partition(index, *plan.partitions[index]) for index in todo]

    rows = ray.data.read_datasource(
        PartitionsDatasource(reader, partitions), override_num_blocks=len(partitions), **workers.task
    )
    judged = rows.map_batches(
        functools.partial(judge_batch, settings=recipe),
        batch_size=batch_size,
        batch_format="pyarrow",
        zero_copy_batch=True,
        compute=TaskPoolStrategy(),
        **workers.task,
    )
    judged.write_datasink(ShardSink(output, plan, file_names, reader.keep_columns))


def judge_batch(rows: pa.Table, settings: RecipeConfig) -> pa.Table:
    """Lets the recipe judge those rows of a batch that the reader has not judged already.

    Args:
        rows: in the readers' schema.
        settings: the recipe's.

    Returns:
        What the sink needs: rows without the inputs of the recipe, with its results. Of dropped rows only the
        verdict is left.
    """
    is_open = pc.is_null(rows["verdict"])
    judged_already = rows.filter(pc.invert(is_open))
    rows = rows.filter(is_open)
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
