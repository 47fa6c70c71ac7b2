"""How a category is cut into partitions: by its files and the limit alone, never by who does the work.

A partition is the unit of work, of retry and of resume. About 48 of them keep 16 cores busy on a small category. The
bounds keep a tiny category from becoming many tiny tasks, and the partitions of a big one from outgrowing memory.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Container, Sequence

import msgspec
import pyarrow.parquet as pq

from job.source.location import FileLocation
from job.source.read.jsonl import end_of_rows

PARTITIONS_PER_CATEGORY = 48
MIN_JSONL_BYTES = 4_000_000
MAX_JSONL_BYTES = 64_000_000
MIN_PARQUET_ROWS = 2_000
MAX_PARQUET_ROWS = 32_000
MAX_PARQUET_BYTES = 64_000_000
"""Bytes of the recipe's inputs in a partition, before compression, as the metadata of the file states them."""

RULE_VERSION = 1
"""Version of the rule. It goes up whenever the same files would be cut in another way; a test watches over that."""

RULE = (
    f"1/{PARTITIONS_PER_CATEGORY}, {MIN_JSONL_BYTES}-{MAX_JSONL_BYTES} bytes of JSONL, "
    f"{MIN_PARQUET_ROWS}-{MAX_PARQUET_ROWS} rows and {MAX_PARQUET_BYTES} bytes of Parquet"
) + (f", version {RULE_VERSION}" if RULE_VERSION > 1 else "")
"""The rule in words, as it enters the identity of the work: another rule makes other shards."""


class Partition(msgspec.Struct, frozen=True, array_like=True):
    """A piece of one file. Its number is its place in the plan."""

    file: int
    """Number of the file in the category."""
    start: int
    """First byte of a JSONL file, or first row of a Parquet file."""
    end: int
    """The byte or row after the last one."""


def cut_jsonl(locations: Sequence[FileLocation], limit: int | None, max_row_bytes: int) -> list[Partition]:
    """Cuts JSONL files into byte ranges.

    Args:
        locations: the category's files, unpacked.
        limit: how many rows of the category to read, from the first; None for all.
        max_row_bytes: see `JobConfig`.

    Returns:
        The partitions, in the order of their rows.
    """
    sizes: list[int] = []
    left = limit
    for location in locations:
        size = location.size_now()
        if left is not None:
            size, rows = end_of_rows(location, left, max_row_bytes)
            left -= rows
        sizes.append(size)
    partitions: list[Partition] = []
    for file, size in enumerate(sizes):
        pieces = _pieces(sum(sizes), size, MIN_JSONL_BYTES, MAX_JSONL_BYTES)
        for piece in range(pieces):
            start, end = size * piece // pieces, size * (piece + 1) // pieces
            partitions.append(Partition(file, start, end))
    return partitions


RowGroups = list[tuple[int, int]]
"""Row groups of a file: for each, its rows, and the bytes of the inputs before compression."""


def row_groups(metadata: pq.FileMetaData, inputs: Container[str]) -> RowGroups:
    """Returns what the cut of a file depends on, which is far smaller than its metadata.

    Args:
        metadata: metadata of the file, or of some of its row groups.
        inputs: names of the recipe's inputs.
    """
    found: RowGroups = []
    columns: list[int] | None = None
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        if columns is None:  # all row groups have the same
            names = [group.column(index).path_in_schema.partition(".")[0] for index in range(group.num_columns)]
            columns = [index for index, name in enumerate(names) if name in inputs]
        found.append((group.num_rows, sum(group.column(index).total_uncompressed_size for index in columns)))
    return found


def cut_parquet(files: Sequence[RowGroups], limit: int | None) -> list[Partition]:
    """Cuts Parquet files into runs of row groups; a row group above the maximum is cut by rows.

    Args:
        files: the row groups of each of the category's files.
        limit: how many rows of the category to read, from the first; None for all.

    Returns:
        The partitions, in the order of their rows.
    """
    sizes = [sum(rows for rows, _ in groups) for groups in files]
    left = sum(sizes)
    if limit is not None:
        left = min(left, limit)
    target = min(max(math.ceil(left / PARTITIONS_PER_CATEGORY), MIN_PARQUET_ROWS), MAX_PARQUET_ROWS)
    partitions: list[Partition] = []
    for file, (groups, size) in enumerate(zip(files, sizes, strict=True)):
        wanted = min(size, left)
        left -= wanted
        for start, end in _runs(groups, wanted, target):
            partitions.append(Partition(file, start, end))
    return partitions or [Partition(0, 0, 0)]  # a category without rows has a shard too


def _pieces(total: int, size: int, lowest: int, highest: int) -> int:
    """Returns how many pieces to cut a file into, so that each is about a 48th of the total, within bounds."""
    target = min(max(math.ceil(total / PARTITIONS_PER_CATEGORY), lowest), highest)
    return max(1, size // target, math.ceil(size / highest))


def _runs(groups: RowGroups, num_rows: int, target: int) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    start = end = run_bytes = 0
    for group_rows, size in groups:
        rows = min(group_rows, num_rows - end)
        if rows == 0:  # an empty row group, or the limit is reached
            continue
        too_much = end - start + rows > MAX_PARQUET_ROWS or run_bytes + size > MAX_PARQUET_BYTES
        if end > start and (too_much or end - start >= target):
            runs.append((start, end))
            start, run_bytes = end, 0
        end += rows
        run_bytes += size
        pieces = max(math.ceil(rows / MAX_PARQUET_ROWS), math.ceil(size / MAX_PARQUET_BYTES))
        if pieces > 1 and end - start == rows:
            pieces = min(pieces, rows)
            cuts = [start + rows * piece // pieces for piece in range(pieces + 1)]
            runs += list(itertools.pairwise(cuts))
            start, run_bytes = end, 0
    if end > start:
        runs.append((start, end))
    return runs
