"""What does the bench print? A table, and sentences about what it means."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping

from rich.console import Console
from rich.table import Table

from job.bench.baselines.method import COPIES, CURATE, ONE_ROW
from job.bench.measure.process import MEMORY_KIND
from job.bench.measure.results import Bench, Figures, Memory, Spread
from job.bench.measure.scaling import Interval
from job.output.machine import Machine

WIDTH = 200
"""Width of the table in characters. It is not that of the terminal, so that a row stays one line in a log."""
_COLUMNS = (
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
_LAW_NAMES = {"amdahl": "Amdahl's law", "usl": "the Universal Scalability Law"}


def bench_lines(bench: Bench) -> Iterator[str]:
    """Yields the lines of a measurement of time.

    Args:
        bench: the measurements.
    """
    yield machine_line(bench.machine, bench.versions, bench.commit)
    sizes = ", ".join(f"{size / 1e6:,.1f} MB of {file_format}" for file_format, size in bench.input.size_bytes.items())
    yield f"{bench.input.name}: {bench.input.num_rows:,} rows, {sizes}"
    equal = "outputs are equal, but for those that differ" if any(_differs(bench)) else "all outputs are equal"
    yield (
        f"{equal}: {bench.num_items:,} items, content digest {bench.content_digest[:16]}; medians of "
        f"{_repeats(bench)} runs, with lowest and highest in parentheses; memory is {MEMORY_KIND}"
    )
    yield ""
    yield _table(bench)
    yield from _differs(bench)
    yield from _file_format_lines(bench)
    yield from _ceiling_lines(bench)
    yield from _one_row_lines(bench)
    yield from fit_lines(bench)
    yield from _disturbed_lines(bench)


def _repeats(bench: Bench) -> str:
    repeats = {figures.repeats for figures in bench.figures}
    return str(max(repeats)) if len(repeats) == 1 else f"{max(repeats)}, of baselines {min(repeats)},"


def _differs(bench: Bench) -> Iterator[str]:
    for figures in bench.figures:
        if figures.differs is not None:
            yield (
                f"{figures.method}, {figures.file_format}, made other items: {figures.differs:,}, and curate run makes "
                f"{bench.num_items:,}; so its time compares with nothing"
            )


def machine_line(machine: Machine, versions: Mapping[str, str], commit: str | None) -> str:
    """Returns a line about what was measured on.

    Args:
        machine: the machine.
        versions: versions of packages, by name.
        commit: commit of the program; None when it is not known.
    """
    return (
        f"{machine.processor}, {machine.cores} cores, {machine.memory_bytes / 1e9:.0f} GB, {machine.system}, "
        f"Python {machine.python}, Ray {versions['ray']}, commit {(commit or 'unknown')[:12]}"
    )


def _table(bench: Bench) -> str:
    table = Table(box=None, pad_edge=False)
    table.add_column("method", no_wrap=True)
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    for figures in bench.figures:
        if figures.method not in {ONE_ROW, COPIES}:
            table.add_row(*_cells(bench, figures))
    stream = io.StringIO()
    Console(file=stream, width=WIDTH).print(table)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def _cells(bench: Bench, figures: Figures) -> Iterator[str]:
    yield f"{figures.method}, {figures.file_format}" + (" (disturbed)" if figures.disturbed else "")
    yield f"{figures.workers} > {bench.machine.cores} cores" if figures.more_than_cores else str(figures.workers)
    yield spread_text(figures.wall_s, 1)
    yield f"{figures.startup_s.median:.1f}"
    yield spread_text(figures.rows_per_s, 0)
    yield f"{figures.mb_per_s.median:,.1f}"
    yield f"{figures.cpu_s_per_million_rows.median:,.0f}"
    yield f"{figures.peak_bytes.median / 1e6:,.0f}"
    yield "" if figures.speed_up is None else f"{figures.speed_up:.2f}"
    yield "" if figures.efficiency is None else f"{figures.efficiency:.0%}"
    yield _comparison(bench, figures)


def _comparison(bench: Bench, baseline: Figures) -> str:
    """Returns how many times as fast as a baseline the job is, in the baseline's file format if it was measured."""
    if baseline.method == CURATE:
        return ""
    if baseline.differs is not None:
        return f"other items: {baseline.differs:,}, not {bench.num_items:,}"
    jobs = [
        figures
        for figures in bench.figures
        if figures.method == CURATE and figures.workers == baseline.workers and baseline.method in figures.times_as_fast
    ]
    same_format = [job for job in jobs if job.file_format == baseline.file_format] or jobs
    return ", ".join(f"{job.times_as_fast[baseline.method]:.2f}x as fast" for job in same_format)


def _file_format_lines(bench: Bench) -> Iterator[str]:
    for jsonl in bench.figures:
        parquet = bench.figures_of(CURATE, "parquet", jsonl.workers)
        if (jsonl.method, jsonl.file_format) == (CURATE, "jsonl") and parquet is not None:
            ratio = jsonl.rows_per_s.median / parquet.rows_per_s.median
            yield f"with --workers {jsonl.workers}, JSONL has {ratio:.2f} times the rows/s of Parquet"


def _ceiling_lines(bench: Bench) -> Iterator[str]:
    """Compares the scaling of the job with that of independent copies of its kernel."""
    for file_format in bench.input.size_bytes:
        jobs = [
            figures
            for figures in bench.figures
            if (figures.method, figures.file_format) == (CURATE, file_format) and not figures.more_than_cores
        ]
        one_copy = bench.figures_of(COPIES, file_format, 1)
        for job in jobs[1:]:
            copies = bench.figures_of(COPIES, file_format, job.workers)
            if one_copy is None or copies is None or job.steady_speed_up is None or jobs[0].workers != 1:
                continue
            ceiling = copies.rows_per_s.median / one_copy.rows_per_s.median
            yield (
                f"{file_format}, from 1 to {job.workers} workers, without start-up: {job.steady_speed_up:.2f} times as "
                f"fast; {job.workers} independent copies of the kernel: {ceiling:.2f}; "
                f"that is {job.steady_speed_up / ceiling:.0%} of it"
            )


def _one_row_lines(bench: Bench) -> Iterator[str]:
    for figures in bench.figures:
        workers = f"--workers {figures.workers}"
        if figures.method == ONE_ROW:
            yield f"{figures.file_format}, one row (--limit 1), {workers}: {spread_text(figures.wall_s, 1)} s"
        if no_ray := figures.times_as_fast.get("no-ray"):
            yield f"{figures.file_format}, {workers}: with Ray it takes {1 / no_ray:.2f} times as long as without"


def fit_lines(bench: Bench) -> Iterator[str]:
    """Yields the lines of the scaling laws that were fitted, or why none was."""
    if bench.no_fit:
        yield bench.no_fit
    for file_format, fit in [(file_format, fit) for file_format, fits in bench.fits.items() for fit in fits]:
        kappa = f", kappa {_interval(fit.kappa, 5)}" if fit.law == "usl" else ""
        yield (
            f"{file_format}, {_LAW_NAMES[fit.law]}: sigma {_interval(fit.sigma, 4)}{kappa} "
            "(the range of 90% of the draws in parentheses)"
        )
        for workers, expected in fit.expected_rows_per_s.items():
            yield (
                f"  {workers} workers would do {_interval(expected, 0)} rows/s, if the law holds that far: predicted, "
                "not measured"
            )


def _disturbed_lines(bench: Bench) -> Iterator[str]:
    for run in bench.runs:
        if run.is_disturbed:
            swapped = f", {run.swapped_bytes / 1e6:,.1f} MB swapped" if run.swapped_bytes else ""
            yield (
                f"disturbed: round {run.round}, {run.as_method.label}: other processes kept {run.others_cores:.2f} "
                f"cores busy{swapped}"
            )


def memory_lines(memory: Memory) -> Iterator[str]:
    """Yields the lines of a measurement of memory.

    Args:
        memory: the measurements.
    """
    yield f"peak of all processes together, as {MEMORY_KIND}:"
    for peak in memory.peaks:
        disturbed = " (disturbed)" if peak.disturbed else ""
        yield (
            f"  {peak.num_rows:>12,} rows, {peak.file_format}, --workers {peak.workers}: "
            f"{spread_text(peak.peak_bytes, 0, 1e6)} MB{disturbed}"
        )
    for file_format, ratio in memory.largest_over_smallest.items():
        yield f"{file_format}: the largest is {ratio:.2f} times the smallest"
    yield f"at most {memory.most_bytes_per_worker / 1e6:,.0f} MB per worker"


def spread_text(value: Spread, digits: int, unit: float = 1.0) -> str:
    """Writes a median with its range, such as `6.0 (6.0-7.6)`."""
    parts = (f"{number / unit:,.{digits}f}" for number in (value.median, value.lowest, value.highest))
    return "{} ({}-{})".format(*parts)


def _interval(value: Interval, digits: int) -> str:
    return f"{value.value:,.{digits}f} ({value.low:,.{digits}f}-{value.high:,.{digits}f})"
