"""Source columns that can be carried along with each item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from job.recipe.inputs import Kind, recipe_input

if TYPE_CHECKING:
    import pyarrow as pa

KEEPABLE_COLUMNS = {
    "main_category": Kind.TEXT,
    "store": Kind.TEXT,
    "average_rating": Kind.NUMBER,
    "rating_number": Kind.WHOLE_NUMBER,
    "features": Kind.TEXTS,
    "description": Kind.TEXTS,
    "categories": Kind.TEXTS,
    "details": Kind.JSON,
}
"""Columns of Amazon Reviews 2023 that mean the same in both of its formats, with what they may hold."""


def kept_columns(names: Sequence[str]) -> pa.Schema:
    """Returns the schema of the columns to carry along, in the order named."""
    import pyarrow as pa

    return pa.schema([recipe_input(name, KEEPABLE_COLUMNS[name]) for name in names])
