"""`curate bench` as a whole: new processes, equal outputs, and no times when outputs differ."""

from __future__ import annotations

import contextlib
import json
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest
import yaml

from job.bench import command
from job.bench.baselines.method import BASELINES, COPIES, CURATE, ONE_ROW, Method
from job.bench.measure.kernel import recipe_timed
from job.bench.measure.results import DEFINITIONS, Bench, Memory, Run
from job.recipe.course_2024 import prompt as price_prompt
from job.recipe.course_2024.settings import Course2024Settings
from job.recipe.registry import make_recipe
from tests.bench.test_results import run
from tests.conftest import Curate

pytestmark = pytest.mark.seconds

ROWS = 3_000


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all tests in this file, so that the input is made once."""
    return tmp_path_factory.mktemp("bench")


def only_input_is_left(output: Path, *results: str) -> bool:
    return {path.name for path in output.iterdir()} == {"input", *results}


@pytest.mark.slow
def test_all_methods_make_the_same_items_and_are_measured(output: Path, curate: Curate) -> None:
    words = [word for name in BASELINES for word in ("--baseline", name)]
    result = curate("bench", "--workers", "1,2", "--rows", ROWS, "--repeat", 1, *words, "--output", output)
    assert result.exit_code == 0, result.err
    assert only_input_is_left(output, "bench.json", "bench.png")
    bench = msgspec.json.decode((output / "bench.json").read_bytes(), type=Bench)
    methods = [(one.method, one.workers) for one in bench.runs]
    most = max(workers for name, workers in methods if name == "no-ray")
    assert methods == [
        (ONE_ROW, most),
        (CURATE, 1),
        (CURATE, 2),
        *[(COPIES, count) for count in range(1, most + 1)],
        ("no-ray", most),
        ("datatrove", most),
        ("ray-data", most),
        ("process-pool", most),
        ("datasets-map", most),
    ]
    whole = [one for one in bench.runs if one.as_method.is_whole]
    assert len({one.content_digest for one in whole}) == 1
    assert {(one.num_rows, one.num_items) for one in whole} == {(ROWS, bench.num_items)}
    assert bench.num_items > 500
    assert bench.content_digest == whole[0].content_digest
    for one in bench.runs:
        assert one.startup_s > 0, one
        assert one.steady_s > 0, one
        assert one.shutdown_s > 0, one
        assert one.wall_s == pytest.approx(one.startup_s + one.steady_s + one.shutdown_s)
        assert 0 < one.cpu_s < one.wall_s * 8
        assert one.peak_bytes > 50e6
    assert {one.num_rows for one in bench.runs if one.method == ONE_ROW} == {1}
    assert {one.num_rows / one.workers for one in bench.runs if one.method == COPIES} == {float(ROWS)}
    before_s = {one.method: one.not_counted_s for one in bench.runs}
    assert before_s["datatrove"] > 0
    assert all(one.apart_s["load_dataset"] > 0 for one in whole if one.method in {"process-pool", "datasets-map"})
    assert (bench.command, bench.definitions) == (command.command_line(), DEFINITIONS)
    assert bench.config["recipe"] == Course2024Settings().model_dump()
    assert bench.no_fit is not None
    assert bench.no_fit in result.out
    assert f"all outputs are equal: {bench.num_items:,} items" in result.out
    width, height = struct.unpack(">II", (output / "bench.png").read_bytes()[16:24])
    assert (width, height) == (1320, 540)


@pytest.fixture
def two_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes a bench of two methods. Neither starts Ray, and one of them is wrong."""
    monkeypatch.setitem(BASELINES, "wrong", "tests.bench.wrong")
    two = [Method(name=name, file_format="parquet", workers=1) for name in ("no-ray", "wrong")]
    monkeypatch.setattr(command, "methods", lambda *_: two)
    monkeypatch.setattr("job.bench.measure.rounds.PARQUET_BASELINES", {"wrong"})


@pytest.mark.usefixtures("two_methods")
def test_outputs_that_differ_are_named_and_no_time_is_reported(tmp_path: Path, curate: Curate) -> None:
    result = curate("bench", "--rows", 300, "--repeat", 1, "--output", tmp_path)
    assert (result.exit_code, result.out) == (1, "")
    error = result.err[result.err.index("error: ") :].splitlines()
    assert error[0].startswith("error: the outputs differ, so no times are reported")
    assert [line.partition(": ")[2] for line in error[1:]] == ["no-ray, parquet, 1 worker", "wrong, parquet, 1 worker"]
    assert error[2].startswith("0000000000000000, ")
    assert only_input_is_left(tmp_path)


def test_a_config_is_measured_with_its_first_category_and_its_rules(
    shared_ray: int, output: Path, tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = curate("sample", tmp_path / "cat", "--rows", 600, "--form", "jsonl")
    assert made.exit_code == 0
    job = {"source": {"path": str(tmp_path / "cat")}, "categories": ["Musical_Instruments", "Appliances"]}
    (tmp_path / "job.yaml").write_text(yaml.safe_dump({**job, "recipe": {"max_price": 50.0}, "limit": 250}))
    refused = curate("bench", tmp_path / "job.yaml", "--baseline", "process-pool", "--output", output)
    assert (refused.exit_code, "JSONL only: process-pool can read Parquet only" in refused.err) == (2, True)

    monkeypatch.setattr(command, "methods", lambda *_: [Method(name="no-ray", file_format="jsonl", workers=1)])
    result = curate("bench", tmp_path / "job.yaml", "--repeat", 2, "--output", output)
    assert result.exit_code == 0, result.err
    bench = msgspec.json.decode((output / "bench.json").read_bytes(), type=Bench)
    assert bench.input.name == "Musical_Instruments of job.yaml"
    assert bench.input.num_rows == 250
    assert [(one.method, one.round) for one in bench.runs] == [("no-ray", 1), ("no-ray", 2)]
    wanted = curate(
        "run", tmp_path / "job.yaml", "--category", "Musical_Instruments", "--output", tmp_path / "o", "--json"
    )
    assert bench.content_digest == json.loads(wanted.out)["content_digest"]


@pytest.mark.slow
def test_the_process_pool_and_datasets_map_follow_the_rules_of_a_config(
    tmp_path: Path, shared_ray: int, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert curate("sample", tmp_path / "cat", "--rows", 900, "--category", "Toys", "--form", "parquet").exit_code == 0
    recipe = {"min_price": 5.0, "max_price": 80.0, "min_chars": 200, "min_tokens": 90, "max_tokens": 100}
    job = {"source": {"path": str(tmp_path / "cat")}, "categories": ["Toys"], "recipe": recipe, "limit": 800}
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(job))
    names = ("process-pool", "datasets-map")
    monkeypatch.setattr(
        command, "methods", lambda *_: [Method(name=name, file_format="parquet", workers=2) for name in names]
    )
    result = curate("bench", tmp_path / "job.yaml", "--repeat", 1, "--output", tmp_path / "bench")
    assert result.exit_code == 0, result.err
    bench = msgspec.json.decode((tmp_path / "bench" / "bench.json").read_bytes(), type=Bench)
    wanted = json.loads(curate("run", tmp_path / "job.yaml", "--output", tmp_path / "o", "--json").out)
    assert (bench.content_digest, bench.num_items) == (wanted["content_digest"], wanted["num_items"])
    assert bench.num_items > 100

    kept = {**job, "keep_columns": ["store"]}
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(kept))
    refused = curate("bench", tmp_path / "job.yaml", "--baseline", "datasets-map", "--output", tmp_path / "bench")
    assert (refused.exit_code, "datasets-map: supports neither keep_columns nor" in refused.err) == (2, True)


def test_ctrl_c_leaves_nothing_running_and_no_half_file(tmp_path: Path) -> None:
    words = ["bench", "--rows", "300", "--workers", "1", "--repeat", "1", "--output", str(tmp_path)]
    with subprocess.Popen([sys.executable, "-m", "job", *words], stderr=subprocess.PIPE, text=True) as bench:
        assert bench.stderr is not None
        while "round 1 of 1" not in bench.stderr.readline():
            assert bench.poll() is None
        root = psutil.Process(bench.pid)
        while not any(below.name() in {"raylet", "gcs_server"} for below in children(root)):
            assert bench.poll() is None
        started = list(children(root))
        bench.send_signal(signal.SIGINT)
        assert bench.wait(timeout=30) == 130
        assert bench.stderr.read().endswith("interrupted\n")
    _, alive = psutil.wait_procs(started, timeout=5)
    assert alive == []
    assert only_input_is_left(tmp_path)


def children(process: psutil.Process) -> Iterator[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        yield from process.children(recursive=True)


def test_peak_memory_is_compared_across_numbers_of_rows(
    tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    peaks = {("parquet", 200): 8e8, ("parquet", 400): 9e8, ("jsonl", 200): 1e9, ("jsonl", 400): 1e9}

    def measured(_: object, source: object, to_run: list[Method], *rest: object) -> list[Run]:
        rows = int(str(source).split("rows-")[1].split("-")[0])
        assert {(method.name, method.workers) for method in to_run} == {(CURATE, 2)}
        return [
            run(
                workers=2,
                file_format=method.file_format,
                num_rows=rows,
                round=number,
                peak_bytes=int(peaks[method.file_format, rows]),
            )
            for number in (1, 2)
            for method in to_run
        ]

    monkeypatch.setattr(command, "measure", measured)
    words = ["--memory", "400,200", "--workers", "1,2", "--form", "both", "--output", tmp_path]
    result = curate("bench", *words)
    assert result.exit_code == 0, result.err
    memory = msgspec.json.decode((tmp_path / "memory.json").read_bytes(), type=Memory)
    found = {(peak.file_format, peak.num_rows): peak.peak_bytes.median for peak in memory.peaks}
    assert found == peaks
    assert memory.largest_over_smallest == {"parquet": 1.125, "jsonl": 1.0}
    assert memory.most_bytes_per_worker == 5e8
    assert "parquet: the largest is 1.12 times the smallest" in result.out
    assert "at most 500 MB per worker" in result.out


@pytest.mark.slow
def test_memory_is_measured(tmp_path: Path, curate: Curate) -> None:
    result = curate("bench", "--memory", "300,600", "--workers", 1, "--repeat", 1, "--output", tmp_path)
    assert result.exit_code == 0, result.err
    memory = msgspec.json.decode((tmp_path / "memory.json").read_bytes(), type=Memory)
    assert [peak.num_rows for peak in memory.peaks] == [300, 600]
    assert all(3e8 < peak.peak_bytes.median < 3e9 for peak in memory.peaks)


@pytest.mark.parametrize(("words", "functions"), [([], "course_2024"), (["--recipe", "course-2025"], "course_2025")])
def test_the_kernel_is_measured_stage_by_stage_in_both_file_formats(
    output: Path, curate: Curate, words: list[str], functions: str
) -> None:
    result = curate("bench", "--kernel", "--rows", 400, *words, "--output", output)
    assert result.exit_code == 0, result.err
    lines = [line.split() for line in result.out.splitlines()[2:]]
    for file_format in ("jsonl", "parquet"):
        stages = {
            " ".join(line[: line.index(file_format)]): line[line.index(file_format) + 1 :]
            for line in lines
            if file_format in line
        }
        assert {"read", "judge", "commit", "Parquet bytes", "content digest", "all of it"} <= stages.keys()
        assert any(name.startswith(f"{functions}.text.") for name in stages)
        for rows, *_, rows_per_s, _ in stages.values():
            assert rows == "400"
            assert float(rows_per_s.replace(",", "")) > 0
    assert not list(output.glob("_running*"))


def test_timing_the_recipe_leaves_it_unchanged() -> None:
    before = dict(vars(price_prompt))
    with recipe_timed() as call_times:
        assert dict(vars(price_prompt)) != before
        make_recipe(Course2024Settings(max_price=7.0))
        assert price_prompt.test_prompt("Price is $5") == "Price is $"
    assert dict(vars(price_prompt)) == before
    (name,) = (name for name in call_times if name.endswith(".test_prompt"))
    assert name.startswith("course_2024.")
    assert call_times[name].calls == 1
