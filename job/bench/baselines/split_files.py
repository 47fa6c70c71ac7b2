"""How does datatrove get work for all workers? A file is the least that a task takes, so files are split beforehand.

Splitting keeps all columns and the order of the rows. JSONL is cut at line ends, Parquet at row groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

_PIECE_BYTES = 1 << 22


def split(files: Sequence[Path], file_format: str, parts: int, limit: int | None, folder: Path) -> int:
    """Splits files into parts of about the same size, in a new folder.

    Args:
        files: the files, in the order of their rows.
        file_format: `jsonl` or `parquet`.
        parts: the number of parts to make, about.
        limit: the number of rows to keep, from the first one on; None for all.
        folder: the folder to make.

    Returns:
        The number of rows.
    """
    folder.mkdir(parents=True)
    most = float("inf") if limit is None else limit
    return (_split_parquet if file_format == "parquet" else _split_jsonl)(files, parts, most, folder)


def _split_jsonl(files: Sequence[Path], parts: int, limit: float, folder: Path) -> int:
    share = sum(path.stat().st_size for path in files) / parts
    num_rows = number = size_bytes = 0
    pieces = _lines(files)
    while num_rows < limit and (lines := next(pieces, None)):
        with (folder / f"part-{number:05d}.jsonl").open("wb") as part:
            number += 1
            while lines:
                kept = lines if num_rows + len(lines) <= limit else lines[: int(limit) - num_rows]
                part.writelines(kept)
                num_rows += len(kept)
                is_full = size_bytes + part.tell() >= share * number
                lines = None if is_full or num_rows >= limit else next(pieces, None)
            size_bytes += part.tell()
    return num_rows


def _lines(files: Sequence[Path]) -> Iterator[list[bytes]]:
    for path in files:
        with path.open("rb") as source:
            while lines := source.readlines(_PIECE_BYTES):
                if not lines[-1].endswith(b"\n"):
                    lines[-1] += b"\n"
                yield lines


def _split_parquet(files: Sequence[Path], parts: int, limit: float, folder: Path) -> int:
    share = sum(pq.read_metadata(path).num_rows for path in files) / parts
    num_rows = number = 0
    groups = _row_groups(files)
    group = next(groups, None)
    while group is not None and num_rows < limit:
        with pq.ParquetWriter(folder / f"part-{number:05d}.parquet", group.schema, compression="zstd") as part:
            number += 1
            is_full = False
            while group is not None and num_rows < limit and not is_full:
                kept = group if num_rows + group.num_rows <= limit else group.slice(0, int(limit) - num_rows)
                part.write_table(kept)
                num_rows += kept.num_rows
                is_full = num_rows >= share * number
                group = next(groups, None)
    return num_rows


def _row_groups(files: Sequence[Path]) -> Iterator[pa.Table]:
    for path in files:
        with pq.ParquetFile(path) as file:
            for number in range(file.num_row_groups):
                yield file.read_row_group(number)
