"""What does the bench print of `curate craft` and the courses' method? A table, and how time grows with the items."""

from __future__ import annotations

import io
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from job.bench.measure.craft import COURSE, CRAFT, CraftBench, CraftFigures
from job.bench.measure.process import MEMORY_KIND
from job.bench.report.table import WIDTH, machine_line, spread_text


def craft_lines(bench: CraftBench) -> Iterator[str]:
    """Yields the lines of a measurement.

    Args:
        bench: the measurements.
    """
    yield machine_line(bench.machine, bench.versions, bench.commit)
    for its in bench.items:
        made = "" if its.making_s is None else f", made in {its.making_s:.0f} s"
        sizes = ", ".join(f"{name} {size:,}" for name, size in its.sizes.items())
        yield f"{its.num_items:,} items of {its.preset}: {its.size_bytes / 1e6:,.1f} MB of Parquet{made}; {sizes}"
    yield (
        "all training sets of the same items are equal: the same ids and prices in the same order in each split; "
        f"medians of {bench.figures[0].repeats} runs, with lowest and highest in parentheses; memory is {MEMORY_KIND}"
    )
    yield ""
    yield _table(bench)
    yield from _growth_lines(bench)
    for run in bench.runs:
        if run.is_disturbed:
            yield (
                f"disturbed: round {run.round}, {run.method}, {run.preset}, {run.num_items:,} items: other processes "
                f"kept {run.others_cores:.2f} cores busy"
            )


def _table(bench: CraftBench) -> str:
    table = Table(box=None, pad_edge=False)
    table.add_column("method", no_wrap=True)
    for name in ("preset", "items", "wall s", "peak MB", "curate craft is"):
        table.add_column(name, justify="right")
    for figures in bench.figures:
        disturbed = " (disturbed)" if figures.disturbed else ""
        workers = f", {figures.workers} {'worker' if figures.workers == 1 else 'workers'}"
        table.add_row(
            figures.method + (workers if figures.method == CRAFT else "") + disturbed,
            figures.preset,
            f"{figures.num_items:,}",
            spread_text(figures.wall_s, 1),
            f"{figures.peak_bytes.median / 1e6:,.0f}",
            _comparison(bench, figures),
        )
    stream = io.StringIO()
    Console(file=stream, width=WIDTH).print(table)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def _comparison(bench: CraftBench, figures: CraftFigures) -> str:
    """Returns how the job compares with the course's method, beside the latter."""
    if figures.method != COURSE:
        return ""
    job = _figures(bench, CRAFT, figures.preset, figures.num_items)
    if job is None or job.times_as_fast is None:
        return ""
    return f"{job.times_as_fast:.2f}x as fast, {job.wall_s.median - figures.wall_s.median:+.1f} s"


def _growth_lines(bench: CraftBench) -> Iterator[str]:
    """Says how many times as long each method takes with more items, from each number to the largest."""
    for figures in bench.figures:
        most = max(each.num_items for each in bench.figures if each.preset == figures.preset)
        largest = _figures(bench, figures.method, figures.preset, most)
        if largest is not None and figures.num_items < most:
            yield (
                f"{figures.method}, {figures.preset}, from {figures.num_items:,} to {most:,} items: "
                f"{largest.wall_s.median / figures.wall_s.median:.2f} times as long for "
                f"{most / figures.num_items:.2f} times the items"
            )


def _figures(bench: CraftBench, method: str, preset: str, num_items: int) -> CraftFigures | None:
    wanted = (method, preset, num_items)
    return next((each for each in bench.figures if (each.method, each.preset, each.num_items) == wanted), None)
