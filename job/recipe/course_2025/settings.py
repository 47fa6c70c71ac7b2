"""Settings of the course's recipe of 2025."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import pydantic
from pydantic import Field

from job.recipe.price import PriceRange

if TYPE_CHECKING:
    from job.recipe.course_2025.recipe import Course2025


class Course2025Settings(PriceRange, frozen=True):
    """What makes a row an item."""

    name: Literal["course-2025"] = "course-2025"
    """The recipe."""
    min_chars: Annotated[int, Field(ge=0)] = 600
    """The text must have this many characters."""
    max_chars_each: Annotated[int, Field(ge=1)] = 3_000
    """The description is cut after this many characters, and so are the features."""
    max_chars: Annotated[int, Field(ge=1)] = 4_000
    """The text is cut after this many characters."""

    @pydantic.model_validator(mode="after")
    def _chars(self) -> Course2025Settings:
        if self.min_chars > self.max_chars:
            raise ValueError(f"min_chars {self.min_chars} is above max_chars {self.max_chars}: nothing would be kept")
        return self

    @classmethod
    def recipe_type(cls) -> type[Course2025]:
        """Returns the recipe; importing it loads Arrow, which most commands do without."""
        from job.recipe.course_2025.recipe import Course2025

        return Course2025
