"""Parts that the cards of items and of training sets have in common; see `full_card.py`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence

import yaml

from job.output.card import plain
from job.recipe.protocol import RecipeDescription
from job.source.find.amazon_2023 import CITATION, LIMITS, TERMS

_SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B", "n>1B")
"""The Hub's size categories, each ten times the one before it."""
_SMALLEST = 1000


def paragraphs(texts: Iterable[str]) -> Iterator[str]:
    """Yields texts as paragraphs."""
    return (f"{text}\n" for text in texts)


def size_category(count: int) -> str:
    """Returns the Hub's size category of so many rows."""
    found = 0
    while count >= _SMALLEST * 10**found:
        found += 1
    return _SIZES[min(len(_SIZES) - 1, found)]


def meanings(recipe: RecipeDescription) -> Iterator[tuple[str, str]]:
    """Yields item columns, each with a meaning that its role gives it. A column may have several roles."""
    roles, noun = recipe.roles, plain(recipe.noun)
    unit = f" in {plain(recipe.length_unit)}" if recipe.length_unit else ""
    for name, meaning in (
        (roles.id, "Identifies the listing in its source."),
        (roles.title, "Title of the listing."),
        (roles.text, f"The {noun}: what a model reads."),
        (roles.price, "Price in dollars."),
        (roles.length, f"Length of the {noun}{unit}."),
    ):
        if name is not None:
            yield name, meaning


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = False) -> str:
    """Returns a table. Cells are Markdown.

    Args:
        head: its columns.
        rows: its rows.
        numbers: whether all columns but the first are of numbers.
    """
    ruler = "|---" + ("|---:" if numbers else "|---") * (len(head) - 1) + "|"
    return "\n".join([_row(head), ruler, *map(_row, rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def value_text(value: object) -> str:
    """Writes a value so that YAML reads it as it is: bare where that is safe, else as JSON."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z][\w./:-]*", value) and yaml.safe_load(value) == value:
        return value
    return json.dumps(value, ensure_ascii=False)


def of_amazon() -> Iterator[str]:
    """Yields what is known of Amazon Reviews 2023. Of files of the user's own that is nothing."""
    yield "## Known limits\n"
    yield "\n".join(f"- {limit}" for limit in LIMITS) + "\n"
    yield "## Source, terms and citation\n"
    yield f"{TERMS}\n"
    yield f"{CITATION}\n"


def code(lines: Iterable[str]) -> str:
    """Writes lines as they are: within such a block nothing is markup."""
    return "\n".join(f"    {line}" for line in lines)
