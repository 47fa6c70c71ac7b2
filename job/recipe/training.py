"""Training examples of items: the text that two items are compared by, the prompt, and the completion.

A recipe of a user's own has templates for the last two. The course's recipes have code: they are asked for a price to
the nearest dollar, as their training sets are.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from job.errors import UsageError
from job.recipe.course_2024.prompt import PRICE_PREFIX, test_prompt
from job.recipe.price import whole_dollars
from job.recipe.protocol import RecipeDescription
from job.recipe.registry import current_name

if TYPE_CHECKING:
    import pyarrow as pa

_QUESTION_2025 = "What does this cost to the nearest dollar?\n\n{}\n\n" + PRICE_PREFIX

_PROMPTS: dict[str, tuple[str, Callable[[str], str]]] = {
    "course-2024": ("prompt", test_prompt),
    "course-2025": ("full", _QUESTION_2025.format),
}
"""Of recipes whose prompts are made by code: the column that they are made of, and how."""


def why_no_examples(described: RecipeDescription) -> str | None:
    """Tells why no training examples can be made of a recipe's items; None when they can.

    Args:
        described: description of the recipe.
    """
    if current_name(described.name) in _PROMPTS:
        return None
    missing = [name for name in ("prompt", "completion") if getattr(described, name) is None]
    if not missing:
        return None
    return f"the recipe {described.name} has no template for the {' and the '.join(missing)}"


def prompts(described: RecipeDescription, items: pa.Table) -> list[str]:
    """Returns the prompt of each item: what a model is asked.

    Args:
        described: description of the recipe that made them.
        items: a table with the columns of `prompt_columns`.
    """
    made = _PROMPTS.get(current_name(described.name))
    if made is not None and described.prompt is None:
        column, make = made
        return list(map(make, items[column].to_pylist()))
    return _filled(str(described.prompt), items)


def completions(described: RecipeDescription, items: pa.Table) -> list[str]:
    """Returns the completion of each item: what a model is to answer. Arguments are as for `prompts`."""
    if described.completion is None:
        return list(map(whole_dollars, items[str(described.roles.price)].to_pylist()))
    return _filled(described.completion, items)


def prompt_columns(described: RecipeDescription) -> list[str]:
    """Returns the item columns that prompts are made of."""
    made = _PROMPTS.get(current_name(described.name))
    if made is not None and described.prompt is None:
        return [made[0]]
    return _columns_in(described.prompt)


def completion_columns(described: RecipeDescription) -> list[str]:
    """Returns the item columns that completions are made of."""
    return [str(described.roles.price)] if described.completion is None else _columns_in(described.completion)


def texts(described: RecipeDescription, items: pa.Table) -> list[str | None]:
    """Returns the text of each item, by which it is compared with others.

    It is the text that the recipe has written, without the answer where it holds that.

    Args:
        described: description of the recipe that made them.
        items: a table with the columns of `text_columns`.
    """
    text = described.roles.text
    if text is None or (text == "prompt" and current_name(described.name) == "course-2024"):
        return list(prompts(described, items))
    return items[text].to_pylist()


def text_columns(described: RecipeDescription) -> list[str]:
    """Returns the item columns that `texts` needs."""
    text = described.roles.text
    return prompt_columns(described) if text is None else [text]


def _filled(template: str, items: pa.Table) -> list[str]:
    columns = _columns_in(template)
    if not columns:
        return [template.format()] * items.num_rows
    values = [items[name].to_pylist() for name in columns]
    for name, column in zip(columns, values, strict=True):
        if None in column:
            raise UsageError(
                f"the template {template!r} needs {name}, and {column.count(None):,} items of one shard have none\n"
                "let the recipe drop such rows, or fill them in, and make the items again"
            )
    return [template.format(**dict(zip(columns, row, strict=True))) for row in zip(*values, strict=True)]


def _columns_in(template: str | None) -> list[str]:
    fields: Sequence[str | None] = [field for _, field, _, _ in string.Formatter().parse(template or "")]
    return list(dict.fromkeys(field for field in fields if field is not None))
