"""How much likelier items of a category are drawn."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from job.config.craft import SampleConfig
from job.errors import UsageError, nearest
from job.selection.index import Index

_MOST_NAMES = 10
"""Categories that a message lists, at most."""


def by_category(index: Index, sample: SampleConfig, filled_in: Collection[str] = ()) -> np.ndarray:
    """Returns the weight of each category.

    Args:
        index: the items.
        sample: what is drawn of them.
        filled_in: categories that a preset names itself, so that nobody has to have items of them.

    Returns:
        A weight for each of `index.categories`; float64.

    Raises:
        UsageError: when a weight is given to a category that is not among the items.
    """
    for name in sample.category_weights:
        if name not in index.categories and name not in filled_in:
            shown = ", ".join(index.categories[:_MOST_NAMES])
            more = f" and {len(index.categories) - _MOST_NAMES:,} more" if len(index.categories) > _MOST_NAMES else ""
            similar = nearest(name, index.categories) or f"; they are of: {shown}{more}"
            raise UsageError(f"sample.category_weights: no category {name!r} among the items{similar}")
    weights = [sample.category_weights.get(name, sample.other_weight) for name in index.categories]
    return np.array(weights, np.float64)
