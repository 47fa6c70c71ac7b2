"""The totals of a training set: records added up and checked, and what was found out about its rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from job.output.totals import ShardTotals
from job.output.training_set.findings import Findings
from job.output.training_set.plan import SET_VERSION, Part, SetIdentity, SetPlan, SetRecord
from job.recipe.protocol import RecipeDescription


class PartTotals(msgspec.Struct, frozen=True, kw_only=True):
    """A split, or the removed items: its shards added up."""

    num_rows: int
    content_digest: str
    """SHA-256 over the content digests of its shards, in hexadecimal."""
    shards: list[ShardTotals]


class SetManifest(msgspec.Struct, frozen=True, kw_only=True):
    """A complete training set."""

    kind: Literal["training-set"] = "training-set"
    num_items: int
    """Items that it was made of."""
    funnel: dict[str, int]
    """Items by what became of them; it adds up to `num_items`."""
    content_digest: str
    """SHA-256 over the content digests of the splits, in hexadecimal."""
    splits: dict[str, PartTotals]
    removed: PartTotals | None
    """Items that are in no split; None without any."""
    stages: dict[str, dict[str, int | float]]
    """Figures of each stage of the decision."""
    settings: dict[str, Any]
    """The config, without what changes no byte."""
    identity: SetIdentity
    warnings: list[str]
    """What a user of the set should know of its items: that they are not all, say."""
    recipe: RecipeDescription
    findings: Findings | UnsetType = UNSET
    """What was found out about the finished rows: leaks, label conflicts, the mix of each split."""
    version: int = SET_VERSION


def part_totals(part: Part, records: Sequence[SetRecord]) -> PartTotals:
    """Adds up a part.

    Args:
        part: a split, or the removed items.
        records: a record for each of its shards, in order.

    Raises:
        RuntimeError: when a record is missing, or rows are lost or doubled.
    """
    rows = {record.partition: record.num_rows for record in records}
    if list(rows.items()) != [(number, part.rows_of(number)) for number in range(part.count)]:
        found = f"{len(records)} records with {sum(rows.values())} of {part.num_rows} rows"
        raise RuntimeError(f"{part.name} does not add up: {found}")
    return PartTotals(
        num_rows=part.num_rows,
        content_digest=_digest(record.content_digest for record in records),
        shards=[
            ShardTotals(
                path=record.shard,
                num_items=record.num_rows,
                size_bytes=record.shard_bytes,
                sha256=record.shard_sha256,
            )
            for record in records
        ],
    )


def complete_set(
    plan: SetPlan, records: Mapping[str, Sequence[SetRecord]], findings: Findings | UnsetType
) -> SetManifest:
    """Makes the manifest of a training set.

    Args:
        plan: its plan.
        records: a record for each shard, by the name of its part, in order.
        findings: see `SetManifest`.

    Raises:
        RuntimeError: when it does not add up.
    """
    totals = {part.name: part_totals(part, records[part.name]) for part in plan.sections()}
    splits = {part.name: totals[part.name] for part in plan.splits()}
    removed = next((each for name, each in totals.items() if name not in splits), None)
    if sum(each.num_rows for each in totals.values()) != plan.num_items:
        raise RuntimeError(f"the set does not add up: {plan.num_items} items, {plan.counts}")
    return SetManifest(
        num_items=plan.num_items,
        funnel=plan.counts,
        content_digest=_digest(each.content_digest for each in splits.values()),
        splits=splits,
        removed=removed,
        stages=plan.stages,
        settings=plan.identity.settings,
        identity=plan.identity,
        warnings=plan.warnings,
        recipe=plan.recipe,
        findings=findings,
    )


def _digest(digests: Any) -> str:
    return hashlib.sha256("\n".join(digests).encode("ascii")).hexdigest()
