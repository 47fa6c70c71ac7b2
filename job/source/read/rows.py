"""What every reader yields: tables of rows in order, in one schema whatever the files' format.

A malformed row is in it too, with its cause and the row as it came. Each partition ends with one message that says how
many rows it has, so that the sink can tell a whole partition from a part of it, and an empty one from none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from job.config.columns import kept_columns
from job.config.models import JobConfig
from job.recipe.inputs import Kind, json_source_name, kind_of
from job.recipe.verdicts import CUT_OFF, END
from job.source.find.layout import FileFormat

MAX_RAW_BYTES = 1 << 20
"""Bytes of a malformed row that are kept aside, at most. The whole row stands in the source, at its position."""

ROWS_AT_ONCE = 1000
"""Number of rows of a table that a reader yields, at most. With 4,000 a worker takes 10 MB more, and 2% less time."""

KEEP_PREFIX = "keep:"
"""Prefix of the columns that are carried along, so that no name clashes with an input or an item column."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RowLayout:
    """What to read of each row, and what a row may be."""

    inputs: pa.Schema
    """Inputs of the recipe; see `job.recipe.inputs`."""
    kept: pa.Schema
    """Source columns to carry along."""
    fields: Mapping[str, str]
    """Column in the source by input, where the names differ; see `SourceConfig`."""
    max_row_bytes: int
    """Bytes of a row above which it is malformed."""

    @classmethod
    def of(cls, config: JobConfig) -> RowLayout:
        """Returns the layout that a job asks for."""
        return cls(
            inputs=config.recipe.recipe_type().inputs,
            kept=kept_columns(config.keep_columns),
            fields=config.source.fields,
            max_row_bytes=config.max_row_bytes,
        )

    @property
    def columns(self) -> dict[str, pa.Field]:
        """Everything that is read, inputs first, by name."""
        found: dict[str, pa.Field] = {}
        for field in (*self.inputs, *self.kept):
            found.setdefault(field.name, field)
        return found

    @property
    def source_columns(self) -> tuple[str, ...]:
        """Names of everything that is read, as the source has them."""
        return tuple(dict.fromkeys(map(self.source_name, self.columns)))

    def source_name(self, name: str) -> str:
        """Returns what an input or a kept column is called in the source."""
        return self.fields.get(name, name)

    def schema(self, file_format: FileFormat) -> pa.Schema:
        """Returns the schema of the tables of rows.

        Args:
            file_format: JSON inputs come as they stand from JSONL, and as text from Parquet.
        """
        return pa.schema(
            [
                ("partition", pa.int32()),
                ("position", pa.int64()),  # byte offset in a JSONL file, row number in a Parquet file
                ("verdict", pa.string()),  # null: the recipe decides
                ("cause", pa.string()),  # of a malformed row
                ("raw", pa.binary()),  # a malformed row as it came
                *[(_input_name(field, file_format), field.type) for field in self.inputs],
                *[(KEEP_PREFIX + field.name, field.type) for field in self.kept],
            ]
        )


def _input_name(field: pa.Field, file_format: FileFormat) -> str:
    is_source = file_format == "jsonl" and kind_of(field) == Kind.JSON
    return json_source_name(field.name) if is_source else field.name


def end_message(partition: int, num_rows: int, digest: str, schema: pa.Schema) -> pa.Table:
    """Makes the message that ends a partition, with the digest of what its rows are made of."""
    return _message(schema, partition=partition, position=num_rows, verdict=END, raw=digest.encode("ascii"))


def damage_message(partition: int, cause: str, schema: pa.Schema) -> pa.Table:
    """Makes the message that ends a partition which cannot be read. The rows before it count for nothing."""
    return _message(schema, partition=partition, position=0, verdict=END, cause=cause)


def cut_off_message(partition: int, offset: int, cause: str, schema: pa.Schema) -> pa.Table:
    """Makes the message that the file ends in the middle of a line. The rows before that line count."""
    return _message(schema, partition=partition, position=offset, verdict=CUT_OFF, cause=cause)


def _message(schema: pa.Schema, **given: object) -> pa.Table:
    return pa.table([pa.array([given.get(field.name)], field.type) for field in schema], schema=schema)
