"""The figures in the bench's README are the committed measurements, and the measurements are complete."""

from __future__ import annotations

import re

import pytest

from job.bench.measure.results import figures
from job.bench.measure.rounds import check_same
from job.bench.report.section import (
    MEASURED,
    README,
    read_benches,
    read_memory,
    read_waiting,
    section,
    with_section,
)


def test_the_readme_has_the_committed_measurements() -> None:
    readme = README.read_text(encoding="utf-8")
    assert with_section(readme, section(read_benches(), read_memory(), read_waiting())) == readme


def test_another_measurement_makes_another_readme() -> None:
    readme = README.read_text(encoding="utf-8")
    written = section(read_benches(), read_memory(), read_waiting())
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
        assert {run.content_digest for run in bench.runs if run.as_method.is_whole} == {bench.content_digest}
        assert (MEASURED / str(bench.input.num_rows) / "bench.png").stat().st_size > 0
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
