"""What the tests of the command line share."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.source.sample.catalogue import make_catalogue
from tests.conftest import Curate, Result


def refused(result: Result, *words: str, code: int = 2) -> None:
    """Checks that a command ended with one clear error."""
    assert result.exit_code == code, result
    assert result.out == ""
    assert result.err.startswith("error: ")
    assert "Traceback" not in result.err
    for word in words:
        assert word in result.err, result.err


def altered(path: Path, old: str, new: str) -> None:
    """Replaces text in a file, which must be there."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Few rows of two categories."""
    make_catalogue(tmp_path / "small", rows=300)
    return tmp_path / "small"


@pytest.fixture
def done(shared_ray: int, small: Path, tmp_path: Path, curate: Curate) -> Path:
    """A complete output of few rows."""
    result = curate("run", "--source", small, "--output", tmp_path / "done", "--quiet")
    assert result == Result(0, "", "")
    return tmp_path / "done"
