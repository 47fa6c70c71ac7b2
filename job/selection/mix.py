"""Is the mix of categories and prices the same in every split?

Keys know neither, so splits differ from the sample by chance alone; this states by how much.
"""

from __future__ import annotations

import msgspec
import numpy as np

from job.selection.decision import FATES, SPLITS, Decision
from job.selection.index import Index

_NUM_TENTHS = 10
_DECIMALS = 6
"""Decimals of a share; half an item in two million is a fourth of the last one."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """How far a split is from the sample, in one category or tenth."""

    of: str
    """The category, or the tenth by its prices, such as `$10.00 to $14.99`."""
    split: float
    """Its share of the split."""
    sample: float
    """Its share of the sample."""


class Tenth(msgspec.Struct, frozen=True, kw_only=True):
    """A tenth of the sample, by price. Equal prices stay together, so it may be more or less than a tenth."""

    lowest: float
    """Lowest price in it, in dollars."""
    highest: float
    """Highest price in it, in dollars."""
    share: float
    """Its share of the sample."""


class SplitMix(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of one split."""

    categories: dict[str, float]
    """Share of each category of the sample."""
    tenths: list[float]
    """Share of each of the sample's tenths."""
    largest_difference: Difference
    """Where the split is farthest from the sample."""


class Mix(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of the sample, and of each split that has items."""

    categories: dict[str, float]
    """Share of each category in the sample, in load order; those without an item are left out."""
    tenths: list[Tenth]
    """Tenths of the sample, by price; none without prices."""
    splits: dict[str, SplitMix]


def mix(index: Index, decision: Decision) -> Mix:
    """Compares the splits with the sample, which are here the items of all splits and the unused ones.

    Args:
        index: the index.
        decision: what was decided on it.

    Returns:
        Shares, rounded to 6 decimals. Items whose price is no finite number are in no tenth.
    """
    fate = decision.fate
    sample = np.flatnonzero((fate < len(SPLITS)) | (fate == FATES.index("unused")))
    names = list(index.categories)
    in_category = index.category[sample].astype(np.intp)
    present = [number for number, count in enumerate(np.bincount(in_category, minlength=len(names))) if count]
    bounds = _bounds(index, sample)
    in_tenth = np.full(len(sample), len(bounds))
    if index.price is not None:
        prices = index.price[sample]
        is_price = np.isfinite(prices)
        in_tenth[is_price] = np.searchsorted([high for _, high in bounds], prices[is_price])

    def shares(chosen: np.ndarray) -> tuple[dict[str, float], list[float]]:
        total = max(1, int(np.count_nonzero(chosen)))
        categories = np.bincount(in_category[chosen], minlength=len(names)) / total
        tenths = np.bincount(in_tenth[chosen], minlength=len(bounds) + 1)[: len(bounds)] / total
        by_name = {names[number]: round(float(categories[number]), _DECIMALS) for number in present}
        return by_name, [round(float(share), _DECIMALS) for share in tenths]

    categories, tenths = shares(np.ones(len(sample), bool))
    labels = [f"${low:,.2f} to ${high:,.2f}" for low, high in bounds]
    splits: dict[str, SplitMix] = {}
    for number, name in enumerate(SPLITS):
        chosen = fate[sample] == number
        if not chosen.any():
            continue
        own_categories, own_tenths = shares(chosen)
        differences = [
            Difference(of=of, split=own, sample=whole)
            for of, own, whole in (
                *zip(categories, own_categories.values(), categories.values(), strict=True),
                *zip(labels, own_tenths, tenths, strict=True),
            )
        ]
        splits[name] = SplitMix(
            categories=own_categories,
            tenths=own_tenths,
            largest_difference=max(differences, key=lambda each: abs(each.split - each.sample)),
        )
    return Mix(
        categories=categories,
        tenths=[
            Tenth(lowest=low, highest=high, share=share) for (low, high), share in zip(bounds, tenths, strict=True)
        ],
        splits=splits,
    )


def _bounds(index: Index, sample: np.ndarray) -> list[tuple[float, float]]:
    """Returns the lowest and the highest price of each tenth that has items."""
    if index.price is None:
        return []
    prices = index.price[sample]
    prices = np.sort(prices[np.isfinite(prices)])
    if not len(prices):
        return []
    last = [len(prices) * tenth // _NUM_TENTHS - 1 for tenth in range(1, _NUM_TENTHS + 1)]
    highest = np.unique(prices[[at for at in last if at >= 0]])
    after = np.searchsorted(prices, highest[:-1], side="right")
    lowest = prices[np.concatenate([[0], after]).astype(np.intp)]
    return list(zip(lowest.tolist(), highest.tolist(), strict=True))
