"""The totals of an output: records added up, and checked, category by category and in all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import UNSET, UnsetType

from job.output.records import VERSION, CategoryPlan, Damage, Plan, Record
from job.recipe.protocol import RecipeDescription
from job.recipe.verdicts import KEPT
from job.source.files import Repository

DIGEST_MODULUS = 2**256


class ShardTotals(msgspec.Struct, frozen=True, kw_only=True):
    """A shard."""

    path: str
    """Relative to the output folder."""
    num_items: int
    size_bytes: int
    sha256: str


class CategoryTotals(msgspec.Struct, frozen=True, kw_only=True):
    """A category: its partitions added up."""

    num_rows: int
    num_items: int
    funnel: dict[str, int]
    content_digest: str
    shards: list[ShardTotals]
    damaged: list[Damage]
    digest: str
    limit: int | None
    repository: Repository | None


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A complete output."""

    num_rows: int
    num_items: int
    funnel: dict[str, int]
    content_digest: str
    categories: dict[str, CategoryTotals]
    version: int = VERSION
    recipe: RecipeDescription | UnsetType = UNSET
    """See `Plan.recipe`."""

    @property
    def damaged(self) -> list[Damage]:
        """Everything that is left out of any category."""
        return [damage for totals in self.categories.values() for damage in totals.damaged]


def add_digests(digests: Iterable[str]) -> str:
    """Adds content digests in hexadecimal."""
    return f"{sum(int(digest, 16) for digest in digests) % DIGEST_MODULUS:064x}"


def add_funnels(recipe: RecipeDescription, funnels: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Adds funnels.

    Args:
        recipe: the recipe that gave the verdicts.
        funnels: rows by verdict.

    Returns:
        Rows by verdict, every verdict of the recipe included, in the order of its rules. A verdict that it does not
        name comes last.
    """
    total = dict.fromkeys(recipe.verdicts, 0)
    for funnel in funnels:
        for verdict, count in funnel.items():
            total[verdict] = total.get(verdict, 0) + count
    return total


def check_adds_up(what: str, num_rows: int, funnel: Mapping[str, int]) -> None:
    """Raises RuntimeError unless the rows read equal the items plus every kind of drop."""
    if num_rows != sum(funnel.values()):
        raise RuntimeError(f"{what} does not add up: {num_rows} rows in, {funnel}")


def add_up(plan: CategoryPlan, records: Sequence[Record], recipe: RecipeDescription) -> CategoryTotals:
    """Adds up a category.

    Args:
        plan: the category's plan.
        records: a record for each of its partitions, in order.
        recipe: the recipe that gave the verdicts.

    Returns:
        The totals.

    Raises:
        RuntimeError: when a record is missing, or rows are lost or doubled.
    """
    if [record.partition for record in records] != list(range(len(plan.partitions))):
        raise RuntimeError(f"{plan.category}: {len(records)} records for {len(plan.partitions)} partitions")
    num_rows = sum(record.num_rows for record in records)
    funnel = add_funnels(recipe, (record.funnel for record in records))
    check_adds_up(plan.category, num_rows, funnel)
    shards = [
        ShardTotals(
            path=record.shard,
            num_items=record.funnel.get(KEPT, 0),
            size_bytes=record.shard_bytes,
            sha256=record.shard_sha256,
        )
        for record in records
    ]
    return CategoryTotals(
        num_rows=num_rows,
        num_items=funnel[KEPT],
        funnel=funnel,
        content_digest=add_digests(record.content_digest for record in records),
        shards=shards,
        damaged=plan.damage(records),
        digest=plan.digest,
        limit=plan.identity.limit,
        repository=plan.identity.repository,
    )


def complete(plan: Plan, categories: dict[str, CategoryTotals]) -> Manifest:
    """Makes the manifest of an output from the totals of its categories."""
    num_rows = sum(totals.num_rows for totals in categories.values())
    funnel = add_funnels(plan.description, (totals.funnel for totals in categories.values()))
    check_adds_up("the output", num_rows, funnel)
    return Manifest(
        num_rows=num_rows,
        num_items=funnel[KEPT],
        funnel=funnel,
        content_digest=add_digests(totals.content_digest for totals in categories.values()),
        categories=categories,
        recipe=plan.recipe,
    )
