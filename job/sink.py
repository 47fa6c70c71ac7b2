"""The Ray Datasink: each partition becomes one shard, its rejects and one record.

Ray may hand several small partitions to one task; they are told apart by the number that their rows carry. A partition
that did not arrive whole is an error, never a shorter shard. A retry, or a duplicate that finishes late, writes the
same bytes under the same names; only of a file that still arrives may they be others, and then no record counts.
"""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import UNSET, UnsetType
from ray.data.datasource import Datasink

from job.output.folder import OutputFolder
from job.output.lock.ownership import check_owner
from job.output.records import CategoryPlan, Record
from job.output.section import held_name, record_name
from job.output.shard import REJECTS_SCHEMA, content_digest, items_schema, parquet_bytes
from job.output.totals import check_adds_up
from job.recipe.examples import EXAMPLE, Example, examples_by_reason
from job.recipe.protocol import CATEGORY, RecipeDescription
from job.recipe.verdicts import CUT_OFF, END, KEPT, MALFORMED
from job.source.read.rows import KEEP_PREFIX


class ShardSink(Datasink[None]):
    """Writes the shards of a category.

    Args:
        output: the output folder.
        plan: the category's plan.
        recipe: the recipe that makes the items.
        run_id: the run that owns the output folder; a run that has lost it to another writes no more.
        check: if given, records are held back, since what is read may turn out to be wrong; it raises once it has.
    """

    def __init__(
        self,
        output: OutputFolder,
        plan: CategoryPlan,
        recipe: RecipeDescription,
        run_id: str,
        check: Callable[[], None] | None = None,
    ):
        self._check = check
        self._output = output
        self._plan = plan
        self._run_id = run_id
        self._columns = [*recipe.columns, *[KEEP_PREFIX + name for name in plan.identity.keep_columns]]
        self._schema = items_schema(recipe, plan.identity.keep_columns)

    def write(self, blocks: Iterable[pa.Table], ctx: Any) -> None:
        """Commits every partition that arrives.

        Raises:
            RuntimeError: when one is not whole.
            RefusedError: when another run owns the output folder by now.
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
            raise RuntimeError(f"{self._plan.category}: partitions {sorted(parts)} did not arrive whole")

    def _commit(self, partition: int, rows: pa.Table, elapsed_s: float) -> None:
        category = self._plan.category
        is_message = pc.is_in(rows["verdict"], pa.array([END, CUT_OFF]))
        messages = {message["verdict"]: message for message in rows.filter(is_message).to_pylist()}
        expected, damaged, source_digest = (messages[END][name] for name in ("position", "cause", "raw"))
        verdicts = rows["verdict"].filter(pc.invert(is_message))
        if damaged:
            rows, verdicts = rows.slice(0, 0), verdicts.slice(0, 0)
        cut_off_at: int | UnsetType = UNSET
        if CUT_OFF in messages:
            cut_off_at, damaged = messages[CUT_OFF]["position"], messages[CUT_OFF]["cause"]
        if len(verdicts) != expected:
            raise RuntimeError(f"{category}: partition {partition} arrived with {len(verdicts)} rows of {expected}")
        funnel: dict[str, int] = {entry["values"]: entry["counts"] for entry in pc.value_counts(verdicts).to_pylist()}
        check_adds_up(f"{category}: partition {partition}", expected, funnel)

        check_owner(self._output, self._run_id)
        examples = _examples(rows)
        items = self._items(rows.filter(pc.equal(rows["verdict"], KEPT)))
        malformed = rows.filter(pc.equal(rows["verdict"], MALFORMED))
        del rows  # writing needs memory too
        shard = self._plan.shard_name(partition)
        content = parquet_bytes(items)
        if self._check is not None:  # as late as possible: the same shard may be made anew of other bytes
            self._check()
        self._output.write(shard, content)
        planned = self._plan.partitions[partition]
        file = self._plan.identity.files[planned.file].name
        rejects, rejects_content = None, b""
        if funnel.get(MALFORMED):
            rejects = self._plan.rejects_name(partition)
            rejects_content = parquet_bytes(self._rejects(malformed, file))
            self._output.write(rejects, rejects_content)
        record = Record(
            category=category,
            partition=partition,
            digest=self._plan.digest,
            file=file,
            start=planned.start,
            end=planned.end,
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
            cut_off_at=cut_off_at,
            source_digest=source_digest.decode("ascii") if source_digest else UNSET,
            examples=examples or UNSET,
            elapsed_s=round(elapsed_s, 3),
        )
        name = record_name(category, partition) if self._check is None else held_name(self._run_id, category, partition)
        self._output.write_json(name, record)
        self._output.unmark_running(category, partition)

    def _items(self, rows: pa.Table) -> pa.Table:
        category = pa.array([self._plan.category] * rows.num_rows, self._schema.field(CATEGORY).type)
        return pa.table([category, *[rows[name] for name in self._columns]], schema=self._schema)

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


def _examples(rows: pa.Table) -> dict[str, list[Example]]:
    if EXAMPLE not in rows.column_names:
        return {}
    found = rows.filter(pc.is_valid(rows[EXAMPLE]))
    return examples_by_reason(found["verdict"].to_pylist(), found[EXAMPLE].to_pylist())
