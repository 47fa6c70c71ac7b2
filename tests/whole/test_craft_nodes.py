"""On a real cluster of two nodes, a set has the rows of the plain reference, with fewer workers than there are CPUs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from job.cluster.local.nodes import Cluster
from job.output.verify import verify_output
from tests.paths import ROOT
from tests.selection.presets import plain
from tests.selection.presets.made import items
from tests.whole.crafting import expected_removed, expected_rows, write_items, written
from tests.whole.test_nodes import is_told_of

pytestmark = pytest.mark.slow


@pytest.fixture
def two_nodes() -> Iterator[Cluster]:
    cluster = Cluster.started(nodes=2, cpus=2)
    yield cluster
    cluster.stop()
    assert [process for process in psutil.process_iter() if is_told_of(process, cluster.folder)] == []


def test_two_nodes_and_three_workers_make_the_same(two_nodes: Cluster, tmp_path: Path) -> None:
    its = items(60_000, seed=4)
    write_items(tmp_path / "items", "course-2025", its, cuts=20).close()
    settings = ("--set", "sample.size=6000", "--set", "splits.train=5000", "--set", "splits.validation=500")
    words = ["craft", "--items", "items", "--output", "set", "--preset", "course-2025", "--workers", "3", *settings]
    ended = subprocess.run(
        [sys.executable, "-m", "job", *words, "--json"],
        cwd=tmp_path,
        env={**two_nodes.environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    expected = plain.course_2025(its, size=6_000, splits=(5_000, 500, "rest"))
    assert json.loads(ended.stdout)["funnel"]["test"] == len(expected.test) == 500
    for split in ("train", "validation", "test"):
        assert written(tmp_path / "set", split) == expected_rows("course-2025", getattr(expected, split))
    assert written(tmp_path / "set", "removed") == expected_removed(its, expected)
    assert verify_output(tmp_path / "set").startswith("intact: ")
