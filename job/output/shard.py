"""The form of a shard: the items' columns, their bytes as Parquet, and the digest of what they say."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from job.output.records import DIGEST_MODULUS
from job.source.read.rows import KEPT_COLUMN_TYPES

ITEM_FIELDS: tuple[tuple[str, pa.DataType], ...] = (
    ("category", pa.string()),
    ("parent_asin", pa.string()),
    ("title", pa.string()),
    ("price", pa.float64()),
    ("prompt", pa.string()),
    ("token_count", pa.int32()),
)

_ROWS_AT_ONCE = 1000

REJECTS_SCHEMA = pa.schema(
    [
        ("category", pa.string()),
        ("file", pa.string()),
        ("position", pa.int64()),
        ("cause", pa.string()),
        ("raw", pa.binary()),
    ]
)


def items_schema(keep_columns: Sequence[str]) -> pa.Schema:
    """Returns the items' schema, with the metadata by which `datasets` knows the types without guessing."""
    fields = [*ITEM_FIELDS, *[(name, KEPT_COLUMN_TYPES[name]) for name in keep_columns]]
    features = {name: _feature(kind) for name, kind in fields}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    return pa.schema(fields, metadata=metadata)


def _feature(kind: pa.DataType) -> dict[str, Any]:
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "List"}
    return {"dtype": {"double": "float64"}.get(str(kind), str(kind)), "_type": "Value"}


def content_digest(items: pa.Table) -> str:
    """Returns the content digest of items: the same however they were partitioned.

    Args:
        items: with the columns of `items_schema`.

    Returns:
        The sum, modulo 2^256, of the SHA-256 over each item's canonical JSON, in hexadecimal. A sum and not an
        exclusive or, since rows repeat.
    """
    encode = msgspec.json.encode
    total = 0
    for batch in items.to_batches(max_chunksize=_ROWS_AT_ONCE):  # as Python's objects they take several times the room
        rows = zip(*[column.to_pylist() for column in batch.columns], strict=True)
        total += sum(int.from_bytes(hashlib.sha256(encode(row)).digest(), "big") for row in rows)
    return f"{total % DIGEST_MODULUS:064x}"


def parquet_bytes(table: pa.Table) -> bytes:
    """Writes a table as Parquet, to the same bytes however it is chunked.

    An empty table gets no row group, since `load_dataset` fails on an empty one.
    """
    stream = io.BytesIO()
    with pq.ParquetWriter(stream, table.schema, compression="zstd") as writer:
        if table.num_rows:
            writer.write_table(table.combine_chunks(), row_group_size=table.num_rows)
    return stream.getvalue()
