"""How fast is the course's method? `load_dataset`, chunks of 1,000 rows, a process pool, one row at a time, a list.

- Not counted: the content digest. It is made to compare the items; the course makes none.
- Counted, as on anybody's first run, and also reported by itself as `load_dataset`: the time in which `load_dataset`
  converts the Parquet files into its own cache.
- The tokenizer is loaded before the pool starts, so that forked workers inherit it.
- Rows are decoded with all their columns, as in the course. That takes about 60 us of the 330 us per row;
  `datasets_map` saves it.
"""

from __future__ import annotations

import contextlib
import functools
import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import datasets
import pyarrow as pa

from job.bench.baselines.child import WorkInput, WorkResult
from job.bench.baselines.course import Item, make_item
from job.bench.baselines.hf_tokenizer import load_tokenizer
from job.output.shard import content_digest, items_schema
from job.output.totals import add_digests
from job.recipe.course_2024.settings import Course2024Settings
from job.recipe.registry import UNDESCRIBED

_CHUNK_ROWS = 1000


def work(work_input: WorkInput, file_format: str, workers: int, output: Path) -> WorkResult:
    """Runs the baseline; see `child.Work`. It reads Parquet only, and writes nothing but the cache of `datasets`."""
    del file_format
    with loaded_rows(work_input, output) as (dataset, apart_s):
        curate = functools.partial(
            curate_chunk, category=work_input.category, recipe=work_input.recipe, tokenizer=work_input.tokenizer
        )
        began = time.time()
        items: list[Item] = []
        with ProcessPoolExecutor(workers) as pool:
            for batch in pool.map(curate, _chunks(dataset)):
                items += batch
        ended = time.time()
        return work_result(items, dataset.num_rows, began, ended, apart_s)


@contextlib.contextmanager
def loaded_rows(work_input: WorkInput, output: Path) -> Generator[tuple[datasets.Dataset, dict[str, float]]]:
    """Loads the category's rows with `datasets`, and the tokenizer.

    Args:
        work_input: the work to do.
        output: the output folder. The cache of `datasets` is beside it until the context ends.

    Yields:
        The rows, and the seconds that it took to load them, for `WorkResult.apart_s`.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent) as cache:
        began = time.perf_counter()
        dataset = datasets.load_dataset(
            "parquet", data_files=work_input.files["parquet"], split="train", cache_dir=cache
        )
        if work_input.limit is not None:
            dataset = dataset.select(range(min(work_input.limit, dataset.num_rows)))
        loaded_s = time.perf_counter() - began
        load_tokenizer(work_input.tokenizer)
        yield dataset, {"load_dataset": loaded_s}


def _chunks(dataset: datasets.Dataset) -> Iterator[datasets.Dataset]:
    for start in range(0, dataset.num_rows, _CHUNK_ROWS):
        yield dataset.select(range(start, min(start + _CHUNK_ROWS, dataset.num_rows)))


def curate_chunk(chunk: datasets.Dataset, category: str, recipe: Course2024Settings, tokenizer: str) -> list[Item]:
    """Makes the items of a chunk of rows, in a process of the pool."""
    encoding = load_tokenizer(tokenizer)
    made = (make_item(row, category, recipe, encoding) for row in chunk)  # pyright: ignore[reportArgumentType]
    return [item for item in made if item is not None]


def work_result(
    items: Sequence[Item], num_rows: int, began: float, ended: float, apart_s: dict[str, float]
) -> WorkResult:
    """Returns the outcome of the work. It makes the content digest, in time that is not counted.

    Args:
        items: all items.
        num_rows: the number of rows that were read.
        began: the time at which the first row was taken up, in seconds since the epoch.
        ended: the time at which the last item was done, in seconds since the epoch.
        apart_s: the seconds of parts of the counted time, by the part's name.
    """
    from_s, from_cpu_s = time.perf_counter(), time.process_time()
    schema = items_schema(UNDESCRIBED)
    pieces = (items[start : start + _CHUNK_ROWS] for start in range(0, len(items), _CHUNK_ROWS))
    digest = add_digests(content_digest(pa.Table.from_pylist(list(piece), schema=schema)) for piece in pieces)
    return WorkResult(
        content_digest=digest,
        num_rows=num_rows,
        num_items=len(items),
        began=began,
        ended=ended,
        not_counted_s=time.perf_counter() - from_s,
        not_counted_cpu_s=time.process_time() - from_cpu_s,
        apart_s=apart_s,
    )
