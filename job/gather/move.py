"""Moves the chosen items: each travels once, from its shard of items to the shard and row that were decided for it.

Ray Data's own shuffles are not used for this. Its sort with given boundaries does the same exchange, but starts
worker processes of its own for both of its halves, and takes CPUs beside those that are reserved for a job.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import ray

from job.cluster.nodes import this_node
from job.cluster.workers import Workers
from job.gather.items import Items, ItemShard
from job.gather.parcels import Fates, Target, pack, target_named, targets_of, unpack
from job.output.folder import OutputFolder
from job.output.lock.ownership import check_owner
from job.output.section import record_name
from job.output.shard import parquet_bytes
from job.output.training_set.decided import Decided
from job.output.training_set.plan import Part, SetPlan, SetRecord
from job.output.training_set.shard import ordered_digest, removed_schema, set_schema
from job.selection.decision import SPLITS, Decision
from job.storage.patience import outlast_outages

_GROUPS = 64
"""Number of tasks that pack items, at most: so that parcels stay large enough for the object store."""
_LOOK_S = 0.1
"""Seconds between two looks at what is done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """A run that moves items into a training set."""

    items: Items
    plan: SetPlan
    output: OutputFolder
    run_id: str
    decided: Decided


def move_items(
    move: Move,
    todo: Sequence[Target],
    workers: Workers,
    show: Callable[[int, int], object] = lambda _packed, _written: None,
) -> None:
    """Writes the shards that remain to be written.

    Args:
        move: what is moved.
        todo: the shards.
        workers: the CPUs that may work.
        show: called with the number of items of which the shards have been packed, and of rows that are written.

    Raises:
        CurateError: the first one that ended a task. What was finished is kept.
    """
    parts = {part.name: part for part in move.plan.sections()}
    part_of, row_of = part_and_row(move.decided.decision)
    numbers = targets_of(part_of, row_of)
    options = {**workers.ray_options, "max_retries": 3}
    items = ray.put(move.items)
    parcels: dict[Target, list[Any]] = {target: [] for target in todo}
    packing: dict[Any, int] = {}
    packer = ray.remote(_pack_shards)
    for group in _grouped(move.items.shards):
        place, count = group[0].place, sum(shard.num_items for shard in group)
        goes_to = {target_named(int(number)) for number in np.unique(numbers[place : place + count])}
        targets = [target for target in todo if target in goes_to]
        if not targets:
            continue
        fates = _fates(move, part_of, row_of, place, count)
        packed: Any = packer.options(num_returns=len(targets) + 1, **options).remote(items, group, fates, targets)
        packing[packed[0]] = count
        for target, parcel in zip(targets, packed[1:], strict=True):
            parcels[target].append(parcel)
        del packed
    writer = ray.remote(_write_shard).options(**options)
    writing = {
        writer.remote(move.plan, parts[part], number, move.output, move.run_id, *parcels.pop((part, number))): parts[
            part
        ].rows_of(number)
        for part, number in todo
    }
    _wait(packing, writing, show)


def _wait(packing: dict[Any, int], writing: dict[Any, int], show: Callable[[int, int], object]) -> None:
    """Waits until everything is written. When a task fails the others are stopped, and its error is raised."""
    packed = written = 0
    try:
        while writing:
            done, _ = ray.wait([*packing, *writing], num_returns=1, timeout=_LOOK_S)
            for ref in done:
                ray.get(ref)
                packed += packing.pop(ref, 0)
                written += writing.pop(ref, 0)
            show(packed, written)
    finally:
        for ref in (*packing, *writing):
            ray.cancel(ref, force=False)


def part_and_row(decision: Decision) -> tuple[np.ndarray, np.ndarray]:
    """Returns the place in `PARTS` of each item's part, and its row there."""
    return np.minimum(decision.fate, len(SPLITS)).astype(np.uint8), decision.row


def _grouped(shards: Sequence[ItemShard]) -> list[list[ItemShard]]:
    """Cuts the shards into groups of about as many items, in load order."""
    total = sum(shard.num_items for shard in shards)
    groups: dict[int, list[ItemShard]] = {}
    for shard in shards:
        groups.setdefault(shard.place * _GROUPS // total, []).append(shard)
    return list(groups.values())


def _fates(move: Move, part_of: np.ndarray, row_of: np.ndarray, place: int, count: int) -> Fates:
    here, decision = slice(place, place + count), move.decided.decision
    return Fates(
        part=part_of[here],
        row=row_of[here],
        fate=decision.fate[here],
        kept_ids=move.decided.kept_ids[here],
        similarity=decision.similarity[here],
    )


def _pack_shards(items: Items, group: Sequence[ItemShard], fates: Fates, targets: Sequence[Target]) -> list[Any]:
    """Packs the items of several shards. Returns None, and the parcels for each target."""
    outlast_outages()
    packed: dict[Target, list[pa.Buffer]] = {target: [] for target in targets}
    for shard in group:
        begin = shard.place - group[0].place
        here = slice(begin, begin + shard.num_items)
        of_shard = Fates(
            part=fates.part[here],
            row=fates.row[here],
            fate=fates.fate[here],
            kept_ids=fates.kept_ids[here],
            similarity=fates.similarity[here],
        )
        for target, buffers in pack(items, shard, of_shard, targets).items():
            packed[target] += buffers
    return [None, *packed.values()]


def _write_shard(
    plan: SetPlan, part: Part, number: int, output: OutputFolder, run_id: str, *parcels: Sequence[pa.Buffer]
) -> None:
    """Writes a shard, and its record."""
    outlast_outages()
    began = time.perf_counter()
    output.mark_running(part.name, number, this_node())
    rows = unpack([buffer for buffers in parcels for buffer in buffers], part.rows_of(number))
    schema = set_schema(plan.recipe) if part.is_split else removed_schema(plan.recipe)
    rows = rows.replace_schema_metadata(schema.metadata)
    content = parquet_bytes(rows)
    check_owner(output, run_id)
    shard = part.shard_name(number)
    output.write(shard, content)
    record = SetRecord(
        part=part.name,
        partition=number,
        digest=plan.digest,
        num_rows=rows.num_rows,
        shard=shard,
        shard_bytes=len(content),
        shard_sha256=hashlib.sha256(content).hexdigest(),
        content_digest=ordered_digest(rows),
        elapsed_s=round(time.perf_counter() - began, 3),
    )
    output.write_json(record_name(part.name, number), record)
    output.unmark_running(part.name, number)
