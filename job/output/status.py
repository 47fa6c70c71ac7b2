"""Progress of an output, read from its folder alone: while a run works on it, and afterwards."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from job.errors import printable
from job.output.folder import OutputFolder, open_any, output_at
from job.output.limits import damage_lines
from job.output.lock.owner import Owner
from job.output.lock.ownership import live_owner
from job.output.records import LastRun
from job.output.report_files import report_faults
from job.output.totals import add_funnels
from job.output.training_set.plan import SetPlan
from job.recipe.verdicts import KEPT, MALFORMED


def status_lines(root: Path | str) -> Iterator[str]:
    """Yields the progress of each category, and the state of the run that is working on it or was the last to.

    Args:
        root: the output folder.

    Raises:
        UsageError: when it is no output folder.
    """
    output = OutputFolder(root) if isinstance(root, Path) else output_at(root)
    owner = live_owner(output)
    if owner is not None and output.any_plan() is None:
        yield f"a run is working on it: {printable(str(owner))}"
        yield "it is still finding out what is to be done"
        return
    output, plan = open_any(root)
    if isinstance(plan, SetPlan):
        yield from _set_lines(output, plan, is_at_work=owner is not None)
        made = output.set_manifest()
        faults = [] if made is None else list(report_faults(output, made.content_digest))
        is_whole = all(len(output.records(part)) == part.count for part in plan.sections())
        yield from _state_lines(output, owner, faults, is_complete=is_whole and made is not None)
        return
    manifest = output.manifest()
    is_complete = manifest is not None
    rows = partitions = done = 0
    for category in plan.categories.values():
        records = output.records(category)
        is_complete = is_complete and len(records) == len(category.partitions)
        running = output.running(category.category) if owner else 0
        waiting = len(category.partitions) - len(records) - running
        funnel = add_funnels(plan.description, (record.funnel for record in records))
        rows_here = sum(record.num_rows for record in records)
        state = f", {running} running, {max(waiting, 0)} waiting" if owner else ""
        yield (
            f"{printable(category.category)}: {len(records)} of {len(category.partitions)} partitions done{state} · "
            f"{rows_here:,} rows · {funnel[KEPT]:,} kept · {funnel[MALFORMED]:,} malformed"
        )
        rows, done, partitions = rows + rows_here, done + len(records), partitions + len(category.partitions)
    damage = manifest.damaged if manifest is not None else []
    faults = [] if manifest is None else report_faults(output, manifest.content_digest)
    pace = functools.partial(_pace, rows=rows, partitions=partitions, done=done)
    yield from _state_lines(output, owner, [*damage_lines(damage), *faults], is_complete=is_complete, pace=pace)


def _set_lines(output: OutputFolder, plan: SetPlan, *, is_at_work: bool) -> Iterator[str]:
    """Yields the progress of each part of a training set."""
    for part in plan.sections():
        records = output.records(part)
        running = output.running(part.name) if is_at_work else 0
        waiting = max(part.count - len(records) - running, 0)
        state = f", {running} running, {waiting} waiting" if is_at_work else ""
        rows = sum(record.num_rows for record in records)
        yield f"{part.name}: {len(records)} of {part.count} shards done{state} · {rows:,} of {part.num_rows:,} rows"


def _state_lines(
    output: OutputFolder,
    owner: Owner | None,
    faults: Sequence[str],
    *,
    is_complete: bool,
    pace: Callable[[LastRun], str] | None = None,
) -> Iterator[str]:
    """Yields the state of the run that is working on an output or was the last to."""
    last = output.last_run()
    if last is not None and last.lost_nodes:
        yield from map(printable, last.lost_nodes)
    if owner is not None:
        yield f"a run is working on it: {printable(str(owner))}"
        if last is not None and last.ended is None and pace is not None:
            yield pace(last)
        return
    if is_complete:
        yield "complete"
        yield from faults
        return
    yield "not complete"
    if last is not None and last.ended is None:
        yield f"the last run was killed, or the disk was full: {last.owner}"
    elif last is not None and last.ended is not None and last.error is not None:
        yield f"the last run ended after {last.ended - last.began:,.0f} s: {last.error}"
        if "\n" in last.error:  # which says what to type next
            return
    yield "run the same command again to go on"


def _pace(last: LastRun, rows: int, partitions: int, done: int) -> str:
    """Returns how fast the run is, and how long it will take."""
    elapsed_s = max(time.time() - last.began, 0.001)
    rows_per_s = (rows - last.rows_before) / elapsed_s
    pace = f"for {elapsed_s:,.0f} s, {rows_per_s:,.0f} rows/s"
    if rows_per_s > 0 and done:
        pace += f", about {rows / done * (partitions - done) / rows_per_s:,.0f} s left"
    return pace
