"""What do the two ways to make a training set have in common? Their input, and what they tell of their outcome."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec


class CraftInput(msgspec.Struct, frozen=True, kw_only=True):
    """The work of the baseline."""

    preset: str
    """`course-2024` or `course-2025`."""
    parquet_files: list[str]
    """Paths of the items' shards, in the order of the items."""
    sizes: dict[str, int]
    """Sizes that the preset's method has: for 2024 `slot_cap`, `train` and `test`; for 2025 `size`, `train` and
    `validation`, and the test set is what they leave."""
    seed: int = 42


class CraftResult(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of making a training set."""

    digests: dict[str, str]
    """See `rows_digest`, by split; splits without rows are left out."""
    num_rows: dict[str, int]
    """Rows by split."""
    not_counted_s: float
    """Seconds that the method itself does not need."""
    apart_s: dict[str, float]
    """Seconds of parts of the counted time, by the part's name."""


def rows_digest(rows: Iterable[tuple[str, float]]) -> str:
    """Returns the digest of a split: SHA-256 over the id and the price of each row, in order, in hexadecimal."""
    digest = hashlib.sha256()
    for identifier, price in rows:
        digest.update(f"{identifier}\t{price!r}\n".encode())
    return digest.hexdigest()
