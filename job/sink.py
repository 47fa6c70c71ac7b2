"""The Ray Datasink: each partition becomes one shard, its rejects and one commit record.

Ray may hand several small partitions to one task; they are told apart by the number that their rows carry. A
partition that did not come whole is an error, never a shorter shard. A retry, or a twin that finishes late, writes
the same bytes under the same names.
"""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from ray.data.datasource import Datasink

from job.output.folder import OutputFolder
from job.output.limits import check_malformed
from job.output.lock.ownership import check_owner
from job.output.records import CategoryPlan, Record, check_adds_up
from job.output.shard import ITEM_FIELDS, REJECTS_SCHEMA, content_digest, items_schema, parquet_bytes
from job.recipe.verdicts import END, KEPT, MALFORMED
from job.source.read.rows import KEEP_PREFIX


class ShardSink(Datasink[None]):
    """Writes a category's shards.

    Args:
        root: the output folder, or its address.
        plan: the category's plan.
        file_names: the category's source files, for the rejects.
        keep_columns: source columns to carry along.
        max_malformed: a count of malformed rows above which the job stops at once; a share is for others to judge.
        run: whose output folder it is; a run that has lost it to another writes no more.
    """

    def __init__(
        self,
        root: Path | str,
        plan: CategoryPlan,
        file_names: Sequence[str],
        keep_columns: Sequence[str],
        max_malformed: float,
        run: str,
    ):
        self._output = OutputFolder(root)
        self._plan = plan
        self._file_names = list(file_names)
        self._keep_columns = list(keep_columns)
        self._max_malformed = max_malformed
        self._run = run
        self._schema = items_schema(keep_columns)

    def write(self, blocks: Iterable[pa.Table], ctx: Any) -> None:
        """Commits every partition that comes.

        Raises:
            RuntimeError: when one is not whole.
            MalformedBudgetError: when there are too many malformed rows.
            RefusedError: when the output folder is another run's by now.
            CurateError: when a file cannot be written, or the folder is gone.
        """
        del ctx
        began = time.perf_counter()
        parts: defaultdict[int, list[pa.Table]] = defaultdict(list)
        for block in blocks:
            partitions = pc.unique(block["partition"]).to_pylist()
            for partition in partitions:
                part = block if len(partitions) == 1 else block.filter(pc.equal(block["partition"], partition))
                parts[partition].append(part)
                if pc.any(pc.equal(part["verdict"], END)).as_py():
                    self._commit(partition, pa.concat_tables(parts.pop(partition)), time.perf_counter() - began)
                    began = time.perf_counter()
        if parts:
            raise RuntimeError(f"{self._plan.category}: partitions {sorted(parts)} did not come whole")

    def _commit(self, partition: int, rows: pa.Table, elapsed_s: float) -> None:
        category = self._plan.category
        is_end = pc.equal(rows["verdict"], END)
        expected, damaged = (rows.filter(is_end)[name][0].as_py() for name in ("position", "cause"))
        verdicts = rows["verdict"].filter(pc.invert(is_end))
        if damaged:
            rows, verdicts = rows.slice(0, 0), verdicts.slice(0, 0)
        if len(verdicts) != expected:
            raise RuntimeError(f"{category}: partition {partition} came with {len(verdicts)} rows of {expected}")
        funnel: dict[str, int] = {entry["values"]: entry["counts"] for entry in pc.value_counts(verdicts).to_pylist()}
        check_adds_up(f"{category}: partition {partition}", expected, funnel)

        check_owner(self._output, self._run)
        items = self._items(rows.filter(pc.equal(rows["verdict"], KEPT)))
        malformed = rows.filter(pc.equal(rows["verdict"], MALFORMED))
        del rows  # writing takes memory too
        shard = self._output.shard_name(category, partition, len(self._plan.partitions))
        content = parquet_bytes(items)
        self._output.write(shard, content)
        file, start, end = self._plan.partitions[partition]
        rejects, rejects_content = None, b""
        if funnel.get(MALFORMED):
            rejects = self._output.rejects_name(category, partition)
            rejects_content = parquet_bytes(self._rejects(malformed, self._file_names[file]))
            self._output.write(rejects, rejects_content)
        record = Record(
            category=category,
            partition=partition,
            digest=self._plan.digest,
            file=self._file_names[file],
            start=start,
            end=end,
            num_rows=expected,
            funnel=funnel,
            shard=shard,
            shard_bytes=len(content),
            shard_sha256=hashlib.sha256(content).hexdigest(),
            content_digest=content_digest(items),
            rejects=rejects,
            rejects_bytes=len(rejects_content),
            rejects_sha256=hashlib.sha256(rejects_content).hexdigest() if rejects else None,
            damaged=damaged,
            elapsed_s=round(elapsed_s, 3),
        )
        self._output.write_json(self._output.record_name(category, partition), record)
        self._output.unmark_running(category, partition)
        if rejects and isinstance(self._max_malformed, int):
            check_malformed(self._output, category, self._output.records(self._plan), self._max_malformed)

    def _items(self, rows: pa.Table) -> pa.Table:
        category = pa.array([self._plan.category] * rows.num_rows, pa.string())
        names = [name for name, _ in ITEM_FIELDS[1:]] + [KEEP_PREFIX + name for name in self._keep_columns]
        return pa.table([category, *[rows[name] for name in names]], schema=self._schema)

    def _rejects(self, rows: pa.Table, file: str) -> pa.Table:
        count = rows.num_rows
        columns = [
            [self._plan.category] * count,
            [file] * count,
            rows["position"],
            rows["cause"],
            rows["raw"],
        ]
        return pa.table(columns, schema=REJECTS_SCHEMA)
