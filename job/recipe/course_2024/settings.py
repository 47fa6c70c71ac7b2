"""Settings of the course's recipe of 2024."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import pydantic
from pydantic import Field

from job.recipe.protocol import RecipeSettings

if TYPE_CHECKING:
    from job.recipe.course_2024.recipe import Course2024


class Course2024Settings(RecipeSettings, frozen=True):
    """What makes a row an item."""

    old_names: ClassVar = ("price-prompt",)

    name: Literal["course-2024"] = "course-2024"
    """The recipe."""
    min_price: Annotated[float, Field(allow_inf_nan=False)] = 0.5
    """The lowest price kept, in dollars, included."""
    max_price: Annotated[float, Field(allow_inf_nan=False)] = 999.49
    """The highest price kept, in dollars, included."""
    min_chars: Annotated[int, Field(ge=0)] = 300
    """The contents must have more characters than this."""
    min_tokens: Annotated[int, Field(ge=0)] = 150
    """The text must have more tokens than this."""
    max_tokens: Annotated[int, Field(ge=1)] = 160
    """The text is cut after this many tokens."""
    tokenizer: Literal["llama3"] = "llama3"
    """The tokenizer that counts and cuts."""

    @pydantic.model_validator(mode="after")
    def _range(self) -> Course2024Settings:
        if self.min_price > self.max_price:
            raise ValueError(f"min_price {self.min_price} is above max_price {self.max_price}: nothing would be kept")
        return self

    @classmethod
    def recipe_type(cls) -> type[Course2024]:
        """Returns the recipe; importing it loads Arrow and the tokenizer's library, which most commands do without."""
        from job.recipe.course_2024.recipe import Course2024

        return Course2024
