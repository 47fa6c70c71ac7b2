"""What do `bench.json` and `memory.json` hold? Every run as it was measured, and the figures computed from them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from job.bench.baselines.method import COPIES, CURATE, MAY_DIFFER, ONE_ROW, PARQUET_BASELINES, Method
from job.bench.measure.process import DISTURBED_CORES, SAMPLE_S
from job.bench.measure.scaling import Fit
from job.output.machine import Machine

VERSION = 1
"""Version of the layout of both files."""

_Measured = TypeVar("_Measured")

DEFINITIONS = {
    "wall_s": "seconds from the start of the process to its end, less not_counted_s",
    "not_counted_s": "seconds of work that the method does not need: baselines that make a content digest only for the "
    "comparison: making it; no-ray: importing ray.data; datatrove: splitting the source into files, too",
    "startup_s": "seconds from the start of the process until the first partition was taken up, which is the earliest "
    "of (time of a commit record - its elapsed_s); baselines: until the pool got its first partition or chunk",
    "shutdown_s": "seconds from the last commit record, or the last item, to the end of the process",
    "steady_s": "wall_s - startup_s - shutdown_s",
    "rows_per_s": "rows / steady_s",
    "mb_per_s": "size of the source files in 10^6 bytes, including columns that are not read, / steady_s",
    "cpu_s_per_million_rows": "cpu_s / rows * 10^6, start-up included",
    "cpu_s": "CPU seconds of all processes together: the larger of what the operating system counts for the process "
    f"and the descendants it waited for, and the sum of the last samples of each process, taken every {SAMPLE_S} s",
    "peak_bytes": "largest sum of the memory of all processes (PSS on Linux, USS elsewhere), sampled every "
    f"{SAMPLE_S} s",
    "speed_up": "median wall_s of the fewest workers / median wall_s * the fewest workers",
    "efficiency": "speed_up / workers",
    "steady_speed_up": "speed_up, computed from steady_s",
    "times_as_fast": "median wall_s of the baseline / median wall_s of curate run with the same number of workers; "
    "none of a baseline that made other items",
    "differs": "number of items of a baseline that made other items than curate run; it is not compared any further",
    "disturbed": f"other processes kept more than {DISTURBED_CORES} cores busy on average, or something was swapped",
    "kernel copies": "N processes that each do the same partitions at the same time, with the job's own reader, recipe "
    "and sink: rows of all processes / (last end - first start)",
    "one row": "wall_s of the same command with --limit 1",
}
"""Meaning of each figure, by its name in the files or in the table."""


class Run(msgspec.Struct, frozen=True, kw_only=True, rename={"file_format": "form"}):
    """A run as it was measured. See `DEFINITIONS`."""

    method: str
    file_format: str
    workers: int
    round: int
    """Number of the round, from 1."""
    wall_s: float
    not_counted_s: float
    startup_s: float
    shutdown_s: float
    steady_s: float
    cpu_s: float
    peak_bytes: int
    num_rows: int
    num_items: int
    content_digest: str | None
    """Digest of the items; None if the method does not produce all of them."""
    others_cores: float
    """Average number of cores that other processes kept busy."""
    swapped_bytes: int
    apart_s: dict[str, float]
    """Seconds of parts of the time, by the part's name."""

    @property
    def as_method(self) -> Method:
        """The method of the run, with its file format and workers."""
        return Method(name=self.method, file_format=self.file_format, workers=self.workers)

    @property
    def rows_per_s(self) -> float:
        """Throughput in rows per second, without start-up and shutdown."""
        return self.num_rows / self.steady_s if self.steady_s > 0 else 0.0

    @property
    def is_disturbed(self) -> bool:
        """Whether the machine did other work during the run."""
        return self.others_cores > DISTURBED_CORES or self.swapped_bytes > 0


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """A figure's median and range over the repeats."""

    median: float
    lowest: float
    highest: float


class Figures(msgspec.Struct, frozen=True, kw_only=True, rename={"file_format": "form"}):
    """The figures of one method, file format and number of workers. See `DEFINITIONS`."""

    method: str
    file_format: str
    workers: int
    repeats: int
    disturbed: int
    """Number of the repeats that were disturbed."""
    wall_s: Spread
    startup_s: Spread
    rows_per_s: Spread
    mb_per_s: Spread
    cpu_s_per_million_rows: Spread
    peak_bytes: Spread
    speed_up: float | None
    """None, like the next two, for anything but `curate run`."""
    efficiency: float | None
    steady_speed_up: float | None
    times_as_fast: dict[str, float]
    """How many times as fast as each baseline, by the baseline's name; empty for anything but `curate run`."""
    more_than_cores: bool
    """Whether there were more workers than the machine has cores."""
    differs: int | None = None
    """Number of items of a method that made other items than `curate run`; None if it made the same, or was not to."""


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """The input of all runs."""

    name: str
    num_rows: int
    size_bytes: dict[str, int]
    """Size of the source files, by file format."""


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of `bench.json`."""

    command: str
    finished: str
    """Time of the end, in UTC, in ISO 8601."""
    machine: Machine
    versions: dict[str, str]
    commit: str | None
    config: dict[str, object]
    """The job's resolved config, without output and workers, which differ from run to run."""
    input: Input
    num_items: int
    content_digest: str
    """Digest of the items, equal for all methods that produce all of them."""
    runs: list[Run]
    figures: list[Figures]
    fits: dict[str, list[Fit]]
    """Fitted scaling laws, by file format."""
    no_fit: str | None
    """Why no law was fitted; None if one was."""
    definitions: dict[str, str]
    version: int = VERSION

    def figures_of(self, method: str, file_format: str, workers: int) -> Figures | None:
        """Returns the figures of a method, or None if it was not measured."""
        wanted = (method, file_format, workers)
        return next(
            (figures for figures in self.figures if (figures.method, figures.file_format, figures.workers) == wanted),
            None,
        )


def figures(runs: Sequence[Run], size_bytes: dict[str, int], cores: int) -> list[Figures]:
    """Computes the figures of each method, in the order of their first runs.

    Args:
        runs: all runs.
        size_bytes: the size of the source files, by file format.
        cores: the number of the machine's cores.
    """
    groups: dict[Method, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.as_method, []).append(run)
    wall = {method: statistics.median(run.wall_s for run in group) for method, group in groups.items()}
    steady = {method: statistics.median(run.steady_s for run in group) for method, group in groups.items()}
    found: list[Figures] = []
    made = {
        (run.content_digest, run.num_items) for run in runs if run.as_method.is_whole and run.method not in MAY_DIFFER
    }
    differs = {
        method: run.num_items
        for method, group in groups.items()
        for run in group
        if made and method.name in MAY_DIFFER and (run.content_digest, run.num_items) not in made
    }
    baselines = [method for method in groups if method.is_baseline and method.is_whole and method not in differs]
    for method, group in groups.items():
        is_job = method.name == CURATE
        same_method = [
            other for other in groups if (other.name, other.file_format) == (method.name, method.file_format)
        ]
        fewest = min(same_method, key=lambda other: other.workers)
        speed_up = wall[fewest] / wall[method] * fewest.workers
        found.append(
            Figures(
                method=method.name,
                file_format=method.file_format,
                workers=method.workers,
                repeats=len(group),
                disturbed=sum(run.is_disturbed for run in group),
                wall_s=spread(group, lambda run: run.wall_s),
                startup_s=spread(group, lambda run: run.startup_s),
                rows_per_s=spread(group, lambda run: run.rows_per_s),
                mb_per_s=spread(group, lambda run: _mb_per_s(run, size_bytes)),
                cpu_s_per_million_rows=spread(group, lambda run: run.cpu_s / run.num_rows * 1e6),
                peak_bytes=spread(group, lambda run: run.peak_bytes),
                speed_up=speed_up if is_job else None,
                efficiency=speed_up / method.workers if is_job else None,
                steady_speed_up=_ratio(steady[fewest], steady[method]) * fewest.workers if is_job else None,
                times_as_fast={
                    baseline.name: wall[baseline] / wall[method]
                    for baseline in baselines
                    if is_job
                    and baseline.workers == method.workers
                    and (baseline.file_format == method.file_format or baseline.name in PARQUET_BASELINES)
                },
                more_than_cores=method.workers > cores,
                differs=differs.get(method),
            )
        )
    return found


def spread(runs: Sequence[_Measured], value: Callable[[_Measured], float]) -> Spread:
    """Returns the median and the range of a figure over runs."""
    values = [value(run) for run in runs]
    return Spread(median=statistics.median(values), lowest=min(values), highest=max(values))


def _mb_per_s(run: Run, size_bytes: dict[str, int]) -> float:
    return _ratio(size_bytes[run.file_format] / 1e6, run.steady_s) if run.method not in {ONE_ROW, COPIES} else 0.0


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 0 else 0.0


class PeakMemory(msgspec.Struct, frozen=True, kw_only=True, rename={"file_format": "form"}):
    """The peak memory of all processes together at one number of rows."""

    num_rows: int
    file_format: str
    workers: int
    peak_bytes: Spread
    disturbed: int


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of `memory.json`."""

    command: str
    finished: str
    """Time of the end, in UTC, in ISO 8601."""
    machine: Machine
    versions: dict[str, str]
    commit: str | None
    runs: list[Run]
    peaks: list[PeakMemory]
    largest_over_smallest: dict[str, float]
    """Largest median peak / smallest median peak, by file format."""
    most_bytes_per_worker: float
    definitions: dict[str, str]
    version: int = VERSION
