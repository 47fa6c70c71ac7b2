"""All figures of the report of a training set. `report.json` has them, and the page shows nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from job.output.training_set.findings import Findings
from job.output.training_set.totals import SetManifest
from job.report.figures.column import PRICE_BINS, ColumnFigures, column_figures
from job.report.figures.tally import Tally
from job.report.sets.count import Counted, Counts, has_price
from job.report.sets.guess import GuessFigures, guess_figures
from job.report.sets.listing import Listing
from job.selection.conflicts import Conflicts
from job.selection.decision import FATES, REMOVED, SPLITS
from job.selection.leaks import Leaks
from job.selection.mix import Mix

DUPLICATES = tuple(name for name in REMOVED if name.startswith("duplicate_"))
"""Why an item is not in a set that another one is in for it."""
_MOST_CATEGORIES = 40
"""Number of categories of a stage that are shown, at most."""


class StageFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What is there after a stage."""

    name: str
    num_items: int
    prices: ColumnFigures | None
    """In cents; None where items have no price, or it is no number."""
    categories: dict[str, int]
    """Items of each category."""
    category_prices: dict[str, ColumnFigures] = {}
    """In cents, of the categories with most items; empty where there are no prices, or one category."""


class GroupFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Items of which one was kept."""

    kept: Listing
    num_items: int
    """The one that was kept included."""
    removed: dict[str, int]
    """The others, by why they were removed."""


class PairFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A near duplicate and the item that was kept in its place."""

    similarity: float
    """Jaccard similarity of their texts; in a chain it may be below the threshold."""
    removed: Listing
    kept: Listing


class DuplicateFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Items that were removed because another one is kept."""

    groups: int
    removed: int
    by_size: dict[int, int]
    """Number of groups of each size."""
    largest: list[GroupFigures]
    near: list[PairFigures]
    """Some near duplicates, from the least to the most similar."""


class LeakFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A row that is in train, too."""

    row: int
    train_row: int
    kinds: list[str]
    held: Listing
    train: Listing


class ConflictFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Rows with the same prompt and different prices."""

    rows: int
    lowest: float
    highest: float
    first: Listing
    """The one with the lowest price."""


class Examples(msgspec.Struct, frozen=True, kw_only=True):
    """The rows that a report shows."""

    duplicates: DuplicateFigures | None = None
    leaks: dict[str, list[LeakFigures]] = {}
    conflicts: list[ConflictFigures] = []


class SetFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a training set."""

    content_digest: str
    """Of the splits that were counted, as the manifest has it."""
    kind: str = "training-set"
    version: int = 1
    heading: str
    recipe: dict[str, Any]
    """Its name and version."""
    num_items: int
    num_rows: int
    """Rows of all splits."""
    funnel: dict[str, int]
    """Items by what became of them; it adds up to `num_items`."""
    stages: list[StageFigures]
    """All items, what is left without duplicates, the sample, and each split. Stages that took nothing are left out."""
    guess: GuessFigures | None
    """What always guessing the mean of train comes to; None without prices, train, or another split."""
    duplicates: DuplicateFigures | None
    """None when no duplicate was looked for."""
    leaks: dict[str, Leaks] | None
    """By split; None when they are not known."""
    leak_examples: dict[str, list[LeakFigures]]
    near_threshold: float
    conflicts: Conflicts | None
    conflict_examples: list[ConflictFigures]
    mix: Mix | None
    settings: dict[str, Any]
    items: dict[str, str]
    """Digest of each category of the items that the set was made of."""
    warnings: list[str]


def largest(categories: Mapping[str, int]) -> dict[str, int]:
    """Returns the categories with most items, in the order in which they were given; none without an item."""
    chosen = {*sorted(filter(categories.get, categories), key=lambda name: -categories[name])[:_MOST_CATEGORIES]}
    return {name: categories[name] for name in categories if name in chosen}


def set_figures(manifest: SetManifest, counts: Counts, examples: Examples) -> SetFigures:
    """Returns the figures of a complete training set.

    Args:
        manifest: its totals.
        counts: what was counted of its shards.
        examples: the rows to show.
    """
    recipe, found = manifest.recipe, manifest.findings
    known = found if isinstance(found, Findings) else None
    prices = {name: Counted.sum(counts.get(name, {}).values()).prices for name in SPLITS}
    return SetFigures(
        content_digest=manifest.content_digest,
        heading=recipe.heading or recipe.name,
        recipe={"name": recipe.name, "version": recipe.version},
        num_items=manifest.num_items,
        num_rows=sum(manifest.funnel.get(name, 0) for name in SPLITS),
        funnel=manifest.funnel,
        stages=[*_stages(manifest, counts)],
        guess=guess_figures(prices) if has_price(recipe) else None,
        duplicates=examples.duplicates,
        leaks=None if found is UNSET or known is None else {name: each.counts for name, each in known.leaks.items()},
        leak_examples=examples.leaks,
        near_threshold=float(manifest.settings["near_threshold"]),
        conflicts=None if known is None or known.conflicts is None else _without_places(known.conflicts),
        conflict_examples=examples.conflicts,
        mix=None if known is None else known.mix,
        settings=manifest.settings,
        items=manifest.identity.items,
        warnings=manifest.warnings,
    )


def _without_places(found: Conflicts) -> Conflicts:
    return msgspec.structs.replace(found, examples=[])


def _stages(manifest: SetManifest, counts: Counts) -> Iterator[StageFigures]:
    """Yields the stages, each made of what becomes of its items in the end."""
    in_stage = {
        "items": FATES,
        "without duplicates": tuple(name for name in FATES if name not in DUPLICATES),
        "sample": (*SPLITS, "unused"),
        **{name: (name,) for name in manifest.splits},
    }
    before = -1
    for name, fates in in_stage.items():
        of_fates = [counts.get(fate, {}) for fate in fates]
        num_items = sum(each.num for of_fate in of_fates for each in of_fate.values())
        if name in SPLITS or num_items != before:
            yield _stage(name, of_fates, manifest)
        before = num_items


def _stage(name: str, of_fates: Iterable[Mapping[str, Counted]], manifest: SetManifest) -> StageFigures:
    found = list(of_fates)
    categories = {
        category: sum(each[category].num for each in found if category in each) for category in manifest.identity.items
    }
    tally = Tally.sum(each.prices for of_fate in found for each in of_fate.values())
    num_items = sum(categories.values())
    are_compared = has_price(manifest.recipe) and len(categories) > 1

    def prices_in(category: str) -> ColumnFigures:
        of_category = Tally.sum(each[category].prices for each in found if category in each)
        return column_figures(of_category, categories[category], "cents", PRICE_BINS)

    return StageFigures(
        name=name,
        num_items=num_items,
        prices=column_figures(tally, num_items, "cents", PRICE_BINS) if has_price(manifest.recipe) else None,
        categories={category: count for category, count in categories.items() if count},
        category_prices={name: prices_in(name) for name in largest(categories)} if are_compared else {},
    )
