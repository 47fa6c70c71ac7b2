"""Source columns that can be carried along with each item."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from job.recipe.inputs import Kind, recipe_input

KEEPABLE_COLUMNS = pa.schema(
    [
        recipe_input("main_category", Kind.TEXT),
        recipe_input("store", Kind.TEXT),
        recipe_input("average_rating", Kind.NUMBER),
        recipe_input("rating_number", Kind.WHOLE_NUMBER),
        recipe_input("features", Kind.TEXTS),
        recipe_input("description", Kind.TEXTS),
        recipe_input("categories", Kind.TEXTS),
        recipe_input("details", Kind.JSON),
    ]
)
"""Columns of Amazon Reviews 2023 that mean the same in both of its formats."""


def kept_columns(names: Sequence[str]) -> pa.Schema:
    """Returns the schema of the columns to carry along, in the order named."""
    return pa.schema([KEEPABLE_COLUMNS.field(name) for name in names])
