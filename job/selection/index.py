"""The index: what a decision has to know of every item, in load order.

Load order is the order of the courses' lists: categories as the items' plan has them, rows as their source has them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa

Use = Literal["survivor", "sample", "split", "order"]
"""What a key of an item is for; see `job.selection.keys`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Index:
    """Narrow columns of all items. Each array has one entry per item."""

    categories: tuple[str, ...]
    """Names of the categories, in load order."""
    category: np.ndarray
    """Number of each item's category in `categories`; uint16."""
    price: np.ndarray | None = None
    """Dollars, as they came; float64. None when the recipe has no price."""
    ids: pa.LargeStringArray | None = None
    """Each item's id as it came, or null. None when the recipe has no id."""
    title: np.ndarray | None = None
    """128-bit hash of each title; uint64 of shape (items, 2). Of the folded title in the default, where a title that
    is empty after folding has the hash (0, 0); of the title as it came in a preset."""
    text: np.ndarray | None = None
    """The same of each text."""
    keys: dict[Use, np.ndarray] = field(default_factory=dict[Use, np.ndarray])
    """Keys of each item, by their use; uint64. Empty in a preset."""
    bands: np.ndarray | None = None
    """MinHash bands of each text; uint64 of shape (items, bands). None when near duplicates are not looked for."""

    def __len__(self) -> int:
        return len(self.category)
