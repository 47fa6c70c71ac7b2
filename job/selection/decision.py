"""What was decided: what becomes of each item, and in which row of which file it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

SPLITS = ("train", "validation", "test")
"""Names of the splits, in the order in which they are told."""
REMOVED = ("duplicate_id", "duplicate_title", "duplicate_text", "duplicate_near", "not_drawn", "unused")
"""Why an item is in no split, in the order of the funnel."""
FATES = (*SPLITS, *REMOVED)
"""What can become of an item. `Decision.fate` holds places in this tuple."""
NONE = -1
"""Place of no item."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The decision. Each array has one entry per item, in load order."""

    fate: np.ndarray
    """Place of each item's fate in `FATES`; uint8."""
    row: np.ndarray
    """Row of each item: within its split, or among all removed items, which stand in load order; uint32."""
    kept: np.ndarray
    """Of a duplicate, the item that was kept in its place, by its place in load order; else -1; int64."""
    similarity: np.ndarray
    """Of a near duplicate, the Jaccard similarity with the item that was kept; else NaN; float64."""
    stages: Mapping[str, Mapping[str, float]]
    """Figures of each stage by its name, in order, such as `{"sample": {"items": 408635, "mean_price": 220.52}}`."""

    def counts(self) -> dict[str, int]:
        """Returns the number of items of each fate, those without any included."""
        counted = np.bincount(self.fate, minlength=len(FATES)).tolist()
        return dict(zip(FATES, counted, strict=True))


def decision(
    *,
    size: int,
    splits: Mapping[str, np.ndarray],
    removed: Mapping[str, np.ndarray],
    kept: np.ndarray | None = None,
    similarity: np.ndarray | None = None,
    stages: Mapping[str, Mapping[str, float]],
) -> Decision:
    """Makes a decision from the items of each fate.

    Args:
        size: number of items.
        splits: places in load order of the items of each split, in the order of its rows.
        removed: places of the items removed for each reason, in any order.
        kept: see `Decision`; none unless given.
        similarity: see `Decision`; none unless given.
        stages: see `Decision`.

    Raises:
        RuntimeError: when an item has no fate, or two.
    """
    fate = np.full(size, len(FATES), np.uint8)
    row = np.zeros(size, np.uint32)
    for name, places in {**splits, **removed}.items():
        fate[places] = FATES.index(name)
        if name in splits:
            row[places] = np.arange(len(places), dtype=np.uint32)
    if sum(map(len, splits.values())) + sum(map(len, removed.values())) != size or (fate == len(FATES)).any():
        raise RuntimeError("the decision does not add up: an item has no fate, or two")
    is_removed = fate >= len(SPLITS)
    row[is_removed] = np.arange(int(is_removed.sum()), dtype=np.uint32)
    return Decision(
        fate=fate,
        row=row,
        kept=np.full(size, NONE, np.int64) if kept is None else kept,
        similarity=np.full(size, np.nan) if similarity is None else similarity,
        stages=stages,
    )
