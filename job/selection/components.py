"""Which items belong together, when some pairs of them are linked?"""

from __future__ import annotations

import numpy as np


def components(size: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Groups what is linked, directly or over others.

    Args:
        size: number of items.
        first: one item of each link.
        second: the other one.

    Returns:
        The smallest item of each item's group; int64. Neither the order of the links nor their direction plays a part.
    """
    label = np.arange(size, dtype=np.int64)
    while len(first):
        one, other = label[first], label[second]
        apart = one != other
        first, second, one, other = first[apart], second[apart], one[apart], other[apart]
        np.minimum.at(label, np.maximum(one, other), np.minimum(one, other))
        while ((higher := label[label]) != label).any():
            label = higher
    return label
