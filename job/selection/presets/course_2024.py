"""The training set of the 2024 course: cheap prices capped, categories balanced, shuffled and cut.

The order of the steps, of the float operations and of the calls of numpy is the course's; each decides bits. Source:
CRAFT.md, "course-2024".
"""

from __future__ import annotations

import numpy as np

from job.config.craft import CraftConfig
from job.errors import UsageError, printable
from job.selection import weights
from job.selection.decision import Decision, decision
from job.selection.index import Index
from job.selection.presets import stages
from job.selection.presets.checks import checked_prices, full_settings
from job.selection.presets.cut import check_fits, cut, shuffled

_LITE_CATEGORY = "Appliances"
"""The one category of the small form."""
_DOLLARS = range(1, 1000)
"""Rounded prices that have a slot. An item at 0.50 is rounded to 0 and never drawn."""
_PUBLISHED_POSITION = 398_000
"""Position in the sample of an item that the course shows."""


def decide(index: Index, config: CraftConfig) -> Decision:
    """Decides what becomes of each item.

    Args:
        index: the items, in load order.
        config: settings of `course-2024`.

    Raises:
        UsageError: when the settings ask for what these items cannot give.
    """
    prices = checked_prices(index, config)
    category_weights = weights.by_category(index, config.sample, full_settings(config).sample.category_weights)
    figures: dict[str, dict[str, float]] = {"items": stages.of_items(prices)}
    if config.lite:
        sample = _lite_sample(index, config)
    else:
        slots = _slots(prices)
        figures["slots"] = {
            "items": sum(map(len, slots.values())),
            "filled": sum(len(slot) > 0 for slot in slots.values()),
        }
        sample = _sample(index, config, slots, category_weights)
    check_fits(len(sample), config)
    figures["sample"] = stages.of_items(prices[sample])
    if len(sample) > _PUBLISHED_POSITION:
        figures["sample"][f"price_at_{_PUBLISHED_POSITION}"] = float(prices[sample[_PUBLISHED_POSITION]])
    figures["sample_by_category"] = stages.by_category(index, sample)

    order = shuffled(len(sample), config.seed)
    positions = cut(order, config.splits.amounts)
    splits = {name: sample[each] for name, each in positions.items()}
    is_drawn = np.zeros(len(index), np.bool_)
    is_drawn[sample] = True
    return decision(
        size=len(index),
        splits=splits,
        removed={
            "not_drawn": np.flatnonzero(~is_drawn),
            "unused": sample[order[sum(map(len, positions.values())) :]],
        },
        stages=figures | stages.of_splits(prices, splits, positions),
    )


def _lite_sample(index: Index, config: CraftConfig) -> np.ndarray:
    """Returns the places of all Appliances."""
    places = np.empty(0, np.int64)
    if _LITE_CATEGORY in index.categories:
        places = np.flatnonzero(index.category == index.categories.index(_LITE_CATEGORY))
    if not len(places):
        raise UsageError(
            f"the small form of course-2024 is made of {_LITE_CATEGORY}, and none of the {len(index):,} items of "
            f"{printable(config.items)} is one\nname others, --set items=DIR, or make the full form: --set lite=false"
        )
    return places


def _slots(prices: np.ndarray) -> dict[int, np.ndarray]:
    """Returns the places of the items of each dollar, in load order."""
    rounded = np.rint(prices)  # halves to the even one, as Python's round
    has_slot = (rounded >= _DOLLARS[0]) & (rounded <= _DOLLARS[-1])
    dollars = np.where(has_slot, rounded, 0).astype(np.int16)
    order = np.argsort(dollars, kind="stable")
    ends = np.cumsum(np.bincount(dollars, minlength=_DOLLARS.stop))
    return {dollar: order[ends[dollar - 1] : ends[dollar]] for dollar in _DOLLARS}


def _sample(
    index: Index, config: CraftConfig, slots: dict[int, np.ndarray], category_weights: np.ndarray
) -> np.ndarray:
    """Returns the places of the items that are drawn, in the order in which the course draws them."""
    cap, whole_from = config.sample.slot_cap, config.sample.whole_from
    below = {dollar: slot for dollar, slot in slots.items() if whole_from is None or dollar < whole_from}
    if cap is not None:
        drawable = {
            dollar: int(np.count_nonzero(chances_of(category_weights[index.category[slot]])))
            for dollar, slot in below.items()
        }
        _check_drawable(cap, {dollar: len(slot) for dollar, slot in below.items()}, drawable)
    if not any(map(len, slots.values())):
        raise UsageError(
            f"none of the {len(index):,} items has a price that is rounded to ${_DOLLARS[0]} to ${_DOLLARS[-1]}, so "
            "course-2024 draws none\nname others, --set items=DIR, or leave the preset out: --set preset=null"
        )
    state = np.random.RandomState(config.seed)
    sample: list[np.ndarray] = []
    for dollar, slot in slots.items():
        if cap is not None and len(slot) > cap and dollar in below:
            chances = chances_of(category_weights[index.category[slot]])
            slot = slot[state.choice(len(slot), size=cap, replace=False, p=chances)]
        sample.append(slot)
    return np.concatenate(sample)


def slot_of(price: float) -> int | None:
    """Returns the slot of an item, its price in whole dollars; None when it has none, so that it is never drawn."""
    dollar = int(np.rint(price))
    return dollar if dollar in _DOLLARS else None


def slot_counts(prices: np.ndarray, is_drawn: np.ndarray, dollar: int) -> tuple[int, int]:
    """Returns how many items a slot has, and how many of them were drawn.

    Args:
        prices: price of each item.
        is_drawn: whether it was drawn.
        dollar: the slot.
    """
    is_in = np.rint(prices) == dollar
    return int(np.count_nonzero(is_in)), int(np.count_nonzero(is_in & is_drawn))


def chances_of(slot_weights: np.ndarray) -> np.ndarray:
    """Returns the chance of each item of a slot to be drawn first."""
    total = np.sum(slot_weights)
    return slot_weights / total if total > 0 else slot_weights


def _check_drawable(cap: int, sizes: dict[int, int], drawable: dict[int, int]) -> None:
    """Checks that each slot that is cut has as many items with a weight above 0 as are drawn of it.

    Args:
        cap: items to draw of each slot that has more.
        sizes: items of each slot to which the cap applies.
        drawable: those of them with a weight above 0.

    Raises:
        UsageError: when a slot has fewer.
    """
    fitting, first = cap, 0
    # A lower cap cuts more slots, in which there may be still fewer.
    while short := [dollar for dollar, size in sizes.items() if size > fitting and drawable[dollar] < fitting]:
        least = min(short, key=drawable.__getitem__)
        first = first or least
        fitting = drawable[least]
    if fitting == cap:
        return
    advice = "give more categories a weight above 0: sample.other_weight, sample.category_weights"
    raise UsageError(
        f"sample.slot_cap: {cap:,} items are to be drawn of each dollar, and ${first} has only {drawable[first]:,} "
        f"with a weight above 0, of {sizes[first]:,}\n"
        f"{f'draw fewer, --set sample.slot_cap={fitting}, or ' if fitting else ''}{advice}"
    )
