"""What did a peer write? Its items are read back from Parquet, and digested, in time that is not counted."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from job.bench.baselines.child import WorkResult
from job.output.shard import content_digest, items_schema
from job.output.totals import add_digests
from job.recipe.registry import UNDESCRIBED


def written_result(
    folder: Path, num_rows: int, *, began: float, ended: float, before_s: float = 0.0, before_cpu_s: float = 0.0
) -> WorkResult:
    """Returns the outcome of work whose items are in the Parquet files of a folder.

    Args:
        folder: the folder.
        num_rows: the number of rows that were read.
        began: the time at which the first row was taken up, in seconds since the epoch.
        ended: the time at which the last item was written, in seconds since the epoch.
        before_s: the seconds of work before the first row that do not count.
        before_cpu_s: the CPU seconds of that work.
    """
    from_s, from_cpu_s = time.perf_counter(), time.process_time()
    schema = items_schema(UNDESCRIBED)
    digests: list[str] = []
    num_items = 0
    for path in sorted(folder.rglob("*.parquet")):
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                items = file.read_row_group(group, columns=schema.names).select(schema.names).cast(schema)
                num_items += items.num_rows
                digests.append(content_digest(items))
    return WorkResult(
        content_digest=add_digests(digests),
        num_rows=num_rows,
        num_items=num_items,
        began=began,
        ended=ended,
        not_counted_s=before_s + time.perf_counter() - from_s,
        not_counted_cpu_s=before_cpu_s + time.process_time() - from_cpu_s,
        not_counted_before_s=before_s,
        apart_s={},
    )


def num_rows_of(files: Sequence[Path], file_format: str) -> int:
    """Counts the rows of files: the lines, or the rows that the Parquet metadata name."""
    if file_format == "parquet":
        return sum(pq.read_metadata(path).num_rows for path in files)
    count = 0
    for path in files:
        with path.open("rb", buffering=0) as stream:
            last = b"\n"
            while piece := stream.read(1 << 24):
                count += piece.count(b"\n")
                last = piece[-1:]
            count += last != b"\n"
    return count
