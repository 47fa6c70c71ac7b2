"""Hashes of items: of each value, of each row, and of its id, 64 bits each.

They hold within one process, since Python's own hash of text starts from another seed in every process. With 5.6
million items, the chance that any two different ones have the same hash is about one in a million.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

_ROWS_AT_ONCE = 4_000
"""Rows whose values are Python objects at the same time."""
_NULL = np.uint64(0x6E756C6C)
_MULTIPLIERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def row_type(num_columns: int) -> np.dtype[np.void]:
    """Returns the type of what is kept of a row.

    Returns:
        `named`: whether it has an id; `id` and `row`: hashes of the id and of all values; `at`: the number of its shard
        times 2^32, plus its own in the shard; `columns`: the lower half of the hash of each value.
    """
    return np.dtype([("named", "?"), ("id", "u8"), ("row", "u8"), ("at", "u8"), ("columns", "u4", (num_columns,))])


def hashed(items: pa.Table, columns: Sequence[str], id_column: str | None, shard: int) -> np.ndarray:
    """Hashes the items of a shard.

    Args:
        items: the items.
        columns: which of their columns count; at least one.
        id_column: which of these identifies an item; None without any. A row whose id is null has none either.
        shard: the number of the shard.

    Returns:
        An array of `row_type`.
    """
    rows = np.zeros(items.num_rows, row_type(len(columns)))
    whole = np.zeros(items.num_rows, np.uint64)
    for number, name in enumerate(columns):
        values = _values(items[name])
        rows["columns"][:, number] = values.astype(np.uint32)
        whole = _mixed(whole ^ (values + np.uint64(number)))
        if name == id_column:
            rows["id"], rows["named"] = values, items[name].is_valid().to_numpy()
    rows["row"] = whole
    rows["id"] = np.where(rows["named"], rows["id"], whole)
    rows["at"] = (np.uint64(shard) << np.uint64(32)) + np.arange(items.num_rows, dtype=np.uint64)
    return rows


def _values(column: pa.ChunkedArray) -> np.ndarray:
    """Returns the hash of each value of a column."""
    parts = [_chunk(part) for chunk in column.chunks for part in _slices(chunk)]
    values = np.concatenate(parts) if parts else np.zeros(0, np.uint64)
    return np.where(column.is_null().to_numpy(), _mixed(_NULL), _mixed(values))


def _slices(chunk: pa.Array) -> list[pa.Array]:
    return [chunk.slice(start, _ROWS_AT_ONCE) for start in range(0, len(chunk), _ROWS_AT_ONCE)]


def _chunk(values: pa.Array) -> np.ndarray:
    kind = values.type
    if pa.types.is_string(kind):
        return _python_hashes(values.cast(pa.binary()).to_numpy(zero_copy_only=False).tolist())
    if pa.types.is_boolean(kind):
        return values.cast(pa.uint8()).fill_null(0).to_numpy().astype(np.uint64)
    if pa.types.is_floating(kind):  # by their bits: 0.0 and -0.0 are two values, and NaN is one
        return values.cast(pa.float64()).fill_null(0.0).to_numpy().view(np.uint64)
    if pa.types.is_date(kind):
        values = values.cast(pa.int32())
    if pa.types.is_timestamp(kind):
        values = values.cast(pa.int64())
    if pa.types.is_integer(values.type):
        return (
            values.fill_null(0)
            .to_numpy()
            .astype(np.int64 if pa.types.is_signed_integer(values.type) else np.uint64)
            .view(np.uint64)
        )
    return _python_hashes([repr(value) for value in values.to_pylist()])


def _python_hashes(values: Sequence[object]) -> np.ndarray:
    return np.fromiter(map(hash, values), np.int64, len(values)).view(np.uint64)


def _mixed(values: np.ndarray | np.uint64) -> np.ndarray:
    """Spreads hashes over all 64 bits, as splitmix64 does."""
    mixed = np.atleast_1d(values)
    for shift, multiplier in zip((30, 27), _MULTIPLIERS, strict=True):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * multiplier
    return mixed ^ (mixed >> np.uint64(31))
