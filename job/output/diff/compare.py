"""Compares two outputs: their jobs, what became of the rows, and the items.

Items are compared by what tells soonest: a category's digest, then the digests of its shards, and only of the shards
that are left over every item. Nothing but plan, records and shards is read, so no recipe's code is needed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from job.output.diff.changes import (
    FileChange,
    KeyChange,
    changed_files,
    changed_keys,
    changed_repository,
    changed_settings,
)
from job.output.diff.items import ItemsDifference, ItemsSide, compare_items
from job.output.folder import OutputFolder, open_output
from job.output.records import CategoryPlan, Damage, Plan, Record
from job.output.shard import items_schema
from job.output.totals import add_funnels
from job.recipe.verdicts import KEPT


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """A number in both outputs."""

    a: int
    b: int


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two outputs."""

    output: str
    """Its path or address."""
    complete: bool
    num_items: int
    """Items of what is done."""


class CategoryDifference(msgspec.Struct, frozen=True, kw_only=True):
    """What is different in a category. What only one output has is different as a whole."""

    done: Pair
    """Finished partitions."""
    partitions: Pair
    """Partitions in all; 0 in the output that has no such category."""
    settings: list[KeyChange] = []
    """Settings that decide its items, where the config does not show them: of a category that was added by another job,
    and versions."""
    repository: list[KeyChange] = []
    files: list[FileChange] = []
    damaged: list[KeyChange] = []
    """What is left out because its file is damaged: why, by the name of the file and the first byte or row."""
    columns: list[KeyChange] = []
    """Types of item columns, by name."""
    num_rows: Pair | None = None
    """None where a partition of it is not finished; so are the following ones."""
    funnel: dict[str, Pair] | None = None
    items: ItemsDifference | None = None

    @property
    def is_compared(self) -> bool:
        """Whether all of it is done on both sides, so that counts and items were compared."""
        return self.items is not None

    @property
    def is_equal(self) -> bool:
        """Whether the same came out, as far as it was compared."""
        counts = [*(self.funnel or {}).values(), *([self.num_rows] if self.num_rows else [])]
        is_there = bool(self.partitions.a) == bool(self.partitions.b)
        is_same = self.items is None or self.items.is_equal
        return is_there and is_same and not self.columns and all(count.a == count.b for count in counts)

    @property
    def is_source_equal(self) -> bool:
        """Whether both outputs read the same bytes, as far as digests tell."""
        return not (self.repository or self.files or self.damaged)


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What is different between two outputs."""

    a: Output
    b: Output
    equal: bool | None
    """Whether the same items and counts came out; None when nothing is different so far, but not all is done."""
    config: list[KeyChange]
    categories: dict[str, CategoryDifference]


@dataclass(frozen=True, slots=True)
class _Side:
    """An output, read."""

    output: OutputFolder
    plan: Plan
    records: dict[str, list[Record]]
    """By category."""

    @property
    def summary(self) -> Output:
        """Returns what the difference says of it."""
        is_done = all(len(self.records[name]) == len(each.partitions) for name, each in self.plan.categories.items())
        return Output(
            output=str(self.output.root),
            complete=is_done and self.output.manifest() is not None,
            num_items=sum(map(self.num_items, self.records)),
        )

    def num_items(self, category: str) -> int:
        """Returns how many items of a category are done."""
        return sum(record.funnel.get(KEPT, 0) for record in self.records.get(category, []))

    def items(self, category: CategoryPlan | None) -> ItemsSide:
        """Returns where the items of a category are, and what columns they have."""
        if category is None:
            return ItemsSide(output=self.output, records=(), columns={}, roles=self.plan.description.roles)
        schema = items_schema(self.plan.description, category.identity.keep_columns)
        return ItemsSide(
            output=self.output,
            records=self.records[category.category],
            columns={field.name: str(field.type) for field in schema},
            roles=self.plan.description.roles,
        )


def uncounted(total: int) -> AbstractContextManager[Callable[[int], None]]:
    """Shows no progress."""
    del total
    return contextlib.nullcontext(lambda _: None)


def compare(
    a: Path | str,
    b: Path | str,
    num_examples: int = 3,
    counting: Callable[[int], AbstractContextManager[Callable[[int], None]]] = uncounted,
) -> Difference:
    """Compares two outputs.

    Args:
        a: path or address of the first one, which the difference starts from.
        b: path or address of the second one.
        num_examples: how many examples to give, at most, of each kind of difference in a category.
        counting: called with the number of items of both; what it gives is called with how many are compared.

    Returns:
        What is different. Categories that are not finished are compared as far as their plans go.

    Raises:
        UsageError: when one is no output.
        CurateError: when a file cannot be read.
    """
    left, right = _opened(a), _opened(b)
    config = list(changed_keys(left.plan.config, right.plan.config))
    summaries = left.summary, right.summary
    categories: dict[str, CategoryDifference] = {}
    done = 0
    with counting(sum(each.num_items for each in summaries)) as report:
        for name in {**left.plan.categories, **right.plan.categories}:

            def report_read(count: int, before: int = done) -> None:
                report(before + count)

            categories[name] = _compare_category(name, left, right, config, num_examples, report_read)
            done += left.num_items(name) + right.num_items(name)
            report(done)
    is_equal: bool | None = all(each.is_equal for each in categories.values())
    if is_equal and not all(each.is_compared for each in categories.values()):
        is_equal = None
    return Difference(a=summaries[0], b=summaries[1], equal=is_equal, config=config, categories=categories)


def _opened(root: Path | str) -> _Side:
    output, plan = open_output(root)
    return _Side(output, plan, {name: output.records(each) for name, each in plan.categories.items()})


def _compare_category(
    name: str,
    left: _Side,
    right: _Side,
    config: Sequence[KeyChange],
    num_examples: int,
    report: Callable[[int], None],
) -> CategoryDifference:
    plans = [side.plan.categories.get(name) for side in (left, right)]
    found = [side.records.get(name, []) for side in (left, right)]
    partitions = [0 if plan is None else len(plan.partitions) for plan in plans]
    compared: dict[str, Any] = {}
    before, now = plans
    if before is not None and now is not None:
        told = {(change.key, str(change)) for change in config}
        settings = changed_settings(before.identity, now.identity)
        compared["settings"] = [change for change in settings if not _is_told(change, told)]
        compared["repository"] = changed_repository(before.identity, now.identity)
        compared["files"] = changed_files(before.identity, now.identity)
        left_out = [
            {_place(damage): damage.cause for damage in plan.damage(records)}
            for plan, records in zip((before, now), found, strict=True)
        ]
        compared["damaged"] = list(changed_keys(left_out[0], left_out[1]))
    sides = [left.items(before), right.items(now)]
    if before is not None and now is not None:
        compared["columns"] = list(changed_keys(sides[0].columns, sides[1].columns))
    if partitions == [len(records) for records in found]:
        funnels = [
            add_funnels(side.plan.description, (record.funnel for record in records)) if plan is not None else {}
            for side, plan, records in zip((left, right), plans, found, strict=True)
        ]
        compared["num_rows"] = _pair([sum(record.num_rows for record in records) for records in found])
        compared["funnel"] = {
            verdict: _pair([funnel.get(verdict, 0) for funnel in funnels]) for verdict in {**funnels[0], **funnels[1]}
        }
        compared["items"] = compare_items(sides[0], sides[1], num_examples, report)
    return CategoryDifference(done=_pair([len(records) for records in found]), partitions=_pair(partitions), **compared)


def _place(damage: Damage) -> str:
    return damage.file if damage.start is None else f"{damage.file}:{damage.start}"


def _is_told(change: KeyChange, told: set[tuple[str, str]]) -> bool:
    """Tells whether the config shows a setting's change too; there, `fields` is a key of the source."""
    key = f"source.{change.key}" if change.key.startswith("fields.") else change.key
    return (key, str(msgspec.structs.replace(change, key=key))) in told


def _pair(numbers: Sequence[int]) -> Pair:
    return Pair(a=numbers[0], b=numbers[1])
