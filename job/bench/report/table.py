"""What the bench prints when it is done: a table, and what it comes to in sentences."""

from __future__ import annotations

import io
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from job.bench.baselines.method import COPIES, CURATE, ONE_ROW
from job.bench.measure.process import MEMORY_KIND
from job.bench.measure.results import Bench, Figures, Memory, Spread
from job.bench.measure.scaling import Interval

_WIDTH = 200


def bench_lines(bench: Bench) -> Iterator[str]:
    """Yields all that a bench has to say.

    Args:
        bench: what was measured; its outputs are equal.
    """
    machine = bench.machine
    yield (
        f"{machine.processor}, {machine.cores} cores, {machine.memory_bytes / 1e9:.0f} GB, {machine.system}, "
        f"Python {machine.python}, Ray {bench.versions['ray']}, commit {(bench.commit or 'unknown')[:12]}"
    )
    sizes = ", ".join(f"{size / 1e6:,.1f} MB of {file_format}" for file_format, size in bench.input.size_bytes.items())
    yield f"{bench.input.name}: {bench.input.num_rows:,} rows, {sizes}"
    yield (
        f"all outputs are equal: {bench.num_items:,} items, content digest {bench.content_digest[:16]}; medians of "
        f"{bench.figures[0].repeats}, in parentheses lowest and highest; memory as {MEMORY_KIND}"
    )
    yield ""
    yield _table(bench)
    yield from _form_lines(bench)
    yield from _ceiling_lines(bench)
    yield from _one_row_lines(bench)
    yield from _fit_lines(bench)
    yield from _disturbed_lines(bench)


def _table(bench: Bench) -> str:
    table = Table(box=None, pad_edge=False)
    table.add_column("method", no_wrap=True)
    columns = (
        "workers",
        "wall s",
        "start-up s",
        "rows/s, steady",
        "MB/s",
        "CPU s/10^6 rows",
        "peak MB",
        "speed-up",
        "efficiency",
        "curate run is",
    )
    for name in columns:
        table.add_column(name, justify="right")
    for one in bench.figures:
        if one.method in {ONE_ROW, COPIES}:
            continue
        workers = f"{one.workers} > {bench.machine.cores} cores" if one.more_than_cores else str(one.workers)
        table.add_row(
            f"{one.method}, {one.file_format}" + (" (disturbed)" if one.disturbed else ""),
            workers,
            _spread(one.wall_s, 1),
            f"{one.startup_s.median:.1f}",
            _spread(one.rows_per_s, 0),
            f"{one.mb_per_s.median:,.1f}",
            f"{one.cpu_s_per_million_rows.median:,.0f}",
            f"{one.peak_bytes.median / 1e6:,.0f}",
            "" if one.speed_up is None else f"{one.speed_up:.2f}",
            "" if one.efficiency is None else f"{one.efficiency:.0%}",
            _compared(bench, one),
        )
    stream = io.StringIO()
    Console(file=stream, width=_WIDTH).print(table)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def _compared(bench: Bench, baseline: Figures) -> str:
    """Says how many times as fast the job is as a baseline, by each form that it was measured with."""
    if baseline.method == CURATE:
        return ""
    jobs = [
        one
        for one in bench.figures
        if one.method == CURATE and one.workers == baseline.workers and baseline.method in one.times_as_fast
    ]
    same_form = [one for one in jobs if one.file_format == baseline.file_format] or jobs
    return ", ".join(f"{one.times_as_fast[baseline.method]:.2f}x as fast" for one in same_form)


def _form_lines(bench: Bench) -> Iterator[str]:
    for jsonl in bench.figures:
        parquet = bench.figures_of(CURATE, "parquet", jsonl.workers)
        if (jsonl.method, jsonl.file_format) == (CURATE, "jsonl") and parquet is not None:
            ratio = jsonl.rows_per_s.median / parquet.rows_per_s.median
            yield f"with --workers {jsonl.workers}, JSONL is read at {ratio:.2f} of the rows/s of Parquet"


def _ceiling_lines(bench: Bench) -> Iterator[str]:
    """Says how the job's scaling compares with that of copies of its kernel that know nothing of each other."""
    for file_format in bench.input.size_bytes:
        jobs = [
            one
            for one in bench.figures
            if (one.method, one.file_format) == (CURATE, file_format) and not one.more_than_cores
        ]
        alone = bench.figures_of(COPIES, file_format, 1)
        for one in jobs[1:]:
            copies = bench.figures_of(COPIES, file_format, one.workers)
            first = jobs[0]
            if alone is None or copies is None or one.steady_speed_up is None or first.workers != 1:
                continue
            ceiling = copies.rows_per_s.median / alone.rows_per_s.median
            yield (
                f"{file_format}, from 1 to {one.workers} workers, start-up apart: {one.steady_speed_up:.2f} times as fast; "
                f"{one.workers} independent copies of the kernel: {ceiling:.2f}; "
                f"that is {one.steady_speed_up / ceiling:.0%} of it"
            )


def _one_row_lines(bench: Bench) -> Iterator[str]:
    for one in bench.figures:
        if one.method == ONE_ROW:
            yield f"{one.file_format}, one row (--limit 1), --workers {one.workers}: {_spread(one.wall_s, 1)} s"
        no_ray = one.times_as_fast.get("no-ray")
        if no_ray:
            yield f"{one.file_format}, --workers {one.workers}: with Ray it takes {1 / no_ray:.2f} times as long as without"


def _fit_lines(bench: Bench) -> Iterator[str]:
    if bench.no_fit:
        yield bench.no_fit
    for file_format, fit in [(file_format, fit) for file_format, fits in bench.fits.items() for fit in fits]:
        name = {"amdahl": "Amdahl's law", "usl": "the Universal Scalability Law"}[fit.law]
        kappa = f", kappa {_interval(fit.kappa, 5)}" if fit.law == "usl" else ""
        yield f"{file_format}, {name}: sigma {_interval(fit.sigma, 4)}{kappa} (in parentheses the range of 90% of draws)"
        for workers, expected in fit.expected_rows_per_s.items():
            yield f"  {workers} workers would do {_interval(expected, 0)} rows/s, if the law holds that far"


def _disturbed_lines(bench: Bench) -> Iterator[str]:
    for run in bench.runs:
        if run.is_disturbed:
            swapped = f", {run.swapped_bytes / 1e6:,.1f} MB swapped" if run.swapped_bytes else ""
            yield (
                f"disturbed: round {run.round}, {run.as_method.label}: others kept {run.others_cores:.2f} cores "
                f"busy{swapped}"
            )


def memory_lines(memory: Memory) -> Iterator[str]:
    """Yields what a measurement of memory has to say."""
    yield f"peak of all processes together, as {MEMORY_KIND}:"
    for peak in memory.peaks:
        disturbed = " (disturbed)" if peak.disturbed else ""
        yield (
            f"  {peak.num_rows:>12,} rows, {peak.file_format}, --workers {peak.workers}: "
            f"{_spread(peak.peak_bytes, 0, 1e6)} MB{disturbed}"
        )
    for file_format, ratio in memory.largest_over_smallest.items():
        yield f"{file_format}: the largest is {ratio:.2f} times the smallest"
    yield f"at most {memory.most_bytes_per_worker / 1e6:,.0f} MB for each worker"


def _spread(value: Spread, digits: int, unit: float = 1.0) -> str:
    parts = (f"{number / unit:,.{digits}f}" for number in (value.median, value.lowest, value.highest))
    return "{} ({}-{})".format(*parts)


def _interval(value: Interval, digits: int) -> str:
    return f"{value.value:,.{digits}f} ({value.low:,.{digits}f}-{value.high:,.{digits}f})"
