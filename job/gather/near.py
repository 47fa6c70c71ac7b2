"""Finds near duplicates: `job.selection.near_pairs` says which pairs to compare, and here their texts come together.

A text goes to each batch of pairs that needs it, and most to one alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import ray

from job.cluster.workers import Workers
from job.gather.exchange import Exchange, sealed, unsealed
from job.gather.items import ItemShard, grouped
from job.selection.duplicates import NearLinks
from job.selection.index import Index
from job.selection.near import jaccard, similarities
from job.selection.near_pairs import Rounds, batches

_ITEMS_PER_BATCH = 20_000
"""Items whose texts one task compares, at most."""

Show = Callable[[int, int], object]
"""Called with how many pairs there are to compare so far, and how many are compared."""


class Texts(Protocol):
    """Rows with titles and texts, in shards: items, or the rows of a training set."""

    @property
    def shards(self) -> Sequence[ItemShard]:
        """The shards, in the order of their rows."""
        ...

    def titles_and_texts(self, shard: ItemShard) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
        """Reads the titles and texts of a shard's rows; a null counts as empty."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairs:
    """Compares pairs of rows, in tasks that get the texts they need."""

    rows: Texts
    workers: Workers

    def similarities(self, first: np.ndarray, second: np.ndarray, threshold: float | None) -> np.ndarray:
        """Compares pairs.

        Args:
            first: one row of each pair, by its place.
            second: the other one.
            threshold: as in `job.selection.near.similarities`; None for the Jaccard similarity of every pair.

        Returns:
            The similarity of each pair, NaN for those that are no near duplicates; float64.
        """
        cut = batches(first, second, _ITEMS_PER_BATCH)
        result = np.full(len(first), np.nan)
        needed = [np.unique(np.concatenate([first[pairs], second[pairs]])) for pairs in cut]
        place = np.concatenate(needed) if needed else np.zeros(0, np.int64)
        batch = np.repeat(np.arange(len(needed)), [len(each) for each in needed])
        order = np.argsort(place, kind="stable")
        place, batch = place[order], batch[order]
        exchange = Exchange[int](workers=self.workers)
        rows = ray.put(self.rows)
        for group in grouped(self.rows.shards):
            end = group[-1].place + group[-1].num_rows
            here = slice(*np.searchsorted(place, [group[0].place, end]))
            targets = np.unique(batch[here]).tolist()
            exchange.pack(_pack_texts, (rows, group, place[here], batch[here], targets), targets, 0)
        given = {number: (first[pairs], second[pairs], threshold) for number, pairs in enumerate(cut)}

        def take(number: int, found: np.ndarray) -> None:
            result[cut[number]] = found

        exchange.run(_compare, given, dict.fromkeys(given, 0), take)
        return result


def near_links(pairs: Pairs, index: Index, threshold: float, show: Show) -> NearLinks:
    """Finds the near duplicates.

    Args:
        pairs: compares them.
        index: the index, with bands and hashes of folded texts.
        threshold: Jaccard similarity from which two texts are nearly the same.
        show: see `Show`.
    """
    if index.bands is None or index.text is None:
        raise ValueError("the index has no bands")
    rounds = Rounds(index.bands, index.text)
    first, second = rounds.copies
    found = [(first, second, np.ones(len(first)))]
    compared = 0
    while (next_pairs := rounds.next_pairs()) is not None:
        first, second = next_pairs
        show(compared + len(first), compared)
        similarity = pairs.similarities(first, second, threshold)
        is_near = ~np.isnan(similarity)
        rounds.link(first[is_near], second[is_near])
        found.append((first[is_near], second[is_near], similarity[is_near]))
        compared += len(first)
        show(compared, compared)
    firsts, seconds, similar = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return NearLinks(first=firsts, second=seconds, similarity=similar)


def _pack_texts(
    rows: Texts, group: Sequence[ItemShard], place: np.ndarray, batch: np.ndarray, targets: Sequence[int]
) -> list[Any]:
    """Packs the texts of several shards. Returns None, and the parcels for each batch."""
    packed: dict[int, list[pa.Buffer]] = {target: [] for target in targets}
    for shard in group:
        here = slice(*np.searchsorted(place, [shard.place, shard.place + shard.num_rows]))
        if here.start == here.stop:
            continue
        titles, texts = (values.cast(pa.large_string()) for values in rows.titles_and_texts(shard))
        at = pa.array(place[here] - shard.place)
        table = pa.table({"place": place[here], "title": titles.take(at), "text": texts.take(at)})
        for target in np.unique(batch[here]).tolist():
            packed[target].append(sealed(table.filter(pa.array(batch[here] == target))))
    return [None, *packed.values()]


def _compare(
    first: np.ndarray, second: np.ndarray, threshold: float | None, *parcels: Sequence[pa.Buffer]
) -> np.ndarray:
    """Compares the pairs of a batch."""
    table = unsealed(parcels).sort_by("place")
    places = table["place"].to_numpy()
    one, other = np.searchsorted(places, first), np.searchsorted(places, second)
    texts = table["text"].to_pylist()
    if threshold is None:
        return jaccard(texts, one, other)
    return similarities(table["title"].to_pylist(), texts, one, other, threshold)
