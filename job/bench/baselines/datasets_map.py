"""The method of `datasets`: `load_dataset`, the columns needed, one batched `map` that drops rows, a list of items.

What is counted, and what is not, is as in `process_pool`.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import datasets

from job.bench.baselines.child import Done, Spec
from job.bench.baselines.course import COLUMNS, make_item
from job.bench.baselines.process_pool import done, loaded_rows
from job.config.models import RecipeConfig
from job.output.shard import items_schema
from job.source.read.rows import PARQUET_COLUMNS

_BATCH_ROWS = 1000


def work(spec: Spec, file_format: str, workers: int, output: Path) -> Done:
    """See `Work`. The form is Parquet, and nothing is written but the data set's cache, beside the output."""
    del file_format
    with loaded_rows(spec, output) as (rows, apart_s):
        began = time.time()
        dataset = rows.select_columns(list(PARQUET_COLUMNS))
        items = dataset.map(
            curate_batch,
            batched=True,
            batch_size=_BATCH_ROWS,
            num_proc=workers if workers > 1 else None,
            remove_columns=dataset.column_names,
            features=datasets.Features.from_arrow_schema(items_schema(())),
            fn_kwargs={"category": spec.category, "recipe": spec.recipe, "tokenizer": spec.tokenizer},
        ).to_list()
        ended = time.time()
        return done(items, dataset.num_rows, began, ended, apart_s)


def curate_batch(
    batch: dict[str, list[Any]], category: str, recipe: RecipeConfig, tokenizer: str
) -> dict[str, list[Any]]:
    """Makes the items of a batch of rows, column by column."""
    rows = (dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True))
    items = [item for row in rows if (item := make_item(row, category, recipe, tokenizer)) is not None]
    return {name: [item[name] for item in items] for name in COLUMNS}
