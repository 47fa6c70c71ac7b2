"""A listing as both course recipes read it: its inputs, and what its price and title decide before all else."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

import pyarrow as pa

from job.recipe.inputs import Kind, recipe_input
from job.recipe.price import PriceDrop, PriceRange, judge_price
from job.recipe.unicode import UnicodeVersion
from job.recipe.verdicts import KEPT

INPUTS = pa.schema(
    [
        recipe_input("title", Kind.TEXT, required=True),
        recipe_input("parent_asin", Kind.ANY_AS_TEXT),
        recipe_input("price", Kind.NUMBER_AS_TEXT, required=True),
        recipe_input("description", Kind.TEXTS),
        recipe_input("features", Kind.TEXTS),
        recipe_input("details", Kind.JSON),
    ]
)

TITLE_MISSING = "title_missing"
"""Drop reason of a row without a title; an empty one is fine."""


def first_verdicts(
    rows: pa.Table, settings: PriceRange, unicode: UnicodeVersion
) -> tuple[list[str], list[tuple[int, float]]]:
    """Judges prices and titles. Half of the rows have no price, and nothing else of such a row is touched.

    Args:
        rows: rows with the columns of `INPUTS`.
        settings: which prices are kept.
        unicode: which characters of a price are digits.

    Returns:
        The verdict of each row, `kept` while there is no other, and the index and price of each of these.
    """
    verdicts = [KEPT] * rows.num_rows
    candidates: list[tuple[int, float]] = []
    judged = {
        text: judge_price(text, settings.min_price, settings.max_price, unicode)
        for text in rows["price"].unique().to_pylist()
    }
    fields = zip(rows["price"].to_pylist(), rows["title"].is_valid().to_pylist(), strict=True)
    for index, (price_text, is_titled) in enumerate(fields):
        price = judged[price_text]
        if isinstance(price, PriceDrop):
            verdicts[index] = price
        elif not is_titled:
            verdicts[index] = TITLE_MISSING
        else:
            candidates.append((index, price))
    return verdicts, candidates


def explained_first(
    values: Mapping[str, Any], settings: PriceRange, unicode: UnicodeVersion
) -> Generator[str, None, bool]:
    """Yields what the first steps find in a row.

    Args:
        values: the row, by input.
        settings: which prices are kept.
        unicode: which characters of a price are digits.

    Returns:
        Whether price and title leave the row to further steps.
    """
    price = judge_price(values["price"], settings.min_price, settings.max_price, unicode)
    is_number = "" if price != PriceDrop.MISSING else " (no number)"
    yield f"price: {values['price']!r}, {settings.min_price} to {settings.max_price} needed{is_number}"
    if isinstance(price, PriceDrop):
        return False
    title = values["title"]
    yield "title: missing" if title is None else f"title: {len(title):,} characters"
    return title is not None
