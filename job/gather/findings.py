"""Finds leaks and label conflicts in the rows of a finished training set."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from job.cluster.workers import Workers
from job.gather.near import Pairs
from job.gather.set_rows import RowIndex, SetRows
from job.output.training_set.findings import NUM_EXAMPLES, Findings, SplitLeaks
from job.selection.conflicts import Conflicts, conflicts
from job.selection.decision import SPLITS
from job.selection.leaks import EXACT_KINDS, LeakKind, leaks
from job.selection.mix import Mix
from job.selection.near_pairs import pairs_between

NearPairs = tuple[np.ndarray, np.ndarray]
"""Places of rows of validation or test, and of rows of train that are near duplicates of them."""
NO_NEAR: NearPairs = (np.empty(0, np.int64), np.empty(0, np.int64))
_FIRST_LIMIT, _SECOND_LIMIT = 4, 1_000
"""Rows of train that a row is compared with in each bucket, before and after it: of all rows, then of the others."""
_ROWS_AT_ONCE = 300
"""Rows of which the second candidates are made at once: at most 600,000 pairs for each band."""
_TRAIN = SPLITS[0]

Show = Callable[[int, int], object]
"""Called with how many pairs there are to compare, and how many are compared."""


def near_pairs(rows: SetRows, index: RowIndex, threshold: float, workers: Workers, show: Show) -> NearPairs:
    """Finds which rows of validation and test have a near duplicate in train.

    Args:
        rows: the rows.
        index: their index, with bands for this threshold.
        threshold: Jaccard similarity from which two texts are nearly the same.
        workers: the CPUs that may work.
        show: see `Show`.

    Returns:
        At least one pair for each such row that bands find.
    """
    if index.bands is None:
        raise ValueError("the index has no bands")
    pairs = Pairs(rows=rows, workers=workers)
    train = np.array(rows.splits.get(_TRAIN, ()), np.int64)
    held = np.array([place for name in held_splits(rows) for place in rows.splits[name]], np.int64)
    found: list[NearPairs] = [NO_NEAR]
    compared = 0
    for limit in (_FIRST_LIMIT, _SECOND_LIMIT):
        for start in range(0, len(held), _ROWS_AT_ONCE if limit == _SECOND_LIMIT else max(len(held), 1)):
            some = held[start : start + _ROWS_AT_ONCE] if limit == _SECOND_LIMIT else held
            first, second = pairs_between(index.bands, index.text, some, train, limit)
            if not len(first):
                continue
            show(compared + len(first), compared)
            is_near = ~np.isnan(pairs.similarities(first, second, threshold))
            found.append((first[is_near], second[is_near]))
            compared += len(first)
            show(compared, compared)
        told = np.unique(np.concatenate([first for first, _ in found]))
        held = np.setdiff1d(held, told)
    firsts, seconds = zip(*found, strict=True)
    return np.concatenate(firsts), np.concatenate(seconds)


def findings(
    rows: SetRows,
    index: RowIndex,
    *,
    near: NearPairs | None,
    near_threshold: float,
    mix: Mix | None,
    examples: int = NUM_EXAMPLES,
) -> Findings:
    """Adds up leaks and label conflicts.

    Args:
        rows: the rows.
        index: their index.
        near: near duplicates between train and the others, as from `near_pairs`; None when none were looked for.
        near_threshold: their threshold.
        mix: the mix of the set.
        examples: number of examples of each kind, at most.
    """
    hashes: dict[LeakKind, np.ndarray] = {
        kind: values for kind in EXACT_KINDS if (values := getattr(index, kind)) is not None
    }
    train = rows.splits.get(_TRAIN, range(0))
    found: dict[str, SplitLeaks] = {}
    for name in held_splits(rows):
        held = rows.splits[name]
        counts, rows_of = leaks(
            _slices(hashes, held), _slices(hashes, train), _near_of(near, held, train), examples=examples
        )
        found[name] = SplitLeaks(counts=counts, examples={kind: some for kind, some in rows_of.items() if some})
    return Findings(leaks=found, near_threshold=near_threshold, conflicts=_conflicts(index, examples), mix=mix)


def held_splits(rows: SetRows) -> list[str]:
    """Returns the splits of which a row should not be in train."""
    return [name for name in SPLITS if name in rows.splits and name != _TRAIN]


def _slices(hashes: dict[LeakKind, np.ndarray], places: range) -> dict[LeakKind, np.ndarray]:
    return {kind: values[places.start : places.stop] for kind, values in hashes.items()}


def _near_of(near: NearPairs | None, held: range, train: range) -> NearPairs | None:
    """Returns the near pairs of a split, by the numbers of the rows there and in train."""
    if near is None:
        return None
    first, second = near
    chosen = (first >= held.start) & (first < held.stop)
    return first[chosen] - held.start, second[chosen] - train.start


def _conflicts(index: RowIndex, examples: int) -> Conflicts | None:
    """Finds label conflicts. A price that is no finite number is none."""
    if index.price is None:
        return None
    is_price = np.isfinite(index.price)
    prompt = index.prompt if is_price.all() else np.where(is_price[:, None], index.prompt, np.uint64(0))
    return conflicts(prompt, index.price, examples=examples)
