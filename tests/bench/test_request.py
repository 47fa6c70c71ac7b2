"""The options of the bench: a wrong one gets one clear error before anything runs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from job.bench.request import Request, read_request
from job.cluster.allowed import usable_cores
from tests.conftest import Curate
from tests.paths import ROOT

CONFIG = ROOT / "configs" / "sample.yaml"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--workers", "1,x"], ["--workers 1,x: must be whole numbers from 1 up", "such as 1,2,4"]),
        (["--workers", "0"], ["--workers 0: must be whole numbers"]),
        (["--workers", ""], ["--workers : must be whole numbers"]),
        (["--workers", "²"], ["--workers ²: must be whole numbers"]),
        (["--workers", "2,1,2"], ["a number is repeated"]),
        (["--repeat", 0], ["--repeat 0: must be a whole number from 1 up"]),
        (["--rows", 0], ["--rows 0: must be a whole number from 1 up"]),
        (
            ["--baseline", "process-pol"],
            ["unknown; did you mean process-pool", "choose from: process-pool, datasets-map"],
        ),
        (["--form", "csv"], ["--form csv: must be parquet, jsonl or both"]),
        (["--memory", "1000"], ["name at least two numbers of rows"]),
        (["--memory", "1000,many"], ["--memory 1000,many: must be whole numbers"]),
        (["--memory", "1,2", "--rows", 3], ["leave out --baseline and --rows"]),
        (["--memory", "1,2", "--baseline", "no-ray"], ["leave out --baseline and --rows"]),
        (["--kernel", "--workers", "2"], ["--kernel measures one process"]),
        (["--recipe", "course-2025"], ["--recipe goes with --kernel alone"]),
        ([CONFIG, "--kernel", "--recipe", "course-2025"], ["--recipe goes with --kernel alone"]),
        (["--kernel", "--recipe", "x"], ["--recipe: unknown recipe 'x'; known recipes: course-2024, course-2025"]),
        (["--items", "20000"], ["--items and --preset go with --craft alone"]),
        (["--preset", "course-2024"], ["--items and --preset go with --craft alone"]),
        (["--craft", "--items", "9999,20000"], ["--items 9999,20000: name numbers from 10,000 up"]),
        (["--craft", "--items", "many"], ["--items many: must be whole numbers"]),
        (["--craft", "--preset", "course-2023"], ["unknown; did you mean course-202", "choose from: course-2024"]),
        (["--craft", "--rows", 5], ["--craft makes its items itself: leave out the config, --rows"]),
        (["--craft", CONFIG], ["--craft makes its items itself"]),
        (["--craft", "--kernel"], ["--craft always compares with the course's method: leave out --kernel"]),
        (["--craft", "--baseline", "no-ray"], ["leave out --kernel and --baseline"]),
        ([CONFIG, "--rows", 5], ["a config names its input itself"]),
        ([CONFIG, "--form", "jsonl"], ["a config names its input itself"]),
        (["--baseline", "data-trove"], ["unknown; did you mean datatrove"]),
        ([CONFIG, "--baseline", "row-recipe"], ["--baseline row-recipe runs another recipe on the sample catalogue"]),
        (["--baseline-repeat", 4], ["--baseline-repeat 4: must be a whole number from 1 to --repeat, 3"]),
        (["--baseline-repeat", 0], ["--baseline-repeat 0: must be a whole number from 1"]),
        (["--hub", CONFIG], ["--hub serves a sample catalogue: leave out the config"]),
        (["--hub", "--kernel"], ["--hub serves a sample catalogue"]),
        (["--hub", "--craft"], ["--hub serves a sample catalogue"]),
        (["--hub", "--baseline", "no-ray"], ["--hub serves a sample catalogue"]),
        (["--hub", "--memory", "1,2"], ["--hub serves a sample catalogue"]),
        (["--hub", "--form", "both"], ["--hub serves one format: --form jsonl or --form parquet"]),
        (["--hub", "--hub-rate", 0], ["--hub-rate 0: must be a number of MB/s above 0, such as 25"]),
        (["--hub", "--hub-rate", "nan"], ["--hub-rate nan: must be a number of MB/s above 0"]),
        (["--hub-rate", 10], ["--hub-rate goes with --hub alone"]),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_made(
    tmp_path: Path, curate: Curate, arguments: list[object], words: list[str]
) -> None:
    result = curate("bench", *arguments, "--output", tmp_path / "out")
    assert (result.exit_code, result.out) == (2, "")
    assert result.err.startswith("error: ")
    for word in words:
        assert word in result.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("missing", ["matplotlib", "psutil", "tokenizers", "datatrove", "orjson"])
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == missing else find(name))
    baselines = ["--baseline", "process-pool", "--baseline", "datatrove"]
    result = curate("bench", *baselines, "--output", tmp_path / "out")
    assert (result.exit_code, result.out) == (2, "")
    assert result.err == (
        f"error: curate bench needs packages that are not installed: {missing}\n"
        f"to install them: pip install {missing}\n"
    )


def test_an_output_that_cannot_be_a_folder_is_refused(tmp_path: Path, curate: Curate) -> None:
    (tmp_path / "out").write_text("mine")
    result = curate("bench", "--output", tmp_path / "out")
    assert (result.exit_code, "a file, not a folder" in result.err) == (2, True)
    assert curate("bench", "--output", "/proc/out").exit_code == 2


def test_a_missing_config_and_a_missing_source_are_refused(tmp_path: Path, curate: Curate) -> None:
    (tmp_path / "job.yaml").write_text(f"source: {{path: {tmp_path / 'gone'}}}\n")
    result = curate("bench", tmp_path / "job.yaml", "--output", tmp_path / "out")
    assert (result.exit_code, "source not found" in result.err) == (2, True)
    result = curate("bench", tmp_path / "jop.yaml", "--output", tmp_path / "out")
    assert (result.exit_code, "config not found" in result.err) == (2, True)


def asked(output: Path, *, craft: bool = False) -> Request:
    """Returns what the bench is asked for without any other option."""
    return read_request(
        config=None,
        rows=None,
        file_format=None,
        workers=None,
        repeat=3,
        baselines=[],
        kernel=False,
        memory=None,
        craft=craft,
        output=output,
    )


def test_the_defaults(tmp_path: Path) -> None:
    request = asked(tmp_path)
    assert (request.source, request.file_formats) == (94_327, ("parquet",))
    assert request.workers[0] == 1
    assert max(request.workers) <= usable_cores() < 2 * max(request.workers)
    assert request.craft_items == ()


def test_craft_is_measured_at_the_published_number_of_items_a_fifth_of_it_and_400_000(tmp_path: Path) -> None:
    request = asked(tmp_path, craft=True)
    assert request.craft_items == (400_000, 562_281, 2_811_408)
    assert request.presets == ("course-2024", "course-2025")
