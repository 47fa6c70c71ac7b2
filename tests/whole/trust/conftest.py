"""A finished output of a hostile source."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from job.config.load import load_config
from job.run import run_job
from tests.whole.trust.hostile import (
    COMMANDS,
    HOSTILE,
    row,
)


@pytest.fixture(scope="package")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one category: two rows with hostile titles, and a malformed row."""
    folder = tmp_path_factory.mktemp("source")
    (folder / "Toys.jsonl").write_text(row(HOSTILE) * 2 + f"broken {COMMANDS}\n")
    return folder


@pytest.fixture(scope="package")
def finished(shared_ray: int, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished output of the hostile source, which no test changes."""
    output = tmp_path_factory.mktemp("finished") / "out"
    run_job(load_config(None, {"source.path": str(source), "output": str(output)}), quiet=True)
    return output


@pytest.fixture
def done(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished output, for the test to change."""
    return shutil.copytree(finished, tmp_path / "done")
