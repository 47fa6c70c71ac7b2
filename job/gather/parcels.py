"""Packs items into parcels, for the shards that they go to, and unpacks them there."""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from job.gather.exchange import sealed, unsealed
from job.gather.items import Items, ItemShard
from job.output.training_set.decided import Decided
from job.output.training_set.plan import REMOVED_PART, ROWS_PER_SHARD
from job.output.training_set.shard import (
    COMPLETION,
    FATE,
    PROMPT,
    other_columns,
    removed_schema,
    set_schema,
    shown_columns,
)
from job.recipe.protocol import CATEGORY, RecipeDescription
from job.recipe.training import check_examples, completion_columns, completions, prompt_columns, prompts
from job.selection.decision import FATES, SPLITS

_OWN = ":"
"""What the names of a parcel's own columns begin with; no item column has a colon in its name."""
_ROW, _CATEGORY = f"{_OWN}row", f"{_OWN}category"
"""Parcel columns with the row of each item in its shard, and its category."""
_PARTS = (*SPLITS, REMOVED_PART)
_ROWS_AT_ONCE = 20_000
"""Number of rows that are packed together, at most."""
_BYTES_AT_ONCE = 32 << 20
"""Bytes of rows that are packed together, at most, unless one shard has more: that is some 35,000 listings."""

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
    """Returns a number for the shard that each item goes to; `target_named` turns it into a name."""
    return np.minimum(fates.fate, len(SPLITS)).astype(np.int64) << 32 | fates.row // ROWS_PER_SHARD


def target_named(number: int) -> Target:
    """Returns the shard that a number of `targets_of` stands for."""
    return _PARTS[number >> 32], number & 0xFFFFFFFF


def _number_of(target: Target) -> int:
    return _PARTS.index(target[0]) << 32 | target[1]


def pack(
    items: Items, shards: Sequence[ItemShard], fates: Fates, wanted: Sequence[Target]
) -> dict[Target, list[pa.Buffer]]:
    """Packs the items that go to some shards.

    Args:
        items: the items.
        shards: those of their shards that are to be read, one after the other.
        fates: the decision on the items of these shards.
        wanted: the shards that are to be written.

    Returns:
        The parcels.

    Raises:
        UsageError: when an item lacks what its prompt or completion is made of.
    """
    numbers = targets_of(fates)
    is_wanted = np.isin(numbers, np.array(list(map(_number_of, wanted)), np.int64))
    packed: dict[Target, list[pa.Buffer]] = {}
    to_splits, to_removed = _Packer(packed), _Packer(packed)
    begin = 0
    for shard in shards:
        here, chosen = fates.of(begin, shard.num_rows), is_wanted[begin : begin + shard.num_rows]
        rows_there, goes_to = here.row % ROWS_PER_SHARD, numbers[begin : begin + shard.num_rows]
        begin += shard.num_rows
        is_example = here.fate < len(SPLITS)
        examples, removed = np.flatnonzero(chosen & is_example), np.flatnonzero(chosen & ~is_example)
        if not len(examples) and not len(removed):
            continue
        shown = list(dict.fromkeys(shown_columns(items.recipe).values()))  # one column may be id and title
        rows = items.table(shard, _columns_of_examples(items.recipe) if len(examples) else shown)
        category = items.categories[shard.category]
        if len(examples):
            chosen_rows = rows.take(pa.array(examples))
            check_examples(items.recipe, chosen_rows)
            to_splits.add(chosen_rows, category, rows_there[examples], goes_to[examples])
        if len(removed):
            to_removed.add(_with_fate(rows, shown, here, removed), category, rows_there[removed], goes_to[removed])
    to_splits.seal()
    to_removed.seal()
    return packed


@dataclass(slots=True)
class _Packer:
    """Puts rows with the same columns into parcels. Many at once, since a parcel costs as much as some hundred rows."""

    packed: dict[Target, list[pa.Buffer]]
    """Where the parcels go."""
    _tables: list[pa.Table] = field(default_factory=list[pa.Table])
    _numbers: list[np.ndarray] = field(default_factory=list[np.ndarray])
    _num_rows: int = 0
    _num_bytes: int = 0

    def add(self, table: pa.Table, category: str, rows: np.ndarray, numbers: np.ndarray) -> None:
        """Adds rows, with their category, the row of each in its shard, and the number of that in `targets_of`."""
        if self._num_bytes + table.nbytes > _BYTES_AT_ONCE:
            self.seal()
        table = table.append_column(_CATEGORY, pa.repeat(pa.scalar(category, pa.string()), table.num_rows))
        self._tables.append(table.append_column(_ROW, pa.array(rows, pa.uint32())))
        self._numbers.append(numbers)
        self._num_rows += table.num_rows
        self._num_bytes += table.nbytes
        if self._num_rows >= _ROWS_AT_ONCE:
            self.seal()

    def seal(self) -> None:
        """Seals what was added."""
        if not self._num_rows:
            return
        numbers = np.concatenate(self._numbers)
        order = np.argsort(numbers, kind="stable")
        numbers, table = numbers[order], pa.concat_tables(self._tables).take(pa.array(order))
        for begin, end in itertools.pairwise([0, *(np.flatnonzero(np.diff(numbers)) + 1), len(numbers)]):
            parcel = sealed(table.slice(begin, end - begin))
            self.packed.setdefault(target_named(int(numbers[begin])), []).append(parcel)
        self._tables, self._numbers, self._num_rows, self._num_bytes = [], [], 0, 0


def unpack(
    parcels: Sequence[Sequence[pa.Buffer]], num_rows: int, recipe: RecipeDescription, *, is_split: bool
) -> pa.Table:
    """Returns the rows of a shard in their order.

    Prompts and completions are made here, of the items' columns: a prompt holds most of these once more.

    Args:
        parcels: everything that was sent to it.
        num_rows: number of its rows.
        recipe: the recipe that made the items.
        is_split: whether it is a shard of a split, and not of the removed items.

    Raises:
        RuntimeError: when a row is missing, or came twice.
    """
    table = unsealed(parcels)
    rows = table[_ROW].to_numpy()
    order = np.argsort(rows, kind="stable")
    if not np.array_equal(rows[order], np.arange(num_rows)):
        raise RuntimeError(f"a shard of {num_rows} rows got {len(rows)}, or some of them twice")
    items = table.drop_columns([_ROW]).take(pa.array(order))
    del table  # both are large
    columns: dict[str, pa.ChunkedArray | pa.Array] = {CATEGORY: items[_CATEGORY]}
    columns |= {name: items[column] for name, column in shown_columns(recipe).items()}
    if is_split:
        columns |= {PROMPT: prompts(recipe, items), COMPLETION: completions(recipe, items)}
        columns |= {name: items[name] for name in other_columns(recipe)}
        schema = set_schema(recipe)
    else:
        columns |= {name: items[_OWN + name] for name in FATE}
        schema = removed_schema(recipe)
    return pa.table([columns[name] for name in schema.names], schema=schema)


def _columns_of_examples(recipe: RecipeDescription) -> list[str]:
    names = [*shown_columns(recipe).values(), *other_columns(recipe)]
    return list(dict.fromkeys([*names, *prompt_columns(recipe), *completion_columns(recipe)]))


def _with_fate(rows: pa.Table, shown: Sequence[str], fates: Fates, places: np.ndarray) -> pa.Table:
    """Returns columns of the items at some places, which are in no split, and what became of each."""
    at = pa.array(places)
    similarity = pa.array(fates.similarity[places])
    fate = {
        "reason": pa.array(FATES, pa.string()).take(pa.array(fates.fate[places])),
        "kept_id": fates.kept_ids.take(at),
        "similarity": pc.if_else(pc.is_nan(similarity), pa.scalar(None, pa.float64()), similarity),
    }
    # A recipe may name no id, title and price, and a table without columns forgets how many rows it has.
    return pa.table({name: rows[name].take(at) for name in shown} | {_OWN + name: fate[name] for name in FATE})
