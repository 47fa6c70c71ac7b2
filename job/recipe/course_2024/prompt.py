"""How a prompt is written, and how it is cut before its answer."""

from __future__ import annotations

OPENING = "How much does this cost to the nearest dollar?\n\n"
PRICE_PREFIX = "Price is $"


def test_prompt(prompt: str) -> str:
    """Cuts the answer off a prompt, to ask a trained model for it.

    The course cuts at the first `Price is $`, and so loses text where a listing says that itself; this cuts at the
    last one. It is the one place where this recipe differs from the course on purpose.

    Args:
        prompt: an item's prompt.

    Returns:
        The prompt up to and including its last `Price is $`.
    """
    return prompt.rpartition(PRICE_PREFIX)[0] + PRICE_PREFIX


test_prompt.__test__ = False  # pyright: ignore[reportFunctionMemberAccess]  # pytest would collect it by its name
