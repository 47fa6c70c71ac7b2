"""Packs items into parcels, one for each shard of a split that they go to, and unpacks them there."""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from job.gather.exchange import sealed, unsealed
from job.gather.items import Items, ItemShard
from job.output.training_set.decided import Decided
from job.output.training_set.plan import ROWS_PER_SHARD
from job.output.training_set.shard import (
    COMPLETION,
    PROMPT,
    other_columns,
    removed_schema,
    set_schema,
    shown_columns,
)
from job.recipe.protocol import CATEGORY, RecipeDescription
from job.recipe.training import completion_columns, completions, prompt_columns, prompts
from job.selection.decision import FATES, SPLITS

ROW = ":row"
"""Name of a parcel's column with the row of each item in its shard; no item column has a colon in its name."""

Target = tuple[str, int]
"""A shard that is to be written: its part, and its number."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fates:
    """The decision on some items that follow one another."""

    fate: np.ndarray
    """See `Decision.fate`."""
    row: np.ndarray
    """Row of each item in its part."""
    kept_ids: pa.Array
    """Id of the item that was kept in place of each duplicate; null for others."""
    similarity: np.ndarray
    """See `Decision.similarity`."""

    def of(self, begin: int, count: int) -> Fates:
        """Returns the decision on some of these items, in arrays of their own: a slice of Arrow is sent whole."""
        here = slice(begin, begin + count)
        return Fates(
            fate=self.fate[here],
            row=self.row[here],
            kept_ids=self.kept_ids.take(pa.array(np.arange(begin, begin + count))),
            similarity=self.similarity[here],
        )


def fates_in(decided: Decided) -> Fates:
    """Returns the decision on all items."""
    decision = decided.decision
    return Fates(fate=decision.fate, row=decision.row, kept_ids=decided.kept_ids, similarity=decision.similarity)


def targets_of(fates: Fates) -> np.ndarray:
    """Returns a number for the shard of a split that each item goes to; `target_named` turns it into a name.

    It is at least `NO_TARGET` for an item that is in no split.
    """
    return fates.fate.astype(np.int64) << 32 | fates.row // ROWS_PER_SHARD


NO_TARGET = len(SPLITS) << 32
"""The smallest number of `targets_of` that stands for no shard of a split."""


def target_named(number: int) -> Target:
    """Returns the shard that a number of `targets_of` stands for."""
    return SPLITS[number >> 32], number & 0xFFFFFFFF


def pack(items: Items, shard: ItemShard, fates: Fates, wanted: Sequence[Target]) -> dict[Target, list[pa.Buffer]]:
    """Packs the items of a shard that go to some shards of splits.

    Args:
        items: the items.
        shard: one of their shards.
        fates: the decision on its items.
        wanted: the shards that are to be written.

    Returns:
        The parcels.
    """
    goes_to = targets_of(fates)
    wanted_numbers = np.array([SPLITS.index(part) << 32 | number for part, number in wanted], np.int64)
    chosen = np.flatnonzero(np.isin(goes_to, wanted_numbers))
    if not len(chosen):
        return {}
    chosen = chosen[np.argsort(goes_to[chosen], kind="stable")]
    rows = items.table(shard, _columns_of_examples(items.recipe)).take(pa.array(chosen))
    table = _examples(rows, items.recipe, items.categories[shard.category])
    table = table.append_column(ROW, pa.array(fates.row[chosen] % ROWS_PER_SHARD, pa.uint32()))
    numbers = goes_to[chosen]
    bounds = [0, *(np.flatnonzero(np.diff(numbers)) + 1), len(numbers)]
    packed: dict[Target, list[pa.Buffer]] = {}
    for begin, end in itertools.pairwise(bounds):
        parcel = sealed(table.slice(begin, end - begin))
        packed.setdefault(target_named(int(numbers[begin])), []).append(parcel)
    return packed


def unpack(parcels: Sequence[Sequence[pa.Buffer]], num_rows: int) -> pa.Table:
    """Returns the rows of a shard in their order.

    Args:
        parcels: everything that was sent to it.
        num_rows: number of its rows.

    Raises:
        RuntimeError: when a row is missing, or came twice.
    """
    table = unsealed(parcels)
    rows = table[ROW].to_numpy()
    order = np.argsort(rows, kind="stable")
    if not np.array_equal(rows[order], np.arange(num_rows)):
        raise RuntimeError(f"a shard of {num_rows} rows got {len(rows)}, or some of them twice")
    return table.drop_columns([ROW]).take(pa.array(order))


def removed_rows(items: Items, shards: Sequence[ItemShard], fates: Fates, number: int) -> pa.Table:
    """Reads the rows of a shard of removed items. They need not travel: they stand in load order, as the items do.

    Args:
        items: the items.
        shards: those of their shards that it has items of, one after the other.
        fates: the decision on the items of these shards.
        number: the shard's number.
    """
    tables: list[pa.Table] = []
    for shard in shards:
        here = fates.of(shard.place - shards[0].place, shard.num_rows)
        places = np.flatnonzero((here.fate >= len(SPLITS)) & (here.row // ROWS_PER_SHARD == number))
        rows = items.table(shard, list(shown_columns(items.recipe).values())).take(pa.array(places))
        tables.append(_removed(rows, items.recipe, items.categories[shard.category], here, places))
    return pa.concat_tables(tables)


def _columns_of_examples(recipe: RecipeDescription) -> list[str]:
    names = [*shown_columns(recipe).values(), *other_columns(recipe)]
    return list(dict.fromkeys([*names, *prompt_columns(recipe), *completion_columns(recipe)]))


def _examples(rows: pa.Table, recipe: RecipeDescription, category: str) -> pa.Table:
    """Returns the rows of the splits."""
    columns = dict(_shown(rows, recipe, category))
    columns[PROMPT] = pa.array(prompts(recipe, rows), pa.string())
    columns[COMPLETION] = pa.array(completions(recipe, rows), pa.string())
    columns |= {name: rows[name] for name in other_columns(recipe)}
    return _cast(columns, set_schema(recipe))


def _removed(rows: pa.Table, recipe: RecipeDescription, category: str, fates: Fates, places: np.ndarray) -> pa.Table:
    """Returns the rows of items that are in no split, each with the reason."""
    columns = dict(_shown(rows, recipe, category))
    columns["reason"] = pa.array(FATES, pa.string()).take(pa.array(fates.fate[places]))
    columns["kept_id"] = fates.kept_ids.take(pa.array(places))
    similarity = pa.array(fates.similarity[places])
    columns["similarity"] = pc.if_else(pc.is_nan(similarity), pa.scalar(None, pa.float64()), similarity)
    return _cast(columns, removed_schema(recipe))


def _shown(rows: pa.Table, recipe: RecipeDescription, category: str) -> Iterator[tuple[str, pa.Array]]:
    yield CATEGORY, pa.array([category] * rows.num_rows, pa.string())
    for name, column in shown_columns(recipe).items():
        yield name, rows[column]


def _cast(columns: Mapping[str, pa.Array | pa.ChunkedArray], schema: pa.Schema) -> pa.Table:
    return pa.table([columns[name] for name in schema.names], schema=schema.remove_metadata())
