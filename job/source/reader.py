"""Reads any partition of a category, whatever the form of its files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from job.source.jsonl import JsonlReader
from job.source.layout import Form
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
