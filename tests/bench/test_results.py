"""Figures: how they are computed from runs, and what is printed about them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from job.bench.baselines.method import COPIES, CURATE, ONE_ROW
from job.bench.measure.results import DEFINITIONS, Bench, Input, Run, figures
from job.bench.measure.rounds import check_same
from job.bench.measure.scaling import LAWS, fit
from job.bench.report.picture import draw
from job.bench.report.table import bench_lines
from job.cluster.machine import this_machine, versions
from job.errors import CurateError


def run(
    method: str = CURATE, workers: int = 1, wall_s: float = 10.0, file_format: str = "parquet", **given: object
) -> Run:
    """Makes a run of 1,000 rows with 3 s of start-up and shutdown."""
    fields: dict[str, object] = {
        "form": file_format,  # as the JSON names it
        "round": 1,
        "not_counted_s": 0.0,
        "startup_s": 2.0,
        "shutdown_s": 1.0,
        "steady_s": wall_s - 3.0,
        "cpu_s": 5.0,
        "peak_bytes": 1_000_000,
        "num_rows": 1_000,
        "num_items": 300,
        "content_digest": None if method in {ONE_ROW, COPIES} else "ab" * 32,
        "others_cores": 0.0,
        "swapped_bytes": 0,
        "apart_s": {},
    }
    return msgspec.convert({**fields, "method": method, "workers": workers, "wall_s": wall_s, **given}, Run)


def bench_of(runs: list[Run], cores: int = 2) -> Bench:
    sizes = {"parquet": 7_000_000, "jsonl": 20_000_000}
    return Bench(
        command="curate bench",
        finished="2026-01-01T00:00:00+00:00",
        machine=msgspec.structs.replace(this_machine(), cores=cores),
        versions=versions(),
        commit=None,
        config={},
        input=Input(name="made up", num_rows=1_000, size_bytes=sizes),
        num_items=300,
        content_digest="ab" * 32,
        runs=runs,
        figures=figures(runs, sizes, cores),
        fits={},
        no_fit="no law is fitted",
        definitions=DEFINITIONS,
    )


def test_figures_are_medians_and_follow_from_their_definitions() -> None:
    bench = bench_of(
        [
            *[run(wall_s=wall_s) for wall_s in (10.0, 17.0, 9.0)],
            *[run(workers=2, wall_s=wall_s) for wall_s in (6.5, 6.0, 9.0)],
            run(workers=4, wall_s=8.0),
            run("process-pool", workers=2, wall_s=26.0),
        ]
    )
    one, two, four, pool = bench.figures
    assert (one.wall_s.median, one.wall_s.lowest, one.wall_s.highest, one.repeats) == (10.0, 9.0, 17.0, 3)
    assert one.rows_per_s.median == pytest.approx(1_000 / 7)
    assert one.mb_per_s.median == pytest.approx(1.0)
    assert one.cpu_s_per_million_rows.median == pytest.approx(5_000)
    assert (one.speed_up, one.efficiency) == (1.0, 1.0)
    assert two.speed_up == pytest.approx(10 / 6.5)
    assert two.efficiency == pytest.approx(10 / 6.5 / 2)
    assert two.steady_speed_up == pytest.approx(7 / 3.5)
    assert two.times_as_fast == {"process-pool": 4.0}
    assert one.times_as_fast == {}  # the baseline had two workers
    assert [figure.more_than_cores for figure in bench.figures] == [False, False, True, False]
    assert (pool.speed_up, pool.times_as_fast) == (None, {})
    assert four.efficiency == pytest.approx(10 / 8 / 4)


def test_speed_up_without_a_run_of_one_worker_counts_from_the_fewest() -> None:
    two, four = figures([run(workers=2, wall_s=10.0), run(workers=4, wall_s=6.0)], {"parquet": 1}, 4)
    assert (two.speed_up, two.efficiency) == (2.0, 1.0)
    assert four.speed_up == pytest.approx(20 / 6)


def test_the_baseline_without_ray_is_compared_only_with_its_own_file_format() -> None:
    runs = [run(file_format=file_format, wall_s=wall_s) for file_format, wall_s in (("parquet", 10.0), ("jsonl", 12.0))]
    runs += [run("no-ray", file_format="jsonl", wall_s=6.0), run("process-pool", wall_s=60.0)]
    parquet, jsonl, *_ = figures(runs, {"parquet": 1, "jsonl": 1}, 1)
    assert parquet.times_as_fast == {"process-pool": 6.0}
    assert jsonl.times_as_fast == {"process-pool": 5.0, "no-ray": 0.5}


def test_a_disturbed_run_is_reported() -> None:
    quiet = "\n".join(bench_lines(bench_of([run(), run(workers=2)])))
    assert "disturbed" not in quiet
    loud = list(bench_lines(bench_of([run(others_cores=0.4), run(workers=2), run(round=2, swapped_bytes=8_000_000)])))
    assert "disturbed: round 1, curate run, parquet, 1 worker: other processes kept 0.40 cores busy" in loud
    assert any(line.startswith("disturbed: round 2") and line.endswith("8.0 MB swapped") for line in loud)
    assert sum("(disturbed)" in line for line in "\n".join(loud).splitlines()) == 1


def test_the_lines_compare_the_job_with_its_ceiling_and_with_no_ray() -> None:
    text = "\n".join(
        bench_lines(
            bench_of(
                [
                    run(ONE_ROW, workers=2, wall_s=7.0, num_rows=1),
                    run(wall_s=13.0),
                    run(workers=2, wall_s=8.0),
                    run(workers=4, wall_s=9.0),
                    run(COPIES, wall_s=5.0, steady_s=5.0),
                    run(COPIES, workers=2, wall_s=5.0, steady_s=5.0, num_rows=2_000),
                    run("no-ray", workers=2, wall_s=6.4),
                ]
            )
        )
    )
    assert "4 > 2 cores" in text
    assert "from 1 to 2 workers, without start-up: 2.00 times as fast; 2 independent copies of the kernel: 2.00" in text
    assert "that is 100% of it" in text
    assert "--workers 2: with Ray it takes 1.25 times as long as without" in text
    assert "one row (--limit 1), --workers 2: 7.0 (7.0-7.0) s" in text
    assert "no law is fitted" in text


def test_outputs_that_differ_are_named_with_the_methods_that_made_them() -> None:
    same = [run(), run(workers=2), run(ONE_ROW, num_rows=1), run("no-ray")]
    check_same(same)
    with pytest.raises(CurateError) as caught:
        check_same(
            [*same, run("process-pool", content_digest="cd" * 32), run("process-pool", content_digest="cd" * 32)]
        )
    assert str(caught.value).splitlines()[1:] == [
        "abababababababab, 300 items: curate run, parquet, 1 worker; curate run, parquet, 2 workers; "
        "no-ray, parquet, 1 worker",
        "cdcdcdcdcdcdcdcd, 300 items: process-pool, parquet, 1 worker",
    ]
    with pytest.raises(CurateError):
        check_same([run(), run(num_items=299)])


@pytest.mark.seconds
def test_a_bench_of_many_workers_has_scaling_laws_and_is_drawn(tmp_path: Path) -> None:
    counts = (1, 2, 3, 4, 8)
    runs = [run(workers=count, wall_s=3 + 10 / count + extra, round=1) for count in counts for extra in (0, 0.1)]
    rows_per_s = {count: [one.rows_per_s for one in runs if one.workers == count] for count in counts[:4]}
    plain = bench_of([*runs, run(COPIES, steady_s=5.0), run("no-ray", workers=4)], cores=4)
    bench = msgspec.structs.replace(plain, fits={"parquet": [fit(law, rows_per_s) for law in LAWS]}, no_fit=None)
    lines = list(bench_lines(bench))
    assert any(line.startswith("parquet, Amdahl's law: sigma 0.0") for line in lines)
    assert any(line.startswith("  16 workers would do ") for line in lines)
    draw(plain, tmp_path / "without.png")
    draw(bench, tmp_path / "with.png")
    without, with_laws = ((tmp_path / name).read_bytes() for name in ("without.png", "with.png"))
    assert without.startswith(b"\x89PNG")
    assert without != with_laws
    assert len(list(tmp_path.iterdir())) == 2


def test_jsonl_is_compared_with_parquet() -> None:
    sizes = {"parquet": 1, "jsonl": 1}
    runs = [run(wall_s=10.0), run(file_format="jsonl", wall_s=13.0)]
    bench = msgspec.structs.replace(bench_of(runs[:1]), figures=figures(runs, sizes, 2))
    assert "with --workers 1, JSONL has 0.70 times the rows/s of Parquet" in list(bench_lines(bench))


def test_a_bench_reads_back_as_it_was_written() -> None:
    bench = bench_of([run(), run(workers=2)])
    assert msgspec.json.decode(msgspec.json.encode(bench), type=Bench) == bench
