"""The file with the decision on every item: what becomes of it, and where it stands.

A run that is resumed reads it, and `curate why`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from job.output.folder import OutputFolder
from job.output.shard import parquet_bytes, table_in
from job.output.training_set.plan import DECISION, SetPlan
from job.selection.decision import NONE, Decision


@dataclass(frozen=True, slots=True)
class Decided:
    """The decision, and the ids that it names."""

    decision: Decision
    kept_ids: pa.Array
    """Of each duplicate the id of the item that was kept in its place; null for other items. Text."""
    sample_keys: np.ndarray | None = None
    """The key of each item by which the sample was drawn; uint64. None when nothing was drawn by keys."""


def kept_ids(decision: Decision, ids: pa.Array | None) -> pa.Array:
    """Returns the ids for `Decided`.

    Args:
        decision: the decision.
        ids: id of each item; None when items have none, or no duplicate was looked for.
    """
    if ids is None:
        return pa.nulls(len(decision.kept), pa.string())
    return ids.take(pa.array(decision.kept, mask=decision.kept == NONE)).cast(pa.string())


def decided_bytes(decided: Decided) -> bytes:
    """Returns the content of the file."""
    decision = decided.decision
    columns = {
        "fate": pa.array(decision.fate),
        "row": pa.array(decision.row),
        "kept": pa.array(decision.kept, mask=decision.kept == NONE),
        "kept_id": decided.kept_ids,
        "similarity": pa.array(decision.similarity, mask=np.isnan(decision.similarity)),
    }
    if decided.sample_keys is not None:
        columns["sample_key"] = pa.array(decided.sample_keys)
    return parquet_bytes(pa.table(columns))


def read_decided(output: OutputFolder, plan: SetPlan) -> Decided | None:
    """Reads the decision; None when the file is gone or damaged."""
    content = output.store.read(DECISION)
    if content is None or hashlib.sha256(content).hexdigest() != plan.decision_sha256:
        return None
    table = table_in(content)
    decision = Decision(
        fate=table["fate"].to_numpy(),
        row=table["row"].to_numpy(),
        kept=table["kept"].fill_null(NONE).to_numpy(),
        similarity=table["similarity"].fill_null(float("nan")).to_numpy(),
        stages=plan.stages,
    )
    keys = table["sample_key"].to_numpy() if "sample_key" in table.column_names else None
    return Decided(decision, table["kept_id"].combine_chunks(), keys)
