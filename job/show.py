"""What an output folder has, for people: the funnel, items, rejects, how far it is, whether it is intact."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from job.errors import CurateError, UsageError
from job.manifest import Manifest, OutputFolder, Plan, add_funnels
from job.recipe.verdict import KEPT, MALFORMED


def _open(root: Path) -> tuple[OutputFolder, Plan]:
    output = OutputFolder(root)
    plan = output.plan()
    if plan is None:
        raise UsageError(
            f"{root} is no output of this program: it has no plan.json\nto make one: curate run --output {root}"
        )
    return output, plan


def funnel_table(manifest: Manifest) -> str:
    """Returns the funnel as a table, a line per category and one for all."""
    table = Table(box=None, pad_edge=False)
    table.add_column("category")
    verdicts = list(manifest.funnel)
    for name in ("rows", *verdicts):
        table.add_column(name.replace("_", " "), justify="right")
    for name, totals in manifest.categories.items():
        table.add_row(name, *[f"{count:,}" for count in (totals.num_rows, *(totals.funnel[v] for v in verdicts))])
    if len(manifest.categories) > 1:
        table.add_row("all", *[f"{count:,}" for count in (manifest.num_rows, *manifest.funnel.values())])
    stream = io.StringIO()
    Console(file=stream, width=150).print(table)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def items(root: Path, numbers: Sequence[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields items by their number in the output, counted from 0 over all categories.

    Raises:
        UsageError: when there is no such item.
    """
    output, plan = _open(root)
    records = [record for category in plan.categories.values() for record in output.records(category)]
    count = sum(record.funnel.get(KEPT, 0) for record in records)
    for number in numbers:
        if not 0 <= number < count:
            raise UsageError(f"no item {number}: {root} has {count:,}, counted from 0")
        left = number
        for record in records:
            if left < record.funnel.get(KEPT, 0):
                yield number, pq.read_table(root / record.shard).slice(left, 1).to_pylist()[0]
                break
            left -= record.funnel.get(KEPT, 0)


def sample_item(root: Path) -> dict[str, Any] | None:
    """Returns the first item; None without any."""
    try:
        return next(items(root, [0]))[1]
    except UsageError:
        return None


def status_lines(root: Path) -> Iterator[str]:
    """Yields how far each category is."""
    output, plan = _open(root)
    for category in plan.categories.values():
        records = output.records(category)
        funnel = add_funnels(record.funnel for record in records)
        rows = sum(record.num_rows for record in records)
        yield (
            f"{category.category}: {len(records)} of {len(category.partitions)} partitions · {rows:,} rows · "
            f"{funnel[KEPT]:,} kept · {funnel[MALFORMED]:,} malformed"
        )
    yield "complete" if output.manifest() else "not complete: run the same command again to go on"


def reject_lines(root: Path) -> Iterator[str]:
    """Yields the malformed rows: file, position, cause, and how the row begins."""
    output, plan = _open(root)
    count = 0
    for category in plan.categories.values():
        for record in output.records(category):
            if record.rejects is None:
                continue
            for row in pq.read_table(root / record.rejects).to_pylist():
                count += 1
                yield f"{row['file']} at {row['position']}: {row['cause']}: {row['raw'][:60]!a}"
    yield f"{count} malformed rows"


def verify_output(root: Path) -> str:
    """Reads every shard back and compares it with its record.

    Raises:
        CurateError: naming what is wrong.
    """
    output, plan = _open(root)
    wrong: list[str] = []
    shards = 0
    for category in plan.categories.values():
        records = output.records(category)
        if len(records) < len(category.partitions):
            wrong.append(f"{category.category}: {len(category.partitions) - len(records)} partitions are not done")
        for record in records:
            path = root / record.shard
            shards += 1
            if not path.exists():
                wrong.append(f"{record.shard}: missing")
            elif hashlib.sha256(path.read_bytes()).hexdigest() != record.shard_sha256:
                wrong.append(f"{record.shard}: its bytes are not those that were written")
            elif pq.read_metadata(path).num_rows != record.funnel.get(KEPT, 0):
                wrong.append(f"{record.shard}: not as many items as its record says")
        named = {Path(record.shard).name for record in records}
        strangers = {path.name for path in (root / "data" / category.category).glob("*")} - named
        wrong += [f"data/{category.category}/{name}: belongs to nothing" for name in sorted(strangers)]
    if not wrong and output.manifest() is None:
        wrong.append("manifest.json: missing")
    if wrong:
        raise CurateError(
            f"{root} is not intact:\n" + "\n".join(wrong) + "\nto make it anew: the same run with --fresh"
        )
    return f"intact: {shards} shards"
