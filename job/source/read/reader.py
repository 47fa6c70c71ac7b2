"""Reads any partition of a category, whatever the form of its files."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from job.errors import CurateError, DamagedPartError, plain_reason
from job.recipe.verdicts import END
from job.source.files import Place, size_of
from job.source.find.layout import FileFormat
from job.source.read.jsonl import JsonlReader
from job.source.read.parquet import ParquetReader
from job.source.read.partitions import Partition
from job.source.read.rows import damage_message, rows_schema


@dataclass(frozen=True, kw_only=True, slots=True)
class PartitionReader:
    """Reads any partition of a category."""

    file_format: FileFormat
    paths: tuple[Place, ...]
    """The category's files, unpacked."""
    sizes_bytes: tuple[int, ...]
    """How large each was when it was planned."""
    keep_columns: tuple[str, ...]
    max_row_bytes: int
    fields: Mapping[str, str]
    metadata: tuple[pq.FileMetaData | None, ...] = ()
    """Of Parquet files elsewhere, so that not every task has to fetch it; None of those that are left out. It takes
    45 KB for each row group, so that of local files is read where it is needed."""

    def read(self, partition: Partition) -> Iterator[pa.Table]:
        """Yields a partition's rows in order, then the message that ends it. See `rows_schema`.

        Where the file is damaged the message says so, and the rows before it count for nothing.

        Raises:
            CurateError: when the file is not there, or not as large as it was.
        """
        self._check_size(partition)
        try:
            for table in self._tables(partition):
                if table["verdict"][0].as_py() == END:
                    self._check_size(partition)
                yield table
        except DamagedPartError as error:
            self._check_size(partition)  # a file that was cut off is no damaged one
            yield damage_message(partition.index, str(error), self._schema())

    def _schema(self) -> pa.Schema:
        return rows_schema("details_json" if self.file_format == "jsonl" else "details", self.keep_columns)

    def _tables(self, partition: Partition) -> Iterator[pa.Table]:
        path = self.paths[partition.file]
        given = (path, partition.index, partition.start, partition.end)
        settings = (self.keep_columns, self.max_row_bytes, self.fields)
        if self.file_format == "parquet":
            metadata = self.metadata[partition.file] if self.metadata else None
            return ParquetReader(*settings).read(*given, metadata)
        return _read_whole(JsonlReader(*settings).read(*given), path)

    def _check_size(self, partition: Partition) -> None:
        """A file that was cut off or replaced would give fewer rows, or rows cut in two, without a word."""
        path, planned = self.paths[partition.file], self.sizes_bytes[partition.file]
        try:
            found = size_of(path)
        except OSError as error:
            raise CurateError(
                f"{plain_reason(error)}: {path} (as {platform.node()} sees it)\n"
                "what was finished is kept; put it back and run the same command again"
            ) from None
        if found != planned:
            raise CurateError(
                f"changed while the job ran: {path} had {planned:,} bytes, has {found:,}\n"
                "put the old file back and run the same command again, or begin anew with --fresh"
            )


def _read_whole(tables: Iterator[pa.Table], path: Place) -> Iterator[pa.Table]:
    """Passes tables on; what the disk does not give is damage."""
    try:
        yield from tables
    except OSError as error:
        raise DamagedPartError(f"damaged: {path}: {plain_reason(error)}") from None
