"""Compares two training sets: their settings, what they were made of, what became of the items, and the rows.

The rows of each split are compared as items are, by their id. Their order counts too: a trainer reads them in it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from job.output.diff.changes import KeyChange, changed_keys
from job.output.diff.compare import Difference, Pair, compare, uncounted
from job.output.diff.items import ItemsDifference, ItemsSide, compare_items
from job.output.folder import OutputFolder, open_any
from job.output.training_set.plan import SetPlan, SetRecord
from job.output.training_set.shard import ID, set_schema
from job.recipe.protocol import Roles
from job.selection.decision import SPLITS


class TrainingSet(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two sets."""

    output: str
    """Its path or address."""
    complete: bool
    num_items: int
    """Items that it was made of."""


class SplitDifference(msgspec.Struct, frozen=True, kw_only=True):
    """What is different in a split."""

    rows: ItemsDifference
    same_order: bool
    """Whether the same rows stand in the same order."""


class SetDifference(msgspec.Struct, frozen=True, kw_only=True):
    """What is different between two training sets."""

    a: TrainingSet
    b: TrainingSet
    equal: bool | None
    """Whether the same rows came out in the same order, and the same counts; None when nothing is different so far, but
    not all is done."""
    config: list[KeyChange]
    made_of: list[KeyChange]
    """Digests of the items by category, columns of the items, and versions."""
    funnel: dict[str, Pair]
    """Items by what became of them."""
    splits: dict[str, SplitDifference]
    """Empty where one of the two is not complete."""


@dataclass(frozen=True, slots=True)
class _Side:
    output: OutputFolder
    plan: SetPlan
    is_complete: bool

    def made_of(self) -> dict[str, Any]:
        identity = self.plan.identity
        return {
            "items": identity.items,
            "order of the categories": list(identity.items),
            "columns": identity.columns,
            "versions": identity.versions,
        }

    def records(self, split: str) -> list[SetRecord]:
        return [record for part in self.plan.splits() if part.name == split for record in self.output.records(part)]

    def rows(self, split: str) -> ItemsSide:
        columns = {field.name: str(field.type) for field in set_schema(self.plan.recipe)}
        roles = Roles(id=ID if ID in columns else None)
        return ItemsSide(output=self.output, records=self.records(split), columns=columns, roles=roles)

    @property
    def summary(self) -> TrainingSet:
        return TrainingSet(output=str(self.output.root), complete=self.is_complete, num_items=self.plan.num_items)


def compare_any(
    a: Path | str,
    b: Path | str,
    num_examples: int = 3,
    counting: Callable[[int], AbstractContextManager[Callable[[int], None]]] = uncounted,
) -> Difference | SetDifference:
    """Compares two outputs of items, or two training sets. Arguments and errors are as for `compare`."""
    left, right = _opened(a), _opened(b)
    if left is None or right is None:
        return compare(a, b, num_examples, counting)
    splits: dict[str, SplitDifference] = {}
    if left.is_complete and right.is_complete:
        with counting(sum(side.plan.counts[name] for side in (left, right) for name in SPLITS)) as report:
            done = 0
            for name in SPLITS:

                def report_read(count: int, before: int = done) -> None:
                    report(before + count)

                if left.plan.counts[name] or right.plan.counts[name]:
                    splits[name] = _compare_split(left.rows(name), right.rows(name), num_examples, report_read)
                done += left.plan.counts[name] + right.plan.counts[name]
                report(done)
    funnel = {
        name: Pair(a=left.plan.counts.get(name, 0), b=right.plan.counts.get(name, 0))
        for name in {**left.plan.counts, **right.plan.counts}
    }
    is_equal: bool | None = all(each.a == each.b for each in funnel.values())
    is_equal = is_equal and set_schema(left.plan.recipe).equals(set_schema(right.plan.recipe))
    is_equal = is_equal and all(each.rows.is_equal and each.same_order for each in splits.values())
    if is_equal and not (left.is_complete and right.is_complete):
        is_equal = None
    return SetDifference(
        a=left.summary,
        b=right.summary,
        equal=is_equal,
        config=list(changed_keys(left.plan.config, right.plan.config)),
        made_of=list(changed_keys(left.made_of(), right.made_of())),
        funnel=funnel,
        splits=splits,
    )


def _opened(root: Path | str) -> _Side | None:
    """Opens a training set; None where there are items."""
    output, plan = open_any(root)
    if not isinstance(plan, SetPlan):
        return None
    is_done = all(len(output.records(part)) == part.count for part in plan.sections())
    return _Side(output, plan, is_done and output.set_manifest() is not None)


def _compare_split(a: ItemsSide, b: ItemsSide, num_examples: int, report: Callable[[int], None]) -> SplitDifference:
    digests = [[record.content_digest for record in side.records] for side in (a, b)]
    rows = compare_items(a, b, num_examples, report)
    return SplitDifference(rows=rows, same_order=not rows.is_equal or digests[0] == digests[1])
