"""Another task on the same catalogue: which category does a listing belong to? Its title and features are the question.

A recipe of one's own in one file. To see what it does with the first rows: curate try configs/recipes/shelves.yaml
"""

from enum import StrEnum
from typing import NamedTuple

from job import RecipeSettings, Roles, RowRecipe


class Example(NamedTuple):
    """What a classifier is trained on."""

    parent_asin: str | None
    text: str
    label: str


class NoExample(StrEnum):
    """Why a listing is no example."""

    NO_LABEL = "no_label"
    TOO_SHORT = "too_short"


class Shelves(RowRecipe):
    """Product listings, each with the main category that it belongs to."""

    roles = Roles(id="parent_asin", text="text")
    prompt = "{text}\n\nCategory: "
    completion = "{label}"
    heading = "Shelves"
    noun = "text"

    class Settings(RecipeSettings):
        """What is asked of a listing."""

        min_chars: int = 80
        """The text must have at least this many characters."""
        max_chars: int = 2_000
        """The text is cut after this many characters."""

    def judge_row(
        self, parent_asin: str | None, title: str | None, features: list[str] | None, main_category: str | None
    ) -> Example | NoExample:
        """Returns the example that a listing makes, or why it makes none."""
        if not main_category:
            return NoExample.NO_LABEL
        text = "\n".join(" ".join(part.split()) for part in [title or "", *(features or [])])
        self.note(f"text: {len(text):,} characters, at least {self.settings.min_chars} needed")
        if len(text) < self.settings.min_chars:
            return NoExample.TOO_SHORT
        return Example(parent_asin, text[: self.settings.max_chars], main_category)
