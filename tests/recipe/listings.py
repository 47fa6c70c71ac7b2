"""Listings as the readers yield them, for the tests of both course recipes: made up, or the real ones."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from job.source.location import LocalFile
from job.source.read.jsonl import JsonlReader
from job.source.read.parquet import ParquetReader
from tests.paths import REAL
from tests.source.hub_form import row_layout

Row = dict[str, Any]

COLUMNS = [
    ("title", pa.string()),
    ("parent_asin", pa.string()),
    ("price", pa.string()),
    ("description", pa.list_(pa.string())),
    ("features", pa.list_(pa.string())),
]
DETAILS = pa.schema([*COLUMNS, ("details", pa.string())])
DETAILS_JSON = pa.schema([*COLUMNS, ("details_json", pa.string())])


def table(rows: Sequence[Row], schema: pa.Schema = DETAILS) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=schema)


def in_chunks(rows: Sequence[Row], cuts: Sequence[int], beside: Row) -> pa.Table:
    """Makes a table of chunks that lie within larger arrays, as slices do, with another row at both sides."""
    chunks = [
        table([beside, *rows[begin:end], beside]).slice(1, end - begin)
        for begin, end in itertools.pairwise([0, *cuts, len(rows)])
    ]
    return pa.concat_tables(chunks)


def lines_of(name: str) -> list[bytes]:
    """Returns the lines of a file beside the real rows."""
    return gzip.decompress((REAL / name).read_bytes()).splitlines()


def read_jsonl(path: Path, lines: Sequence[bytes]) -> pa.Table:
    path.write_bytes(b"\n".join(lines) + b"\n")
    *tables, _ = JsonlReader(row_layout()).read(LocalFile(path), 0, 0, path.stat().st_size)
    return pa.concat_tables(tables)


def read_parquet(path: Path, rows: Sequence[Row]) -> pa.Table:
    """Writes rows in the Hub's Parquet form and reads them."""
    texts = [row | {"price": str(row["price"]), "details": json.dumps(row["details"])} for row in rows]
    pq.write_table(pa.Table.from_pylist(texts, schema=DETAILS), path, row_group_size=1000)
    *tables, _ = ParquetReader(row_layout()).read(LocalFile(path), 0, 0, len(rows))
    return pa.concat_tables(tables)
