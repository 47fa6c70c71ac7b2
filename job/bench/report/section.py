"""Writes the README's section on speed from what was measured, so that no figure in it was typed by hand.

`scripts/bench` measures, and calls this: `python -m job.bench.report.section`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from job.bench.baselines.method import COPIES, CURATE, ONE_ROW
from job.bench.measure.results import Bench, Figures, Memory, Spread

ROOM = Path(__file__).parents[1]
README = ROOM / "README.md"
MEASURED = ROOM / "measured"
BEGIN = "<!-- from here on written by report/section.py -->\n"
END = "<!-- up to here -->\n"


def read_benches() -> list[Bench]:
    """Reads the committed measurements of time, the one of fewest rows first."""
    found = [msgspec.json.decode(path.read_bytes(), type=Bench) for path in MEASURED.glob("*/bench.json")]
    return sorted(found, key=lambda bench: bench.input.num_rows)


def read_memory() -> Memory:
    """Reads the committed measurement of memory."""
    return msgspec.json.decode((MEASURED / "memory.json").read_bytes(), type=Memory)


def section(benches: Sequence[Bench], memory: Memory) -> str:
    """Returns the section, without its marks.

    Args:
        benches: measurements of time on one machine.
        memory: that of memory.
    """
    largest = benches[-1]
    machine, most = largest.machine, _most(largest)
    picture = f"{MEASURED.name}/{largest.input.num_rows}/bench.png"
    disturbed = sum(one.is_disturbed for bench in benches for one in bench.runs)
    runs = sum(len(bench.runs) for bench in benches)
    lines = [
        f"{machine.processor}, {machine.cores} cores, {machine.memory_bytes / 1e9:.0f} GB, {machine.system}, "
        f"Python {machine.python}, Ray {largest.versions['ray']}, commit {(largest.commit or 'unknown')[:12]}. "
        f"Whole processes with {most} workers, from typing the command to its end; medians of "
        f"{largest.figures[0].repeats}, in parentheses lowest and highest. All outputs were equal. "
        f"{disturbed or 'None'} of {runs} runs {'was' if disturbed == 1 else 'were'} disturbed by something else.",
        "",
        "| sample catalogue | " + " | ".join(f"{bench.input.num_rows:,} rows" for bench in benches) + " |",
        "|---|" + "---|" * len(benches),
        *_rows(benches),
        "",
        f"Peak of all processes together ({most} workers, Parquet): {_peaks(memory)}; the largest is "
        f"{memory.largest_over_smallest['parquet']:.2f} times the smallest.",
        "",
        f"![Time and speed-up against workers]({picture})",
        "",
        "```",
        *[bench.command for bench in benches],
        memory.command,
        "```",
    ]
    return "\n".join(lines) + "\n"


def _rows(benches: Sequence[Bench]) -> Iterator[str]:
    def row(name: str, cell: Callable[[Bench], str]) -> str:
        return f"| {name} | " + " | ".join(map(cell, benches)) + " |"

    def of(method: str, file_format: str, cell: Callable[[Figures], str]) -> Callable[[Bench], str]:
        def found(bench: Bench) -> str:
            figures = bench.figures_of(method, file_format, _most(bench))
            return "" if figures is None else cell(figures)

        return found

    for file_format in ("parquet", "jsonl"):
        yield row(
            f"`curate run`, {_NAMES[file_format]}", of(CURATE, file_format, lambda one: _spread(one.wall_s, 1, "s"))
        )
    for name, words in _BASELINES.items():
        yield row(words, of(name, "parquet", lambda one: _spread(one.wall_s, 1, "s")))
    for name, words in _TIMES_AS_FAST.items():
        yield row(words, of(CURATE, "parquet", lambda one, name=name: _times(one, name)))
    yield row("with Ray / without", of(CURATE, "parquet", lambda one: f"{1 / one.times_as_fast['no-ray']:.2f}"))
    for file_format in ("parquet", "jsonl"):
        yield row(
            f"rows/s, {_NAMES[file_format]}, start-up apart",
            of(CURATE, file_format, lambda one: f"{one.rows_per_s.median:,.0f}"),
        )
    yield row("JSONL's rows/s / Parquet's", _jsonl_over_parquet)
    yield row("speed-up from 1 worker, start-up apart", of(CURATE, "parquet", lambda one: f"{one.steady_speed_up:.2f}"))
    yield row("that of independent copies of the kernel", _ceiling)
    yield row("one row (`--limit 1`)", of(ONE_ROW, "parquet", lambda one: _spread(one.wall_s, 1, "s")))
    yield row("peak memory", of(CURATE, "parquet", lambda one: f"{one.peak_bytes.median / 1e9:.2f} GB"))


_NAMES = {"parquet": "Parquet", "jsonl": "JSONL"}
_BASELINES = {
    "no-ray": "the same work in a process pool (`no-ray`)",
    "process-pool": "the course's method (`process-pool`)",
    "datasets-map": "`map` of `datasets` (`datasets-map`)",
}
_TIMES_AS_FAST = {
    "process-pool": "`curate run` against the course's method",
    "datasets-map": "`curate run` against `map`",
}


def _most(bench: Bench) -> int:
    """Returns the most workers that baselines were measured with."""
    return max(one.workers for one in bench.figures if one.method == ONE_ROW)


def _times(job: Figures, baseline: str) -> str:
    times = job.times_as_fast.get(baseline)
    return "" if times is None else f"{times:.2f}x"


def _jsonl_over_parquet(bench: Bench) -> str:
    parquet, jsonl = (bench.figures_of(CURATE, file_format, _most(bench)) for file_format in ("parquet", "jsonl"))
    return "" if parquet is None or jsonl is None else f"{jsonl.rows_per_s.median / parquet.rows_per_s.median:.2f}"


def _ceiling(bench: Bench) -> str:
    alone, copies = (bench.figures_of(COPIES, "parquet", count) for count in (1, _most(bench)))
    if alone is None or copies is None:
        return ""
    return f"{copies.rows_per_s.median / alone.rows_per_s.median:.2f}"


def _peaks(memory: Memory) -> str:
    peaks = [peak for peak in memory.peaks if peak.file_format == "parquet"]
    return ", ".join(f"{peak.peak_bytes.median / 1e9:.2f} GB at {peak.num_rows:,} rows" for peak in peaks)


def _spread(value: Spread, digits: int, unit: str) -> str:
    median, lowest, highest = (f"{number:,.{digits}f}" for number in (value.median, value.lowest, value.highest))
    return f"{median} {unit} ({lowest}-{highest})"


def with_section(readme: str, text: str) -> str:
    """Returns the README with another section between the marks."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{text}{END}{after}"


if __name__ == "__main__":
    README.write_text(
        with_section(README.read_text(encoding="utf-8"), section(read_benches(), read_memory())), encoding="utf-8"
    )
