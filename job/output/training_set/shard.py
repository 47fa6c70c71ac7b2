"""What a shard of a training set is: its columns, and the digest of its rows in their order."""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from job.output.shard import as_stored, with_features
from job.recipe.protocol import CATEGORY, RecipeDescription, arrow_type, type_name

ID, TITLE, PRICE, PROMPT, COMPLETION = "id", "title", "price", "prompt", "completion"
_SHOWN = (ID, CATEGORY, TITLE, PRICE)
"""Columns that a set and its removed items both have, in their order."""
FATE = {"reason": pa.string(), "kept_id": pa.string(), "similarity": pa.float64()}
"""Columns that only removed items have, in their order."""


def set_schema(recipe: RecipeDescription) -> pa.Schema:
    """Returns the schema of the splits' shards: id, category, title, price, prompt, completion, the recipe's others.

    Args:
        recipe: the recipe that made the items. A column for which it has no role is left out.
    """
    fields = [*_shown_fields(recipe), pa.field(PROMPT, pa.string()), pa.field(COMPLETION, pa.string())]
    fields += [pa.field(name, arrow_type(recipe.columns[name])) for name in other_columns(recipe)]
    return with_features(fields)


def removed_schema(recipe: RecipeDescription) -> pa.Schema:
    """Returns the schema of the shards with the items that are in no split."""
    return with_features([*_shown_fields(recipe), *[pa.field(name, kind) for name, kind in FATE.items()]])


def shown_columns(recipe: RecipeDescription) -> dict[str, str]:
    """Returns which item column becomes the id, the title and the price, for those that there are."""
    roles = {ID: recipe.roles.id, TITLE: recipe.roles.title, PRICE: recipe.roles.price}
    return {name: column for name, column in roles.items() if column is not None}


def other_columns(recipe: RecipeDescription) -> list[str]:
    """Returns the recipe's further item columns that a set has too."""
    taken = {*shown_columns(recipe).values(), *_SHOWN, PROMPT, COMPLETION}
    return [name for name in recipe.columns if name not in taken]


def text_column(recipe: RecipeDescription) -> str:
    """Returns the column of a set's rows by which they are compared: the recipe's text if a set has it, or the prompt.

    A set of `course-2024` has it as its prompt.
    """
    text = recipe.roles.text
    if text in other_columns(recipe):
        return str(text)
    return TITLE if text is not None and text == recipe.roles.title else PROMPT


def _shown_fields(recipe: RecipeDescription) -> list[pa.Field]:
    columns = shown_columns(recipe)
    kinds = {CATEGORY: pa.string()} | {name: arrow_type(recipe.columns[column]) for name, column in columns.items()}
    return [pa.field(name, kinds[name]) for name in _SHOWN if name in kinds]


def ordered_digest(rows: pa.Table) -> str:
    """Returns the SHA-256 of rows in their order, in hexadecimal; however the table is chunked.

    Args:
        rows: any columns that items can have.
    """
    digest = hashlib.sha256()
    for name in rows.column_names:
        column = rows[name].cast(as_stored(rows[name].type))
        digest.update(f"{name}\0{type_name(column.type)}\0{len(column)}\0".encode())
        _add(digest, column.combine_chunks())
    return digest.hexdigest()


def _add(digest: Any, values: Any) -> None:
    if isinstance(values, pa.ChunkedArray):
        values = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)
    digest.update(np.packbits(values.is_valid().to_numpy(zero_copy_only=False)).tobytes())
    kind = values.type
    if pa.types.is_string(kind) or pa.types.is_list(kind):
        lengths = pc.list_value_length(values) if pa.types.is_list(kind) else pc.binary_length(values)
        digest.update(lengths.fill_null(0).to_numpy(zero_copy_only=False).astype("<i4").tobytes())
    if pa.types.is_list(kind):
        _add(digest, values.flatten())
    elif pa.types.is_string(kind):
        dense = values.drop_null()
        if len(dense):
            _, offsets, content = dense.buffers()
            ends = np.frombuffer(offsets, np.int32)[dense.offset : dense.offset + len(dense) + 1]
            digest.update(memoryview(content)[ends[0] : ends[-1]])
    elif pa.types.is_boolean(kind):
        digest.update(np.packbits(values.drop_null().to_numpy(zero_copy_only=False)).tobytes())
    else:
        dense = values.drop_null()
        if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
            dense = dense.view(pa.int32() if pa.types.is_date32(kind) else pa.int64())
        digest.update(np.ascontiguousarray(dense.to_numpy(zero_copy_only=False)).tobytes())
