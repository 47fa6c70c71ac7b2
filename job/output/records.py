"""What an output folder says of itself: the plan, the commit records, the last run, the totals that add up."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from job.recipe.verdicts import KEPT, MALFORMED, DropReason

DIGEST_MODULUS = 2**256
VERSION = 2
"""Of the files' form; a folder of another version is not gone on with."""


class Damage(msgspec.Struct, frozen=True, kw_only=True):
    """What is left out of an output, because its file is damaged there."""

    file: str
    cause: str
    start: int | None = None
    """The first byte or row; None for the whole file."""
    end: int | None = None


class CategoryPlan(msgspec.Struct, frozen=True, kw_only=True, rename={"file_format": "form"}):
    """What is to be done for one category."""

    category: str
    file_format: Literal["jsonl", "parquet"]
    digest: str
    """SHA-256 over `determines`, in hexadecimal."""
    determines: dict[str, Any]
    """All that decides the output's bytes."""
    partitions: list[tuple[int, int, int]]
    """File number, first byte or row, and the one after the last; in the order of their rows."""
    damaged_files: dict[str, str] = {}
    """Files that are left out whole because they cannot be opened, each with its cause."""

    def damage(self, records: Sequence[Record]) -> list[Damage]:
        """Returns what is left out, because its file is damaged."""
        files = [Damage(file=name, cause=cause) for name, cause in self.damaged_files.items()]
        parts = [
            Damage(file=record.file, cause=record.damaged, start=record.start, end=record.end)
            for record in records
            if record.damaged is not None
        ]
        return files + parts


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What an output folder is for."""

    config: dict[str, Any]
    categories: dict[str, CategoryPlan]
    version: int = VERSION


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one partition."""

    category: str
    partition: int
    digest: str
    """The category plan's: a record of other work counts for nothing."""
    file: str
    start: int
    end: int
    num_rows: int
    funnel: dict[str, int]
    """Rows by verdict; verdicts that no row got are left out."""
    shard: str
    """Relative to the output folder."""
    shard_bytes: int
    shard_sha256: str
    content_digest: str
    """Sum, modulo 2^256, of SHA-256 over each item's canonical JSON; in hexadecimal."""
    rejects: str | None
    """The file of malformed rows, relative to the output folder; None without any."""
    rejects_bytes: int
    rejects_sha256: str | None
    damaged: str | None
    """Why the partition could not be read, where the file is damaged there; then it gave no rows at all."""
    elapsed_s: float


class LastRun(msgspec.Struct, frozen=True, kw_only=True):
    """The run that is at work on an output folder, or was the last to be."""

    owner: str
    """Its process and host, and when it began."""
    began: float
    """Seconds since 1970."""
    workers: int | str
    rows_before: int
    """Rows that earlier runs had done."""
    ended: float | None = None
    """Seconds since 1970; None while it works, or when it was killed."""
    error: str | None = None
    """What it ended with; None when all went well."""


class CategoryTotals(msgspec.Struct, frozen=True, kw_only=True):
    """A category's partitions, added up."""

    num_rows: int
    num_items: int
    funnel: dict[str, int]
    content_digest: str
    shards: list[dict[str, Any]]
    damaged: list[Damage]
    digest: str
    limit: int | None
    repository: tuple[str, str] | None
    """On the Hub: the data set and the commit that all rows were read from."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A complete output."""

    num_rows: int
    num_items: int
    funnel: dict[str, int]
    content_digest: str
    categories: dict[str, CategoryTotals]
    version: int = VERSION

    @property
    def damaged(self) -> list[Damage]:
        """What is left out of all categories."""
        return [damage for totals in self.categories.values() for damage in totals.damaged]


def digest_of(determines: dict[str, Any]) -> str:
    """Returns the digest of all that decides a category's bytes."""
    return hashlib.sha256(json.dumps(determines, sort_keys=True).encode("ascii")).hexdigest()


def add_digests(digests: Iterable[str]) -> str:
    """Adds content digests in hexadecimal."""
    return f"{sum(int(digest, 16) for digest in digests) % DIGEST_MODULUS:064x}"


def add_funnels(funnels: Iterable[dict[str, int]]) -> dict[str, int]:
    """Adds funnels; every verdict stands in the sum, in the order of the rules."""
    total = {str(verdict): 0 for verdict in (*DropReason, MALFORMED, KEPT)}
    for funnel in funnels:
        for verdict, count in funnel.items():
            total[verdict] += count
    return total


def check_adds_up(what: str, num_rows: int, funnel: dict[str, int]) -> None:
    """Raises unless rows in equal items plus every kind of drop."""
    if num_rows != sum(funnel.values()):
        raise RuntimeError(f"{what} does not add up: {num_rows} rows in, {funnel}")


def add_up(plan: CategoryPlan, records: Sequence[Record]) -> CategoryTotals:
    """Adds up a category.

    Args:
        plan: the category's plan.
        records: a record for each of its partitions, in order.

    Returns:
        The totals.

    Raises:
        RuntimeError: when a record is missing, or rows are lost or doubled.
    """
    if [record.partition for record in records] != list(range(len(plan.partitions))):
        raise RuntimeError(f"{plan.category}: {len(records)} records for {len(plan.partitions)} partitions")
    num_rows = sum(record.num_rows for record in records)
    funnel = add_funnels(record.funnel for record in records)
    check_adds_up(plan.category, num_rows, funnel)
    shards = [
        {
            "path": record.shard,
            "num_items": record.funnel.get(KEPT, 0),
            "size_bytes": record.shard_bytes,
            "sha256": record.shard_sha256,
        }
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
        limit=plan.determines["limit"],
        repository=(repository[0], repository[1]) if (repository := plan.determines["repository"]) else None,
    )


def complete(categories: dict[str, CategoryTotals]) -> Manifest:
    """Makes the manifest of a complete output."""
    num_rows = sum(totals.num_rows for totals in categories.values())
    funnel = add_funnels(totals.funnel for totals in categories.values())
    check_adds_up("the output", num_rows, funnel)
    return Manifest(
        num_rows=num_rows,
        num_items=funnel[KEPT],
        funnel=funnel,
        content_digest=add_digests(totals.content_digest for totals in categories.values()),
        categories=categories,
    )
