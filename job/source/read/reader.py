"""Reads any partition of a category, whatever the format of its files."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from job.errors import CurateError, DamagedPartError, plain_reason
from job.recipe.verdicts import END
from job.source.find.layout import FileFormat
from job.source.location import FileLocation
from job.source.read.content import ContentDigest
from job.source.read.footer import Footer, read_footer
from job.source.read.jsonl import JsonlReader, read_lines
from job.source.read.parquet import ParquetReader
from job.source.read.partitions import Partition
from job.source.read.row_groups import read_rows
from job.source.read.rows import RowLayout, damage_message


@dataclass(frozen=True, kw_only=True, slots=True)
class PartitionReader:
    """Reads any partition of a category."""

    file_format: FileFormat
    locations: tuple[FileLocation, ...]
    """The category's files, unpacked."""
    sizes_bytes: tuple[int, ...]
    """Size of each when it was planned."""
    layout: RowLayout
    shown: tuple[str, ...] = ()
    """What messages call each of them; where it lies, if there is nothing else."""
    footers: tuple[Footer | None, ...] = ()
    """Footers of Parquet files that not every task should read: of those on the network, and those cut into parts. None
    for others, since they take 45 KB for each row group, so the task that needs it reads it; and for files left out."""

    def read(self, index: int, partition: Partition) -> Iterator[pa.Table]:
        """Reads a partition.

        Args:
            index: number of the partition in its category.
            partition: the piece of a file.

        Yields:
            Its rows in order, then the message that ends it; see `RowLayout.schema`. Where the file is damaged the
            message says so, and the rows before it count for nothing. Where a JSONL file ends in the middle of a line,
            a message before the last one says so, and the rows before it count.

        Raises:
            CurateError: when the file is gone, or has another size than it had.
        """
        self._check_size(partition)
        try:
            for table in self._tables(index, partition):
                if table["verdict"][0].as_py() == END:
                    self._check_size(partition)
                yield table
        except DamagedPartError as error:
            self._check_size(partition)  # a file that was cut off meanwhile is not a damaged one
            yield damage_message(index, str(error), self.layout.schema(self.file_format))

    def _tables(self, index: int, partition: Partition) -> Iterator[pa.Table]:
        location = self.locations[partition.file]
        if self.file_format == "parquet":
            footer = self.footers[partition.file] if self.footers else None
            return ParquetReader(self.layout).read(location, index, partition.start, partition.end, footer)
        shown = self.shown[partition.file] if self.shown else None
        tables = JsonlReader(self.layout).read(location, index, partition.start, partition.end, shown)
        return _read_whole(tables, location)

    def _check_size(self, partition: Partition) -> None:
        """Compares a file's size: one that was cut off or replaced would silently give fewer rows, or broken ones."""
        location, planned = self.locations[partition.file], self.sizes_bytes[partition.file]
        try:
            found = location.size_now()
        except OSError as error:
            raise CurateError(
                f"{plain_reason(error)}: {location} (as {platform.node()} sees it)\n"
                "what was finished is kept; put it back and run the same command again"
            ) from None
        if found != planned:
            raise CurateError(
                f"changed while the job ran: {location} had {planned:,} bytes, has {found:,}\n"
                "put the old file back and run the same command again, or start again with --fresh"
            )


def _read_whole(tables: Iterator[pa.Table], location: FileLocation) -> Iterator[pa.Table]:
    """Passes tables on. What the disk cannot read is damage."""
    try:
        yield from tables
    except OSError as error:
        raise DamagedPartError(f"damaged: {location}: {plain_reason(error)}") from None


def content_digest(
    file_format: FileFormat, location: FileLocation, partition: Partition, columns: Sequence[str], max_row_bytes: int
) -> str | None:
    """Reads a partition for the digest of what its rows are made of, as `PartitionReader` gives it with the rows.

    Args:
        file_format: the format of the file.
        location: the file, unpacked.
        partition: the piece of it.
        columns: names of the columns that are read of a Parquet file.
        max_row_bytes: bytes of a row above which it is malformed.

    Returns:
        The digest in hexadecimal; None when the partition cannot be read.

    Raises:
        FileNotFoundError: when the file is gone.
        CurateError: when a storage does not answer.
    """
    digest, start, end = ContentDigest(), partition.start, partition.end
    try:
        if file_format == "parquet":
            metadata, first = read_footer(location).around(location, start, end)
            for _, rows in read_rows(location, metadata, columns, start, end, first):
                digest.add_rows(rows)
        else:
            with location.open(start - 1, end) as stream:
                for _ in read_lines(stream, start, end, max_row_bytes, digest.add_bytes):
                    pass
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError):
        return None
    return digest.hexdigest()
