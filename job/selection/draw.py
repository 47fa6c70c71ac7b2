"""Which items are drawn? Weighted drawing without replacement, decided by a key of each item.

With u = ((key >> 12) + 0.5) / 2^52, the items with the smallest -ln(u) / weight win (Efraimidis and Spirakis, 2006,
whose u^(1 / weight) has the order reversed). Here the logarithm of that decides, ln(-ln(u)) - ln(weight), in which no
weight is too small for a float. Where it is too close to call, `decimal` computes the value itself with 50 digits, so
that two platforms whose `log` differs in the last bit draw the same items.
"""

from __future__ import annotations

import decimal
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from job.config.craft import SampleConfig
from job.errors import UsageError
from job.selection.index import Index
from job.selection.ranking import in_tie_order
from job.selection.weights import by_category

_CLOSE = 1e-12
"""Relative difference of two values below which they are compared by `decimal`."""
_DIGITS = decimal.Context(prec=50, Emin=decimal.MIN_EMIN, Emax=decimal.MAX_EMAX)


@dataclass(frozen=True, slots=True)
class _Weights:
    """The weight of each item, as its factors."""

    category: np.ndarray
    """Weight of each category; float64."""
    power: float = 0
    """Power of the price's place; 0 when prices do not count."""
    lowest: float = 0
    """Price of place 0, in dollars."""
    highest: float = 1
    """Price of place 1, in dollars."""


def draw(index: Index, config: SampleConfig, places: np.ndarray) -> np.ndarray:
    """Draws the sample: first each slot is cut to `slot_cap`, then all to `size`.

    Args:
        index: the index.
        config: settings of the sample.
        places: the items to draw from, by their places in load order, ascending.

    Returns:
        The places of the items drawn, ascending.

    Raises:
        UsageError: when a setting needs prices that are not there or all the same, and when too few items can be drawn.
    """
    if config.slot_cap is not None or config.price_power:
        _check_prices(index, config, places)
    left = [(len(index), "items"), (len(places), "without duplicates")]
    weights = _weights(index, config, places)
    places = places[_has_weight(index, weights, places)]
    left.append((len(places), "with a weight above 0"))
    if not len(places):
        raise UsageError(
            f"sample: no item can be drawn: {_counts(left)}\n"
            "give a weight above 0: sample.category_weights, or --set sample.other_weight=1"
        )
    if config.slot_cap is None and (config.size is None or config.size == len(places)):
        return places
    values = _values(index, weights, places)
    if config.slot_cap is not None and index.price is not None:
        dollars = np.rint(index.price[places])
        if config.whole_from is not None:
            dollars[dollars >= config.whole_from] = np.nan
        chosen = _cut_slots(index, weights, places, values, dollars, config.slot_cap)
        places, values = places[chosen], values[chosen]
        left.append((len(places), f"in slots of at most {config.slot_cap:,} per dollar"))
    if config.size is not None:
        if config.size > len(places):
            raise UsageError(
                f"sample.size is {config.size:,}, and only {len(places):,} can be drawn: {_counts(left)}\n"
                f"ask for fewer (--set sample.size={len(places)}) or for all (--set sample.size=null)"
            )
        places = places[_smallest(index, weights, places, values, config.size)]
    return places


@dataclass(frozen=True, kw_only=True, slots=True)
class Missed:
    """Why an item was not drawn. A value is -ln(u) / weight: the smallest ones win."""

    weight: float
    value: float | None
    """None with a weight of 0, which is never drawn."""
    dollar: int | None = None
    """The item's slot, where that was cut without it."""
    drawable: int
    """Items that could be drawn, it included: of its slot, or of all that were left when the slots had been cut."""
    drawn: int
    """Of these, items that were drawn."""
    last: float | None
    """Value of the last of them."""


def missed(index: Index, config: SampleConfig, left: np.ndarray, drawn: np.ndarray, at: int) -> Missed:
    """Finds out why an item was not drawn.

    Args:
        index: all items; of the keys, that for the sample is enough.
        config: settings of the sample.
        left: the items without duplicates, by their places in load order, ascending.
        drawn: those of them that were drawn, the same way.
        at: place of an item that was left and not drawn.
    """
    weights = _weights(index, config, left)
    places = left[_has_weight(index, weights, left)]
    own = np.array([at])
    if not _has_weight(index, weights, own)[0]:
        return Missed(weight=0.0, value=None, drawable=len(places), drawn=len(drawn), last=None)
    value = float(_values(index, weights, own)[0])
    weight = float(weights.category[index.category[at]])
    if weights.power and index.price is not None:
        place = (index.price[at] / 2 - weights.lowest / 2) / (weights.highest / 2 - weights.lowest / 2)
        weight *= float(place) ** weights.power
    num_left = len(places)
    if config.slot_cap is not None and index.price is not None:
        dollar, dollars = np.rint(index.price[at]), np.rint(index.price[places])
        slots, sizes = np.unique(dollars, return_counts=True)
        is_whole = np.zeros(len(slots), bool) if config.whole_from is None else slots >= config.whole_from
        num_left = int(np.where(is_whole, sizes, np.minimum(sizes, config.slot_cap)).sum())
        slot = places[dollars == dollar]
        is_cut = config.whole_from is None or dollar < config.whole_from
        if is_cut and len(slot) > config.slot_cap:
            values = np.sort(_values(index, weights, slot))
            if config.size is None or np.searchsorted(values, value) >= config.slot_cap:
                return Missed(
                    weight=weight,
                    value=_plain(value),
                    dollar=int(dollar),
                    drawable=len(slot),
                    drawn=config.slot_cap,
                    last=_plain(values[config.slot_cap - 1]),
                )
    last = _values(index, weights, drawn).max() if len(drawn) else None
    return Missed(
        weight=weight,
        value=_plain(value),
        drawable=num_left,
        drawn=len(drawn),
        last=None if last is None else _plain(last),
    )


def _plain(logarithm: float) -> float:
    """Returns the value of which the logarithm is known; infinity where it is too great for a float."""
    with np.errstate(over="ignore"):
        return float(np.exp(logarithm))


def _counts(left: list[tuple[int, str]]) -> str:
    return ", ".join(f"{count:,} {what}" for count, what in left)


def _check_prices(index: Index, config: SampleConfig, places: np.ndarray) -> None:
    key = "slot_cap" if config.slot_cap is not None else "price_power"
    leave_out = f"leave it out: --set sample.{key}=null"
    if index.price is None:
        raise UsageError(f"sample.{key} needs a price, and the recipe of these items has none\n{leave_out}")
    prices = index.price[places]
    if num_bad := int(np.count_nonzero(~np.isfinite(prices))):
        at = places[np.argmin(np.isfinite(prices))]
        where = index.categories[index.category[at]]
        raise UsageError(
            f"sample.{key} needs the price of every item, and {num_bad:,} of {len(prices):,} have none "
            f"(a null, or no finite number); the first is in {where}\n{leave_out}"
        )
    if config.price_power and len(prices) and prices.min() == prices.max():
        raise UsageError(
            f"sample.price_power weighs items by their price, and all {len(prices):,} left to draw from cost "
            f"${prices[0]:,.2f}\nleave it out: --set sample.price_power=null"
        )


def _weights(index: Index, config: SampleConfig, places: np.ndarray) -> _Weights:
    category = by_category(index, config)
    if not config.price_power or index.price is None or not len(places):
        return _Weights(category)
    prices = index.price[places]
    return _Weights(category, config.price_power, float(prices.min()), float(prices.max()))


def _has_weight(index: Index, weights: _Weights, places: np.ndarray) -> np.ndarray:
    """Tells of which items no factor is 0: a power of a place may be too small for a float, and is still above 0."""
    has_weight = weights.category[index.category[places]] > 0
    if weights.power and index.price is not None:
        has_weight &= index.price[places] > weights.lowest
    return has_weight


def _values(index: Index, weights: _Weights, places: np.ndarray) -> np.ndarray:
    """Returns the logarithm of each item's value: what is smallest wins."""
    values = (index.keys["sample"][places] >> np.uint64(12)).astype(float)
    values += 0.5
    values /= 2**52
    np.log(values, out=values)
    np.negative(values, out=values)
    np.log(values, out=values)
    with np.errstate(divide="ignore"):  # of a weight of 0, which no item here has
        values -= np.log(weights.category)[index.category[places]]
        if weights.power and index.price is not None:
            # halves, since the difference of two prices may be too great for a float
            place = index.price[places] / 2 - weights.lowest / 2
            place /= weights.highest / 2 - weights.lowest / 2
            np.log(place, out=place)
            values -= weights.power * place
    return values


def _exact(index: Index, weights: _Weights, at: int) -> Decimal:
    """Returns an item's value itself, to 50 digits."""
    key = int(index.keys["sample"][at])
    u = _DIGITS.divide(Decimal(2 * (key >> 12) + 1), Decimal(2**53))
    weight = Decimal(float(weights.category[index.category[at]]))
    if weights.power and index.price is not None:
        lowest = Decimal(weights.lowest)
        place = _DIGITS.divide(
            _DIGITS.subtract(Decimal(float(index.price[at])), lowest),
            _DIGITS.subtract(Decimal(weights.highest), lowest),
        )
        weight = _DIGITS.multiply(weight, _DIGITS.power(place, Decimal(weights.power)))
    return _DIGITS.divide(_DIGITS.minus(_DIGITS.ln(u)), weight)


def _smallest(index: Index, weights: _Weights, places: np.ndarray, values: np.ndarray, size: int) -> np.ndarray:
    """Tells which items have the smallest values; ties go by the id, the text and load order.

    Args:
        index: the index.
        weights: the weights.
        places: the items.
        values: the logarithm of each one's value.
        size: how many; at most as many as there are.
    """
    if size == len(places):
        return np.ones(len(places), bool)
    cut = np.partition(values, size - 1)[size - 1]
    # A price's place to a high power is as inexact as the power is high.
    close = _CLOSE * max(1.0, weights.power)
    chosen = values < cut - close
    near_cut = np.flatnonzero((values >= cut - close) & (values <= cut + close))
    num_open = size - int(np.count_nonzero(chosen))
    if num_open < len(near_cut):
        near_cut = near_cut[_exact_order(index, weights, places[near_cut])]
    chosen[near_cut[:num_open]] = True
    return chosen


def _exact_order(index: Index, weights: _Weights, places: np.ndarray) -> np.ndarray:
    """Sorts items by their values to 50 digits, and ties by the id, the text and load order."""
    exact = [_exact(index, weights, at) for at in places.tolist()]
    rank = {value: number for number, value in enumerate(sorted(set(exact)))}
    ordered = in_tie_order(index, places, np.array([rank[value] for value in exact]))
    by_place = np.argsort(places)
    return by_place[np.searchsorted(places, ordered, sorter=by_place)]


def _cut_slots(
    index: Index, weights: _Weights, places: np.ndarray, values: np.ndarray, dollars: np.ndarray, cap: int
) -> np.ndarray:
    """Tells which items remain when each slot has at most so many.

    Args:
        index: the index.
        weights: the weights.
        places: the items.
        values: the logarithm of each one's value.
        dollars: the slot of each: its price rounded to dollars, half to even; NaN for the slots that remain whole.
        cap: at most so many items of a slot remain.
    """
    chosen = np.ones(len(places), bool)
    order = np.argsort(dollars, kind="stable")  # NaN last
    dollars = dollars[order]
    bounds = np.append(np.flatnonzero(np.diff(dollars, prepend=np.nan)), len(order))
    for number in np.flatnonzero(np.diff(bounds) > cap).tolist():  # two NaN differ, so each is a slot of one
        slot = order[bounds[number] : bounds[number + 1]]
        chosen[slot] = _smallest(index, weights, places[slot], values[slot], cap)
    return chosen
