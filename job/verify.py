"""Is an output what it says it is? Everything is read back and compared: files, rows, digests, totals."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from job.errors import CurateError
from job.manifest import CategoryPlan, OutputFolder, Record, add_up, complete
from job.recipe.verdict import KEPT, MALFORMED
from job.shard import content_digest
from job.show import opened


def verify_output(root: Path) -> str:
    """Reads an output back and compares it with its records.

    Returns:
        How many shards are intact.

    Raises:
        CurateError: naming what is wrong.
    """
    output, plan = opened(root)
    wrong: list[str] = []
    named: set[str] = set()
    totals = {}
    for category in plan.categories.values():
        records = output.records(category)
        if missing := sorted(set(range(len(category.partitions))) - {record.partition for record in records}):
            names = ", ".join(map(str, missing[:5])) + (", ..." if len(missing) > 5 else "")
            wrong.append(
                f"{category.category}: {len(missing)} of {len(category.partitions)} partitions are not done, or their "
                f"shard or record is gone: {names}"
            )
        for record in records:
            named.add(record.shard)
            wrong += _shard(root, record)
            if record.rejects is not None:
                named.add(record.rejects)
                wrong += _rejects(root, record)
        if len(records) == len(category.partitions):
            totals[category.category] = add_up(category, records)
    there = {
        path.relative_to(root).as_posix() for folder in ("data", "_rejects") for path in (root / folder).glob("*/*")
    }
    wrong += [f"{name}: belongs to nothing" for name in sorted(there - named)]
    wrong += _manifest(output, plan.categories, totals)
    if wrong:
        raise CurateError(
            f"{root} is not intact:\n" + "\n".join(wrong) + "\nto mend it: remove the files named, then run the same "
            "command again"
        )
    return f"intact: {len(named)} files"


def _shard(root: Path, record: Record) -> Iterator[str]:
    content = (root / record.shard).read_bytes()
    if hashlib.sha256(content).hexdigest() != record.shard_sha256:
        yield f"{record.shard}: its bytes are not those that were written"
        return
    items = pq.read_table(pa.BufferReader(content))
    if items.num_rows != record.funnel.get(KEPT, 0):
        yield f"{record.shard}: not as many items as its record says"
    if content_digest(items) != record.content_digest:
        yield f"{record.shard}: its items are not those that its record says"
    if sum(record.funnel.values()) != record.num_rows:
        yield f"{record.shard}: its record does not add up"


def _rejects(root: Path, record: Record) -> Iterator[str]:
    try:
        count = pq.read_table(root / str(record.rejects)).num_rows
    except (OSError, pa.ArrowException) as error:
        yield f"{record.rejects}: cannot be read: {error}"
        return
    if count != record.funnel.get(MALFORMED, 0):
        yield f"{record.rejects}: not as many rows as its record says"


def _manifest(output: OutputFolder, categories: dict[str, CategoryPlan], totals: dict[str, object]) -> Iterator[str]:
    manifest = output.manifest()
    if manifest is None:
        yield "manifest.json: missing or damaged"
    elif len(totals) == len(categories) and manifest != complete(totals):  # pyright: ignore[reportArgumentType]
        yield "manifest.json: its totals are not those of the records"
    if not output.card_path.exists():
        yield f"{output.card_path.name}: missing"
