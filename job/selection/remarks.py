"""What a user should know of a decision: that few items are left, say, or that all ids are null."""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Iterator

import pyarrow.compute as pc

from job.config.craft import DUPLICATE_KINDS, CraftConfig
from job.errors import UsageError
from job.selection.decision import SPLITS, Decision
from job.selection.index import Index

_MOST = 0.5
"""Share of the items from which on the removal of one kind of duplicates is told."""
_NEARLY_ALL = 0.9
"""Share of the items from which on the removal of all duplicates together is told."""


def remarks(index: Index, config: CraftConfig, decision: Decision) -> list[str]:
    """Returns what a user should know of a decision.

    Args:
        index: the items.
        config: the settings.
        decision: what was decided on them.

    Raises:
        UsageError: when no split has a row.
    """
    counts = decision.counts()
    if not sum(counts[name] for name in SPLITS):
        said = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count)
        raise UsageError(
            f"nothing is left for any split: of {len(index):,} items, {said}\n"
            "look at what removes them: deduplicate, sample, splits; all keys: curate config --craft"
        )
    amounts = config.splits.amounts
    empty = [name for name in SPLITS if not counts[name] and (amounts[name] or name == SPLITS[0])]
    without = [f"{name} has no row: splits.{name} is {amounts[name]}" for name in empty]
    return [*_alike(index, config), *_removed(counts, len(index)), *without]


def _alike(index: Index, config: CraftConfig) -> Iterator[str]:
    """Yields which of id, title and text tell no item from another. Presets know no empty title or text."""
    if config.preset is not None:
        return
    if index.ids is not None and not pc.any(pc.greater(pc.binary_length(index.ids), 0)).as_py():
        yield f"none of the {len(index):,} items has an id; the text stands for it"
    for name, hashes in (("title", index.title), ("text", index.text)):
        if hashes is not None and not hashes.any():
            yield f"the {name} of all {len(index):,} items is empty, so by {name} none is a duplicate"


def _removed(counts: dict[str, int], size: int) -> Iterator[str]:
    """Yields which kinds of duplicates remove much."""
    removed = {kind: counts[f"duplicate_{kind}"] for kind in DUPLICATE_KINDS}
    for kind, count in removed.items():
        if count > size * _MOST:
            which = "near duplicates" if kind == "near" else f"duplicates by {kind}"
            yield f"{count:,} of {size:,} items, more than half, are removed as {which}"
    total = sum(removed.values())
    if total > size * _NEARLY_ALL:
        yield f"without duplicates, {size - total:,} of {size:,} items are left"
