"""Is the price one to train on? And how is it written?"""

from __future__ import annotations

from job.recipe.verdicts import DropReason


def judge_price(text: str | None, lowest: float, highest: float) -> float | DropReason:
    """Reads a price as the course's loader does: whatever Python's `float()` takes.

    Args:
        text: the price as text; None when there is none.
        lowest: the lowest price to keep, in dollars, included.
        highest: the highest price to keep, in dollars, included.

    Returns:
        The price in dollars, or why the row is dropped. NaN is out of range.
    """
    if not text:
        return DropReason.PRICE_MISSING
    try:
        price = float(text)
    except ValueError:
        return DropReason.PRICE_MISSING
    return price if lowest <= price <= highest else DropReason.PRICE_OUT_OF_RANGE


def whole_dollars(price: float) -> str:
    """Writes a price to the nearest dollar, halves to the even one, as the published prompts have it."""
    return f"{round(price)}.00"
