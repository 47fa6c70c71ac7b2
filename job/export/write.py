"""Writes the file of a split: row by row, so that memory is flat, and whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from job.export.form import Form, Rows
from job.export.source import Source
from job.export.target import ExportedFile
from job.output.folder import OutputFolder

_GROUP_ROWS = 50_000
"""Rows of a row group."""
_HASHED_AT_ONCE = 1 << 20
"""Bytes."""


def write_split(
    form: Form,
    source: Source,
    part: str,
    output: OutputFolder,
    is_left_out: np.ndarray | None = None,
    show: Callable[[int], object] = lambda _: None,
) -> ExportedFile:
    """Writes the rows of a split, or of a category of items, in their order.

    Args:
        form: the form.
        source: what is exported.
        part: name of the split or category.
        output: the folder.
        is_left_out: which of its rows are left out; none unless given.
        show: called with the number of rows that were read.

    Raises:
        CurateError: when a shard cannot be read, or the file cannot be written.
        RuntimeError: when rows are lost or doubled.
    """
    name = form.file_name(part)
    batches = _chosen(form, source, part, is_left_out, show)
    with output.store.writing(name) as path:
        if form.lines is not None:
            num_rows = _write_lines(path, (form.lines(part, rows) for rows in batches))
        elif form.table is not None:
            num_rows = _write_parquet(path, form.schema, (form.table(part, rows) for rows in batches))
        else:
            raise RuntimeError(f"the form {form.name} makes no rows")
        size, sha256 = path.stat().st_size, _sha256(path)
    expected = source.num_rows[part] - (0 if is_left_out is None else int(np.count_nonzero(is_left_out)))
    if num_rows != expected:
        raise RuntimeError(f"{name} does not add up: {num_rows} of {expected} rows")
    return ExportedFile(path=name, num_rows=num_rows, size_bytes=size, sha256=sha256)


def _chosen(
    form: Form, source: Source, part: str, is_left_out: np.ndarray | None, show: Callable[[int], object]
) -> Iterator[pa.Table]:
    begin = 0
    for rows in source.batches(part, form.columns):
        end = begin + rows.num_rows
        yield rows if is_left_out is None else rows.filter(pa.array(~is_left_out[begin:end]))
        begin = end
        show(end)


def _write_lines(path: Path, batches: Iterable[Rows]) -> int:
    """Writes objects as JSON Lines. Returns their number."""
    encode_lines = msgspec.json.Encoder().encode_lines
    num_rows = 0
    with path.open("xb") as file:
        for rows in batches:
            num_rows += len(rows)
            file.write(encode_lines(rows))
    return num_rows


def _write_parquet(path: Path, schema: pa.Schema | None, batches: Iterable[pa.Table]) -> int:
    """Writes tables as one file. Returns the number of rows."""
    num_rows = 0
    waiting: list[pa.Table] = []
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for rows in batches:
            num_rows += rows.num_rows
            waiting.append(rows)
            if sum(map(len, waiting)) >= _GROUP_ROWS:
                waiting = _write_group(writer, waiting)
        _write_group(writer, waiting)
    return num_rows


def _write_group(writer: pq.ParquetWriter, rows: list[pa.Table]) -> list[pa.Table]:
    """Writes rows as one row group. Returns those that are left to write, none."""
    table = pa.concat_tables(rows) if rows else None
    if table is not None and table.num_rows:
        writer.write_table(table.combine_chunks(), row_group_size=table.num_rows)
    return []


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(_HASHED_AT_ONCE):
            digest.update(part)
    return digest.hexdigest()
