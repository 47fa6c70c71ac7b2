"""What is counted against a partition: workers that died, and not nodes that were lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from job import pipeline
from job.errors import WorkersDiedError
from job.output.folder import OutputFolder


class Reader:
    """Stands for the reader of a partition, whose worker dies each time."""

    def read(self, index: int, partition: object) -> list[pa.Table]:
        raise ConnectionAbortedError(f"partition {index} of {partition}")


def begun(output: OutputFolder) -> None:
    """Begins partition 0, as the task of it does."""
    named = pa.table({"partition": [0]})
    any_reader: Any = Reader()
    any_partitions: Any = {0: "Toys"}
    list(pipeline.read_partitions(named, any_reader, any_partitions, "Toys", output))


def begin_on(node: str, alive: set[str], monkeypatch: pytest.MonkeyPatch, output: OutputFolder) -> None:
    monkeypatch.setattr("job.pipeline.this_node", lambda: node)
    monkeypatch.setattr("ray.nodes", lambda: [{"NodeID": each, "Alive": each in alive} for each in ("a", "b", "c")])
    begun(output)


def test_a_partition_is_begun_four_times_where_its_workers_die(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for node in ("a", "b", "a", "b"):
        with pytest.raises(ConnectionAbortedError):
            begin_on(node, {"a", "b"}, monkeypatch, OutputFolder(tmp_path))
    with pytest.raises(WorkersDiedError, match="Toys: partition 0: its worker died 4 times"):
        begin_on("a", {"a", "b"}, monkeypatch, OutputFolder(tmp_path))


def test_a_node_that_was_lost_does_not_count_as_a_worker_that_died(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for node in ("a", "b", "b", "b", "a", "b", "a"):
        with pytest.raises(ConnectionAbortedError):
            begin_on(node, {"a", "c"}, monkeypatch, OutputFolder(tmp_path))
    with pytest.raises(ConnectionAbortedError):
        begin_on("c", {"a", "c"}, monkeypatch, OutputFolder(tmp_path))
    with pytest.raises(WorkersDiedError):
        begin_on("c", {"a", "c"}, monkeypatch, OutputFolder(tmp_path))
