"""How do the figures get into this room's README? This writes them from the measurements, so none is typed by hand.

`scripts/bench` measures, and then runs `python -m job.bench.report.section`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from job.bench.baselines.method import COPIES, CURATE, ONE_ROW, PARQUET_BASELINES
from job.bench.measure.hub import HUB_DEFINITIONS, HubBench
from job.bench.measure.results import DEFINITIONS, Bench, Figures, Memory, Run, Spread
from job.bench.measure.waiting import Waiting
from job.bench.report.table import fit_lines

_ROOM = Path(__file__).parents[1]
README = _ROOM / "README.md"
MEASURED = _ROOM / "measured"
BEGIN = "<!-- from here on written by report/section.py -->\n"
END = "<!-- up to here -->\n"

_FORMAT_NAMES = {"parquet": "Parquet", "jsonl": "JSONL"}
_BASELINES = {
    "no-ray": "the same work in a process pool (`no-ray`)",
    "process-pool": "the course's method (`process-pool`), Parquet",
    "datasets-map": "`map` of `datasets` (`datasets-map`), Parquet",
    "datatrove": "`datatrove`",
    "ray-data": "bare Ray Data (`ray-data`)",
    "row-recipe": "`curate run` with plain Python (`row-recipe`)",
    "course-2025": "`curate run` with `course-2025`",
}
_TIMES_AS_FAST = {
    "process-pool": "the course's method",
    "datasets-map": "`map`",
    "datatrove": "`datatrove`",
    "ray-data": "bare Ray Data",
}


def read_benches() -> list[Bench]:
    """Returns the committed measurements of time, ordered by their number of rows."""
    benches = [msgspec.json.decode(path.read_bytes(), type=Bench) for path in MEASURED.glob("*/bench.json")]
    return sorted(benches, key=lambda bench: bench.input.num_rows)


def read_memory() -> Memory:
    """Returns the committed measurement of memory."""
    return msgspec.json.decode((MEASURED / "memory.json").read_bytes(), type=Memory)


def read_waiting() -> Waiting:
    """Returns the committed measurement of idle workers."""
    return msgspec.json.decode((MEASURED / "waiting.json").read_bytes(), type=Waiting)


def read_hub() -> HubBench | None:
    """Returns the committed measurement of runs from the Hub; None while there is none."""
    path = MEASURED / "hub.json"
    return msgspec.json.decode(path.read_bytes(), type=HubBench) if path.exists() else None


def section(benches: Sequence[Bench], memory: Memory, waiting: Waiting, hub: HubBench | None = None) -> str:
    """Returns the section, without its marks.

    Args:
        benches: measurements of time, all on one machine, ordered by their number of rows.
        memory: the measurement of memory.
        waiting: the measurement of idle workers.
        hub: the measurement of runs from the Hub; None if there is none.
    """
    sizes = _by_size(benches)
    drawn = max(benches, key=lambda bench: (len({figures.workers for figures in bench.figures}), bench.input.num_rows))
    lines = [
        *_machine_lines(benches),
        "",
        "| sample catalogue | " + " | ".join(f"{size.num_rows:,} rows" for size in sizes) + " |",
        "|---|" + "---|" * len(sizes),
        *_rows(sizes, hub),
        "",
        f"Peak memory of all processes together ({_workers(benches[-1])} workers, Parquet): {_peaks(memory)}. The "
        f"largest is {memory.largest_over_smallest['parquet']:.2f} times the smallest.",
        "",
        f"![Time and speed-up against workers]({MEASURED.name}/{drawn.input.num_rows}/bench.png)",
        *[
            line
            for bench in benches
            if bench.fits
            for line in ("", f"At {bench.input.num_rows:,} rows:", "", *_fits(bench))
        ],
        "",
        "The commands behind these figures. Their runs took this long; making the input comes on top of it:",
        "",
        "```",
        *[f"{measured.command}  # {_minutes(measured.runs)}" for measured in (*benches, memory)],
        *([] if hub is None else [hub.command]),
        "```",
        "",
        "## What each figure means",
        "",
        *[f"- `{name}`: {meaning}" for name, meaning in DEFINITIONS.items()],
        *[f"- `{name}`: {meaning}" for name, meaning in (HUB_DEFINITIONS if hub is not None else {}).items()],
        "",
        "## How busy the workers are",
        "",
        *_waiting_lines(waiting),
    ]
    return "\n".join(lines) + "\n"


def _fits(bench: Bench) -> Iterator[str]:
    yield from (f"- {line.strip()}" for line in fit_lines(bench))


def _machine_lines(benches: Sequence[Bench]) -> Iterator[str]:
    largest = benches[-1]
    machine = largest.machine
    disturbed = sum(run.is_disturbed for bench in benches for run in bench.runs)
    runs = sum(len(bench.runs) for bench in benches)
    most = max(figures.repeats for bench in benches for figures in bench.figures)
    differ = any(figures.differs is not None for bench in benches for figures in bench.figures)
    yield (
        f"{machine.processor}, {machine.cores} cores, {machine.memory_bytes / 1e9:.0f} GB, {machine.system}, "
        f"Python {machine.python}, Ray {largest.versions['ray']}, commit {(largest.commit or 'unknown')[:12]}."
    )
    yield (
        f"Times are those of whole processes with {_workers(largest)} workers, from the start of the command to its "
        f"end: medians of up to {most} runs, with lowest and highest in parentheses."
    )
    equal = "All outputs were equal, but for those named." if differ else "All outputs were equal."
    yield f"{equal} Other processes disturbed {disturbed or 'none'} of {runs} runs."


def _rows(sizes: Sequence[_Size], hub: HubBench | None) -> Iterator[str]:
    """Yields the rows of the table; a row without any cell is left out."""

    def row(name: str, cell: Callable[[_Size], str]) -> Iterator[str]:
        cells = [cell(size) for size in sizes]
        if any(cells):
            yield f"| {name} | " + " | ".join(cells) + " |"

    def of(method: str, file_format: str, text: Callable[[Figures], str]) -> Callable[[_Size], str]:
        def cell(size: _Size) -> str:
            figures = size.figures_of(method, file_format)
            return "" if figures is None else text(figures)

        return cell

    for file_format, name in _FORMAT_NAMES.items():
        yield from row(f"`curate run`, {name}", of(CURATE, file_format, _wall_s))
    if hub is not None:
        yield from _hub_rows(row, hub)
    yield from row("one row (`--limit 1`)", of(ONE_ROW, "parquet", _wall_s))
    for file_format, name in _FORMAT_NAMES.items():
        yield from row(f"rows/s of one core, {name}", lambda size, form=file_format: size.rows_per_s_of_one_core(form))
    yield from row("peak memory", of(CURATE, "parquet", lambda job: f"{job.peak_bytes.median / 1e9:.2f} GB"))
    for method, words in _BASELINES.items():
        for file_format, name in _FORMAT_NAMES.items():
            what = words if method in PARQUET_BASELINES else f"{words}, {name}"
            yield from row(
                what, lambda size, method=method, form=file_format: _baseline_s(size, size.figures_of(method, form))
            )
    for method, words in _TIMES_AS_FAST.items():
        for file_format, name in _FORMAT_NAMES.items():
            yield from row(
                f"`curate run` against {words}, {name}",
                lambda size, method=method, form=file_format: size.times_as_fast(method, form),
            )
    yield from row("time with Ray / without", lambda size: size.ray_tax())
    for file_format, name in _FORMAT_NAMES.items():
        yield from row(
            f"rows/s without start-up, {name}", of(CURATE, file_format, lambda job: f"{job.rows_per_s.median:,.0f}")
        )
    yield from row("rows/s of JSONL / of Parquet", lambda size: size.jsonl_over_parquet())
    yield from row("speed-up from 1 worker, without start-up", lambda size: size.speed_up())
    yield from row("speed-up of independent copies of the kernel", lambda size: size.ceiling())


def _hub_rows(row: Callable[[str, Callable[[_Size], str]], Iterator[str]], hub: HubBench) -> Iterator[str]:
    def at_its_size(text: str) -> Callable[[_Size], str]:
        return lambda size: text if size.num_rows == hub.input.num_rows else ""

    rate = f"{hub.mb_per_s:g} MB/s"
    first = hub.first_run_s["connection"]
    yield from row(f"first run from the Hub, {rate} a connection", at_its_size(_spread(first, 1, "s")))
    download = f"{hub.download_s['line']:.1f} s of it the download"
    line = f"{_spread(hub.first_run_s['line'], 1, 's')}, {download}"
    yield from row(f"first run from the Hub, {rate} in all", at_its_size(line))
    yield from row("later run, files in the cache", at_its_size(_spread(hub.later_run_s, 1, "s")))
    yield from row("first run / later run", at_its_size(f"{hub.first_over_later:.2f}"))


class _Size:
    """All measurements of time at one number of rows."""

    def __init__(self, benches: Sequence[Bench]) -> None:
        self.benches = benches
        self.num_rows = benches[0].input.num_rows
        self.num_items = benches[0].num_items
        self.workers = max(map(_workers, benches))

    def figures_of(self, method: str, file_format: str, workers: int | None = None) -> Figures | None:
        """Returns the figures of a method, or None if it was not measured."""
        found = (bench.figures_of(method, file_format, workers or self.workers) for bench in self.benches)
        return next((figures for figures in found if figures is not None), None)

    def times_as_fast(self, baseline: str, file_format: str) -> str:
        """Returns how many times as fast as a baseline the job is, in a file format; of other items, that they are."""
        job = self.figures_of(CURATE, file_format)
        other = self.figures_of(baseline, "parquet" if baseline in PARQUET_BASELINES else file_format)
        if job is None or other is None:
            return ""
        return f"{other.wall_s.median / job.wall_s.median:.2f}x" if other.differs is None else "other items"

    def ray_tax(self) -> str:
        """Returns how many times as long the work takes with Ray."""
        job, no_ray = self.figures_of(CURATE, "parquet"), self.figures_of("no-ray", "parquet")
        return "" if job is None or no_ray is None else f"{job.wall_s.median / no_ray.wall_s.median:.2f}"

    def rows_per_s_of_one_core(self, file_format: str) -> str:
        """Returns the rows per second of one copy of the kernel."""
        copy = self.figures_of(COPIES, file_format, 1)
        return "" if copy is None else f"{copy.rows_per_s.median:,.0f}"

    def jsonl_over_parquet(self) -> str:
        """Returns the ratio of the rows per second."""
        parquet, jsonl = (self.figures_of(CURATE, file_format) for file_format in ("parquet", "jsonl"))
        return "" if parquet is None or jsonl is None else f"{jsonl.rows_per_s.median / parquet.rows_per_s.median:.2f}"

    def speed_up(self) -> str:
        """Returns how much faster all workers are than one, if one was measured."""
        job = self.figures_of(CURATE, "parquet")
        if job is None or self.figures_of(CURATE, "parquet", 1) is None:
            return ""
        return f"{job.steady_speed_up:.2f}"

    def ceiling(self) -> str:
        """Returns how much faster as many copies of the kernel as workers are than one."""
        one_copy, copies = (self.figures_of(COPIES, "parquet", count) for count in (1, self.workers))
        if one_copy is None or copies is None:
            return ""
        return f"{copies.rows_per_s.median / one_copy.rows_per_s.median:.2f}"


def _by_size(benches: Sequence[Bench]) -> list[_Size]:
    numbers = dict.fromkeys(bench.input.num_rows for bench in benches)
    return [_Size([bench for bench in benches if bench.input.num_rows == number]) for number in numbers]


def _workers(bench: Bench) -> int:
    """Returns the number of workers of the baselines."""
    return max(figures.workers for figures in bench.figures if figures.method == ONE_ROW)


def _wall_s(figures: Figures) -> str:
    return _spread(figures.wall_s, 1, "s") if figures.repeats > 1 else f"{figures.wall_s.median:,.1f} s (one run)"


def _baseline_s(size: _Size, figures: Figures | None) -> str:
    if figures is None:
        return ""
    if figures.differs is None:
        return _wall_s(figures)
    return f"other items: {figures.differs:,}, not {size.num_items:,}; in {figures.wall_s.median:,.1f} s"


def _peaks(memory: Memory) -> str:
    peaks = [peak for peak in memory.peaks if peak.file_format == "parquet"]
    return ", ".join(f"{peak.peak_bytes.median / 1e9:.2f} GB at {peak.num_rows:,} rows" for peak in peaks)


def _minutes(runs: Sequence[Run]) -> str:
    minutes = round(sum(run.wall_s + run.not_counted_s for run in runs) / 60)
    return "1 minute" if minutes <= 1 else f"{minutes} minutes"


def _waiting_lines(waiting: Waiting) -> Iterator[str]:
    partitions = waiting.runs[0].partitions
    yield f"| workers | partitions | mean time per partition | idle share of their time | driver CPU, {partitions:,} |"
    yield "|---|---|---|---|---|"
    for run in waiting.runs:
        yield (
            f"| {run.workers} | {run.partitions:,} | {run.mean_s:g} s | {run.idle_share:.1%} | "
            f"{run.driver_cpu_s_per_1000_partitions * run.partitions / 1000:.1f} s |"
        )
    peak_mb = max(run.driver_peak_mb for run in waiting.runs)
    yield ""
    yield f"The driver's memory peaked at {peak_mb / 1000:.2f} GB, on one node of {waiting.cores} cores."


def _spread(value: Spread, digits: int, unit: str) -> str:
    median, lowest, highest = (f"{number:,.{digits}f}" for number in (value.median, value.lowest, value.highest))
    return f"{median} {unit} ({lowest}-{highest})"


def with_section(readme: str, text: str) -> str:
    """Returns the README with another section between the marks."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{text}{END}{after}"


def main() -> None:
    """Writes the section into the README."""
    text = section(read_benches(), read_memory(), read_waiting(), read_hub())
    README.write_text(with_section(README.read_text(encoding="utf-8"), text), encoding="utf-8")


if __name__ == "__main__":
    main()
