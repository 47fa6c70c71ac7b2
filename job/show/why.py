"""What became of an item: found by its id in the narrow columns of a training set, and told with what decided."""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from job.config.command import try_command
from job.config.craft import CraftConfig
from job.errors import CurateError, UsageError, printable, quoted
from job.output.folder import OutputFolder, output_at
from job.output.records import Plan
from job.output.training_set.decided import Decided, read_decided
from job.output.training_set.finished import open_finished
from job.output.training_set.plan import DECISION, ROWS_PER_SHARD, Part, SetPlan
from job.output.training_set.shard import ID, PRICE, TITLE, removed_schema
from job.recipe.protocol import CATEGORY
from job.selection.decision import FATES, NONE, SPLITS
from job.show.not_drawn import NotDrawn, why_not_drawn


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where an item stands in a training set."""

    fate: str
    """Its split, or why it is in none."""
    row: int
    """Row in its split, or among all removed items, counted from 0."""
    shard: str
    """Path relative to the folder of the set."""
    shard_row: int
    """Row in the shard, counted from 0."""


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an item."""

    id: str
    category: str
    heading: str | None
    """What it is called."""
    price: float | None
    place: Place
    kept_id: str | None = None
    """Of a duplicate, the id of the item that was kept in its place."""
    kept: Place | None = None
    """Where that one stands."""
    similarity: float | None = None
    """Of a near duplicate, the Jaccard similarity with that one."""
    not_drawn: NotDrawn | None = None


def fates_of(root: Path | str, wanted: str) -> tuple[SetPlan, list[Fate]]:
    """Finds out what became of the items with an id.

    Args:
        root: path or address of a finished training set.
        wanted: the id.

    Returns:
        The plan of the set, and all items with that id, those in splits first.

    Raises:
        UsageError: when there is no such set, or no item with that id.
        CurateError: when a file of the set cannot be read.
    """
    output, plan, _ = open_finished(root)
    if plan.recipe.roles.id is None:
        raise UsageError(
            f"the items of {output.root} have no id, since the recipe {plan.recipe.name} has none; "
            f"look at rows by their numbers: curate show {quoted(output.root)} 0"
        )
    found = list(_rows_with(output, plan, wanted))
    if not found:
        raise UsageError(f"{wanted!r} is not an item of {plan.items}; this shows why: {_try(plan, wanted)}")
    decided = read_decided(output, plan)
    if decided is None:
        raise CurateError(
            f"{output.where(DECISION)} is gone, or has changed since it was written\n"
            f"to see what else is wrong: curate verify {quoted(output.root)}"
        )
    return plan, [_fate(output, plan, decided, part, row, wanted) for part, row in found]


def _try(plan: SetPlan, wanted: str) -> str:
    """Returns the command that shows what the recipe did with a row of the items' source."""
    try:
        items = output_at(plan.items).any_plan()
    except CurateError:
        items = None
    if isinstance(items, Plan):
        return try_command(items.config, wanted)
    return f"curate try CONFIG --id {quoted(wanted)}, with the config of these items"


def _rows_with(output: OutputFolder, plan: SetPlan, wanted: str) -> Iterator[tuple[Part, int]]:
    """Yields part and row of each item with an id. Only that column of the shards is decoded."""
    for part in plan.sections():
        for number in range(part.count):
            ids = output.table(part.shard_name(number), [ID])[ID]
            is_wanted = pc.equal(ids if pa.types.is_string(ids.type) else ids.cast(pa.string()), wanted)
            for row in pc.indices_nonzero(is_wanted.fill_null(False)).to_pylist():  # noqa: FBT003 (pyarrow's)
                yield part, number * ROWS_PER_SHARD + row


def _place(plan: SetPlan, fate: str, row: int) -> Place:
    name = fate if fate in SPLITS else plan.sections()[-1].name
    part = next(each for each in plan.sections() if each.name == name)
    number, shard_row = divmod(row, ROWS_PER_SHARD)
    return Place(fate=fate, row=row, shard=part.shard_name(number), shard_row=shard_row)


def _fate(output: OutputFolder, plan: SetPlan, decided: Decided, part: Part, row: int, wanted: str) -> Fate:
    decision = decided.decision
    is_in_part = decision.fate == SPLITS.index(part.name) if part.is_split else decision.fate >= len(SPLITS)
    places = np.flatnonzero(is_in_part)
    at = int(places[np.flatnonzero(decision.row[places] == row)[0]])
    name = FATES[decision.fate[at]]
    place = _place(plan, name, row)
    columns = [each for each in (CATEGORY, TITLE, PRICE) if each in removed_schema(plan.recipe).names]
    item = output.table(place.shard, columns).slice(place.shard_row, 1).to_pylist()[0]
    kept, similarity = int(decision.kept[at]), float(decision.similarity[at])
    has_kept = kept != NONE
    return Fate(
        id=wanted,
        category=item[CATEGORY],
        heading=item.get(TITLE),
        price=item.get(PRICE),
        place=place,
        kept_id=decided.kept_ids[at].as_py(),
        kept=_place(plan, FATES[decision.fate[kept]], int(decision.row[kept])) if has_kept else None,
        similarity=None if np.isnan(similarity) else similarity,
        not_drawn=why_not_drawn(output, plan, decided, at, item) if name == "not_drawn" else None,
    )


def why_json(fates: list[Fate]) -> list[dict[str, Any]]:
    """Returns what became of items, for a program to read."""
    return [msgspec.to_builtins(each) for each in fates]


def why_lines(root: Path | str, plan: SetPlan, fates: list[Fate]) -> Iterator[str]:
    """Yields what became of items, as text.

    Args:
        root: path or address of the training set, as the user named it.
        plan: its plan.
        fates: see `fates_of`.
    """
    if len(fates) > 1:
        yield f"{len(fates)} items have the id {printable(fates[0].id)}:"
    for number, fate in enumerate(fates):
        if number:
            yield ""
        words = [] if fate.heading is None else [printable(repr(fate.heading))]
        words += [printable(fate.category)]
        words += [] if fate.price is None else [f"${fate.price}"]
        yield f"{printable(fate.id)}: {' · '.join(words)}"
        yield from _told(root, plan, fate)


def _told(root: Path | str, plan: SetPlan, fate: Fate) -> Iterator[str]:
    place, name = fate.place, fate.place.fate
    at = f"row {place.shard_row:,} of {place.shard}"
    if name in SPLITS:
        yield f"in {name}: row {place.row:,} of {plan.counts[name]:,}, counted from 0 ({at})"
        yield f"to see it: curate show {printable(quoted(root))} {place.row} --split {name}"
    elif name.startswith("duplicate_"):
        yield from _told_duplicate(fate, CraftConfig.model_validate(plan.config))
    elif name == "not_drawn":
        yield from fate.not_drawn.lines() if fate.not_drawn is not None else ["not drawn"]
    else:
        drawn = sum(plan.counts[each] for each in (*SPLITS, "unused"))
        rows = ", ".join(f"{plan.counts[each]:,} {each}" for each in SPLITS if plan.counts[each])
        yield (
            f"unused: it is one of the {drawn:,} items drawn, and the splits had no room for it ({rows}); "
            f"{plan.counts['unused']:,} are unused"
        )
    if name not in SPLITS:
        yield f"it stands in {at}"


_SAME: Mapping[str, str] = {
    "duplicate_id": "has the same id",
    "duplicate_title": "has the same title",
    "duplicate_text": "has the same text",
    "duplicate_near": "has nearly the same text",
}


def _told_duplicate(fate: Fate, config: CraftConfig) -> Iterator[str]:
    name, kept = fate.place.fate, fate.kept
    other = "an item without an id" if fate.kept_id is None else f"item {printable(fate.kept_id)}"
    alike = "" if fate.similarity is None else f"; their texts are {fate.similarity:.1%} alike (Jaccard)"
    yield f"removed as a duplicate ({name.removeprefix('duplicate_')}): {other} was kept in its place{alike}"
    if fate.similarity is not None and fate.similarity < config.near_threshold:
        yield f"that is below {config.near_threshold:.0%}: others between the two link them"
    else:
        yield f"it {_SAME[name]} as that one{', or as others that link the two' if config.preset is None else ''}"
    if kept is not None and kept.fate in SPLITS:
        yield f"that one is in {kept.fate}, row {kept.row:,}"
    elif kept is not None:
        yield f"that one is in no split either: {kept.fate.replace('_', ' ')}"
