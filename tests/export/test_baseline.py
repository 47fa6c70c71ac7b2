"""What the courses do next, from exported files alone: `configs/constant_baseline.py`."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

from job.export.export import export
from tests.export.made import rows_of
from tests.paths import ROOT

SCRIPT = ROOT / "configs/constant_baseline.py"


@pytest.mark.parametrize(("recipe", "size"), [("course-2024", 30), ("course-2025", 15)])
def test_the_constant_baseline_is_evaluated_on_the_exported_files(
    recipe: str, size: int, sets: dict[str, Path], tmp_path: Path
) -> None:
    export(str(sets[recipe]), recipe, str(tmp_path / "out"))
    ended = subprocess.run(
        [sys.executable, SCRIPT, tmp_path / "out", "--size", str(size)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    train = [row["price"] for row in rows_of(sets[recipe], "train")]
    test = [row["price"] for row in rows_of(sets[recipe], "test")][:size]
    guess = math.fsum(train) / len(train)
    error = math.fsum(abs(guess - price) for price in test) / len(test)
    rmsle = math.sqrt(math.fsum(math.log((price + 1) / (guess + 1)) ** 2 for price in test) / len(test))
    hits = sum(abs(guess - price) < 40 or abs(guess - price) < 0.2 * price for price in test)
    found = re.findall(r"[\d.]+", ended.stdout)
    expected = [str(len(test)), f"{error:.2f}", f"{rmsle:.2f}", f"{100 * hits / len(test):.1f}"]
    assert found == expected
    assert hits > 0
