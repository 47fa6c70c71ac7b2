"""The course's method: `load_dataset`, chunks of 1,000 rows, a process pool, one row at a time, a list of items.

Of the time not counted: the content digest, which is there to compare the items, and which the course does not make.
What `load_dataset` takes to turn the Parquet files into its own cache is counted, as it is on anybody's first run, and
is told apart as `load_dataset`. The tokenizer is loaded before the pool starts, which forks it where it can. Rows are
taken as they are, all columns decoded, as the course does; that is about 60 us of the 330 us that a row takes, and what
`datasets_map` does without.
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

from job.bench.baselines.child import Done, Spec
from job.bench.baselines.course import Item, load_tokenizer, make_item
from job.config.models import RecipeConfig
from job.output.records import add_digests
from job.output.shard import content_digest, items_schema

_CHUNK_ROWS = 1000


def work(spec: Spec, file_format: str, workers: int, output: Path) -> Done:
    """See `Work`. The form is Parquet, and nothing is written but the data set's cache, beside the output."""
    del file_format
    with loaded_rows(spec, output) as (dataset, apart_s):
        curate = functools.partial(curate_chunk, category=spec.category, recipe=spec.recipe, tokenizer=spec.tokenizer)
        began = time.time()
        items: list[Item] = []
        with ProcessPoolExecutor(workers) as pool:
            for batch in pool.map(curate, _chunks(dataset)):
                items += batch
        ended = time.time()
        return done(items, dataset.num_rows, began, ended, apart_s)


@contextlib.contextmanager
def loaded_rows(spec: Spec, output: Path) -> Generator[tuple[datasets.Dataset, dict[str, float]]]:
    """Loads the category's rows by `datasets`, and the tokenizer.

    Args:
        spec: what to load.
        output: the output folder, beside which the data set's cache lies while the context lasts.

    Yields:
        The rows, and the seconds that loading them took, for `Done.apart_s`.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent) as cache:
        began = time.perf_counter()
        dataset = datasets.load_dataset("parquet", data_files=spec.parquet_files, split="train", cache_dir=cache)
        if spec.limit is not None:
            dataset = dataset.select(range(min(spec.limit, dataset.num_rows)))
        loaded_s = time.perf_counter() - began
        load_tokenizer(spec.tokenizer)
        yield dataset, {"load_dataset": loaded_s}


def _chunks(dataset: datasets.Dataset) -> Iterator[datasets.Dataset]:
    for start in range(0, dataset.num_rows, _CHUNK_ROWS):
        yield dataset.select(range(start, min(start + _CHUNK_ROWS, dataset.num_rows)))


def curate_chunk(chunk: datasets.Dataset, category: str, recipe: RecipeConfig, tokenizer: str) -> list[Item]:
    """Makes the items of a chunk of rows, in a process of the pool."""
    made = (make_item(row, category, recipe, tokenizer) for row in chunk)  # pyright: ignore[reportArgumentType]
    return [item for item in made if item is not None]


def done(items: Sequence[Item], num_rows: int, began: float, ended: float, apart_s: dict[str, float]) -> Done:
    """Says what was done; the digest is made here, and its time is not counted.

    Args:
        items: all of them.
        num_rows: how many rows they were made of.
        began: when the first row was taken up, in seconds since the epoch.
        ended: when the last item was there.
        apart_s: parts of the time that are counted, in seconds.
    """
    from_s, from_cpu_s = time.perf_counter(), time.process_time()
    schema = items_schema(())
    pieces = (items[start : start + _CHUNK_ROWS] for start in range(0, len(items), _CHUNK_ROWS))
    digest = add_digests(content_digest(pa.Table.from_pylist(list(piece), schema=schema)) for piece in pieces)
    return Done(
        content_digest=digest,
        num_rows=num_rows,
        num_items=len(items),
        began=began,
        ended=ended,
        not_counted_s=time.perf_counter() - from_s,
        not_counted_cpu_s=time.process_time() - from_cpu_s,
        apart_s=apart_s,
    )
