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

from job.errors import CurateError, RefusedError, UsageError, reason, write_failed
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


_T = TypeVar("_T")

_SCRATCH_NAMES = {"_tmp", "_scratch", "_lock"}
"""What a run may leave in a folder before it has a plan."""


class OutputFolder:
    """An output folder: where everything lies in it, and how it is read and written.

    Args:
        root: the folder; it need not be there yet.
    """

    def __init__(self, root: Path):
        self.root = root
        self.plan_path = root / "plan.json"
        self.manifest_path = root / "manifest.json"
        self.card_path = root / "README.md"
        self.lock_path = root / "_lock"
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
        try:
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
        except OSError as error:
            raise write_failed(error, path) from None

    def write_json(self, path: Path, value: msgspec.Struct) -> None:
        """Writes a record for people and programs to read."""
        self.write(path, msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n")

    def plan(self) -> Plan | None:
        """Reads the plan; None when there is none.

        Raises:
            RefusedError: when another version of this program wrote it.
            CurateError: when it is damaged.
        """
        content = self._content(self.plan_path)
        if content is None:
            return None
        try:
            version = msgspec.json.decode(content, type=_Versioned).version
            if version != VERSION:
                raise RefusedError(
                    f"{self.plan_path} has version {version}, this program writes {VERSION}\n"
                    "nothing was touched; name another folder: --output DIR"
                )
            return msgspec.json.decode(content, type=Plan)
        except msgspec.MsgspecError as error:
            raise CurateError(
                f"damaged: {self.plan_path}: {error}\nto make this output anew, name another folder: --output DIR"
            ) from None

    def manifest(self) -> Manifest | None:
        """Reads the manifest; None as long as the output is not complete, or when it is damaged."""
        return self._read(self.manifest_path, Manifest)

    def record(self, plan: CategoryPlan, partition: int) -> Record | None:
        """Reads a partition's commit record.

        Returns:
            The record; None as long as the partition is not done: there is no record, it is damaged or of another
            plan, or the shard that it speaks of is not there.
        """
        record = self._read(self.record_path(plan.category, partition), Record)
        if record is None or (record.digest, record.partition) != (plan.digest, partition):
            return None
        named = [(record.shard, record.shard_bytes)]
        if record.rejects is not None:
            named.append((record.rejects, record.rejects_bytes))
        for name, size in named:
            try:
                if (self.root / name).stat().st_size != size:
                    return None
            except OSError:
                return None
        return record

    def records(self, plan: CategoryPlan) -> list[Record]:
        """Reads the commit records of a category's finished partitions, in their order."""
        found = (self.record(plan, partition) for partition in range(len(plan.partitions)))
        return [record for record in found if record is not None]

    def is_untouched(self) -> bool:
        """Tells whether the folder has nothing in it, or is not there."""
        return not self.root.is_dir() or {path.name for path in self.root.iterdir()} <= _SCRATCH_NAMES

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
                for empty in (self.root / folder / category.category, self.root / folder):
                    with contextlib.suppress(OSError):  # it is not empty, or not there
                        empty.rmdir()
        self.card_path.unlink(missing_ok=True)
        self.clear_temporary()
        self.plan_path.unlink(missing_ok=True)

    def _content(self, path: Path) -> bytes | None:
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise UsageError(f"cannot be read: {path}: {reason(error)}") from None

    def _read(self, path: Path, kind: type[_T]) -> _T | None:
        """Reads what can be made anew from the rest, so that it counts for nothing when it is damaged."""
        content = self._content(path)
        if content is None:
            return None
        try:
            return msgspec.json.decode(content, type=kind)
        except msgspec.MsgspecError:
            return None


class _Versioned(msgspec.Struct):
    version: int


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
