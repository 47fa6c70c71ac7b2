"""Reads a few rows of a training set, and a few texts of its items, to show them as examples."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from job.errors import CurateError
from job.gather.items import Items, open_items
from job.output.folder import OutputFolder
from job.output.training_set.plan import REMOVED_PART, ROWS_PER_SHARD, SetPlan
from job.output.training_set.shard import ID, PRICE, TITLE, shown_columns
from job.output.training_set.totals import SetManifest
from job.recipe.protocol import CATEGORY
from job.recipe.training import text_columns, texts
from job.report.figures.tally import CENTS
from job.report.sets.count import has_price
from job.report.sets.listing import Listing
from job.report.shards import tables
from job.selection.decision import FATES, SPLITS, Decision

_TEXT_CHARS = 4_000
"""Characters of a text that a report has, at most."""
_TITLE_CHARS = 400
"""Characters of a title or an id that a report has, at most."""

Place = tuple[str, int]
"""A part of a set, and a row of it."""


def place_in(decision: Decision, item: int) -> Place:
    """Returns where an item stands in a set."""
    name = FATES[int(decision.fate[item])]
    return (name if name in SPLITS else REMOVED_PART), int(decision.row[item])


def read_listings(output: OutputFolder, manifest: SetManifest, places: Iterable[Place]) -> dict[Place, Listing]:
    """Reads rows of a set: what splits and removed items both have. Of each shard only these columns are read.

    Args:
        output: its folder.
        manifest: its totals.
        places: which rows.

    Raises:
        CurateError: when a shard cannot be read.
    """
    shown = shown_columns(manifest.recipe)
    names = [CATEGORY, *[name for name in (ID, TITLE) if name in shown]]
    names += [PRICE] if has_price(manifest.recipe) else []
    by_shard: dict[tuple[str, int], list[int]] = {}
    for part, row in places:
        by_shard.setdefault((part, row // ROWS_PER_SHARD), []).append(row)
    found: dict[Place, Listing] = {}
    for (part, number), rows in by_shard.items():
        totals = manifest.removed if part == REMOVED_PART else manifest.splits[part]
        shard = totals.shards[number] if totals is not None else None
        if shard is None:
            continue
        start = number * ROWS_PER_SHARD
        for table in tables(output, shard.path, shard.size_bytes, names):
            for row in rows:
                if start <= row < start + table.num_rows:
                    (values,) = table.slice(row - start, 1).to_pylist()
                    found[part, row] = _listing(values)
            start += table.num_rows
    return found


def _listing(values: Mapping[str, Any]) -> Listing:
    price = values.get(PRICE)
    return Listing(
        id=_cut(values.get(ID), _TITLE_CHARS),
        title=_cut(values.get(TITLE), _TITLE_CHARS),
        category=str(values[CATEGORY]),
        price=None if price is None or not np.isfinite(price) else round(price * CENTS),
    )


def _cut(value: object, length: int) -> str | None:
    return None if value is None else str(value)[:length]


def read_texts(plan: SetPlan, items: Sequence[int]) -> dict[int, str]:
    """Reads the texts of a few items, by their places in load order; none where the items are gone, or others by now.

    A set does not have the texts of removed items.
    """
    try:
        opened = open_items(plan.items)
        if dict(zip(opened.categories, opened.digests, strict=True)) != plan.identity.items:
            return {}
        return _texts(opened, items)
    except CurateError:
        return {}


def _texts(opened: Items, items: Sequence[int]) -> dict[int, str]:
    starts = [shard.place for shard in opened.shards]
    by_shard: dict[int, list[int]] = {}
    for item in items:
        by_shard.setdefault(bisect.bisect_right(starts, item) - 1, []).append(item)
    found: dict[int, str] = {}
    for number, some in by_shard.items():
        shard = opened.shards[number]
        table = opened.table(shard, text_columns(opened.recipe))
        for item in some:
            (text,) = texts(opened.recipe, table.slice(item - shard.place, 1)).to_pylist()
            found[item] = (text or "")[:_TEXT_CHARS]
    return found
