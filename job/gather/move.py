"""Moves the items: each travels once, from its shard of items to the shard and row that were decided for it."""

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
from job.gather.exchange import Exchange
from job.gather.items import Items, ItemShard, grouped
from job.gather.narrow import Narrow
from job.gather.parcels import Fates, Target, fates_in, pack, target_named, targets_of, unpack
from job.gather.set_rows import SetRows, narrow_rows
from job.output.folder import OutputFolder
from job.output.lock.ownership import check_owner
from job.output.section import record_name
from job.output.shard import parquet_bytes
from job.output.training_set.decided import Decided
from job.output.training_set.plan import Part, SetPlan, SetRecord
from job.output.training_set.shard import ordered_digest
from job.storage.patience import outlast_outages


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
    narrow: Narrow,
    show: Callable[[int, int], object] = lambda _packed, _written: None,
) -> None:
    """Writes the shards that remain to be written.

    Args:
        move: what is moved.
        todo: the shards.
        workers: the CPUs that may work.
        narrow: gets the narrow columns of what is written, so that it need not be read back.
        show: called with the number of items of which the shards have been packed, and of rows that are written.

    Raises:
        CurateError: the first one that ended a task. What was finished is kept.
    """
    parts = {part.name: part for part in move.plan.sections()}
    fates = fates_in(move.decided)
    numbers = targets_of(fates)
    items = ray.put(move.items)
    exchange = Exchange[Target](workers=workers)
    for group in grouped(move.items.shards):
        place, count = group[0].place, sum(shard.num_rows for shard in group)
        goes_to = {target_named(int(number)) for number in np.unique(numbers[place : place + count])}
        targets = [target for target in todo if target in goes_to]
        exchange.pack(_pack_shards, (items, group, fates.of(place, count), targets), targets, count)
    places = {shard.path: shard for shard in SetRows.of_plan(move.output, move.plan).shards}
    given: dict[Target, tuple[Any, ...]] = {}
    for name, number in todo:
        part = parts[name]
        place = places.get(part.shard_name(number))
        given[name, number] = (move.plan, part, number, place, move.output, move.run_id)

    def take(target: Target, columns: pa.Table | None) -> None:
        place = places.get(parts[target[0]].shard_name(target[1]))
        if columns is not None and place is not None and not narrow.has(place):  # a disk may show records late
            narrow.add(columns)

    exchange.run(_write_shard, given, {target: parts[target[0]].rows_of(target[1]) for target in todo}, take, show)


def _pack_shards(items: Items, group: Sequence[ItemShard], fates: Fates, targets: Sequence[Target]) -> list[Any]:
    """Packs the items of several shards. Returns None, and the parcels for each target."""
    outlast_outages()
    packed = pack(items, group, fates, targets)
    return [None, *(packed.get(target, []) for target in targets)]


def _write_shard(
    plan: SetPlan,
    part: Part,
    number: int,
    place: ItemShard | None,
    output: OutputFolder,
    run_id: str,
    *parcels: Sequence[pa.Buffer],
) -> pa.Table | None:
    """Writes a shard, and its record. Returns the narrow columns of its rows if these have a place in a split."""
    outlast_outages()
    began = time.perf_counter()
    check_owner(output, run_id)  # a run that has failed no longer owns it, while its last tasks may still begin
    output.mark_running(part.name, number, this_node())
    num_rows = part.rows_of(number)
    rows = unpack(parcels, num_rows, plan.recipe, is_split=part.is_split)
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
    del content, parcels  # to hash the rows takes memory, too
    return None if place is None else narrow_rows(rows, place, plan.recipe, None)
