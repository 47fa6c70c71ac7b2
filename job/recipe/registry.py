"""The recipes that the program knows by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from job.recipe.course_2024.prompt import test_prompt
from job.recipe.course_2024.settings import Course2024Settings
from job.recipe.course_2025.settings import Course2025Settings
from job.recipe.custom.code import is_custom
from job.recipe.protocol import Recipe, RecipeDescription, RecipeSettings, Roles

DEFAULT = "course-2024"
"""Name of the recipe of a config that names none."""

RECIPES: dict[str, type[RecipeSettings]] = {DEFAULT: Course2024Settings, "course-2025": Course2025Settings}
"""Settings of each recipe, by the name that a config gives."""

TEST_PROMPTS: dict[str, Callable[[Mapping[str, Any]], str]] = {DEFAULT: lambda item: test_prompt(item["prompt"])}
"""Code that makes an item's question, for built-in recipes without a template for it."""

UNDESCRIBED = RecipeDescription(
    name="price-prompt",
    version=1,
    reasons=("price_missing", "price_out_of_range", "title_missing", "text_too_short", "too_few_tokens"),
    columns={
        "parent_asin": "string",
        "title": "string",
        "price": "double",
        "prompt": "string",
        "token_count": "int32",
    },
    roles=Roles(id="parent_asin", title="title", text="prompt", price="price", length="token_count"),
    heading="Price prompts",
    summary="Product listings, each with a prompt that asks for its price and answers it.",
    noun="prompt",
    length_unit="tokens",
)
"""Description that holds for plans without one: of the only recipe there was then. It stays as it is for good."""


def current_name(name: str) -> str:
    """Returns the name that a recipe has today; a recipe that the program does not know keeps its own."""
    return next((current for current, settings in RECIPES.items() if name in settings.old_names), name)


def settings_type(name: object) -> type[RecipeSettings]:
    """Finds a recipe's settings by the recipe's name, or by one that it had before.

    Raises:
        ValueError: when there is no such recipe.
    """
    if isinstance(name, str) and (current := current_name(name)) in RECIPES:
        return RECIPES[current]
    if isinstance(name, str) and is_custom(name):
        from job.recipe.custom.load import custom_settings

        return custom_settings(name)
    raise ValueError(
        f"unknown recipe {name!r}; known recipes: {', '.join(RECIPES)}; your own: FILE.py:CLASS or package.module:CLASS"
    )


def make_recipe(settings: RecipeSettings) -> Recipe:
    """Makes the recipe that a config asks for, once per process and settings."""
    made = _made.get(type(settings))
    if made is None or made[0] != settings:
        made = _made[type(settings)] = (settings, settings.recipe_type()(settings))
    return made[1]


_made: dict[type[RecipeSettings], tuple[RecipeSettings, Recipe]] = {}
"""The recipe made last of each type. Settings of users' own recipes may hold lists, which cannot be hashed."""


def question(description: RecipeDescription, item: Mapping[str, Any]) -> str | None:
    """Returns the part of an item's prompt that a trained model is asked with.

    Args:
        description: of the recipe that made the item, from the output's plan.
        item: the item, by column.

    Returns:
        The question; None when the recipe has neither a template nor code for it.
    """
    if description.prompt is not None:
        return description.prompt.format(**item)
    made_by_code = TEST_PROMPTS.get(current_name(description.name))
    return made_by_code(item) if made_by_code else None


def summaries() -> dict[str, str]:
    """Returns the recipes by name, each in one sentence."""
    return {name: str(settings.recipe_type().described_as.get("summary", "")) for name, settings in RECIPES.items()}
