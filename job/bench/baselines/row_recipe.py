"""How fast is `curate run` with a recipe that judges one row at a time in plain Python, as users write their own?

The rules are those of `course.py` with the settings of the course, and with tiktoken: what `datatrove_pipeline.py` and
`ray_data.py` do too. So it makes the items of `course-2024`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, NamedTuple

from job.bench.baselines.course import judge, row_of_json
from job.bench.baselines.plain_tokenizer import plain_tokenizer
from job.recipe.course_2024.settings import Course2024Settings
from job.recipe.custom.row import RowRecipe
from job.recipe.inputs import Kind

_SETTINGS = Course2024Settings()


class PlainItem(NamedTuple):
    """The columns of an item."""

    parent_asin: str | None
    title: str
    price: float
    prompt: str
    token_count: int


class NoItem(StrEnum):
    """Why a row is no item."""

    PRICE_MISSING = "price_missing"
    PRICE_OUT_OF_RANGE = "price_out_of_range"
    TITLE_MISSING = "title_missing"
    TEXT_TOO_SHORT = "text_too_short"
    TOO_FEW_TOKENS = "too_few_tokens"


class PlainCourse(RowRecipe):
    """The course's rules of 2024, one row after the other."""

    def judge_row(
        self,
        parent_asin: Annotated[str | None, Kind.ANY_AS_TEXT],
        title: str | None,
        price: Annotated[str | None, Kind.NUMBER_AS_TEXT],
        description: list[str] | None,
        features: list[str] | None,
        details: Any,
    ) -> PlainItem | NoItem:
        """Judges a row; see `course.judge`."""
        listing = {"title": title, "price": price, "description": description, "features": features}
        row = row_of_json(listing if details is None else listing | {"details": details})
        verdict, prompt, token_count = judge(row, _SETTINGS, plain_tokenizer())
        if prompt is None or token_count is None:
            return NoItem(verdict)
        return PlainItem(parent_asin, row["title"], float(row["price"]), prompt, token_count)
