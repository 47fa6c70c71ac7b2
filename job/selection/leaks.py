"""How many rows of test and validation are in train, too?

Each kind is counted on its own, so a row may count under several: the same id or prompt as they are, the same title or
text after folding, and nearly the same text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec
import numpy as np

LeakKind = Literal["id", "title", "text", "prompt", "near"]
EXACT_KINDS: tuple[LeakKind, ...] = ("id", "title", "text", "prompt")
"""Kinds of leaks that hashes tell."""


class Leaks(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows of a split are in train, by kind. A kind that was not looked for has none: null."""

    rows: int
    """Rows of the split."""
    id: int | None
    title: int | None
    text: int | None
    prompt: int | None
    near: int | None
    any: int
    """Rows that count under at least one kind."""


class LeakedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a split, and the first row of train that is the same. Both count from 0."""

    row: int
    train_row: int


def leaked_rows(held: np.ndarray, train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Finds the rows of a split that are in train.

    Args:
        held: a 128-bit hash of each row of the split; uint64 of shape (rows, 2). (0, 0) is the same as no other.
        train: the same of the rows of train.

    Returns:
        The rows of the split that are in train, in their order, and for each the first such row of train; int64.
    """
    rows = np.concatenate(
        [
            np.flatnonzero(np.isin(train[:, 0], held[:, 0])),
            np.flatnonzero(held.any(axis=1)) + len(train),
        ]
    )
    hashes = np.concatenate([train, held])
    rows = rows[np.lexsort((rows, hashes[rows, 1], hashes[rows, 0]))]
    is_first = np.ones(len(rows), bool)
    is_first[1:] = (hashes[rows[1:]] != hashes[rows[:-1]]).any(axis=1)
    first = rows[is_first][np.cumsum(is_first) - 1]
    is_leaked = (rows >= len(train)) & (first < len(train))
    order = np.argsort(rows[is_leaked])
    return rows[is_leaked][order] - len(train), first[is_leaked][order]


def leaks(
    held: Mapping[LeakKind, np.ndarray],
    train: Mapping[LeakKind, np.ndarray],
    near: tuple[np.ndarray, np.ndarray] | None = None,
    *,
    examples: int = 5,
) -> tuple[Leaks, dict[LeakKind, list[LeakedRow]]]:
    """Counts the rows of a split that are in train.

    Args:
        held: hashes of the rows of the split, as in `leaked_rows`, by each of `EXACT_KINDS` that the set has.
        train: the same of the rows of train.
        near: pairs of a row of the split and a row of train that are near duplicates, in any order; None when they were
            not looked for.
        examples: rows of each kind to be told, at most.

    Returns:
        The counts, and examples of each kind that was looked for: the first rows of the split that leak.
    """
    size = len(next(iter(held.values())))
    found: dict[LeakKind, tuple[np.ndarray, np.ndarray]] = {
        kind: leaked_rows(held[kind], train[kind]) for kind in EXACT_KINDS if kind in held
    }
    if near is not None:
        rows, at = np.unique(near[0], return_inverse=True)
        first = np.full(len(rows), np.iinfo(np.int64).max)
        np.minimum.at(first, at, near[1])
        found["near"] = rows, first
    is_any = np.zeros(size, bool)
    for rows, _ in found.values():
        is_any[rows] = True

    def count(kind: LeakKind) -> int | None:
        return len(found[kind][0]) if kind in found else None

    counts = Leaks(
        rows=size,
        id=count("id"),
        title=count("title"),
        text=count("text"),
        prompt=count("prompt"),
        near=count("near"),
        any=int(is_any.sum()),
    )
    return counts, {
        kind: [
            LeakedRow(row=row, train_row=train_row)
            for row, train_row in zip(rows[:examples].tolist(), first[:examples].tolist(), strict=True)
        ]
        for kind, (rows, first) in found.items()
    }
