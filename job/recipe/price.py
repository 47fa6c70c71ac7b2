"""Whether a price is one to train on, and how it is written. Shared by the recipes that need a price."""

from __future__ import annotations

import enum
from typing import Annotated

import pydantic
from pydantic import Field

from job.recipe.protocol import RecipeSettings
from job.recipe.unicode import UNICODE_14, UnicodeVersion


class PriceRange(RecipeSettings, frozen=True):
    """Settings of a recipe that needs a price."""

    min_price: Annotated[float, Field(allow_inf_nan=False)] = 0.5
    """The lowest price kept, in dollars, included."""
    max_price: Annotated[float, Field(allow_inf_nan=False)] = 999.49
    """The highest price kept, in dollars, included."""

    @pydantic.model_validator(mode="after")
    def _range(self) -> PriceRange:
        if self.min_price > self.max_price:
            raise ValueError(f"min_price {self.min_price} is above max_price {self.max_price}: nothing would be kept")
        return self


class PriceDrop(enum.StrEnum):
    """Why a price drops its row."""

    MISSING = "price_missing"
    OUT_OF_RANGE = "price_out_of_range"


def judge_price(
    text: str | None, lowest: float, highest: float, unicode: UnicodeVersion = UNICODE_14
) -> float | PriceDrop:
    """Reads a price as the course's loader does: it takes whatever Python's `float()` takes.

    Args:
        text: the price as text; None when there is none.
        lowest: the lowest price to keep, in dollars, included.
        highest: the highest price to keep, in dollars, included.
        unicode: which characters are digits; `float` takes those of every script.

    Returns:
        The price in dollars, or why the row is dropped. NaN is out of range.
    """
    if not text:
        return PriceDrop.MISSING
    try:
        price = unicode.number(text)
    except ValueError:
        return PriceDrop.MISSING
    return price if lowest <= price <= highest else PriceDrop.OUT_OF_RANGE


def whole_dollars(price: float) -> str:
    """Writes a price to the nearest dollar, halves to the even one, as the published prompts have it."""
    return f"{round(price)}.00"
