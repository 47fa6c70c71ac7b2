"""Which items are the same, and which of them stays?

Items are linked by equal ids, titles or texts, or by near links. Linked items form a group, and so do items that are
linked by way of others. Links are few: an array of theirs has an entry for each repeated item, not for each item.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from job.config.craft import DUPLICATE_KINDS
from job.selection.components import components
from job.selection.index import Index
from job.selection.ranking import ranked

_ROWS_AT_ONCE = 1 << 16
"""Items whose ids are Python objects, or whose hashes are looked up, at the same time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Links:
    """Pairs of items that are the same in one way. A class of more than two may be given as a star."""

    first: np.ndarray
    """One item of each pair, by its place in load order."""
    second: np.ndarray
    """The other one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NearLinks(Links):
    """Pairs of items whose texts are nearly the same, and whose words with a digit are the same."""

    similarity: np.ndarray
    """Jaccard similarity of each pair; float64."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Duplicates:
    """Items that are not kept, by their places in load order, ascending. Each array has one entry per such item."""

    removed: np.ndarray
    """The items."""
    kind: np.ndarray
    """Why: place in `DUPLICATE_KINDS`; uint8."""
    kept: np.ndarray
    """The survivor of each one's group, by its place in load order."""
    similarity: np.ndarray
    """Of an item that counts under `near`, its similarity with the survivor, if they are linked; else NaN."""


def links(index: Index, near: NearLinks | None) -> dict[str, Links]:
    """Finds what links items, by each kind of duplicate.

    Args:
        index: the index.
        near: the near links; None where there are none.

    Returns:
        Links by kind. Items without an id are the same by `id` when their texts are. An empty title or text is the same
        as no other.
    """
    return {
        "id": _same_ids(index),
        "title": _same_hashes(index.title),
        "text": _same_hashes(index.text),
        "near": near or _NO_LINKS,
    }


def groups(size: int, linked: Sequence[Links]) -> np.ndarray:
    """Finds the groups of linked items.

    Args:
        size: number of items.
        linked: links of the kinds that count.

    Returns:
        A number for each item, which items of one group share: the smallest place in it; int32.
    """
    first, second = (
        np.concatenate([getattr(each, end) for each in linked] or [_NOTHING]) for end in ("first", "second")
    )
    return components(size, first, second).astype(np.int32)


def duplicates(index: Index, found: Mapping[str, Links], kinds: Sequence[str]) -> Duplicates:
    """Chooses the survivor of each group: the item with the smallest survivor key.

    Args:
        index: the index.
        found: links by kind, as `links` finds them.
        kinds: the kinds of which one item is kept. A removed item counts under the first of these that links it to
            another item of its group.

    Returns:
        The items that are not kept.
    """
    members = np.unique(np.concatenate([end for kind in kinds for end in _ends(found[kind])] or [_NOTHING]))
    group = groups(len(index), [found[kind] for kind in kinds])
    order = ranked(index, "survivor", members)
    grouped, best = np.unique(group[order], return_index=True)
    kept = order[best][np.searchsorted(grouped, group[members])]
    is_removed = kept != members
    removed, kept = members[is_removed], kept[is_removed]
    kind = np.full(len(removed), len(DUPLICATE_KINDS), np.uint8)
    for name in reversed(kinds):
        for end in _ends(found[name]):
            kind[_positions(removed, end)] = DUPLICATE_KINDS.index(name)
    similarity = np.full(len(removed), np.nan)
    near = found["near"]
    if isinstance(near, NearLinks):
        is_near = kind == DUPLICATE_KINDS.index("near")
        similarity[is_near] = _similarities(near, removed[is_near], kept[is_near], len(index))
    return Duplicates(removed=removed, kind=kind, kept=kept, similarity=similarity)


_NOTHING = np.empty(0, np.int64)
_NO_LINKS = Links(first=_NOTHING, second=_NOTHING)


def _ends(linked: Links) -> tuple[np.ndarray, np.ndarray]:
    return linked.first, linked.second


def _positions(ascending: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Returns where values stand in an ascending array; those that it does not have are left out."""
    if not len(ascending):
        return _NOTHING
    at = np.searchsorted(ascending, wanted)
    at[at == len(ascending)] = 0
    return at[ascending[at] == wanted]


def _similarities(near: NearLinks, first: np.ndarray, second: np.ndarray, size: int) -> np.ndarray:
    """Returns the similarity of each pair, or NaN where it is no near link."""
    similarity = np.full(len(first), np.nan)
    if not len(near.first):
        return similarity

    def pair(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return np.minimum(one, other).astype(np.int64) * size + np.maximum(one, other)

    known = pair(near.first, near.second)
    order = np.argsort(known)
    known = known[order]
    wanted = pair(first, second)
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    is_known = known[at] == wanted
    similarity[is_known] = near.similarity[order[at[is_known]]]
    return similarity


def _same_ids(index: Index) -> Links:
    """Links items with the same id, and those without one by their texts."""
    if index.ids is None:
        return _same_hashes(index.text)
    hashes = np.zeros(len(index), np.uint64)
    for start in range(0, len(index), _ROWS_AT_ONCE):
        some = index.ids.slice(start, _ROWS_AT_ONCE).to_pylist()
        # Python's hash differs in each process, but only chooses what is then compared.
        hashes[start : start + len(some)] = [(hash(one) or 1) % 2**64 if one else 0 for one in some]
    has_id = hashes != 0
    candidates = _repeated(hashes)
    del hashes
    candidates = candidates[has_id[candidates]]
    codes = index.ids.take(pa.array(candidates)).dictionary_encode().indices.to_numpy()
    by_id = _stars(candidates, codes)
    if has_id.all():
        return by_id
    by_text = _same_hashes(index.text, np.flatnonzero(~has_id))
    return Links(
        first=np.concatenate([by_id.first, by_text.first]), second=np.concatenate([by_id.second, by_text.second])
    )


def _same_hashes(hashes: np.ndarray | None, places: np.ndarray | None = None) -> Links:
    """Links those of some items, or of all, whose hashes are the same, where (0, 0) is the same as no other."""
    if hashes is None:
        return _NO_LINKS
    places = _repeated(hashes[:, 0]) if places is None else places[_repeated(hashes[places, 0])]
    places = places[hashes[places].any(axis=1)]
    return _stars(places, hashes[places, 1], hashes[places, 0])


def _repeated(values: np.ndarray) -> np.ndarray:
    """Returns the positions of values that occur more than once, ascending."""
    ordered = np.sort(values)
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    del ordered
    found = [_NOTHING]
    for start in range(0, len(values) if len(repeated) else 0, _ROWS_AT_ONCE):
        some = values[start : start + _ROWS_AT_ONCE]
        at = np.minimum(np.searchsorted(repeated, some), len(repeated) - 1)
        found.append(start + np.flatnonzero(repeated[at] == some))
    return np.concatenate(found)


def _stars(places: np.ndarray, *values: np.ndarray) -> Links:
    """Links each item to the first one that has the same values."""
    order = np.lexsort((places, *values))
    places = places[order]
    is_first = np.zeros(len(places), bool)
    is_first[:1] = True
    for value in values:
        is_first[1:] |= value[order[1:]] != value[order[:-1]]
    first = places[is_first][np.cumsum(is_first) - 1]
    return Links(first=first[~is_first], second=places[~is_first])
