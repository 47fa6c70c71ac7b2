"""How busy the workers are: the idle share of made-up tasks, and a source of one row per partition."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from job.bench.measure.waiting import CATEGORIES, PARTITIONS, idle, make_source


def test_workers_that_always_have_a_task_are_never_idle() -> None:
    spans = [(1, 0.0, 4.0), (2, 1.0, 4.0), (1, 4.0, 9.0), (2, 4.0, 9.0)]
    measured_s, share = idle(spans, workers=2)
    assert measured_s == 8.0  # from when the second worker had begun
    assert share == pytest.approx(0.0)


def test_time_without_a_task_is_idle_also_at_the_end() -> None:
    spans = [(1, 0.0, 10.0), (2, 0.0, 3.0), (2, 5.0, 8.0)]
    measured_s, share = idle(spans, workers=2)
    assert measured_s == 10.0
    assert share == pytest.approx(4 / 20)


def test_time_before_all_workers_have_begun_is_not_measured() -> None:
    early = [(1, 0.0, 1.0), (1, 1.0, 100.0)]
    assert idle([*early, (1, 100.0, 102.0), (2, 100.0, 102.0)], workers=2) == (2.0, pytest.approx(0.0))


@pytest.mark.seconds
def test_every_partition_of_the_source_is_a_file_of_one_row(tmp_path: Path) -> None:
    make_source(tmp_path)
    files = sorted(tmp_path.iterdir())
    assert len(files) == CATEGORIES * PARTITIONS
    assert all(pq.read_metadata(path).num_rows == 1 for path in files)
