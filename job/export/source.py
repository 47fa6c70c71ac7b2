"""What is exported: a finished training set or finished items, their shards in order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from job.config.command import run_command
from job.errors import CurateError, UsageError, quoted
from job.output.folder import OutputFolder, open_any
from job.output.records import Plan
from job.output.shard import table_in
from job.output.totals import ShardTotals
from job.output.training_set.finished import open_finished
from job.output.training_set.plan import SetPlan

_ROWS_AT_ONCE = 5_000
"""Rows that are Python objects at the same time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A finished output."""

    folder: OutputFolder
    plan: Plan | SetPlan
    parts: Mapping[str, Sequence[ShardTotals]]
    """Shards by split or category, those without any row left out."""

    @property
    def digest(self) -> str:
        """SHA-256 over the digests of all shards, in hexadecimal."""
        shards = [f"{name}/{shard.sha256}" for name, each in self.parts.items() for shard in each]
        return hashlib.sha256("\n".join(shards).encode()).hexdigest()

    @property
    def num_rows(self) -> dict[str, int]:
        """Rows of each part."""
        return {name: sum(shard.num_items for shard in shards) for name, shards in self.parts.items()}

    def batches(self, part: str, columns: Sequence[str] = ()) -> Iterator[pa.Table]:
        """Yields the rows of a part in their order, some at a time.

        Args:
            part: name of a split or category.
            columns: columns to read; all unless given.

        Raises:
            CurateError: when a shard's bytes are not those that the manifest names, or cannot be read.
        """
        for shard in self.parts[part]:
            table = self._table(shard, columns)
            for start in range(0, table.num_rows, _ROWS_AT_ONCE):
                yield table.slice(start, _ROWS_AT_ONCE)

    def _table(self, shard: ShardTotals, columns: Sequence[str]) -> pa.Table:
        content = self.folder.store.read(shard.path)
        if content is None or hashlib.sha256(content).hexdigest() != shard.sha256:
            why = "is gone" if content is None else "has changed since it was written"
            raise CurateError(
                f"{self.folder.where(shard.path)} {why}\n"
                f"to see what else is wrong: curate verify {quoted(self.folder.root)}"
            )
        return table_in(content, list(columns) or None)


def open_source(root: str) -> Source:
    """Opens a finished output.

    Args:
        root: its path or address.

    Raises:
        UsageError: when there is none, or it is not complete.
    """
    folder, plan = open_any(root)
    if isinstance(plan, SetPlan):
        _, _, made = open_finished(folder.root)
        shards = {name: totals.shards for name, totals in made.splits.items()}
    else:
        manifest = folder.manifest()
        if manifest is None:
            raise UsageError(
                f"the items in {folder.root} are not complete\nto finish them: {run_command(plan.config, folder.root)}"
            )
        shards = {name: totals.shards for name, totals in manifest.categories.items()}
    parts = {name: [shard for shard in each if shard.num_items] for name, each in shards.items()}
    parts = {name: each for name, each in parts.items() if each}
    if not parts:
        raise UsageError(f"{folder.root} has no row; what became of them: curate status {quoted(folder.root)}")
    return Source(folder=folder, plan=plan, parts=parts)
