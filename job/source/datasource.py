"""A category as a Ray Dataset: one read task and one block per partition.

Ray's own readers take a JSONL file, and a Parquet file of this size, in one task, so that one core works.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from ray.data.block import BlockMetadata
from ray.data.datasource import Datasource, ReadTask

from job.source.folder import Form
from job.source.jsonl import JsonlReader
from job.source.parquet import ParquetReader
from job.source.partitions import Partition


@dataclass(frozen=True, kw_only=True, slots=True)
class PartitionReader:
    """Reads any partition of a category."""

    form: Form
    paths: tuple[Path, ...]
    """The category's files, unpacked."""
    keep_columns: tuple[str, ...]
    max_row_bytes: int

    def read(self, partition: Partition) -> Iterator[pa.Table]:
        """Yields a partition's rows in order, then the message that ends it. See `rows_schema`."""
        reader = (JsonlReader if self.form == "jsonl" else ParquetReader)(self.keep_columns, self.max_row_bytes)
        return reader.read(self.paths[partition.file], partition.index, partition.start, partition.end)


class PartitionsDatasource(Datasource):
    """Partitions as read tasks.

    Args:
        reader: how a partition is read.
        partitions: which ones.
    """

    def __init__(self, reader: PartitionReader, partitions: Sequence[Partition]):
        super().__init__()
        self._reader = reader
        self._partitions = list(partitions)

    def get_name(self) -> str:
        """Names the read in Ray's messages."""
        return "Partitions"

    def estimate_inmemory_data_size(self) -> int | None:
        """Ray may ask; nobody knows."""
        return None

    def get_read_tasks(
        self, parallelism: int, per_task_row_limit: int | None = None, data_context: Any = None
    ) -> list[ReadTask]:
        """Makes one task per partition, whatever parallelism Ray would like."""
        del parallelism, data_context
        unknown = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
        return [
            ReadTask(_Read(self._reader, partition), unknown, per_task_row_limit=per_task_row_limit)
            for partition in self._partitions
        ]


@dataclass(frozen=True, slots=True)
class _Read:
    reader: PartitionReader
    partition: Partition

    def __call__(self) -> Iterator[pa.Table]:
        return self.reader.read(self.partition)
