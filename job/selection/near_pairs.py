"""Which pairs of items are compared, so that all near duplicates end in one group without comparing all pairs?

Items that share a band are candidates; those of one value of one band are a *bucket*. A bucket of n items has n²/2
pairs, and one can hold 10,000 copies of a text, 10,000 variants of one product, or 10,000 products with one long text
of their maker's in common. So pairs are compared in rounds, and what is linked already is not compared again:

1. Copies, which have the same text and the same words with a digit, are linked without a comparison. The first of
   each goes on alone.
2. Of a small bucket all pairs are compared; of a larger one only neighbours, sorted by another band, so that the most
   similar ones stand together. That links most variants of a product.
3. Of a larger bucket all pairs are compared whose items are not yet in one group. Where these are too many (the long
   text of a maker), the bucket is cut by each other band: two items that share two bands are much likelier to be near
   duplicates. The smallest of these parts are compared whole, as many as fit, and neighbours in the others.

Whatever a pair's place in the rounds, only similar pairs become links. What rounds can cost is recall, of pairs that
share bands only in buckets of more than 2,000 different, unlinked texts.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from job.selection.components import components
from job.selection.near import NOTHING

SMALL_BUCKET = 8
"""Items of a bucket of which all pairs are compared at once."""
FULL_PAIRS = 2_000_000
"""Pairs compared in a larger bucket in the third step; enough for all pairs of 2,000 items."""
PAIRS_PER_ITEM = 50
"""Pairs for each item, where these are more than `FULL_PAIRS`, as they are from 40,000 items on."""
MAX_PAIRS = 2_000_000
"""Pairs of a round, of some 80 bytes each while they are worked on; a round ends when it has as many."""
_PAIRS_AT_ONCE = 1_000_000
"""Pairs that are made at once from one band, of some 50 bytes each."""
_NEIGHBOURS = 3
"""Items after each that it is compared with, where a bucket is not compared whole."""


class Rounds:
    """Pairs to compare, round by round.

    ```
    rounds = Rounds(bands, text)
    while (pairs := rounds.next_pairs()) is not None:
        similarity = similarities(…, *pairs, threshold)     # in batches; see `batches`
        near = ~np.isnan(similarity)
        rounds.link(pairs[0][near], pairs[1][near])
    ```
    The links are those given to `link`, and `copies`. A round has the same pairs whatever the order of the items, and
    whatever the order in which the pairs before were compared: items are worked on in the order of their texts' hashes.

    Args:
        bands: what `job.selection.near.bands` returned; uint64 of shape (items, bands).
        text: 128-bit hash of each item's folded text; uint64 of shape (items, 2).
    """

    def __init__(self, bands: np.ndarray, text: np.ndarray) -> None:
        with_words = np.flatnonzero(bands[:, 0] != NOTHING)
        order = with_words[np.lexsort((bands[with_words, 0], text[with_words, 1], text[with_words, 0]))]
        same = (bands[order[1:], 0] == bands[order[:-1], 0]) & (text[order[1:]] == text[order[:-1]]).all(axis=1)
        is_first = np.concatenate([np.ones(min(len(order), 1), bool), ~same])
        first_of_each = order[np.flatnonzero(is_first)[np.cumsum(is_first) - 1]] if len(order) else order
        self.copies = (first_of_each[~is_first], order[~is_first])
        """Pairs of items with the same text and the same words with a digit. Their similarity is 1."""
        self._items = order[is_first].astype(np.int32)
        self._place_of = np.zeros(len(bands), np.int32)
        self._place_of[self._items] = np.arange(len(self._items))
        self._bands = bands
        self._group = np.arange(len(self._items), dtype=np.int32)
        self._new_links: list[tuple[np.ndarray, np.ndarray]] = []
        self._rounds = self._all_rounds()

    def next_pairs(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Returns the pairs to compare next, by load position (int64), or None when all is done.

        Of the pairs returned before, the similar ones must have been given to `link`.
        """
        if self._new_links:
            one, other = (self._group[np.concatenate(ends)] for ends in zip(*self._new_links, strict=True))
            self._group = components(len(self._group), one, other)[self._group].astype(np.int32)
            self._new_links = []
        keys = next(self._rounds, None)
        if keys is None:
            return None
        one, other = self._items[keys >> np.uint64(32)], self._items[keys & np.uint64(0xFFFFFFFF)]
        return np.minimum(one, other).astype(np.int64), np.maximum(one, other).astype(np.int64)

    def link(self, first: np.ndarray, second: np.ndarray) -> None:
        """Says which pairs are near duplicates, those that `similarities` found; in any order, and in several calls."""
        self._new_links.append((self._place_of[first], self._place_of[second]))

    def _values(self, band: int, places: np.ndarray) -> np.ndarray:
        return self._bands[self._items[places], band]

    def _buckets(self, band: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns the items that share a band with others, sorted by it, and each one's bucket and how large it is."""
        value = self._bands[self._items, band]
        order = np.argsort(value, kind="stable")
        same = value[order[1:]] == value[order[:-1]]
        edge = np.zeros(min(len(order), 1), bool)
        shared = np.concatenate([edge, same]) | np.concatenate([same, edge])
        bucket = np.cumsum(~np.concatenate([edge, same])[shared]) - 1
        return order[shared], bucket, np.bincount(bucket)[bucket]

    def _all_rounds(self) -> Iterator[np.ndarray]:
        for steps in (self._first_pairs, self._other_pairs):
            parts: list[np.ndarray] = []
            for keys in steps():
                parts.append(keys)
                if sum(map(len, parts)) >= MAX_PAIRS:
                    yield _unique(parts)
            if any(map(len, parts)):
                yield _unique(parts)

    def _first_pairs(self) -> Iterator[np.ndarray]:
        """Yields the pairs of small buckets and neighbours in larger ones, band by band."""
        compared = np.zeros(len(self._items), np.uint32)
        for band in range(self._bands.shape[1]):
            items, bucket, size = self._buckets(band)
            is_small = size <= SMALL_BUCKET
            small, large = items[is_small], items[~is_small]
            yield self._new(*_neighbours(small, bucket[is_small], SMALL_BUCKET), band, compared)
            compared[small] |= _bit(band)
            next_band = self._values((band + 1) % self._bands.shape[1], large)
            order = np.lexsort((next_band, bucket[~is_small]))
            yield _keys(*_neighbours(large[order], bucket[~is_small], 1))

    def _other_pairs(self) -> Iterator[np.ndarray]:
        """Yields the pairs of larger buckets whose items are in different groups, band by band."""
        compared = np.zeros(len(self._items), np.uint32)
        for band in range(self._bands.shape[1]):
            items, bucket, size = self._buckets(band)
            items, bucket, other = self._by_group(items[size > SMALL_BUCKET], bucket[size > SMALL_BUCKET])
            fits = (_sum_by(bucket, other) <= _budgets(bucket))[bucket]
            whole = items[fits]
            for first, second in _pieces(whole, other[fits], _ends(bucket[fits])):
                yield self._new(first, second, band, compared)
            compared[whole] |= _bit(band)
            if not fits.all():
                yield from self._parts(items[~fits], bucket[~fits], band)

    def _by_group(self, items: np.ndarray, bucket: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sorts buckets by group, and counts for each item those after it in its bucket that are in another group."""
        order = np.lexsort((items, self._group[items], bucket))
        items, bucket = items[order], bucket[order]
        group = self._group[items]
        starts = np.concatenate(
            [np.ones(min(len(items), 1), bool), (group[1:] != group[:-1]) | (bucket[1:] != bucket[:-1])]
        )
        return items, bucket, _ends(bucket) - _ends(np.cumsum(starts) - 1)

    def _parts(self, items: np.ndarray, bucket: np.ndarray, band: int) -> Iterator[np.ndarray]:
        """Yields pairs of buckets that are too large to be compared whole: those that share another band, too."""
        for second_band in range(self._bands.shape[1]):
            if second_band == band:
                continue
            value = self._values(second_band, items)
            order = np.lexsort((value, bucket))
            changes = (value[order][1:] != value[order][:-1]) | (bucket[order][1:] != bucket[order][:-1])
            part = np.concatenate([[0], np.cumsum(changes)])
            yield _keys(*_neighbours(items[order], bucket[order], _NEIGHBOURS))
            in_parts, part, other = self._by_group(items[order], part)
            pairs = _sum_by(part, other)
            smallest = np.argsort(pairs, kind="stable")
            budget = _budgets(bucket).sum() // (self._bands.shape[1] - 1)
            taken = np.zeros(len(pairs), bool)
            taken[smallest[np.cumsum(pairs[smallest]) <= budget]] = True
            fits = taken[part]
            for first, second in _pieces(in_parts[fits], other[fits], _ends(part[fits])):
                yield _keys(first, second)

    def _new(self, first: np.ndarray, second: np.ndarray, band: int, compared: np.ndarray) -> np.ndarray:
        """Returns pairs without those that an earlier band gave, where it was compared whole."""
        for earlier in range(band):
            was_compared = (compared[first] & compared[second] & _bit(earlier)) != 0
            is_new = ~was_compared | (self._values(earlier, first) != self._values(earlier, second))
            first, second = first[is_new], second[is_new]
        return _keys(first, second)


def pairs_between(
    bands: np.ndarray, text: np.ndarray, one_side: np.ndarray, other_side: np.ndarray, limit: int
) -> tuple[np.ndarray, np.ndarray]:
    """Finds pairs to compare in order to tell which items of one side have a near duplicate on the other.

    Most are told by a limit of 4. The others are told by another call for those that were not, with a limit of 1,000.

    Args:
        bands: as in `Rounds`.
        text: as in `Rounds`.
        one_side: places of the items to be told about.
        other_side: places of the items that they may be near to.
        limit: items of the other side before and after an item, by their other bands and texts, that it is compared
            with in each bucket.

    Returns:
        Pairs of an item of the one side and one of the other; each once.
    """
    places = np.concatenate([one_side, other_side])
    places = places[bands[places, 0] != NOTHING]
    is_one = np.zeros(len(bands), bool)
    is_one[one_side] = True
    found = [np.empty((0, 2), np.int64)]
    for band in range(bands.shape[1]):
        next_band = bands[places, (band + 1) % bands.shape[1]]
        order = places[np.lexsort((text[places, 0], next_band, bands[places, band]))]
        value = bands[order, band]
        ones, others = np.flatnonzero(is_one[order]), np.flatnonzero(~is_one[order])
        middle = np.searchsorted(others, ones)
        begin = np.searchsorted(others, np.searchsorted(value, value[ones]))
        end = np.searchsorted(others, np.searchsorted(value, value[ones], side="right"))
        begin, end = np.maximum(begin, middle - limit), np.minimum(end, middle + limit)
        counts = end - begin
        first = np.repeat(order[ones], counts)
        at = np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(begin, counts)
        found.append(np.unique(np.stack([first, order[others[at]]], axis=1), axis=0))
    pairs = np.unique(np.concatenate(found), axis=0)
    return pairs[:, 0], pairs[:, 1]


def batches(first: np.ndarray, second: np.ndarray, items_per_batch: int) -> list[np.ndarray]:
    """Cuts pairs into batches that need few texts, and most texts in one batch only.

    Args:
        first: one item of each pair; int64.
        second: the other one.
        items_per_batch: items of a batch at most; at least 2.

    Returns:
        The places of each batch's pairs in `first` and `second`. Pairs that hang together are in one batch, unless they
        have more items than fit; then each batch compares one stretch of these items with another one.
    """
    if not len(first):
        return []
    place_of = np.zeros(max(int(first.max()), int(second.max())) + 1, np.int32)
    place_of[first] = place_of[second] = 1
    num_items = int(place_of.sum())
    place_of = np.cumsum(place_of, dtype=np.int32) - 1
    one, other = place_of[first], place_of[second]
    group = components(num_items, one, other).astype(np.int32)
    size_of = np.bincount(group, minlength=num_items)
    rank = np.empty(num_items, np.int32)
    rank[np.argsort(group, kind="stable")] = np.arange(num_items)
    rank -= (np.cumsum(size_of) - size_of)[group].astype(np.int32)
    half = max(items_per_batch // 2, 1)
    is_cut = size_of[group] > items_per_batch
    stretch = np.where(is_cut, rank // half, 0)
    tile = np.maximum(stretch[one], stretch[other]), np.minimum(stretch[one], stretch[other]), group[one]
    order = np.lexsort(tile)
    is_start = np.ones(len(order), bool)
    is_start[1:] = False
    for number in tile:
        is_start[1:] |= number[order[1:]] != number[order[:-1]]
    starts = np.flatnonzero(is_start)
    groups = tile[-1][order[starts]]
    sizes = np.where(is_cut[groups], 2 * half, size_of[groups])
    sizes = np.minimum(sizes, 2 * np.diff(starts, append=len(order)))
    filled = np.cumsum(sizes)
    cuts, begin = [], 0
    while begin < len(starts):
        before = filled[begin] - sizes[begin]
        begin = max(int(np.searchsorted(filled, before + items_per_batch, side="right")), begin + 1)
        cuts.append(starts[begin] if begin < len(starts) else len(order))
    return np.split(order, cuts[:-1])


def _unique(parts: list[np.ndarray]) -> np.ndarray:
    """Empties a list of arrays, and returns their values, each once."""
    values = np.concatenate(parts)
    parts.clear()
    values.sort()
    return values[np.concatenate([[True], values[1:] != values[:-1]])]


def _ends(bucket: np.ndarray) -> np.ndarray:
    """Returns for each item, sorted by bucket, where its bucket ends."""
    return np.searchsorted(bucket, bucket, side="right")


def _pieces(items: np.ndarray, counts: np.ndarray, ends: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields each item with the last ones before its end, as many as its count says, some millions of pairs at once."""
    total = np.cumsum(counts)
    begin = 0
    while begin < len(items):
        before = total[begin] - counts[begin]
        stop = max(int(np.searchsorted(total, before + _PAIRS_AT_ONCE, side="right")), begin + 1)
        first = np.repeat(np.arange(begin, stop), counts[begin:stop])
        within = np.arange(before, before + len(first)) - (total - counts)[first]
        yield items[first], items[(ends - counts)[first] + within]
        begin = stop


def _neighbours(items: np.ndarray, bucket: np.ndarray, distance: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns each item with those that follow it in its bucket, up to a distance."""
    ends = _ends(bucket)
    pairs = [
        (one, one + step)
        for step in range(1, distance + 1)
        for one in [np.flatnonzero(np.arange(len(items)) + step < ends)]
    ]
    first, second = (np.concatenate(side) for side in zip(*pairs, strict=True))
    return items[first], items[second]


def _bit(band: int) -> np.uint32:
    """Returns the bit that says that an item's bucket was compared whole; bands from 32 on have none."""
    return np.uint32(1 << band & (1 << 32) - 1)


def _sum_by(bucket: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return np.bincount(bucket, weights=counts).astype(np.int64)


def _budgets(bucket: np.ndarray) -> np.ndarray:
    """Returns how many pairs of each bucket may be compared; none of a bucket without items."""
    items = np.bincount(bucket)
    return np.where(items > 0, np.maximum(FULL_PAIRS, PAIRS_PER_ITEM * items), 0)


def _keys(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns a number for each pair, the same in either direction."""
    lower, upper = np.minimum(first, second).astype(np.uint64), np.maximum(first, second).astype(np.uint64)
    return lower << np.uint64(32) | upper
