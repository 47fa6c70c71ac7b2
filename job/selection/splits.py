"""How is the sample divided? By groups of linked items, each of which goes to one split as a whole.

A group's key is the smallest split key of its members, drawn or not, so it stays where it is when other items are drawn
and when the catalogue grows. It knows neither category nor price, so these are mixed alike in every split, but for
chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from job.config.craft import Amount, SplitsConfig
from job.errors import UsageError
from job.selection.decision import SPLITS
from job.selection.index import Index
from job.selection.ranking import ranked

_FILLED = ("test", "validation", "train")
"""The splits in the order in which a group is offered to them."""
_UNUSED = len(SPLITS)
_GROUPS_AT_ONCE = 1 << 14


def split(index: Index, config: SplitsConfig, group: np.ndarray, sample: np.ndarray) -> dict[str, np.ndarray]:
    """Divides the sample.

    Shares come first: with x = a group's key / 2^64, it goes to test below test's share, and to validation below both
    shares. Then groups go, in the order of their keys, each to the first split of row counts that has room for all its
    members in the sample. Other groups go to the rest.

    Args:
        index: the index.
        config: the size of each split.
        group: each item's group, over all items and all kinds of duplicates; see `job.selection.duplicates.groups`.
        sample: the items drawn, by their places in load order, ascending.

    Returns:
        The places of the items of each split, in the order of its rows, which is that of their order keys. Items of the
        sample that are in none are unused.

    Raises:
        UsageError: when groups that go as a whole leave a split of row counts with fewer rows.
    """
    amounts = config.amounts
    num_rest = [SPLITS.index(name) for name, amount in amounts.items() if amount == "rest"]
    fate = np.full(len(sample), num_rest[0] if num_rest else _UNUSED, np.uint8)
    lowest = _lowest_keys(index, group, sample)
    is_open = np.ones(len(sample), bool)
    for name, bound in _share_bounds(amounts).items():
        below = is_open if bound == 2**64 else is_open & (lowest < np.uint64(bound))
        fate[below] = SPLITS.index(name)
        is_open &= ~below
    del lowest
    rows = {name: rows for name in _FILLED if isinstance(rows := amounts[name], int) and rows}
    if rows:
        fate[is_open] = _fill(index, rows, group, sample[is_open], fate[is_open])
        _check_full(rows, fate, num_open=int(np.count_nonzero(is_open)), has_rest=bool(num_rest))
    return {name: ranked(index, "order", sample[fate == number]) for number, name in enumerate(SPLITS)}


def _lowest_keys(index: Index, group: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Returns the key of each item's group."""
    lowest = index.keys["split"].copy()
    linked = np.flatnonzero(group != np.arange(len(group), dtype=group.dtype))
    np.minimum.at(lowest, group[linked], lowest[linked])  # a group is the place of its first member
    return lowest[group[places]]


def _share_bounds(amounts: Mapping[str, Amount]) -> dict[str, int]:
    """Returns for each split with a share the key below which groups go to it, if no split before it has them."""
    bounds: dict[str, int] = {}
    total = Fraction(0)
    for name in _FILLED:
        amount = amounts[name]
        if isinstance(amount, float):
            total += Fraction(str(amount))  # as it is written: 0.1 is a tenth
            bounds[name] = -(-total * 2**64 // 1)
    return bounds


def _fill(index: Index, rows: Mapping[str, int], group: np.ndarray, places: np.ndarray, fate: np.ndarray) -> np.ndarray:
    """Gives groups to splits of row counts.

    Args:
        index: the index.
        rows: rows of each of these splits, in the order in which groups are offered to them.
        group: each item's group.
        places: items of the sample whose groups are not yet in a split.
        fate: what becomes of each of these if its group fits nowhere.

    Returns:
        What becomes of each: its split's place in `SPLITS`, or `_UNUSED`.
    """
    sizes = np.bincount(group[places], minlength=len(group)).astype(np.int32)
    order = _groups_by_key(index, group, sizes)
    room = list(rows.values())
    given = np.full(len(order), len(room), np.uint8)
    for start in range(0, len(order), _GROUPS_AT_ONCE):
        if not any(room):
            break
        some: list[int] = []
        for size in sizes[order[start : start + _GROUPS_AT_ONCE]].tolist():
            for number, left in enumerate(room):
                if size <= left:
                    room[number] = left - size
                    some.append(number)
                    break
            else:
                some.append(len(room))
        given[start : start + len(some)] = some
    given_to_group = np.full(len(group), len(room), np.uint8)
    given_to_group[order] = given
    given = given_to_group[group[places]]
    numbers = np.array([*map(SPLITS.index, rows), 0], np.uint8)
    return np.where(given < len(room), numbers[given], fate)


def _groups_by_key(index: Index, group: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Returns the groups with members among the items to divide, in the order of their keys.

    Ties go as those of the items whose keys they are.
    """
    order = ranked(index, "split", np.flatnonzero(sizes[group] > 0))
    groups_in_order = group[order]
    # The first time that a group comes up, its key does: of repeated places the last value stays.
    first = np.empty(len(group), np.int32)
    first[groups_in_order[::-1]] = np.arange(len(order), dtype=np.int32)[::-1]
    return groups_in_order[first[groups_in_order] == np.arange(len(order), dtype=np.int32)]


def _check_full(rows: Mapping[str, int], fate: np.ndarray, *, num_open: int, has_rest: bool) -> None:
    reached = {name: int(np.count_nonzero(fate == SPLITS.index(name))) for name in rows}
    if reached == rows:
        return
    sizes = ", ".join(f"{name} {reached[name]:,} of {rows[name]:,}" for name in SPLITS if name in rows)
    total = sum(rows.values())
    why = (
        f"are too few for {total:,} rows" if num_open < total else "do not fill them, since linked items stay together"
    )
    settings = " ".join(
        f"--set splits.{name}={reached[name]}" for name in SPLITS if reached.get(name) != rows.get(name)
    )
    rest = "" if has_rest else ", or let one be what the others leave: --set splits.train=rest"
    raise UsageError(f"splits: the {num_open:,} items to divide {why}: {sizes}\nask for fewer rows: {settings}{rest}")
