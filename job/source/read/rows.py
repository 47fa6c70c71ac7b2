"""What every reader yields: one table a partition, rows in order, in one schema whatever the files' form.

A malformed row is in it too, with its cause and the row as it came; and each partition ends with one message that
says how many rows it has, so that the sink can tell a whole partition from a part of it, and an empty one from none.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from job.recipe.verdicts import END

KEPT_COLUMN_TYPES: dict[str, pa.DataType] = {
    "main_category": pa.string(),
    "store": pa.string(),
    "average_rating": pa.float64(),
    "rating_number": pa.int64(),
    "features": pa.list_(pa.string()),
    "description": pa.list_(pa.string()),
    "categories": pa.list_(pa.string()),
    "details": pa.string(),
}
"""The types of the columns that can be carried along, in the rows and in the items."""

TEXT_COLUMNS = ("title", "parent_asin", "price")
LIST_COLUMNS = ("description", "features")
PARQUET_COLUMNS = (*TEXT_COLUMNS, *LIST_COLUMNS, "details")
"""What the recipe reads of a Parquet file."""

MAX_RAW_BYTES = 1 << 20
"""Of a longer malformed row only so much is kept aside; the whole one stands in the source, at its position."""

KEEP_PREFIX = "keep:"
"""Columns to carry along travel under this prefix, so that no name meets one of the recipe's."""


def rows_schema(details: str, keep_columns: Sequence[str]) -> pa.Schema:
    """Returns the schema of a reader's tables.

    Args:
        details: `details` where they are JSON text as `json.dumps` writes it, `details_json` where they are JSON as
            it came and the recipe has to write it anew.
        keep_columns: the source columns to carry along; of `KEPT_COLUMN_TYPES`.
    """
    return pa.schema(
        [
            ("partition", pa.int32()),
            ("position", pa.int64()),  # byte offset in a JSONL file, row number in a Parquet file
            ("verdict", pa.string()),  # null: for the recipe to say
            ("cause", pa.string()),  # of a malformed row
            ("raw", pa.binary()),  # a malformed row as it came
            ("title", pa.string()),
            ("parent_asin", pa.string()),
            ("price", pa.string()),
            ("description", pa.list_(pa.string())),
            ("features", pa.list_(pa.string())),
            (details, pa.string()),
            *[(KEEP_PREFIX + name, KEPT_COLUMN_TYPES[name]) for name in keep_columns],
        ]
    )


def end_message(partition: int, num_rows: int, schema: pa.Schema) -> pa.Table:
    """Makes the message that ends a partition."""
    return _message(schema, partition=partition, position=num_rows, verdict=END)


def damage_message(partition: int, cause: str, schema: pa.Schema) -> pa.Table:
    """Makes the message that ends a partition which cannot be read: whatever came of it before counts for nothing."""
    return _message(schema, partition=partition, position=0, verdict=END, cause=cause)


def _message(schema: pa.Schema, **given: object) -> pa.Table:
    return pa.table([pa.array([given.get(field.name)], field.type) for field in schema], schema=schema)
