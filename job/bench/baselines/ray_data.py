"""How fast is Ray Data by itself? `read_parquet` or `read_json`, `map_batches`, `write_parquet`, no setting changed.

The rules are those of `course.py`, in plain Python, with tiktoken (`plain_tokenizer.py`). The content digest does not
count. `read_json` makes a table of the rows: every row then has every key that `details` has in any row nearby, with
null where the row has none. That changes the text of an item, and which rows have enough of it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pyarrow as pa

from job.bench.baselines.child import WorkInput, WorkResult
from job.bench.baselines.course import make_item, row_of_json
from job.bench.baselines.plain_tokenizer import plain_tokenizer
from job.bench.baselines.written import num_rows_of, written_result
from job.output.shard import items_schema
from job.recipe.course_2024.settings import Course2024Settings
from job.recipe.registry import UNDESCRIBED

_BATCH_ROWS = 1000


def work(work_input: WorkInput, file_format: str, workers: int, output: Path) -> WorkResult:
    """Runs the baseline; see `child.Work`."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")  # see `ray_internals.without_uv_run`
    import ray
    import ray.data

    paths = work_input.files[file_format]
    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
    rows = ray.data.read_parquet(paths) if file_format == "parquet" else ray.data.read_json(paths, lines=True)
    if work_input.limit is not None:
        rows = rows.limit(work_input.limit)
    items = rows.map_batches(
        curate_batch,  # pyright: ignore[reportArgumentType]  # it takes more arguments, by fn_kwargs
        batch_size=_BATCH_ROWS,
        batch_format="pyarrow",
        fn_kwargs={
            "category": work_input.category,
            "recipe": work_input.recipe,
            "is_json": file_format == "jsonl",
        },
    )
    began = time.time()
    items.write_parquet(str(output))
    ended = time.time()
    ray.shutdown()
    num_rows = num_rows_of([Path(path) for path in paths], file_format)
    if work_input.limit is not None:
        num_rows = min(num_rows, work_input.limit)
    return written_result(output, num_rows, began=began, ended=ended)


def curate_batch(batch: pa.Table, category: str, recipe: Course2024Settings, *, is_json: bool) -> pa.Table:
    """Makes the items of a batch of rows."""
    encoding = plain_tokenizer()
    rows: list[dict[str, Any]] = batch.to_pylist()
    made = (make_item(row_of_json(row) if is_json else row, category, recipe, encoding) for row in rows)
    return pa.Table.from_pylist([item for item in made if item is not None], schema=items_schema(UNDESCRIBED))
