"""The default method of `curate craft`: remove duplicates, draw by keys, and divide by groups."""

from __future__ import annotations

import math

import numpy as np

from job.config.craft import DUPLICATE_KINDS, CraftConfig
from job.errors import UsageError
from job.selection.decision import NONE, Decision, decision
from job.selection.draw import draw
from job.selection.duplicates import Duplicates, NearLinks, duplicates, groups, links
from job.selection.index import Index
from job.selection.splits import split


def decide(index: Index, config: CraftConfig, near: NearLinks | None = None) -> Decision:
    """Decides what becomes of each item.

    Args:
        index: the index, with keys, and with hashes of folded titles and texts.
        config: the config of the training set.
        near: pairs of near duplicates, whether or not they are to be removed: they decide the splits too. Of texts that
            are all alike, a star is enough. None where none are looked for.

    Returns:
        The decision. A near duplicate's similarity is NaN where it and the item kept are none of the pairs.

    Raises:
        UsageError: when there are no items, when settings need what the items do not have, and when too few are left.
    """
    if not len(index):
        raise UsageError("there are no items to make a training set of\nname another output of `curate run`: items")
    found = links(index, near)
    removed = duplicates(index, found, config.deduplicate)
    group = groups(len(index), [found[kind] for kind in DUPLICATE_KINDS])
    del found
    is_left = np.ones(len(index), bool)
    is_left[removed.removed] = False
    left = np.flatnonzero(is_left)
    sample = draw(index, config.sample, left)
    not_drawn = _without(left, [sample], len(index))
    del left, is_left
    splits = split(index, config.splits, group, sample)
    del group
    places = {"not_drawn": not_drawn, "unused": _without(sample, list(splits.values()), len(index))}
    stages = _stages(index, config, removed, sample, splits)
    del sample
    for kind in config.deduplicate:
        places[f"duplicate_{kind}"] = removed.removed[removed.kind == DUPLICATE_KINDS.index(kind)]
    kept = np.full(len(index), NONE, np.int64)
    kept[removed.removed] = removed.kept
    similarity = np.full(len(index), np.nan)
    similarity[removed.removed] = removed.similarity
    return decision(size=len(index), splits=splits, removed=places, kept=kept, similarity=similarity, stages=stages)


def _stages(
    index: Index, config: CraftConfig, removed: Duplicates, sample: np.ndarray, splits: dict[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    """Returns the figures of what is left after each stage."""
    is_left = np.ones(len(index), bool)
    stages = {"items": _figures(index, is_left)}
    for kind in config.deduplicate:
        is_left[removed.removed[removed.kind == DUPLICATE_KINDS.index(kind)]] = False
        stages[f"without_duplicate_{kind}"] = _figures(index, is_left)
    for name, places in {"sample": sample, **splits}.items():
        stages[name] = _figures(index, places)
    return stages


def _without(places: np.ndarray, others: list[np.ndarray], size: int) -> np.ndarray:
    """Returns those of some places that are in no other set, ascending."""
    is_in = np.zeros(size, bool)
    is_in[places] = True
    for other in others:
        is_in[other] = False
    return np.flatnonzero(is_in)


def _figures(index: Index, places: np.ndarray) -> dict[str, float]:
    """Returns the number of some items and their mean price, in dollars to 4 decimals.

    Args:
        index: the index.
        places: the items, by their places or as a mask.
    """
    num_items = int(np.count_nonzero(places)) if places.dtype == bool else len(places)
    figures: dict[str, float] = {"items": num_items}
    if index.price is not None:
        prices = index.price[places]
        prices = prices[np.isfinite(prices)]
        if len(prices) and math.isfinite(mean := float(prices.mean())):
            figures["mean_price"] = round(mean, 4)
    return figures
