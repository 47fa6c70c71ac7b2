"""How fast is `datasets` by itself? `load_dataset`, the needed columns, one batched `map` that drops rows, a list.

See `process_pool` for what counts as its time and what does not.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import datasets

from job.bench.baselines.child import WorkInput, WorkResult
from job.bench.baselines.course import COLUMNS, make_item
from job.bench.baselines.hf_tokenizer import load_tokenizer
from job.bench.baselines.process_pool import loaded_rows, work_result
from job.output.shard import items_schema
from job.recipe.course_2024.settings import Course2024Settings
from job.recipe.registry import UNDESCRIBED

_BATCH_ROWS = 1000


def work(work_input: WorkInput, file_format: str, workers: int, output: Path) -> WorkResult:
    """Runs the baseline; see `child.Work`. It reads Parquet only, and writes nothing but the cache of `datasets`."""
    del file_format
    with loaded_rows(work_input, output) as (rows, apart_s):
        began = time.time()
        dataset = rows.select_columns(work_input.recipe.recipe_type().inputs.names)
        items = dataset.map(
            curate_batch,
            batched=True,
            batch_size=_BATCH_ROWS,
            num_proc=workers if workers > 1 else None,
            remove_columns=dataset.column_names,
            features=datasets.Features.from_arrow_schema(items_schema(UNDESCRIBED)),
            fn_kwargs={
                "category": work_input.category,
                "recipe": work_input.recipe,
                "tokenizer": work_input.tokenizer,
            },
        ).to_list()
        ended = time.time()
        return work_result(items, dataset.num_rows, began, ended, apart_s)


def curate_batch(
    batch: dict[str, list[Any]], category: str, recipe: Course2024Settings, tokenizer: str
) -> dict[str, list[Any]]:
    """Makes the items of a batch of rows. Both are columns by their names."""
    encoding = load_tokenizer(tokenizer)
    rows = (dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True))
    items = [item for row in rows if (item := make_item(row, category, recipe, encoding)) is not None]
    return {name: [item[name] for item in items] for name in COLUMNS}
