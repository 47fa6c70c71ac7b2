"""Whether a price is one to train on, and how it is written. Shared by the recipes that need a price."""

from __future__ import annotations

import enum

from job.recipe.unicode import UNICODE_14, UnicodeVersion


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
