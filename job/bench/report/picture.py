"""One picture of a bench: time and speed-up against workers."""

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
    """Draws the picture as PNG; the file is there whole or not at all.

    Left, wall time with its range; baselines as single marks. Right, speed-up with the ideal line, that of the copies
    of the kernel, and the law if one was fitted. The area of more workers than cores is grey in both.

    Args:
        bench: what was measured.
        path: the file to write.
    """
    mpl.use("Agg")
    figure = Figure(figsize=_SIZE_INCHES, dpi=_DOTS_PER_INCH, layout="constrained")
    time, gain = figure.subplots(1, 2)
    jobs = [one for one in bench.figures if one.method == CURATE]
    _draw_time(time, bench, jobs)
    _draw_speed_up(gain, bench, jobs)
    most = max(one.workers for one in bench.figures)
    for axes in (time, gain):
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.set_xticks(sorted({one.workers for one in bench.figures}))
        axes.minorticks_off()
        axes.set_xlabel("workers")
        if most > bench.machine.cores:
            axes.axvspan(bench.machine.cores * 1.05, most * 1.1, color="0.9", label="more workers than cores")
        axes.grid(visible=True, alpha=0.3)
        axes.legend(fontsize="small")
    machine = bench.machine
    disturbed = sum(one.disturbed for one in bench.figures)
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
        alike = [one for one in jobs if one.file_format == file_format]
        if alike:
            _range(axes, alike, f"{CURATE}, {file_format}", colour, "o-")
    others = [one for one in bench.figures if one.method not in {CURATE, ONE_ROW, COPIES}]
    for number, one in enumerate(others):
        _range(axes, [one], f"{one.method}, {one.file_format}", "0.3", _MARKERS[number % len(_MARKERS)])
    axes.set_ylim(bottom=0)
    axes.set_ylabel("wall time in s: median, lowest to highest")


def _range(axes: Axes, figures: list[Figures], label: str, colour: str, line: str) -> None:
    medians = [one.wall_s.median for one in figures]
    below = [one.wall_s.median - one.wall_s.lowest for one in figures]
    above = [one.wall_s.highest - one.wall_s.median for one in figures]
    workers = [one.workers for one in figures]
    axes.errorbar(workers, medians, yerr=[below, above], fmt=line, color=colour, capsize=4, label=label)


def _draw_speed_up(axes: Axes, bench: Bench, jobs: list[Figures]) -> None:
    workers = sorted({one.workers for one in jobs})
    axes.plot(workers, workers, "--", color="0.5", label="ideal")
    for file_format, colour in _COLOURS.items():
        alike = [one for one in jobs if one.file_format == file_format]
        if not alike:
            continue
        counts = [one.workers for one in alike]
        axes.plot(
            counts, [one.speed_up or 0.0 for one in alike], "o-", color=colour, label=f"whole process, {file_format}"
        )
        steady = [one.steady_speed_up or 0.0 for one in alike]
        axes.plot(counts, steady, "o:", color=colour, label=f"start-up apart, {file_format}")
        copies = [one for one in bench.figures if (one.method, one.file_format) == (COPIES, file_format)]
        gains = [one.rows_per_s.median / copies[0].rows_per_s.median for one in copies]
        axes.plot(
            [one.workers for one in copies], gains, "x", color=colour, label=f"copies of the kernel, {file_format}"
        )
        for fit in bench.fits.get(file_format, []):
            law = (fit.rows_per_s_of_one.value, fit.sigma.value, fit.kappa.value)
            ahead = [*workers, *fit.expected_rows_per_s]
            gains = [throughput(count, *law) / law[0] for count in ahead]
            axes.plot(ahead, gains, _LINES[fit.law], color=colour, label=f"{_LAW_NAMES[fit.law]}, {file_format}")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("speed-up")
