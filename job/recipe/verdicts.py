"""What can become of a row."""

from __future__ import annotations

import enum


class DropReason(enum.StrEnum):
    """Why a well-formed row is not an item, in the order in which the rules are applied."""

    PRICE_MISSING = "price_missing"
    PRICE_OUT_OF_RANGE = "price_out_of_range"
    TITLE_MISSING = "title_missing"
    TEXT_TOO_SHORT = "text_too_short"
    TOO_FEW_TOKENS = "too_few_tokens"


KEPT = "kept"
"""The verdict of a row that became an item."""

MALFORMED = "malformed"
"""The verdict of a row that is no row at all; given by the reader, never by a recipe."""

END = "end"
"""Marks a partition's last message, which is no row: its position says how many rows came before it."""
