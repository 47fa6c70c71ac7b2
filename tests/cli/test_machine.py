"""The commands that need no output: `sample`, `config`, `doctor`."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import yaml

from job.cluster.allowed import usable_cores
from job.config.models import JobConfig
from tests.cli.conftest import refused
from tests.conftest import Curate, shards
from tests.paths import ROOT


def test_config_prints_every_key_and_reads_it_back(tmp_path: Path, curate: Curate) -> None:
    printed = curate("config")
    assert printed.exit_code == 0
    assert JobConfig.model_validate(yaml.safe_load(printed.out)) == JobConfig()
    (tmp_path / "again.yaml").write_text(printed.out)
    assert curate("config", tmp_path / "again.yaml").out == printed.out


def test_the_configs_that_come_with_the_project_are_valid(curate: Curate) -> None:
    folder = ROOT / "configs"
    names = sorted(path.stem for path in folder.glob("*.yaml"))
    pricers = ["pricer", "pricer-2024", "pricer-2024-lite", "pricer-2025", "pricer-2025-lite"]
    assert names == [
        "appliances",
        "appliances-2025",
        "electronics",
        "home-store",
        "home-store-2025",
        *pricers,
        "sample",
    ]
    for name in names:
        assert curate("config", folder / f"{name}.yaml").exit_code == 0


def test_doctor_says_what_the_machine_has(curate: Curate) -> None:
    result = curate("doctor")
    assert result.exit_code == 0
    assert f"ray {version('ray')}" in result.out
    assert f"cores: {usable_cores()}" in result.out


def test_sample_makes_a_catalogue_that_runs(shared_ray: int, tmp_path: Path, curate: Curate) -> None:
    made = curate("sample", tmp_path / "cat", "--rows", 200, "--seed", 3, "--category", "Toys", "--form", "jsonl")
    assert made.exit_code == 0
    assert made.out.splitlines()[-1] == f"made 200 rows; curate them: curate run --source {tmp_path / 'cat'}"
    assert curate("run", "--source", tmp_path / "cat", "--output", tmp_path / "out", "--quiet").exit_code == 0
    assert len(shards(tmp_path / "out")) == 1
    refused(curate("sample", tmp_path / "cat", "--category", "Toys"), "already there")
    refused(curate("sample", tmp_path / "cat2", "--form", "csv"), "must be jsonl, parquet or both")
    refused(curate("sample", tmp_path / "cat2", "--rows", 0), "ask for 1 or more")
