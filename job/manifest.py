"""All that is known of an output folder: the plan, the commit records, the totals.

Files appear whole or not at all. The plan is written first and the manifest last, so a folder with a manifest is
complete; each partition's commit record is written after its shard, so a partition with a record is done.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from job.errors import CurateError, UsageError
from job.recipe.verdict import KEPT, MALFORMED, DropReason

DIGEST_MODULUS = 2**256
VERSION = 1
"""Of the files' form; a folder of another version is not gone on with."""


class CategoryPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done for one category."""

    category: str
    form: Literal["jsonl", "parquet"]
    digest: str
    """SHA-256 over `determines`, in hexadecimal."""
    determines: dict[str, Any]
    """All that decides the output's bytes."""
    partitions: list[tuple[int, int, int]]
    """File number, first byte or row, and the one after the last; in the order of their rows."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What an output folder is for."""

    config: dict[str, Any]
    categories: dict[str, CategoryPlan]
    version: int = VERSION


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one partition."""

    category: str
    partition: int
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
    elapsed_s: float


class CategoryTotals(msgspec.Struct, frozen=True, kw_only=True):
    """A category's partitions, added up."""

    num_rows: int
    num_items: int
    funnel: dict[str, int]
    content_digest: str
    shards: list[dict[str, Any]]
    digest: str
    limit: int | None


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A complete output."""

    num_rows: int
    num_items: int
    funnel: dict[str, int]
    content_digest: str
    categories: dict[str, CategoryTotals]
    version: int = VERSION


_T = TypeVar("_T")


class OutputFolder:
    """An output folder: where everything lies in it, and how it is read and written.

    Args:
        root: the folder; it need not be there yet.
    """

    def __init__(self, root: Path):
        self.root = root
        self.plan_path = root / "plan.json"
        self.manifest_path = root / "manifest.json"
        self.scratch = root / "_scratch"

    def shard_name(self, category: str, partition: int, count: int) -> str:
        """Returns a shard's path relative to the folder."""
        return f"data/{category}/items-{partition:05d}-of-{count:05d}.parquet"

    def rejects_name(self, category: str, partition: int) -> str:
        """Returns the path of a partition's rejects relative to the folder."""
        return f"_rejects/{category}/{partition:05d}.parquet"

    def record_path(self, category: str, partition: int) -> Path:
        """Returns the path of a commit record."""
        return self.root / "_partitions" / category / f"{partition:05d}.json"

    def write(self, path: Path, content: bytes) -> None:
        """Puts a file in place, whole or not at all: temporary name, flush to disk, rename.

        Args:
            path: the final path, inside the folder.
            content: all its bytes.
        """
        temporary = self.root / "_tmp" / uuid.uuid4().hex
        temporary.parent.mkdir(parents=True, exist_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.rename(path)
        finally:
            temporary.unlink(missing_ok=True)

    def write_json(self, path: Path, value: msgspec.Struct) -> None:
        """Writes a record for people and programs to read."""
        self.write(path, msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n")

    def plan(self) -> Plan | None:
        """Reads the plan; None when there is none."""
        return self._read(self.plan_path, Plan)

    def manifest(self) -> Manifest | None:
        """Reads the manifest; None as long as the output is not complete."""
        return self._read(self.manifest_path, Manifest)

    def record(self, category: str, partition: int) -> Record | None:
        """Reads a partition's commit record; None as long as it is not done."""
        return self._read(self.record_path(category, partition), Record)

    def records(self, plan: CategoryPlan) -> list[Record]:
        """Reads the commit records of a category's finished partitions, in their order."""
        found = (self.record(plan.category, partition) for partition in range(len(plan.partitions)))
        return [record for record in found if record is not None]

    def clear_temporary(self) -> None:
        """Removes what an interrupted run has left half written."""
        shutil.rmtree(self.root / "_tmp", ignore_errors=True)

    def clear_scratch(self) -> None:
        """Removes unpacked source files."""
        shutil.rmtree(self.scratch, ignore_errors=True)

    def remove_planned(self, plan: Plan) -> None:
        """Removes what a plan names, and nothing else."""
        self.manifest_path.unlink(missing_ok=True)
        for category in plan.categories.values():
            count = len(category.partitions)
            for partition in range(count):
                self.record_path(category.category, partition).unlink(missing_ok=True)
                (self.root / self.shard_name(category.category, partition, count)).unlink(missing_ok=True)
                (self.root / self.rejects_name(category.category, partition)).unlink(missing_ok=True)
            for folder in ("data", "_rejects", "_partitions"):
                with contextlib.suppress(OSError):  # it is not empty, or not there
                    (self.root / folder / category.category).rmdir()
        self.clear_temporary()
        self.clear_scratch()
        self.plan_path.unlink(missing_ok=True)

    def _read(self, path: Path, kind: type[_T]) -> _T | None:
        try:
            return msgspec.json.decode(path.read_bytes(), type=kind)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise UsageError(f"cannot be read: {path}: {(error.strerror or str(error)).lower()}") from None
        except msgspec.MsgspecError as error:
            raise CurateError(
                f"damaged: {path}: {error}\nto make this output anew, name another folder: --output DIR"
            ) from None


def digest_of(determines: dict[str, Any]) -> str:
    """Returns the digest of all that decides a category's bytes."""
    return hashlib.sha256(json.dumps(determines, sort_keys=True).encode("ascii")).hexdigest()


def item_digest(items: Iterable[Sequence[object]]) -> int:
    """Returns the content digest of items: the same however they were partitioned.

    Args:
        items: each item's values in the schema's order; category first.

    Returns:
        The sum, modulo 2^256, of each one's SHA-256. A sum and not an exclusive or, since rows repeat.
    """
    encode = msgspec.json.encode
    return sum(int.from_bytes(hashlib.sha256(encode(item)).digest(), "big") for item in items) % DIGEST_MODULUS


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
        digest=plan.digest,
        limit=plan.determines["limit"],
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
