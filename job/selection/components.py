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
    nodes, inverse = np.unique(np.concatenate([first, second]), return_inverse=True)
    root = np.arange(len(nodes))
    first, second = np.split(inverse, 2)
    while len(first):
        low, high = np.minimum(first, second), np.maximum(first, second)
        # A root hooks on to a smaller one beside it, or to a greater one, whichever more roots can do: with links left,
        # at least half of the linked roots can, so there are no more rounds than bits in their number.
        if len(np.unique(high)) >= len(np.unique(low)):
            np.minimum.at(root, high, low)
        else:
            np.maximum.at(root, low, high)
        while not np.array_equal(root, above := root[root]):
            root = above
        first, second = root[first], root[second]
        apart = first != second
        first, second = first[apart], second[apart]
    smallest = np.full(len(nodes), size)
    np.minimum.at(smallest, root, nodes)
    group = np.arange(size, dtype=np.int64)
    group[nodes] = smallest[root]
    return group
