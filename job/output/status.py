"""Progress of an output, read from its folder alone: while a run works on it, and afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from job.errors import printable
from job.output.folder import open_output
from job.output.limits import damage_lines
from job.output.lock.ownership import live_owner
from job.output.records import LastRun
from job.output.report_files import report_faults
from job.output.totals import add_funnels
from job.recipe.verdicts import KEPT, MALFORMED


def status_lines(root: Path | str) -> Iterator[str]:
    """Yields the progress of each category, and the state of the run that is working on it or was the last to.

    Args:
        root: the output folder.

    Raises:
        UsageError: when it is no output folder.
    """
    output, plan = open_output(root)
    owner = live_owner(output)
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
    last = output.last_run()
    if last is not None and last.lost_nodes:
        yield from map(printable, last.lost_nodes)
    if owner is not None:
        yield f"a run is working on it: {printable(str(owner))}"
        if last is not None and last.ended is None:
            yield _pace(last, rows, partitions, done)
        return
    if is_complete and manifest is not None:
        yield "complete"
        yield from damage_lines(manifest.damaged)
        yield from report_faults(output, manifest.content_digest)
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
