"""Small Parquet files in the Hub's form, laid out as a test wants them."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from job.source.read.parquet import ParquetReader

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
    """Returns rows that say in every field which one they are; `columns` replaces or adds some."""
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
    """Writes a table with one row group for each of the sizes, empty ones included."""
    begins = 0
    with pq.ParquetWriter(path, rows.schema) as writer:
        for size in sizes:
            writer.write_table(rows.slice(begins, size), row_group_size=max(size, 1))
            begins += size
    assert begins == rows.num_rows
    os.utime(path, ns=(now := next(_clock), now))  # a file system's own clock may be too coarse to tell two files apart
    return path


def ranges(size: int, cuts: Iterable[int]) -> list[tuple[int, int]]:
    """Returns ranges that follow one another and cover so many rows or bytes, cut wherever."""
    return list(itertools.pairwise([0, *sorted(cut % (size + 1) for cut in cuts), size]))


def read_all(
    path: Path, start: int, end: int, keep_columns: Sequence[str] = (), max_row_bytes: int = 64 * 2**20
) -> tuple[pa.Table, pa.Table]:
    """Reads one range as partition 7: the rows, and the messages that came after or between them."""
    tables = list(ParquetReader(keep_columns, max_row_bytes).read(path, 7, start, end))
    return pa.concat_tables(tables[:-1]) if tables[1:] else tables[-1].slice(1), tables[-1]
