"""Reads some columns of the Parquet files of an output, some rows at a time, on a disk or in a bucket."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from job.errors import CurateError, quoted
from job.output.folder import OutputFolder
from job.source.bucket_file import BucketFile
from job.source.location import LocalFile

_ROWS_AT_ONCE = 1 << 16


def tables(output: OutputFolder, name: str, size_bytes: int, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Yields some columns of a Parquet file of an output, some rows at a time. No other bytes of it are read.

    Args:
        output: the output folder.
        name: the file, relative to it.
        size_bytes: size of the file.
        columns: names of the columns.

    Raises:
        CurateError: when it cannot be read.
    """
    where = output.where(name)
    location = (
        LocalFile(Path(where)) if isinstance(output.root, Path) else BucketFile(address=where, size_bytes=size_bytes)
    )
    try:
        with location.open_parquet() as file:
            for batch in file.iter_batches(_ROWS_AT_ONCE, columns=list(columns), use_threads=False):
                yield pa.Table.from_batches([batch])
    except (OSError, pa.ArrowException) as error:
        raise damaged(output, name, str(error)) from None


def damaged(output: OutputFolder, name: str, why: str) -> CurateError:
    """Returns the error of a file that cannot be read."""
    return CurateError(
        f"cannot be read: {output.where(name)}: {why}\nto see what else is wrong: curate verify {quoted(output.root)}"
    )
