"""How do the figures get into this room's README? This writes them from the measurements, so none is typed by hand.

`scripts/bench` measures, and then runs `python -m job.bench.report.section`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from job.bench.baselines.method import COPIES, CURATE, ONE_ROW
from job.bench.measure.results import DEFINITIONS, Bench, Figures, Memory, Run, Spread
from job.bench.measure.waiting import Waiting

_ROOM = Path(__file__).parents[1]
README = _ROOM / "README.md"
MEASURED = _ROOM / "measured"
BEGIN = "<!-- from here on written by report/section.py -->\n"
END = "<!-- up to here -->\n"

_FORMAT_NAMES = {"parquet": "Parquet", "jsonl": "JSONL"}
_BASELINES = {
    "no-ray": "the same work in a process pool (`no-ray`)",
    "process-pool": "the course's method (`process-pool`)",
    "datasets-map": "`map` of `datasets` (`datasets-map`)",
}
_TIMES_AS_FAST = {
    "process-pool": "`curate run` against the course's method",
    "datasets-map": "`curate run` against `map`",
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


def section(benches: Sequence[Bench], memory: Memory, waiting: Waiting) -> str:
    """Returns the section, without its marks.

    Args:
        benches: measurements of time, all on one machine, ordered by their number of rows.
        memory: the measurement of memory.
        waiting: the measurement of idle workers.
    """
    lines = [
        *_machine_lines(benches),
        "",
        "| sample catalogue | " + " | ".join(f"{bench.input.num_rows:,} rows" for bench in benches) + " |",
        "|---|" + "---|" * len(benches),
        *_rows(benches),
        "",
        f"Peak memory of all processes together ({_workers(benches[-1])} workers, Parquet): {_peaks(memory)}. The "
        f"largest is {memory.largest_over_smallest['parquet']:.2f} times the smallest.",
        "",
        f"![Time and speed-up against workers]({MEASURED.name}/{benches[-1].input.num_rows}/bench.png)",
        "",
        "The commands behind these figures. Their runs took this long; making the input comes on top of it:",
        "",
        "```",
        *[f"{measured.command}  # {_minutes(measured.runs)}" for measured in (*benches, memory)],
        "```",
        "",
        "## What each figure means",
        "",
        *[f"- `{name}`: {meaning}" for name, meaning in DEFINITIONS.items()],
        "",
        "## How busy the workers are",
        "",
        *_waiting_lines(waiting),
    ]
    return "\n".join(lines) + "\n"


def _machine_lines(benches: Sequence[Bench]) -> Iterator[str]:
    largest = benches[-1]
    machine = largest.machine
    disturbed = sum(run.is_disturbed for bench in benches for run in bench.runs)
    runs = sum(len(bench.runs) for bench in benches)
    yield (
        f"{machine.processor}, {machine.cores} cores, {machine.memory_bytes / 1e9:.0f} GB, {machine.system}, "
        f"Python {machine.python}, Ray {largest.versions['ray']}, commit {(largest.commit or 'unknown')[:12]}."
    )
    yield (
        f"Times are those of whole processes with {_workers(largest)} workers, from the start of the command to its "
        f"end: medians of {largest.figures[0].repeats} runs, with lowest and highest in parentheses."
    )
    yield (f"All outputs were equal. Other processes disturbed {disturbed or 'none'} of {runs} runs.")


def _rows(benches: Sequence[Bench]) -> Iterator[str]:
    def row(name: str, cell: Callable[[Bench], str]) -> str:
        return f"| {name} | " + " | ".join(map(cell, benches)) + " |"

    def of(method: str, file_format: str, text: Callable[[Figures], str]) -> Callable[[Bench], str]:
        def cell(bench: Bench) -> str:
            figures = bench.figures_of(method, file_format, _workers(bench))
            return "" if figures is None else text(figures)

        return cell

    def wall_s(figures: Figures) -> str:
        return _spread(figures.wall_s, 1, "s")

    for file_format, name in _FORMAT_NAMES.items():
        yield row(f"`curate run`, {name}", of(CURATE, file_format, wall_s))
    for method, words in _BASELINES.items():
        yield row(words, of(method, "parquet", wall_s))
    for method, words in _TIMES_AS_FAST.items():
        yield row(words, of(CURATE, "parquet", lambda job, method=method: _times_as_fast(job, method)))
    yield row("time with Ray / without", of(CURATE, "parquet", lambda job: f"{1 / job.times_as_fast['no-ray']:.2f}"))
    for file_format, name in _FORMAT_NAMES.items():
        yield row(
            f"rows/s without start-up, {name}", of(CURATE, file_format, lambda job: f"{job.rows_per_s.median:,.0f}")
        )
    yield row("rows/s of JSONL / of Parquet", _jsonl_over_parquet)
    yield row(
        "speed-up from 1 worker, without start-up", of(CURATE, "parquet", lambda job: f"{job.steady_speed_up:.2f}")
    )
    yield row("speed-up of independent copies of the kernel", _ceiling)
    yield row("one row (`--limit 1`)", of(ONE_ROW, "parquet", wall_s))
    yield row("peak memory", of(CURATE, "parquet", lambda job: f"{job.peak_bytes.median / 1e9:.2f} GB"))


def _workers(bench: Bench) -> int:
    """Returns the number of workers of the baselines."""
    return max(figures.workers for figures in bench.figures if figures.method == ONE_ROW)


def _times_as_fast(job: Figures, baseline: str) -> str:
    times = job.times_as_fast.get(baseline)
    return "" if times is None else f"{times:.2f}x"


def _jsonl_over_parquet(bench: Bench) -> str:
    parquet, jsonl = (bench.figures_of(CURATE, file_format, _workers(bench)) for file_format in ("parquet", "jsonl"))
    return "" if parquet is None or jsonl is None else f"{jsonl.rows_per_s.median / parquet.rows_per_s.median:.2f}"


def _ceiling(bench: Bench) -> str:
    one_copy, copies = (bench.figures_of(COPIES, "parquet", count) for count in (1, _workers(bench)))
    if one_copy is None or copies is None:
        return ""
    return f"{copies.rows_per_s.median / one_copy.rows_per_s.median:.2f}"


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
    text = section(read_benches(), read_memory(), read_waiting())
    README.write_text(with_section(README.read_text(encoding="utf-8"), text), encoding="utf-8")


if __name__ == "__main__":
    main()
