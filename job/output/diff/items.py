"""What is different between the items of a category in two outputs, with examples."""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from job.errors import CurateError, quoted
from job.output.diff.hashes import hashed
from job.output.diff.multiset import Parts
from job.output.folder import OutputFolder
from job.output.records import Record
from job.output.totals import add_digests
from job.output.training_set.plan import SetRecord
from job.recipe.protocol import Roles
from job.recipe.verdicts import KEPT

_ROW = np.uint64(2**32 - 1)


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """An item that has changed."""

    a: dict[str, Any]
    """The item with the columns that both outputs have."""
    b: dict[str, Any]

    @property
    def columns(self) -> list[str]:
        """Those whose values differ."""
        return [name for name in self.a if repr(self.a[name]) != repr(self.b[name])]


class Examples(msgspec.Struct, frozen=True, kw_only=True):
    """The first items of each kind, in the order of their output."""

    gone: list[dict[str, Any]] = []
    added: list[dict[str, Any]] = []
    changed: list[Changed] = []


class ItemsDifference(msgspec.Struct, frozen=True, kw_only=True):
    """What is different between items, as multisets. Only columns that both outputs have with the same type count."""

    same: int
    """Items that both outputs have."""
    gone: int
    """Items of the first output that are not in the second."""
    added: int
    """Items of the second output that are not in the first."""
    changed: int
    """Items with an id that is in both outputs, with other values."""
    id: str | None
    """The column that identifies an item; None when the outputs have no such column in common."""
    changed_columns: dict[str, int] = {}
    """Changed items by column."""
    without_id: int = 0
    """How many of those gone or added have no id, so that nothing tells whether they have only changed."""
    repeated: int = 0
    """How many of those changed have an id that repeats; these are paired in their order."""
    examples: Examples = Examples()

    @property
    def is_equal(self) -> bool:
        """Whether both outputs have the same items."""
        return not (self.gone or self.added or self.changed)


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemsSide:
    """The items of a category in one output, or the rows of a split."""

    output: OutputFolder
    records: Sequence[Record | SetRecord]
    columns: dict[str, str]
    """Type by name."""
    roles: Roles

    @property
    def num_items(self) -> int:
        """How many there are."""
        return sum(map(_kept, self.records))

    def table(self, shard: int, columns: Sequence[str]) -> pa.Table:
        """Reads a shard.

        Args:
            shard: its number in `records`.
            columns: which columns.

        Raises:
            CurateError: when it cannot be read, or is not what its record says.
        """
        record = self.records[shard]
        items = self.output.table(record.shard, columns)
        missing = [name for name in columns if name not in items.column_names]
        if missing or items.num_rows != _kept(record):
            what = f"it has no column {missing[0]}" if missing else "it has not as many items as its record says"
            raise CurateError(
                f"damaged: {self.output.where(record.shard)}: {what}\n"
                f"to see what else is wrong: curate verify {quoted(self.output.root)}"
            )
        return items

    def first(self, shards: Sequence[int], count: int) -> list[int]:
        """Returns where the first items of some shards are, as `hashes.row_type` says it."""
        places = ((shard << 32) + row for shard in shards for row in range(_kept(self.records[shard])))
        return [place for place, _ in zip(places, range(count), strict=False)]

    def items(self, places: Sequence[int], columns: Sequence[str]) -> list[dict[str, Any]]:
        """Reads single items.

        Args:
            places: where they are, as `hashes.row_type` says it.
            columns: which columns.

        Returns:
            The items in the order of their places.
        """
        by_shard: defaultdict[int, list[int]] = defaultdict(list)
        for place in places:
            by_shard[place >> 32].append(place & int(_ROW))
        found: dict[int, dict[str, Any]] = {}
        for shard, rows in by_shard.items():
            for row, item in zip(rows, self.table(shard, columns).take(rows).to_pylist(), strict=True):
                found[(shard << 32) + row] = {name: item[name] for name in columns}
        return [found[place] for place in places]


def compare_items(
    a: ItemsSide, b: ItemsSide, num_examples: int, report: Callable[[int], None] = lambda _: None
) -> ItemsDifference:
    """Compares the items of a category.

    Args:
        a: the first output's; it has no columns when the output has no such category.
        b: the second output's.
        num_examples: how many examples to give of each kind, at most.
        report: called with how many items of both have been read.

    Raises:
        CurateError: when a shard cannot be read.
    """
    shared = [name for name, kind in a.columns.items() if b.columns.get(name) == kind]
    named = a.roles.id if a.roles.id == b.roles.id and a.roles.id in shared else None
    shards = [range(len(side.records)) for side in (a, b)]
    if list(a.columns.items()) == list(b.columns.items()):  # then digests of items can be compared
        if _digest(a) == _digest(b) and a.num_items == b.num_items:
            return ItemsDifference(same=a.num_items, gone=0, added=0, changed=0, id=named)
        shards = [_left_over(a.records, b.records), _left_over(b.records, a.records)]
    left = [sum(_kept(side.records[shard]) for shard in those) for side, those in zip((a, b), shards, strict=True)]
    if not all(left) or not shared:
        examples = Examples(
            gone=a.items(a.first(shards[0], num_examples), list(a.columns)),
            added=b.items(b.first(shards[1], num_examples), list(b.columns)),
        )
        same = a.num_items - left[0]
        return ItemsDifference(same=same, gone=left[0], added=left[1], changed=0, id=named, examples=examples)
    with tempfile.TemporaryDirectory(prefix="diff-of-curate-") as folder:
        parts = Parts(Path(folder), max(left), len(shared))
        read = 0
        for name, side, those in zip("ab", (a, b), shards, strict=True):
            for shard in those:
                if _kept(side.records[shard]):
                    parts.add(name, hashed(side.table(shard, shared), shared, named, shard))
                    report(read := read + _kept(side.records[shard]))
        found = _Found(num_examples, len(shared))
        for part in parts.differences():
            found.add(part.gone, part.added, part.before, part.after, part.num_repeated)
    examples = Examples(
        gone=a.items(found.first_gone, shared),
        added=b.items(found.first_added, shared),
        changed=[
            Changed(a=before, b=after)
            for before, after in zip(
                a.items([place for place, _ in found.first_changed], shared),
                b.items([place for _, place in found.first_changed], shared),
                strict=True,
            )
        ],
    )
    counts = {name: int(count) for name, count in zip(shared, found.by_column, strict=True) if count}
    return ItemsDifference(
        same=a.num_items - found.gone - found.changed,
        gone=found.gone,
        added=found.added,
        changed=found.changed,
        id=named,
        changed_columns=dict(sorted(counts.items(), key=lambda each: -each[1])),
        without_id=found.without_id if named else 0,
        repeated=found.repeated,
        examples=examples,
    )


class _Found:
    """The differences of all parts, added up."""

    def __init__(self, num_examples: int, num_columns: int):
        self.gone = self.added = self.changed = self.without_id = self.repeated = 0
        self.by_column = np.zeros(num_columns, np.int64)
        self.first_gone: list[int] = []
        self.first_added: list[int] = []
        self.first_changed: list[tuple[int, int]] = []
        self._num_examples = num_examples

    def add(self, gone: np.ndarray, added: np.ndarray, before: np.ndarray, after: np.ndarray, repeated: int) -> None:
        """Adds the difference of a part; see `PartDifference`."""
        self.gone, self.added, self.changed = self.gone + gone.size, self.added + added.size, self.changed + before.size
        self.without_id += int(np.count_nonzero(~gone["named"]) + np.count_nonzero(~added["named"]))
        self.repeated += repeated
        self.by_column += (before["columns"] != after["columns"]).sum(axis=0)
        self.first_gone = self._first(self.first_gone, gone["at"])
        self.first_added = self._first(self.first_added, added["at"])
        order = np.argsort(before["at"])[: self._num_examples]
        pairs = zip(before["at"][order].tolist(), after["at"][order].tolist(), strict=True)
        self.first_changed = sorted([*self.first_changed, *pairs])[: self._num_examples]

    def _first(self, before: list[int], places: np.ndarray) -> list[int]:
        return sorted([*before, *np.sort(places)[: self._num_examples].tolist()])[: self._num_examples]


def _kept(record: Record | SetRecord) -> int:
    return record.num_rows if isinstance(record, SetRecord) else record.funnel.get(KEPT, 0)


def _digest(side: ItemsSide) -> str:
    return add_digests(record.content_digest for record in side.records)


def _left_over(records: Sequence[Record | SetRecord], others: Sequence[Record | SetRecord]) -> list[int]:
    """Returns the numbers of the shards that have no shard with the same items on the other side, one for one."""
    taken = Counter(record.content_digest for record in others)
    found: list[int] = []
    for number, record in enumerate(records):
        if taken[record.content_digest]:
            taken[record.content_digest] -= 1
        else:
            found.append(number)
    return found
