"""What `bench.json` holds: every run as it was measured, and the figures that follow from them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

import msgspec

from job.bench.baselines.method import COPIES, CURATE, ONE_ROW, Method
from job.bench.measure.machine import Machine
from job.bench.measure.process import DISTURBED_CORES, MEMORY_KIND, SAMPLE_S
from job.bench.measure.scaling import Fit

VERSION = 1
"""Of the file's form."""

DEFINITIONS = {
    "wall_s": "from the start of the process to its end, less not_counted_s",
    "not_counted_s": "baselines that print a digest only to be compared: making it; no-ray: importing ray.data, "
    "which it has no use for",
    "startup_s": "from the start of the process until the first partition was taken up, which is the earliest (time of "
    "a commit record - its elapsed_s); baselines: until the first partition or chunk was handed to the pool",
    "shutdown_s": "from the last commit record, or the last item, to the end of the process",
    "steady_s": "wall_s less startup_s and shutdown_s",
    "rows_per_s": "rows / steady_s",
    "mb_per_s": "size of the source files, unread columns included, in 10^6 bytes, / steady_s",
    "cpu_s_per_million_rows": "CPU seconds of all processes together, start-up included, / rows * 10^6",
    "cpu_s": "the larger of what the system counts for the process and its descendants that were waited for, and the "
    f"sum of what each process had when it was last seen, every {SAMPLE_S} s",
    "peak_bytes": f"largest sum of the {MEMORY_KIND} of all processes, looked at every {SAMPLE_S} s",
    "speed_up": "wall_s of the fewest workers / wall_s, times the fewest workers; of medians",
    "efficiency": "speed_up / workers",
    "steady_speed_up": "the same of steady_s",
    "times_as_fast": "wall_s of the baseline / wall_s of curate run, with as many workers; of medians",
    "disturbed": f"other processes kept more than {DISTURBED_CORES} cores busy on average, or something was swapped",
    "kernel copies": "so many processes, each of which does the same partitions by the job's own reader, recipe and "
    "sink, all at once: rows of all / (last end - first begin)",
    "one row": "wall_s of the same command with --limit 1",
}
"""What each figure is."""


class Run(msgspec.Struct, frozen=True, kw_only=True, rename={"file_format": "form"}):
    """One run, as it was measured. See `DEFINITIONS`."""

    method: str
    file_format: str
    workers: int
    round: int
    """Counted from 1."""
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
    """None of what makes no whole output."""
    others_cores: float
    """How many cores others kept busy, on average."""
    swapped_bytes: int
    apart_s: dict[str, float]
    """Parts of the time."""

    @property
    def as_method(self) -> Method:
        """The way that it went."""
        return Method(name=self.method, file_format=self.file_format, workers=self.workers)

    @property
    def rows_per_s(self) -> float:
        """Steady throughput."""
        return self.num_rows / self.steady_s if self.steady_s > 0 else 0.0

    @property
    def is_disturbed(self) -> bool:
        """Tells whether the machine did something else meanwhile."""
        return self.others_cores > DISTURBED_CORES or self.swapped_bytes > 0


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """A figure over the repeats."""

    median: float
    lowest: float
    highest: float


class Figures(msgspec.Struct, frozen=True, kw_only=True, rename={"file_format": "form"}):
    """What follows for one method, form and number of workers. See `DEFINITIONS`."""

    method: str
    file_format: str
    workers: int
    repeats: int
    disturbed: int
    """How many of them were."""
    wall_s: Spread
    startup_s: Spread
    rows_per_s: Spread
    mb_per_s: Spread
    cpu_s_per_million_rows: Spread
    peak_bytes: Spread
    speed_up: float | None
    """Of `curate run` only; so are the next two."""
    efficiency: float | None
    steady_speed_up: float | None
    times_as_fast: dict[str, float]
    """By baseline."""
    more_than_cores: bool
    """More workers than the machine has cores."""


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """What all runs read."""

    name: str
    num_rows: int
    size_bytes: dict[str, int]
    """By form."""


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """A whole `bench.json`."""

    command: str
    finished: str
    """In UTC."""
    machine: Machine
    versions: dict[str, str]
    commit: str | None
    config: dict[str, object]
    """The job's, resolved; its output and number of workers are those of each run."""
    input: Input
    num_items: int
    content_digest: str
    """Of every whole output."""
    runs: list[Run]
    figures: list[Figures]
    fits: dict[str, list[Fit]]
    """By form."""
    no_fit: str | None
    """Why there is none."""
    definitions: dict[str, str]
    version: int = VERSION

    def figures_of(self, method: str, file_format: str, workers: int) -> Figures | None:
        """Returns the figures of a method; None when it was not measured."""
        wanted = (method, file_format, workers)
        return next((one for one in self.figures if (one.method, one.file_format, one.workers) == wanted), None)


def figures(runs: Sequence[Run], size_bytes: dict[str, int], cores: int) -> list[Figures]:
    """Draws the figures from the runs, in the order in which the methods came first.

    Args:
        runs: all of them.
        size_bytes: of the source files, by form.
        cores: of the machine.
    """
    groups: dict[Method, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.as_method, []).append(run)
    wall = {method: statistics.median(run.wall_s for run in group) for method, group in groups.items()}
    steady = {method: statistics.median(run.steady_s for run in group) for method, group in groups.items()}
    found: list[Figures] = []
    for method, group in groups.items():
        is_job = method.name == CURATE
        alike = [one for one in groups if (one.name, one.file_format) == (method.name, method.file_format)]
        fewest = min(alike, key=lambda one: one.workers)
        speed_up = wall[fewest] / wall[method] * fewest.workers
        baselines = [one for one in groups if one.name not in {CURATE, ONE_ROW, COPIES}]
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
                    one.name: wall[one] / wall[method]
                    for one in baselines
                    if is_job
                    and one.workers == method.workers
                    and (one.file_format == method.file_format or one.name != "no-ray")
                },
                more_than_cores=method.workers > cores,
            )
        )
    return found


def spread(runs: Sequence[Run], value: Callable[[Run], float]) -> Spread:
    """Returns a figure's median and range over runs."""
    values = [value(run) for run in runs]
    return Spread(median=statistics.median(values), lowest=min(values), highest=max(values))


def _mb_per_s(run: Run, size_bytes: dict[str, int]) -> float:
    return _ratio(size_bytes[run.file_format] / 1e6, run.steady_s) if run.method not in {ONE_ROW, COPIES} else 0.0


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0 else 0.0


class PeakMemory(msgspec.Struct, frozen=True, kw_only=True, rename={"file_format": "form"}):
    """The peak of all processes together at one number of rows."""

    num_rows: int
    file_format: str
    workers: int
    peak_bytes: Spread
    disturbed: int


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """A whole `memory.json`."""

    command: str
    finished: str
    """In UTC."""
    machine: Machine
    versions: dict[str, str]
    commit: str | None
    runs: list[Run]
    peaks: list[PeakMemory]
    largest_over_smallest: dict[str, float]
    """By form: the largest of the peaks' medians over the smallest."""
    most_bytes_per_worker: float
    definitions: dict[str, str]
    version: int = VERSION
