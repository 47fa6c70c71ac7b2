"""Puts together what the report of a training set shows: counts of all shards, and a few rows of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from job.output.folder import OutputFolder
from job.output.training_set.decided import read_decided
from job.output.training_set.findings import Findings
from job.output.training_set.plan import SetPlan
from job.output.training_set.totals import SetManifest
from job.report.sets.count import count_set
from job.report.sets.examples import Place, place_in, read_listings, read_texts
from job.report.sets.figures import (
    ConflictFigures,
    DuplicateFigures,
    Examples,
    GroupFigures,
    LeakFigures,
    PairFigures,
    SetFigures,
    set_figures,
)
from job.report.sets.listing import Listing
from job.report.shards import damaged
from job.selection.decision import FATES, NONE, Decision

_GROUPS, _PAIRS, _LEAKS, _CONFLICTS = 5, 3, 3, 5
"""Number of examples, at most: groups of duplicates, pairs of near ones, rows of a split that leak, label conflicts."""
_NEAR = "duplicate_near"


def figures_of_set(output: OutputFolder, plan: SetPlan, manifest: SetManifest) -> SetFigures:
    """Counts a complete training set, and reads examples.

    Args:
        output: its folder.
        plan: its plan.
        manifest: its totals.

    Raises:
        CurateError: when a file of the set cannot be read.
    """
    return set_figures(manifest, count_set(output, manifest), _examples(output, plan, manifest))


def _examples(output: OutputFolder, plan: SetPlan, manifest: SetManifest) -> Examples:
    duplicates = None
    if manifest.settings["deduplicate"]:
        if (decided := read_decided(output, plan)) is None:
            raise damaged(output, plan.other_files()[0], "missing or damaged")
        duplicates = _duplicates(output, plan, manifest, decided.decision)
    if not isinstance(manifest.findings, Findings):
        return Examples(duplicates=duplicates)
    return Examples(
        duplicates=duplicates,
        leaks=_leaks(output, manifest, manifest.findings),
        conflicts=_conflicts(output, manifest, manifest.findings),
    )


def _duplicates(output: OutputFolder, plan: SetPlan, manifest: SetManifest, decision: Decision) -> DuplicateFigures:
    removed = np.flatnonzero(decision.kept != NONE)
    root = decision.kept[removed]
    while len(root) and (is_removed := decision.kept[root] != NONE).any():  # in a preset the other may be one itself
        root = np.where(is_removed, decision.kept[root], root)
    roots, counts = np.unique(root, return_counts=True)
    sizes, of_size = np.unique(counts + 1, return_counts=True)
    largest = roots[np.lexsort((roots, -counts))][:_GROUPS].tolist()
    pairs = _pairs(decision, removed)
    wanted = dict.fromkeys([*largest, *(item for pair in pairs for item in pair)])
    places = {item: place_in(decision, item) for item in wanted}
    listings = read_listings(output, manifest, places.values())
    texts = read_texts(plan, [item for pair in pairs for item in pair]) if pairs else {}

    def listing(item: int) -> Listing:
        return msgspec.structs.replace(listings[places[item]], text=texts.get(item))

    return DuplicateFigures(
        groups=len(roots),
        removed=len(removed),
        by_size=dict(zip(sizes.tolist(), of_size.tolist(), strict=True)),
        largest=[_group(decision, removed[root == item], listings[places[item]]) for item in largest],
        near=[
            PairFigures(similarity=float(decision.similarity[item]), removed=listing(item), kept=listing(kept))
            for item, kept in pairs
        ],
    )


def _group(decision: Decision, removed: np.ndarray, kept: Listing) -> GroupFigures:
    counts = np.bincount(decision.fate[removed], minlength=len(FATES)).tolist()
    return GroupFigures(
        kept=kept,
        num_items=len(removed) + 1,
        removed={name: count for name, count in zip(FATES, counts, strict=True) if count},
    )


def _pairs(decision: Decision, removed: np.ndarray) -> list[tuple[int, int]]:
    """Returns near duplicates with the items that were kept: the least and the most similar, and one between them."""
    near = removed[decision.fate[removed] == FATES.index(_NEAR)]
    near = near[~np.isnan(decision.similarity[near])]
    if not len(near):
        return []
    near = near[np.lexsort((near, decision.similarity[near]))]
    chosen = near[np.unique(np.arange(_PAIRS) * (len(near) - 1) // (_PAIRS - 1))]
    return [(item, int(decision.kept[item])) for item in chosen.tolist()]


def _leaks(output: OutputFolder, manifest: SetManifest, found: Findings) -> dict[str, list[LeakFigures]]:
    """Returns the first rows of each split that are in train."""
    of_split: dict[str, list[tuple[int, int, list[str]]]] = {}
    for name, leaks in found.leaks.items():
        kinds: dict[tuple[int, int], list[str]] = {}
        for kind, rows in leaks.examples.items():
            for each in rows:
                kinds.setdefault((each.row, each.train_row), []).append(kind)
        if kinds:
            of_split[name] = [(*rows, kinds[rows]) for rows in sorted(kinds)[:_LEAKS]]
    places: list[Place] = []
    for name, some in of_split.items():
        places += [place for row, train_row, _ in some for place in ((name, row), ("train", train_row))]
    listings = read_listings(output, manifest, places)
    return {
        name: [
            LeakFigures(
                row=row,
                train_row=train_row,
                kinds=kinds,
                held=listings[name, row],
                train=listings["train", train_row],
            )
            for row, train_row, kinds in some
        ]
        for name, some in of_split.items()
    }


def _conflicts(output: OutputFolder, manifest: SetManifest, found: Findings) -> list[ConflictFigures]:
    some = [] if found.conflicts is None else found.conflicts.examples[:_CONFLICTS]
    places = [_place_of(manifest, each.places) for each in some]
    listings = read_listings(output, manifest, places)
    return [
        ConflictFigures(rows=each.rows, lowest=each.lowest, highest=each.highest, first=listings[place])
        for each, place in zip(some, places, strict=True)
    ]


def _place_of(manifest: SetManifest, rows: Sequence[int]) -> Place:
    """Returns where the first of some rows stands. They are counted over all splits, in their order."""
    row = rows[0]
    sizes: Mapping[str, int] = {name: totals.num_rows for name, totals in manifest.splits.items()}
    for name, size in sizes.items():
        if row < size:
            return name, row
        row -= size
    raise AssertionError("a row is beyond all splits")
