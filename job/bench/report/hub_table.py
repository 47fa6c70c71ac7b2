"""What does `curate bench --hub` print? A line for each figure, with what it is to be compared with."""

from __future__ import annotations

from collections.abc import Iterator

from job.bench.measure.hub import LIMITS, HubBench
from job.bench.measure.process import DISTURBED_CORES
from job.bench.report.table import machine_line, spread_text


def hub_lines(bench: HubBench) -> Iterator[str]:
    """Yields the lines of a measurement of runs from the Hub.

    Args:
        bench: the measurement.
    """
    yield machine_line(bench.machine, bench.versions, bench.commit)
    size = sum(bench.input.size_bytes.values()) / 1e6
    yield f"{bench.input.name}: {size:,.1f} MB, from a Hub on loopback of {bench.mb_per_s:g} MB/s"
    repeats = sum(run.name == "later run" for run in bench.runs)
    yield (
        f"all outputs are equal: {bench.runs[0].num_items:,} items; --workers {bench.workers}; medians of {repeats} "
        "runs, with lowest and highest in parentheses"
    )
    yield ""
    for limit in LIMITS:
        first = [run for run in bench.runs if (run.name, run.limit) == ("first run", limit)]
        yield (
            f"first run, {bench.mb_per_s:g} MB/s a {limit}: {spread_text(bench.first_run_s[limit], 1)} s; the download "
            f"by itself: {bench.download_s[limit]:.1f} s over one connection; at once: up to "
            f"{max(run.most_at_once for run in first)} connections"
        )
    yield f"later run, files in the cache: {spread_text(bench.later_run_s, 1)} s"
    yield f"the first run takes {bench.first_over_later:.2f} times as long as a later one, with connections limited"
    yield f"the first run takes {bench.first_less_download_s:+.1f} s against the download, with the line limited"
    for run in bench.runs:
        if run.others_cores > DISTURBED_CORES or run.swapped_bytes:
            what = f"round {run.round}, {run.name}, {run.limit}"
            yield f"disturbed: {what}: other processes kept {run.others_cores:.2f} cores busy"
