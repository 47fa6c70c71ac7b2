"""Small Parquet files with the Hub's columns and the row groups that a test wants, and how they are read."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from job.config.columns import kept_columns
from job.recipe.course_2024.recipe import Course2024
from job.source.location import LocalFile
from job.source.read.json_row import RowDecoder
from job.source.read.parquet import ParquetReader
from job.source.read.rows import KEEP_PREFIX, RowLayout

NEEDED = pa.schema(
    [
        ("title", pa.string()),
        ("parent_asin", pa.string()),
        ("price", pa.string()),
        ("description", pa.list_(pa.string())),
        ("features", pa.list_(pa.string())),
        ("details", pa.string()),
    ]
)


_clock = itertools.count(time.time_ns(), 1_000_000)


def listings(num_rows: int, **columns: pa.Array) -> pa.Table:
    """Returns rows with their number in every field; `columns` replaces or adds some."""
    numbers = range(num_rows)
    made: dict[str, pa.Array] = {
        "title": pa.array([f"title {number}" for number in numbers], pa.string()),
        "parent_asin": pa.array([f"B{number:09}" for number in numbers], pa.string()),
        "price": pa.array([f"{number}.5" for number in numbers], pa.string()),
        "description": pa.array([[f"text {number}"] for number in numbers], pa.list_(pa.string())),
        "features": pa.array([[f"first {number}", f"second {number}"] for number in numbers], pa.list_(pa.string())),
        "details": pa.array([f'{{"Number": {number}}}' for number in numbers], pa.string()),
    }
    return pa.table(made | columns)


def write_groups(path: Path, rows: pa.Table, sizes: Iterable[int]) -> Path:
    """Writes a table with one row group per size, also for a size of 0."""
    begins = 0
    with pq.ParquetWriter(path, rows.schema) as writer:
        for size in sizes:
            writer.write_table(rows.slice(begins, size), row_group_size=max(size, 1))
            begins += size
    assert begins == rows.num_rows
    os.utime(path, ns=(now := next(_clock), now))  # the file system's clock may be too coarse to tell two files apart
    return path


def ranges(size: int, cuts: Iterable[int]) -> list[tuple[int, int]]:
    """Returns adjoining ranges that cover `size` rows or bytes, cut at the given positions."""
    return list(itertools.pairwise([0, *sorted(cut % (size + 1) for cut in cuts), size]))


def row_layout(
    keep_columns: Sequence[str] = (), max_row_bytes: int = 64 * 2**20, fields: Mapping[str, str] | None = None
) -> RowLayout:
    """Returns what the course's recipe reads of a row."""
    return RowLayout(
        inputs=Course2024.inputs, kept=kept_columns(keep_columns), fields=fields or {}, max_row_bytes=max_row_bytes
    )


def row_decoder(layout: RowLayout) -> Callable[[bytes], dict[str, Any]]:
    """Returns a function that decodes a line of JSON to its values by name. Kept columns have a prefix to theirs."""
    names = [*layout.inputs.names, *(KEEP_PREFIX + name for name in layout.kept.names)]
    decoder = RowDecoder(layout)
    return lambda line: dict(zip(names, [values[0] for values in decoder.columns([decoder.read(line)])], strict=True))


def read_all(
    path: Path, start: int, end: int, keep_columns: Sequence[str] = (), max_row_bytes: int = 64 * 2**20
) -> tuple[pa.Table, pa.Table]:
    """Reads a range as partition 7. Returns the rows, and the message that ends the partition."""
    reader = ParquetReader(row_layout(keep_columns, max_row_bytes))
    tables = list(reader.read(LocalFile(path), 7, start, end))
    return pa.concat_tables(tables[:-1]) if tables[1:] else tables[-1].slice(1), tables[-1]
