"""Why the course's recipe of 2025 drops a row."""

from __future__ import annotations

import enum

from job.recipe import listing
from job.recipe.price import PriceDrop


class DropReason(enum.StrEnum):
    """Why a well-formed row is not an item, in the order in which the rules are applied."""

    PRICE_MISSING = PriceDrop.MISSING.value
    PRICE_OUT_OF_RANGE = PriceDrop.OUT_OF_RANGE.value
    TITLE_MISSING = listing.TITLE_MISSING
    TEXT_TOO_SHORT = "text_too_short"
