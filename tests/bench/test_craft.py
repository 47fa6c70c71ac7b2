"""`curate bench --craft`: the same work for both methods, equal sets, figures, and what is printed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from job.bench.measure import craft
from job.bench.measure.craft import (
    COURSE,
    CRAFT,
    CRAFT_DEFINITIONS,
    CraftBench,
    CraftItems,
    CraftRun,
    check_same_sets,
    craft_command,
    craft_config,
    craft_figures,
    craft_sizes,
)
from job.bench.measure.made_items import NUM_PUBLISHED
from job.bench.report.craft_table import craft_lines
from job.cluster.machine import this_machine, versions
from job.config.craft import CraftConfig
from job.errors import CurateError
from job.source.sample.items import MADE_RECIPES
from tests.conftest import Curate


def run(method: str, num_items: int = 500, wall_s: float = 10.0, **given: Any) -> CraftRun:
    fields: dict[str, Any] = {
        "preset": "course-2024",
        "workers": 2 if method == CRAFT else 1,
        "round": 1,
        "not_counted_s": 0.0,
        "cpu_s": 5.0,
        "peak_bytes": 1_000_000_000,
        "num_rows": {"train": 30, "test": 2},
        "digests": {"train": "ab" * 32, "test": "cd" * 32},
        "others_cores": 0.0,
        "swapped_bytes": 0,
        "apart_s": {},
    }
    return CraftRun(method=method, num_items=num_items, wall_s=wall_s, **{**fields, **given})


@pytest.mark.parametrize("preset", MADE_RECIPES)
def test_the_config_at_the_published_number_of_items_is_the_preset_itself(preset: str) -> None:
    settings = craft_config(preset, Path("/items"), craft_sizes(preset, NUM_PUBLISHED))
    config = CraftConfig.model_validate(settings)
    assert config == CraftConfig.model_validate({"items": "/items", "preset": preset})


def test_sizes_are_the_same_share_at_any_number_of_items() -> None:
    assert craft_sizes("course-2024", 562_281) == {"slot_cap": 240, "train": 79_999, "test": 399}
    assert craft_sizes("course-2025", 562_281) == {"size": 163_999, "train": 159_999, "validation": 1_999}
    config = CraftConfig.model_validate(craft_config("course-2024", Path("/i"), craft_sizes("course-2024", 562_281)))
    assert (config.sample.slot_cap, config.sample.whole_from, config.splits.train) == (240, 240, 79_999)


def test_the_command_is_the_one_that_a_user_types() -> None:
    command = craft_command(Path("/c.yaml"), Path("/set"), 2)
    assert command[1:] == ["-m", "job", "craft", "/c.yaml", "--output", "/set", "--workers", "2", "--json"]


def test_sets_that_differ_are_named_and_others_of_more_items_do_not_count() -> None:
    same = [run(CRAFT), run(COURSE), run(COURSE, num_items=900, digests={"train": "ef" * 32, "test": "cd" * 32})]
    check_same_sets(same)
    with pytest.raises(CurateError) as raised:
        check_same_sets([*same, run(CRAFT, num_items=900)])
    first, *lines = str(raised.value).splitlines()
    assert first.startswith("the training sets differ, so no times are reported; course-2024, 900 items")
    assert lines == [
        "the course's method: " + '{"train": "30 rows, efefefefefefefef", "test": "2 rows, cdcdcdcdcdcdcdcd"}',
        "curate craft: " + '{"train": "30 rows, abababababababab", "test": "2 rows, cdcdcdcdcdcdcdcd"}',
    ]


def bench_of(runs: list[CraftRun]) -> CraftBench:
    its = [
        CraftItems(preset="course-2024", num_items=count, size_bytes=7_000_000, making_s=making_s, sizes={"train": 30})
        for count, making_s in ((500, None), (2_500, 31.4))
    ]
    return CraftBench(
        command="curate bench --craft",
        finished="2026-01-01T00:00:00+00:00",
        machine=this_machine(),
        versions=versions(),
        commit=None,
        items=its,
        runs=runs,
        figures=craft_figures(runs),
    )


def test_figures_are_medians_and_the_table_compares_them() -> None:
    bench = bench_of(
        [
            *[run(CRAFT, wall_s=wall_s, peak_bytes=800_000_000) for wall_s in (5.0, 4.0, 9.0)],
            *[run(COURSE, wall_s=wall_s) for wall_s in (8.0, 7.0, 7.5)],
            run(CRAFT, num_items=2_500, wall_s=20.0),
            run(COURSE, num_items=2_500, wall_s=45.0, others_cores=0.5),
        ]
    )
    small, small_course, large, large_course = bench.figures
    assert (small.wall_s.median, small.wall_s.lowest, small.wall_s.highest, small.repeats) == (5.0, 4.0, 9.0, 3)
    assert small.peak_bytes.median == 800_000_000
    assert (small.times_as_fast, small_course.times_as_fast) == (1.5, None)
    assert large.times_as_fast == 2.25
    assert (large.disturbed, large_course.disturbed) == (0, 1)
    assert bench.definitions == CRAFT_DEFINITIONS
    lines = "\n".join(craft_lines(bench)).splitlines()
    assert "500 items of course-2024: 7.0 MB of Parquet; train 30" in lines
    assert "2,500 items of course-2024: 7.0 MB of Parquet, made in 31 s; train 30" in lines
    rows = [" ".join(line.split()) for line in lines]
    assert "curate craft, 2 workers course-2024 500 5.0 (4.0-9.0) 800" in rows
    assert "the course's method course-2024 500 7.5 (7.0-8.0) 1,000 1.50x as fast, -2.5 s" in rows
    assert "the course's method (disturbed) course-2024 2,500 45.0 (45.0-45.0) 1,000 2.25x as fast, -25.0 s" in rows
    grown = "from 500 to 2,500 items: {} times as long for 5.00 times the items"
    assert f"curate craft, course-2024, {grown.format('4.00')}" in lines
    assert f"the course's method, course-2024, {grown.format('6.00')}" in lines
    assert any(line.startswith("disturbed: round 1, the course's method, course-2024, 2,500 items") for line in lines)


@pytest.mark.slow
def test_both_methods_are_measured_and_sets_that_differ_give_no_times(
    tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stands_in(config: Path, output: Path, workers: int) -> list[str]:
        words = craft_command(config, output, workers)[3:]
        return [sys.executable, "-m", "tests.bench.made_set", *words]

    monkeypatch.setattr(craft, "craft_command", stands_in)
    words = ["bench", "--craft", "--items", 10_000, "--repeat", 1, "--output", tmp_path]
    result = curate(*words)
    assert result.exit_code == 0, result.err
    bench = msgspec.json.decode((tmp_path / "craft.json").read_bytes(), type=CraftBench)
    assert [(one.method, one.preset, one.num_items) for one in bench.runs] == [
        (method, preset, 10_000) for preset in MADE_RECIPES for method in (CRAFT, COURSE)
    ]
    assert bench.runs[0].num_rows == {"train": 1_422, "test": 7}
    assert bench.runs[2].num_rows == {"train": 2_845, "validation": 35, "test": 36}
    for one in bench.runs:
        assert 0 < one.cpu_s < one.wall_s * 8
        assert one.peak_bytes > 50e6
        assert one.apart_s.keys() == ({"load_dataset", "objects", "sample", "write"} if one.method == COURSE else set())
    assert all(its.making_s is not None for its in bench.items)
    assert "all training sets of the same items are equal" in result.out
    assert {path.name for path in tmp_path.iterdir()} == {"input", "craft.json"}

    monkeypatch.setenv("SWAPPED", "validation")
    (tmp_path / "craft.json").unlink()
    result = curate(*words, "--preset", "course-2025")
    assert (result.exit_code, result.out) == (1, "")
    assert "10,000 items of course-2025, made before" in result.err
    assert "error: the training sets differ, so no times are reported; course-2025, 10,000 items" in result.err
    assert {path.name for path in tmp_path.iterdir()} == {"input"}
