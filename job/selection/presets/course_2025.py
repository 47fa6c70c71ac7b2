"""The training set of the 2025 course: without repeated titles and texts, dear prices preferred, shuffled and cut.

The order of the steps, of the float operations and of the calls of numpy is the course's; each decides bits. Source:
CRAFT.md, "course-2025".
"""

from __future__ import annotations

import numpy as np

from job.config.craft import CraftConfig
from job.errors import UsageError
from job.selection import weights
from job.selection.decision import NONE, Decision, decision
from job.selection.index import Index
from job.selection.presets import stages
from job.selection.presets.checks import as_flags, checked_prices, full_settings, smaller_splits
from job.selection.presets.cut import check_fits, cut, shuffled

_NO_DIVISION_BY_ZERO = 1e-9
"""Dollars that the course adds to the range of prices."""
_ENDS = np.uint64(1 << 22)
"""Number of ends of hashes that are told apart, in as many bytes: of 3 million hashes some 30,000 look repeated."""


def decide(index: Index, config: CraftConfig) -> Decision:
    """Decides what becomes of each item.

    Args:
        index: the items, in load order, with the hashes of titles and texts as they came.
        config: settings of `course-2025`.

    Raises:
        UsageError: when the settings ask for what these items cannot give.
    """
    prices = checked_prices(index, config)
    category_weights = weights.by_category(index, config.sample, full_settings(config).sample.category_weights)
    figures: dict[str, dict[str, float]] = {"items": stages.of_items(prices)}

    left = shuffled(len(index), config.seed)
    kept = np.full(len(index), NONE, np.int64)
    removed: dict[str, np.ndarray] = {}
    for kind in config.deduplicate:
        is_first = firsts(left, _hashes(index, kind), kept)
        removed[f"duplicate_{kind}"] = left[~is_first]
        left = left[is_first]
        figures[f"after_{kind}s"] = stages.of_items(prices[left])
        figures[f"after_{kind}s_by_category"] = stages.by_category(index, left)

    drawn = _drawn(config, chances_of(config, prices[left], category_weights, index.category[left]), prices, left)
    is_drawn = np.zeros(len(left), np.bool_)
    is_drawn[drawn] = True
    removed["not_drawn"] = left[~is_drawn]
    sample = left[drawn]
    figures["sample"] = stages.of_items(prices[sample])

    order = shuffled(len(sample), config.seed)
    figures["sample_by_category"] = stages.by_category(index, sample[order])
    positions = _cut(order, config)
    splits = {name: sample[each] for name, each in positions.items()}
    is_unused = np.ones(len(sample), np.bool_)
    for each in positions.values():
        is_unused[each] = False
    removed["unused"] = sample[is_unused]
    return decision(
        size=len(index),
        splits=splits,
        removed=removed,
        kept=kept,
        stages=figures | stages.of_splits(prices, splits, positions),
    )


def _hashes(index: Index, kind: str) -> np.ndarray:
    hashes = {"title": index.title, "text": index.text}[kind]
    if hashes is None:
        raise UsageError(f"deduplicate: the items have no {kind}\nleave it out: --set 'deduplicate=[]'")
    return hashes


def firsts(order: np.ndarray, hashes: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Finds the first item with each hash.

    Args:
        order: places of the items in load order.
        hashes: hashes of all items; uint64 of shape (items, 2).
        kept: gets, for each item that is not the first one, the place of the first one.

    Returns:
        Which items in `order` are the first ones.
    """
    candidates = np.flatnonzero(_may_repeat(hashes[order, 0]))
    found = hashes[order[candidates]]
    by_hash = np.lexsort((found[:, 1], found[:, 0]))
    repeats = np.flatnonzero((np.diff(found[by_hash], axis=0) == 0).all(axis=1)) + 1
    by_hash = candidates[by_hash]
    is_first = np.ones(len(order), np.bool_)
    is_first[by_hash[repeats]] = False
    is_second = np.diff(repeats, prepend=-1) > 1
    own_first = (repeats[is_second] - 1)[np.cumsum(is_second) - 1]
    kept[order[by_hash[repeats]]] = order[by_hash[own_first]]
    return is_first


def _may_repeat(hashes: np.ndarray) -> np.ndarray:
    """Tells of each hash whether it may be there more than once. Few are, and only these need a sort by their place."""
    in_order = np.sort(hashes)
    repeated = in_order[1:][in_order[1:] == in_order[:-1]]
    ends = np.zeros(_ENDS, np.bool_)
    ends[repeated % _ENDS] = True
    return ends[hashes % _ENDS]


def chances_of(
    config: CraftConfig, prices: np.ndarray, category_weights: np.ndarray, category: np.ndarray
) -> np.ndarray:
    """Returns the chance of each item to be drawn first; zeros when no weight is above 0.

    Args:
        config: settings.
        prices: the price of each item; its memory becomes the result.
        category_weights: the weight of each category.
        category: the number of each item's category.
    """
    chances = prices
    if config.sample.price_power is None:
        chances.fill(1)
    else:
        lowest, highest = prices.min(), prices.max()
        chances -= lowest
        chances /= highest - lowest + _NO_DIVISION_BY_ZERO
        chances **= config.sample.price_power
    chances *= category_weights[category]
    total = chances.sum()
    if total > 0:
        chances /= total
    return chances


def weight_of(config: CraftConfig, price: float, category: str, lowest: float, highest: float) -> float:
    """Returns the weight of an item.

    Args:
        config: settings.
        price: its price.
        category: name of its category.
        lowest: lowest price of the items that were left without duplicates.
        highest: their highest price.
    """
    sample = config.sample
    weight = sample.category_weights.get(category, sample.other_weight)
    if sample.price_power is None:
        return float(weight)
    return float(((price - lowest) / (highest - lowest + _NO_DIVISION_BY_ZERO)) ** sample.price_power * weight)


def _drawn(config: CraftConfig, chances: np.ndarray, prices: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Returns the positions of the items that are drawn, in the order in which they are.

    Args:
        config: settings.
        chances: the chance of each item that is left after duplicates.
        prices: the prices of all items.
        left: places in load order of the items that are left.

    Raises:
        UsageError: when there are too few.
    """
    drawable = int(np.count_nonzero(chances))
    size = drawable if config.sample.size is None else config.sample.size
    if not drawable or size > drawable:
        raise _too_few(config, size, drawable, prices[left])
    state = np.random.RandomState(config.seed)
    return state.choice(len(chances), size=size, replace=False, p=chances)


def _too_few(config: CraftConfig, size: int, drawable: int, prices: np.ndarray) -> UsageError:
    """Returns the error for a sample that cannot be drawn.

    Args:
        config: settings.
        size: items to draw.
        drawable: items with a weight above 0.
        prices: the prices of the items that are left after duplicates.
    """
    after = " after duplicates" if config.deduplicate else ""
    lowest, power = prices.min(), config.sample.price_power
    if power and lowest == prices.max():
        return UsageError(
            f"sample.price_power: every price left{after} is ${lowest:.2f} ({len(prices):,} items), so by its price "
            "none has a weight above 0\nleave prices out of the weights: --set sample.price_power=null"
        )
    if not drawable:
        return UsageError(
            f"sample: none of the {len(prices):,} items left{after} has a weight above 0\n"
            "give more categories one: sample.category_weights"
        )
    found = f"{drawable:,} are left{after}"
    if drawable < len(prices):
        why = f", as the lowest price, ${lowest:.2f}, always has" if power else ""
        found = f"{drawable:,} of the {len(prices):,} left{after} can be: the others have the weight 0{why}"
    full = full_settings(config).splits.amounts
    settings = [f"sample.size={drawable}"]
    if config.lite and drawable <= sum(amount for amount in full.values() if isinstance(amount, int)):
        settings = ["lite=false", *settings, *smaller_splits(full, size, drawable)]
    else:
        settings += smaller_splits(config.splits.amounts, size, drawable)
    return UsageError(
        f"sample.size: {size:,} items are to be drawn, and only {found}\ndraw fewer: {as_flags(settings)}"
    )


def _cut(order: np.ndarray, config: CraftConfig) -> dict[str, np.ndarray]:
    """Cuts the shuffled sample into splits; the small form takes the first rows of the full form's.

    Raises:
        UsageError: when a split is larger than what there is for it.
    """
    if not config.lite:
        check_fits(len(order), config)
        return cut(order, config.splits.amounts)
    full = cut(order, full_settings(config).splits.amounts)
    short: list[str] = []
    fitting: list[str] = []
    splits: dict[str, np.ndarray] = {}
    for name, amount in config.splits.amounts.items():
        splits[name] = full[name][: None if amount == "rest" else int(amount)]
        if amount != "rest" and amount > len(full[name]):
            short.append(f"{amount:,} of the {len(full[name]):,} for {name}")
            fitting.append(f"splits.{name}={len(full[name])}")
    if short:
        raise UsageError(
            f"splits: the small form takes the first rows of the full form's splits, and cannot take "
            f"{' and '.join(short)} in a sample of {len(order):,} items\ntake fewer: {as_flags(fitting)}"
        )
    return splits
