"""curate: turns a large product catalogue into training data, on Ray."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from job.loader import Item, ItemLoader
    from job.notebook.training_set import TrainingSet
    from job.recipe.custom.row import RowRecipe
    from job.recipe.inputs import Kind, recipe_input
    from job.recipe.protocol import RecipeSettings, Roles

__all__ = ["Item", "ItemLoader", "Kind", "RecipeSettings", "Roles", "RowRecipe", "TrainingSet", "recipe_input"]

_MODULES = {
    "Item": "loader",
    "ItemLoader": "loader",
    "Kind": "recipe.inputs",
    "RecipeSettings": "recipe.protocol",
    "Roles": "recipe.protocol",
    "RowRecipe": "recipe.custom.row",
    "TrainingSet": "notebook.training_set",
    "recipe_input": "recipe.inputs",
}


def __getattr__(name: str) -> Any:
    """Imports what is named on first use: commands need little of it."""
    if name in _MODULES:
        return getattr(importlib.import_module(f"job.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
