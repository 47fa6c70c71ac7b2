"""The figures in the bench's README are the committed measurements, and the measurements are complete."""

from __future__ import annotations

import re

import msgspec
import pytest

from job.bench.baselines.method import MAY_DIFFER, ONE_ROW
from job.bench.measure.hub import HubBench, hub_figures
from job.bench.measure.results import Bench, Input, Run, Spread, figures
from job.bench.measure.rounds import check_same
from job.bench.measure.scaling import LAWS, fit
from job.bench.report.section import (
    MEASURED,
    README,
    read_benches,
    read_hub,
    read_memory,
    read_waiting,
    section,
    with_section,
)
from job.cluster.machine import this_machine, versions
from tests.bench.test_hub import RUNS
from tests.bench.test_results import bench_of, run


def test_the_readme_has_the_committed_measurements() -> None:
    readme = README.read_text(encoding="utf-8")
    assert with_section(readme, section(read_benches(), read_memory(), read_waiting(), read_hub())) == readme


def test_another_measurement_makes_another_readme() -> None:
    readme = README.read_text(encoding="utf-8")
    written = section(read_benches(), read_memory(), read_waiting(), read_hub())
    assert with_section(readme, "nothing\n") != readme
    assert with_section(with_section(readme, "nothing\n"), written) == readme


def test_the_readmes_picture_is_there() -> None:
    links = re.findall(r"!\[[^]]*\]\(([^)]*)\)", README.read_text(encoding="utf-8"))
    assert links
    for link in links:
        assert (README.parent / link).read_bytes().startswith(b"\x89PNG")


def test_the_committed_figures_follow_from_the_committed_runs() -> None:
    benches = read_benches()
    assert benches
    for bench in benches:
        check_same(bench.runs)
        assert figures(bench.runs, bench.input.size_bytes, bench.machine.cores) == bench.figures
        whole = [run for run in bench.runs if run.as_method.is_whole and run.method not in MAY_DIFFER]
        assert {run.content_digest for run in whole} == {bench.content_digest}
        assert (MEASURED / str(bench.input.num_rows) / "bench.png").stat().st_size > 0
    hub = read_hub()
    if hub is not None:
        found = (hub.first_run_s, hub.later_run_s, hub.first_over_later, hub.first_less_download_s)
        assert found == hub_figures(hub.runs, hub.download_s)
    memory = read_memory()
    for peak in memory.peaks:
        found = [
            run.peak_bytes
            for run in memory.runs
            if (run.file_format, run.num_rows) == (peak.file_format, peak.num_rows)
        ]
        assert (peak.peak_bytes.lowest, peak.peak_bytes.highest) == (min(found), max(found))
    assert memory.largest_over_smallest["parquet"] == pytest.approx(
        max(peak.peak_bytes.median for peak in memory.peaks) / min(peak.peak_bytes.median for peak in memory.peaks)
    )


def test_the_section_takes_what_pieces_there_are() -> None:
    """Pieces of one size stand in one column, and rows without a figure are left out."""

    def piece(num_rows: int, *runs: Run) -> Bench:
        bench = bench_of([*runs, run(ONE_ROW, workers=2, num_rows=1, file_format=runs[0].file_format)])
        return msgspec.structs.replace(bench, input=msgspec.structs.replace(bench.input, num_rows=num_rows))

    small = piece(1_000, run(workers=2, wall_s=6.0))
    large = piece(5_000, run(workers=2, wall_s=10.0), run("process-pool", workers=2, wall_s=60.0))
    jsonl = piece(5_000, run(workers=2, wall_s=12.0, file_format="jsonl"))
    rows = table([small, large, jsonl])
    assert rows["sample catalogue"] == ["1,000 rows", "5,000 rows"]
    assert rows["`curate run`, Parquet"] == ["6.0 s (one run)", "10.0 s (one run)"]
    assert rows["`curate run`, JSONL"] == ["", "12.0 s (one run)"]
    assert rows["`curate run` against the course's method, Parquet"] == ["", "6.00x"]
    assert rows["`curate run` against the course's method, JSONL"] == ["", "5.00x"]
    assert rows["rows/s of JSONL / of Parquet"] == ["", "0.78"]
    assert not any("datatrove" in name or "speed-up" in name for name in rows)
    assert "`curate run`, JSONL" not in table([small, large])


def test_the_section_has_first_and_later_runs_at_their_size() -> None:
    hub = HubBench(
        command="curate bench --hub",
        finished="2026-01-01T00:00:00+00:00",
        machine=this_machine(),
        versions=versions(),
        commit=None,
        input=Input(name="made up", num_rows=94_327, size_bytes={"jsonl": 7}),
        mb_per_s=25.0,
        workers=2,
        runs=RUNS,
        download_s={"connection": 11.0, "line": 11.5},
        first_run_s=hub_figures(RUNS, {"connection": 11.0, "line": 11.5})[0],
        later_run_s=Spread(median=6.0, lowest=5.0, highest=7.0),
        first_over_later=1.5,
        first_less_download_s=2.5,
        definitions={},
    )
    rows = table(read_benches(), hub)
    assert rows["first run from the Hub, 25 MB/s a connection"][0] == "9.0 s (8.0-12.0)"
    assert rows["first run from the Hub, 25 MB/s in all"][0] == "14.0 s (13.0-15.0), 11.5 s of it the download"
    assert rows["later run, files in the cache"][0] == "6.0 s (5.0-7.0)"
    assert rows["first run / later run"][0] == "1.50"
    assert "`most_at_once`" in section(read_benches(), read_memory(), read_waiting(), hub)


def test_what_a_law_says_of_more_workers_is_called_a_prediction() -> None:
    runs = [run(workers=count, wall_s=3 + 10 / count + extra) for count in (1, 2, 3, 4) for extra in (0.0, 0.1)]
    runs.append(run(ONE_ROW, workers=4, num_rows=1))
    rows_per_s = {count: [one.rows_per_s for one in runs if one.workers == count] for count in (1, 2, 3)}
    fits = {"parquet": [fit(law, rows_per_s) for law in LAWS]}
    bench = msgspec.structs.replace(bench_of(runs, cores=4), fits=fits, no_fit=None)
    text = section([bench], read_memory(), read_waiting())
    predictions = re.findall(
        r"^- (\d+) workers would do ([\d,]+) \(([\d,]+)-([\d,]+)\) rows/s(.*)$", text, re.MULTILINE
    )
    assert [int(workers) for workers, *_ in predictions] == [6, 12, 6, 12]
    assert {rest for *_, rest in predictions} == {", if the law holds that far: predicted, not measured"}
    assert "would do" not in section(read_benches()[:1], read_memory(), read_waiting())


def table(benches: list[Bench], hub: HubBench | None = None) -> dict[str, list[str]]:
    """Returns the cells of the section's first table by the row's name."""
    lines = section(benches, read_memory(), read_waiting(), hub).split("## ")[0].splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| ")]
    return {name: cells for name, *cells in rows}
