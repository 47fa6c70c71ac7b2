"""Reads narrow columns of many rows: each task reads some shards, and returns little of each of their rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import ray

from job.cluster.workers import Workers
from job.gather.exchange import Exchange
from job.gather.items import GROUPS, ItemShard, grouped

PLACE = "place"
"""Name of the column with the place of each row, which every shard's columns have."""
_ROWS_PER_TASK = 50_000
"""Number of rows that a task reads, about, where there are many: some 10 MB come back."""


class Narrow:
    """Columns of all rows, while they are being read. Blocks may come in any order.

    Args:
        count: number of rows.
    """

    def __init__(self, count: int) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        """Numbers by the name of their column, one per row; of a list column one row of an array per row."""
        self.num_rows = 0
        self.count = count
        """Number of rows that there will be."""
        self._seen = np.zeros(count, bool)
        self._texts: dict[str, list[tuple[int, pa.Array]]] = {}

    def add(self, block: pa.Table) -> None:
        """Adds the rows of a block."""
        places = block[PLACE].to_numpy()
        self._seen[places] = True
        self.num_rows += len(places)
        for name in block.column_names:
            column = pa.concat_arrays(block[name].chunks)
            if pa.types.is_string(column.type):
                own = column.take(pa.array(np.arange(len(column))))  # the block would stay in Ray's object store
                self._texts.setdefault(name, []).append((int(places[0]), own))
            elif name != PLACE:
                values = _numbers(column)
                if name not in self.arrays:
                    self.arrays[name] = np.zeros((self.count, *values.shape[1:]), values.dtype)
                self.arrays[name][places] = values

    def has(self, shard: ItemShard) -> bool:
        """Tells whether the rows of a shard are there."""
        return bool(self._seen[shard.place])

    def texts(self, name: str) -> pa.LargeStringArray | None:
        """Returns a column of text; None when there is none of that name."""
        parts = [column for _, column in sorted(self._texts.get(name, []), key=lambda part: part[0])]
        return pa.chunked_array(parts).cast(pa.large_string()).combine_chunks() if parts else None

    def check_whole(self) -> None:
        """Raises RuntimeError when a row is missing, or came twice."""
        if self.num_rows != self.count or not self._seen.all():
            raise RuntimeError(f"{self.num_rows} rows were read of {self.count}, or some of them twice")


def read_narrow(
    shards: Sequence[ItemShard],
    work: Callable[[ItemShard], pa.Table],
    workers: Workers,
    show: Callable[[int], object] = lambda _: None,
    begun: Narrow | None = None,
) -> Narrow:
    """Reads narrow columns of all rows.

    Args:
        shards: the shards, in the order of their rows.
        work: returns the narrow columns of a shard's rows, and the place of each.
        workers: the CPUs that may work.
        show: called with the number of rows that are there.
        begun: columns of some shards, which are not read again.

    Raises:
        CurateError: when a shard has changed, or cannot be read.
        RuntimeError: when a row is missing.
    """
    narrow = begun or Narrow(sum(shard.num_rows for shard in shards))
    left = [shard for shard in shards if not narrow.has(shard)]

    def take(_: int, block: pa.Table) -> None:
        narrow.add(block)
        show(narrow.num_rows)

    groups = dict(enumerate(grouped(left, max(GROUPS, narrow.count // _ROWS_PER_TASK))))
    shared = ray.put(work)
    Exchange[int](workers=workers).run(
        _read_shards, {number: (shared, group) for number, group in groups.items()}, dict.fromkeys(groups, 0), take
    )
    narrow.check_whole()
    return narrow


def _read_shards(work: Callable[[ItemShard], pa.Table], shards: Sequence[ItemShard]) -> pa.Table:
    return pa.concat_tables(map(work, shards))


def places_of(shard: ItemShard) -> pa.Array:
    """Returns the column `PLACE` of a shard."""
    return pa.array(np.arange(shard.place, shard.place + shard.num_rows, dtype=np.uint32))


def wide(values: np.ndarray) -> pa.FixedSizeListArray:
    """Returns an array of two dimensions as a column of lists."""
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])


def _numbers(column: pa.Array) -> np.ndarray:
    if pa.types.is_fixed_size_list(column.type):
        return column.flatten().to_numpy().reshape(-1, column.type.list_size)
    return column.to_numpy(zero_copy_only=False)
