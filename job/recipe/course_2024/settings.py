"""Settings of the course's recipe of 2024."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from job.recipe.price import PriceRange

if TYPE_CHECKING:
    from job.recipe.course_2024.recipe import Course2024


class Course2024Settings(PriceRange, frozen=True):
    """What makes a row an item."""

    old_names: ClassVar = ("price-prompt",)

    name: Literal["course-2024"] = "course-2024"
    """The recipe."""
    min_chars: Annotated[int, Field(ge=0)] = 300
    """The contents must have more characters than this."""
    min_tokens: Annotated[int, Field(ge=0)] = 150
    """The text must have more tokens than this."""
    max_tokens: Annotated[int, Field(ge=1)] = 160
    """The text is cut after this many tokens."""
    tokenizer: Literal["llama3"] = "llama3"
    """The tokenizer that counts and cuts."""

    @classmethod
    def recipe_type(cls) -> type[Course2024]:
        """Returns the recipe; importing it loads Arrow and the tokenizer's library, which most commands do without."""
        from job.recipe.course_2024.recipe import Course2024

        return Course2024
