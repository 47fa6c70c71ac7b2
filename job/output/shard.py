"""What a shard is: its columns, its bytes as Parquet, and the digest of its items."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from job.config.columns import kept_columns
from job.output.totals import DIGEST_MODULUS
from job.recipe.protocol import RecipeDescription

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


def items_schema(recipe: RecipeDescription, keep_columns: Sequence[str] = ()) -> pa.Schema:
    """Returns the schema of a shard.

    Args:
        recipe: the recipe that makes the items.
        keep_columns: source columns that are carried along.

    Returns:
        The category, the recipe's columns and those carried along, with the metadata from which `datasets` reads the
        types without guessing.
    """
    kept = [pa.field(field.name, field.type) for field in kept_columns(keep_columns)]
    return with_features([*recipe.item_fields(), *kept])


def with_features(fields: Sequence[pa.Field]) -> pa.Schema:
    """Returns a schema with the metadata from which `datasets` reads the types."""
    features = {field.name: _feature(field.type) for field in fields}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    return pa.schema(fields, metadata=metadata)


def _feature(kind: pa.DataType) -> dict[str, Any]:
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "List"}
    return {
        "dtype": {"double": "float64", "float": "float32", "date32[day]": "date32"}.get(str(kind), str(kind)),
        "_type": "Value",
    }


def content_digest(items: pa.Table) -> str:
    """Returns the content digest of items, which does not depend on how they are cut into shards.

    Args:
        items: a table in `items_schema`.

    Returns:
        Sum, modulo 2^256, of SHA-256 over each item's canonical JSON, in hexadecimal. A sum and not an exclusive or,
        since rows repeat.
    """
    encode = msgspec.json.encode
    total = 0
    for batch in items.to_batches(max_chunksize=_ROWS_AT_ONCE):  # Python objects take several times the memory
        rows = zip(*[column.to_pylist() for column in batch.columns], strict=True)
        total += sum(int.from_bytes(hashlib.sha256(encode(row)).digest(), "big") for row in rows)
    return f"{total % DIGEST_MODULUS:064x}"


def parquet_bytes(table: pa.Table) -> bytes:
    """Writes a table as Parquet: the same bytes however it is chunked.

    An empty table gets no row group, since `load_dataset` fails on an empty row group.
    """
    stream = io.BytesIO()
    with pq.ParquetWriter(stream, table.schema, compression="zstd") as writer:
        if table.num_rows:
            writer.write_table(table.combine_chunks(), row_group_size=table.num_rows)
    return stream.getvalue()


def table_in(content: bytes, columns: Sequence[str] | None = None) -> pa.Table:
    """Reads a table from the bytes of a Parquet file, in this thread alone.

    The threads of `pq.read_table` release the bytes later, which has crashed a process that was ending.
    """
    with pq.ParquetFile(pa.BufferReader(content), pre_buffer=False) as file:
        return file.read(columns=columns, use_threads=False)


def is_same_schema(found: pa.Schema, expected: pa.Schema) -> bool:
    """Compares schemas. Parquet has its own name for what a list holds, which is no difference."""
    types = [(field.name, _type_text(field.type)) for field in found]
    return types == [(field.name, _type_text(field.type)) for field in expected] and found.metadata == expected.metadata


def as_stored(kind: pa.DataType) -> pa.DataType:
    """Returns the type that values of a type have when they are read back: Parquet has no seconds."""
    if pa.types.is_list(kind):
        return pa.list_(as_stored(kind.value_type))
    return pa.timestamp("ms") if kind == pa.timestamp("s") else kind


def _type_text(kind: pa.DataType) -> str:
    return f"list<{_type_text(kind.value_type)}>" if pa.types.is_list(kind) else str(as_stored(kind))
