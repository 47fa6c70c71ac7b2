"""Is an output what it says it is? Everything is read back and compared: bytes, rows, digests, totals, strangers."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from job.card import card
from job.errors import CurateError
from job.lock import live_owner
from job.manifest import CategoryPlan, CategoryTotals, Record, add_up, complete, digest_of
from job.output import OutputFolder, opened, sealed
from job.recipe.verdict import KEPT, MALFORMED
from job.shard import REJECTS_SCHEMA, content_digest, items_schema


def verify_output(root: Path) -> str:
    """Reads an output back and compares it with its records.

    Args:
        root: the output folder.

    Returns:
        How many files are intact.

    Raises:
        CurateError: naming all that is wrong.
    """
    output, plan = opened(root)
    if owner := live_owner(output):
        raise CurateError(f"a run is working on {root}: {owner}\nverify it when that has ended")
    wrong: list[str] = []
    named = {"plan.json", "manifest.json", "README.md", "_run.json"}
    totals: dict[str, CategoryTotals] = {}
    for category in plan.categories.values():
        records, problems = _records(output, category)
        wrong += problems
        for record in records:
            wrong += _shard(output, record, category.determines["keep_columns"])
            named.add(record.shard)
            if record.rejects is not None:
                named.add(record.rejects)
                wrong += _rejects(output, record)
        named |= {_relative(output, category, partition) for partition in range(len(category.partitions))}
        if len(records) == len(category.partitions):
            try:
                totals[category.category] = add_up(category, records)
            except RuntimeError as error:
                wrong.append(str(error))
    strangers = sorted(set(_files(root)) - named)
    wrong += [f"{name}: belongs to nothing" for name in strangers]
    if output.last_run_path.exists() and output.last_run() is None:
        wrong.append(f"{output.last_run_path.name}: damaged")
    if len(totals) == len(plan.categories):
        wrong += _written_last(output, totals)
    if wrong:
        raise CurateError(
            f"{root} is not intact:\n" + "\n".join(wrong) + "\nto mend it: remove the files named, then run the same "
            "command again"
        )
    return f"intact: {len(list(_files(root)))} files, {sum(each.num_items for each in totals.values()):,} items"


def _records(output: OutputFolder, category: CategoryPlan) -> tuple[list[Record], list[str]]:
    """Reads a category's records; returns those that count, and what is wrong with the others."""
    records = output.records(category)
    problems: list[str] = []
    if digest_of(category.determines) != category.digest:
        problems.append(f"plan.json: {category.category}: its digest is not that of what determines it")
    missing = sorted(set(range(len(category.partitions))) - {record.partition for record in records})
    absent = [partition for partition in missing if not output.record_path(category.category, partition).exists()]
    if absent:
        count = len(category.partitions)
        names = ", ".join(map(str, absent[:5])) + (", ..." if len(absent) > 5 else "")
        problems.append(f"{category.category}: {len(absent)} of {count} partitions are not done: {names}")
    problems += [
        f"{_relative(output, category, partition)}: damaged, of other work, or its shard is gone or of another size"
        for partition in missing
        if partition not in absent
    ]
    for record in records:
        if (record.start, record.end) != category.partitions[record.partition][1:]:
            problems.append(f"{_relative(output, category, record.partition)}: of another range than the plan has")
    return records, problems


def _relative(output: OutputFolder, category: CategoryPlan, partition: int) -> str:
    return output.record_path(category.category, partition).relative_to(output.root).as_posix()


def _files(root: Path) -> Iterator[str]:
    """Yields every file below a folder, relative to it; at its top not those whose names begin with a dot."""
    for folder, _, names in os.walk(root):
        for name in names:
            path = (Path(folder) / name).relative_to(root).as_posix()
            if not path.startswith("."):
                yield path


def _shard(output: OutputFolder, record: Record, keep_columns: Sequence[str]) -> Iterator[str]:
    content = (output.root / record.shard).read_bytes()
    if hashlib.sha256(content).hexdigest() != record.shard_sha256:
        yield f"{record.shard}: its bytes are not those that were written"
        return
    items = pq.read_table(pa.BufferReader(content))
    if not items.schema.equals(items_schema(keep_columns), check_metadata=True):
        yield f"{record.shard}: its schema is another"
        return
    if items.num_rows != record.funnel.get(KEPT, 0):
        yield f"{record.shard}: not as many items as its record says"
    if content_digest(items) != record.content_digest:
        yield f"{record.shard}: its items are not those that its record says"
    if sum(record.funnel.values()) != record.num_rows:
        yield f"{record.shard}: its record does not add up"


def _rejects(output: OutputFolder, record: Record) -> Iterator[str]:
    content = (output.root / str(record.rejects)).read_bytes()
    if hashlib.sha256(content).hexdigest() != record.rejects_sha256:
        yield f"{record.rejects}: its bytes are not those that were written"
        return
    rejects = pq.read_table(pa.BufferReader(content))
    if not rejects.schema.equals(REJECTS_SCHEMA) or rejects.num_rows != record.funnel.get(MALFORMED, 0):
        yield f"{record.rejects}: not the rows that its record says"


def _written_last(output: OutputFolder, totals: dict[str, CategoryTotals]) -> Iterator[str]:
    """Compares the manifest and the card, byte for byte, with what follows from the records."""
    manifest = complete(totals)
    for path, expected in ((output.manifest_path, sealed(manifest)), (output.card_path, card(manifest))):
        try:
            found = path.read_bytes()
        except FileNotFoundError:
            yield f"{path.name}: missing"
            continue
        if found != expected:
            yield f"{path.name}: damaged, or its totals are not those of the records"
