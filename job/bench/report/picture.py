"""How do time and speed-up depend on the number of workers? One picture of a bench."""

from __future__ import annotations

import os
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from job.bench.baselines.method import COPIES, CURATE, ONE_ROW
from job.bench.measure.results import Bench, Figures
from job.bench.measure.scaling import throughput

_SIZE_INCHES = (11, 4.5)
_DOTS_PER_INCH = 120
_COLOURS = {"parquet": "tab:blue", "jsonl": "tab:orange"}
_MARKERS = "sD^vP"
_LINES = {"amdahl": "-.", "usl": "--"}
_LAW_NAMES = {"amdahl": "Amdahl's law", "usl": "USL"}


def draw(bench: Bench, path: Path) -> None:
    """Draws the picture as PNG. A failure leaves no half-written file.

    On the left is the wall time with its range; each baseline is a single mark. On the right is the speed-up, with the
    ideal line, that of the copies of the kernel, and the scaling laws if they were fitted. In both, the area of more
    workers than cores is grey.

    Args:
        bench: the measurements.
        path: the file to write.
    """
    mpl.use("Agg")
    figure = Figure(figsize=_SIZE_INCHES, dpi=_DOTS_PER_INCH, layout="constrained")
    left, right = figure.subplots(1, 2)
    jobs = [figures for figures in bench.figures if figures.method == CURATE]
    _draw_time(left, bench, jobs)
    _draw_speed_up(right, bench, jobs)
    most_workers = max(figures.workers for figures in bench.figures)
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.set_xticks(sorted({figures.workers for figures in bench.figures}))
        axes.minorticks_off()
        axes.set_xlabel("workers")
        if most_workers > bench.machine.cores:
            axes.axvspan(bench.machine.cores * 1.05, most_workers * 1.1, color="0.9", label="more workers than cores")
        axes.grid(visible=True, alpha=0.3)
        axes.legend(fontsize="small")
    machine = bench.machine
    disturbed = sum(figures.disturbed for figures in bench.figures)
    figure.suptitle(
        f"{bench.input.num_rows:,} rows on {machine.processor}, {machine.cores} cores"
        + (f" ({disturbed} of {len(bench.runs)} runs disturbed)" if disturbed else ""),
        fontsize="medium",
    )
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        figure.savefig(part, format="png", metadata={"Software": None})
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _draw_time(axes: Axes, bench: Bench, jobs: list[Figures]) -> None:
    for file_format, colour in _COLOURS.items():
        of_format = [job for job in jobs if job.file_format == file_format]
        if of_format:
            _draw_range(axes, of_format, f"{CURATE}, {file_format}", colour, "o-")
    baselines = [figures for figures in bench.figures if figures.method not in {CURATE, ONE_ROW, COPIES}]
    for number, baseline in enumerate(baselines):
        label = f"{baseline.method}, {baseline.file_format}" + ("" if baseline.differs is None else " (other items)")
        _draw_range(axes, [baseline], label, "0.3", _MARKERS[number % len(_MARKERS)])
    axes.set_ylim(bottom=0)
    axes.set_ylabel("wall time in s: median, lowest to highest")


def _draw_range(axes: Axes, points: list[Figures], label: str, colour: str, line: str) -> None:
    medians = [point.wall_s.median for point in points]
    below = [point.wall_s.median - point.wall_s.lowest for point in points]
    above = [point.wall_s.highest - point.wall_s.median for point in points]
    workers = [point.workers for point in points]
    axes.errorbar(workers, medians, yerr=[below, above], fmt=line, color=colour, capsize=4, label=label)


def _draw_speed_up(axes: Axes, bench: Bench, jobs: list[Figures]) -> None:
    workers = sorted({job.workers for job in jobs})
    axes.plot(workers, workers, "--", color="0.5", label="ideal")
    for file_format, colour in _COLOURS.items():
        of_format = [job for job in jobs if job.file_format == file_format]
        if not of_format:
            continue
        counts = [job.workers for job in of_format]
        whole = [job.speed_up or 0.0 for job in of_format]
        axes.plot(counts, whole, "o-", color=colour, label=f"whole process, {file_format}")
        steady = [job.steady_speed_up or 0.0 for job in of_format]
        axes.plot(counts, steady, "o:", color=colour, label=f"without start-up, {file_format}")
        copies = [
            figures for figures in bench.figures if (figures.method, figures.file_format) == (COPIES, file_format)
        ]
        gains = [copy.rows_per_s.median / copies[0].rows_per_s.median for copy in copies]
        copy_counts = [copy.workers for copy in copies]
        axes.plot(copy_counts, gains, "x", color=colour, label=f"copies of the kernel, {file_format}")
        for fit in bench.fits.get(file_format, []):
            law = (fit.rows_per_s_of_one.value, fit.sigma.value, fit.kappa.value)
            counts = [*workers, *fit.expected_rows_per_s]
            gains = [throughput(count, *law) / law[0] for count in counts]
            axes.plot(
                counts, gains, _LINES[fit.law], color=colour, label=f"{_LAW_NAMES[fit.law]} (predicted), {file_format}"
            )
    axes.set_ylim(bottom=0)
    axes.set_ylabel("speed-up")
