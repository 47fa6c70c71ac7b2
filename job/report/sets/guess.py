"""The error of always guessing the mean price of train, which a model must beat.

A hit is a guess that is off by less than $40, or by less than 20% of the price, as in the course.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

import msgspec

from job.report.figures.tally import CENTS, Tally

HIT_DOLLARS = 40
"""Dollars that a hit is off by less than."""
HIT_SHARE = Fraction(1, 5)
"""Share of the price that a hit is off by less than."""


class GuessFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What a guess comes to."""

    split: str
    """On which split."""
    num: int
    """Its rows with a price that is not below 0."""
    guess: float
    """The mean price of train, in dollars."""
    error: float
    """Mean absolute error in dollars."""
    rmsle: float
    """Root of the mean squared difference of the logarithms of 1 + dollars."""
    hits: int
    """Rows of which it is a hit."""


def guess_figures(prices: Mapping[str, Tally]) -> GuessFigures | None:
    """Returns what always guessing the mean of train comes to on test, or on validation where there is no test.

    Sums are exact but for the logarithms.

    Args:
        prices: the prices of each split, in cents.

    Returns:
        The figures; None where train or both other splits have no prices.
    """
    mean = prices["train"].mean
    split = next((name for name in ("test", "validation") if prices[name].values.size), None)
    if mean is None or split is None or mean < 0:
        return None
    found = [(int(value), int(count)) for value, count in zip(prices[split].values, prices[split].counts, strict=True)]
    found = [(value, count) for value, count in found if value >= 0]
    num = sum(count for _, count in found)
    if not num:
        return None
    error = sum((abs(value - mean) * count for value, count in found), Fraction())
    guessed = math.log1p(mean / CENTS)
    squares = math.fsum(count * (math.log1p(value / CENTS) - guessed) ** 2 for value, count in found)
    hits = sum(
        count
        for value, count in found
        if abs(value - mean) < HIT_DOLLARS * CENTS or abs(value - mean) < HIT_SHARE * value
    )
    return GuessFigures(
        split=split,
        num=num,
        guess=float(mean / CENTS),
        error=float(error / num / CENTS),
        rmsle=math.sqrt(squares / num),
        hits=hits,
    )
