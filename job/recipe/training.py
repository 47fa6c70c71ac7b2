"""Training examples of items: the text that two items are compared by, the prompt, and the completion.

A recipe of a user's own has templates for the last two. The course's recipes have code: they are asked for a price to
the nearest dollar, as their training sets are.
"""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from job.errors import UsageError
from job.recipe.course_2024.prompt import PRICE_PREFIX, test_prompt
from job.recipe.price import whole_dollars
from job.recipe.protocol import RecipeDescription
from job.recipe.registry import current_name

_BEFORE_2025, _AFTER_2025 = "What does this cost to the nearest dollar?\n\n", f"\n\n{PRICE_PREFIX}"
_ROWS_AT_ONCE = 5_000
"""Number of rows that are Python objects at the same time: they take several times the memory of Arrow's."""


def _some_at_a_time(make: Callable[[Any], list[str]], rows: pa.Table | pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns strings that Python makes of rows, or of a column of them."""
    some = [rows.slice(start, _ROWS_AT_ONCE) for start in range(0, len(rows), _ROWS_AT_ONCE)]
    return pa.chunked_array([pa.array(make(each), pa.string()) for each in some], pa.string())


def _prompts_2024(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    return _some_at_a_time(lambda some: list(map(test_prompt, some.to_pylist())), texts)


def _prompts_2025(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(_BEFORE_2025, texts, _AFTER_2025, "")


_PROMPTS: dict[str, tuple[str, Callable[[pa.ChunkedArray], pa.ChunkedArray]]] = {
    "course-2024": ("prompt", _prompts_2024),
    "course-2025": ("full", _prompts_2025),
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


def prompts(described: RecipeDescription, items: pa.Table) -> pa.ChunkedArray:
    """Returns the prompt of each item, what a model is asked, as Arrow strings.

    Args:
        described: description of the recipe that made them.
        items: a table with the columns of `prompt_columns`.

    Raises:
        UsageError: when a value is missing.
    """
    _check("prompt", prompt_columns(described), items)
    made = _PROMPTS.get(current_name(described.name))
    if made is not None and described.prompt is None:
        column, make = made
        return make(items[column])
    return _filled(str(described.prompt), items)


def completions(described: RecipeDescription, items: pa.Table) -> pa.ChunkedArray:
    """Returns the completion of each item, what a model is to answer, as Arrow strings. All is as for `prompts`."""
    _check("completion", completion_columns(described), items)
    if described.completion is None:
        prices = items[str(described.roles.price)]
        return _some_at_a_time(lambda some: list(map(whole_dollars, some.to_pylist())), prices)
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


def check_examples(described: RecipeDescription, items: pa.Table) -> None:
    """Checks that items have what their prompts and completions are made of. Arguments are as for `prompts`.

    Raises:
        UsageError: when a value is missing.
    """
    _check("prompt", prompt_columns(described), items)
    _check("completion", completion_columns(described), items)


def _check(what: str, columns: Sequence[str], items: pa.Table) -> None:
    for name in columns:
        if missing := items[name].null_count:
            raise UsageError(
                f"the {what} of an item needs {name}, and {missing:,} items of one shard have none\n"
                "let the recipe drop such rows, or fill them in, and make the items again"
            )


def texts(described: RecipeDescription, items: pa.Table) -> pa.ChunkedArray:
    """Returns the text of each item, by which it is compared with others, as Arrow strings.

    It is the text that the recipe has written, without the answer where it holds that.

    Args:
        described: description of the recipe that made them.
        items: a table with the columns of `text_columns`.
    """
    text = described.roles.text
    if text is None or (text == "prompt" and current_name(described.name) == "course-2024"):
        return prompts(described, items)
    return items[text].cast(pa.string())


def text_columns(described: RecipeDescription) -> list[str]:
    """Returns the item columns that `texts` needs."""
    text = described.roles.text
    return prompt_columns(described) if text is None else [text]


def _filled(template: str, items: pa.Table) -> pa.ChunkedArray:
    columns = _columns_in(template)
    return _some_at_a_time(lambda some: [template.format(**row) for row in some.select(columns).to_pylist()], items)


def _columns_in(template: str | None) -> list[str]:
    fields: Sequence[str | None] = [field for _, field, _, _ in string.Formatter().parse(template or "")]
    return list(dict.fromkeys(field for field in fields if field is not None))
