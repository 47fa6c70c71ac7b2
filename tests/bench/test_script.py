"""`scripts/bench` measures piece by piece, and goes on where it stopped."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.paths import ROOT

pytestmark = pytest.mark.seconds

PIECES = ["94327", "hub", "360000", "360000-jsonl", "943270", "943270-jsonl", "memory"]

MEMORY = "job/bench/measured/memory.json"

PYTHON = """#!/bin/sh
echo "$*" >>"$0.log"
for last; do :; done
case "$3" in
sample) mkdir -p "$4" ;;
bench)
    case "$*" in
    *--hub*) result=hub.json ;;
    *--memory*) result=memory.json ;;
    *) result=bench.json && touch "$last/bench.png" ;;
    esac
    ls "$last/input" >/dev/null || exit 1
    [ "$last" != "out/bench/$(cat "$0.fails" 2>/dev/null)" ] || exit 1
    commit=$(git describe --always --dirty --abbrev=40 --exclude='*')
    printf '{\\n "version": 1,\\n "commit": "%s"\\n}\\n' "$commit" >"$last/$result"
    ;;
esac
"""
"""A stand-in for Python: it notes what it was called with, and leaves a result that names the commit."""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with the script, in which the stand-in is Python."""
    for folder in ("scripts", "job/source/sample", "job/bench/measured"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "bench", tmp_path / "scripts")
    (tmp_path / "scripts" / "environment").write_text(f"root={tmp_path}\nenvironment() {{ python=$root/python; }}\n")
    (tmp_path / MEMORY).write_text("old")
    (tmp_path / "python").write_text(PYTHON)
    (tmp_path / "python").chmod(0o755)
    (tmp_path / ".gitignore").write_text("out\npython.*\n")
    change(tmp_path, "the catalogue")
    return tmp_path


def change(clone: Path, text: str) -> None:
    (clone / "job/source/sample/rows.py").write_text(text)
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", text]):
        subprocess.run(["git", *words], cwd=clone, check=True)


def ran(clone: Path, *words: str) -> tuple[int, list[str], int]:
    """Runs the script; returns its exit code, the pieces that it measured, and the number of catalogues it made."""
    log = clone / "python.log"
    log.unlink(missing_ok=True)
    ended = subprocess.run(["sh", "scripts/bench", *words], cwd=clone, capture_output=True, text=True, check=False)
    calls = log.read_text().splitlines() if log.exists() else []
    pieces = [call.rpartition("out/bench/")[2] for call in calls if call.startswith("-m job bench ")]
    return ended.returncode, pieces, sum(call.startswith("-m job sample ") for call in calls)


def test_what_was_measured_at_a_commit_is_not_measured_again(clone: Path) -> None:
    assert ran(clone, "--inputs") == (0, [], 9)
    (clone / "python.fails").write_text("360000")
    assert ran(clone) == (1, PIECES[:3], 0)
    assert [path.name for path in (clone / "job/bench/measured").iterdir()] == ["memory.json"]
    (clone / "python.fails").unlink()
    assert ran(clone) == (0, PIECES[2:], 0)
    measured = {
        path.relative_to(clone / "job/bench/measured").as_posix() for path in clone.glob("job/bench/measured/**/*.json")
    }
    assert measured == {"hub.json", "memory.json", *(f"{name}/bench.json" for name in PIECES if name[0].isdigit())}
    assert (clone / MEMORY).read_text() != "old"
    assert ran(clone) == (0, [], 0)  # though the figures in the repository have changed


def test_another_commit_is_measured_anew_and_another_sample_has_catalogues_of_its_own(clone: Path) -> None:
    assert ran(clone) == (0, PIECES, 9)
    (clone / "scripts" / "other").touch()
    change(clone, "the catalogue")
    assert ran(clone) == (0, PIECES, 0)
    change(clone, "another catalogue")
    assert ran(clone) == (0, PIECES, 9)
