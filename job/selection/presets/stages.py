"""Figures of each stage of a decision, so that a comparison says where a difference begins."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from job.selection.index import Index


def of_items(prices: np.ndarray) -> dict[str, float]:
    """Returns the number of items, and their mean, lowest and highest price if there are any."""
    if not len(prices):
        return {"items": 0}
    mean, lowest, highest = float(prices.mean()), float(prices.min()), float(prices.max())
    return {"items": len(prices), "mean_price": mean, "lowest_price": lowest, "highest_price": highest}


def by_category(index: Index, places: np.ndarray) -> dict[str, float]:
    """Returns the number of items of each category, in order of first appearance.

    Args:
        index: all items.
        places: places of some in load order.
    """
    numbers, first, counts = np.unique(index.category[places], return_index=True, return_counts=True)
    order = np.argsort(first)
    return {index.categories[numbers[each]]: int(counts[each]) for each in order}


def of_splits(
    prices: np.ndarray, splits: Mapping[str, np.ndarray], positions: Mapping[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    """Returns the figures of each split, with the price and the position in the sample of its first row.

    Args:
        prices: prices of all items.
        splits: places in load order of the items of each split.
        positions: positions of the same items in the sample, before it was shuffled.
    """
    figures: dict[str, dict[str, float]] = {}
    for name, places in splits.items():
        figures[name] = of_items(prices[places])
        if len(places):
            figures[name] |= {
                "first_price": float(prices[places[0]]),
                "first_position": int(positions[name][0]),
            }
    return figures
