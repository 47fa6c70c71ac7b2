"""The figures of a column: how many, their sum, mean and highest, and how many in each bin of the course's plots."""

from __future__ import annotations

from fractions import Fraction

import msgspec

from job.report.figures.tally import CENTS, QUANTILES, Bins, Tally

PRICE_BINS = Bins(step=10 * CENTS, end=1000 * CENTS)
"""Bins of the course's plot of prices, in cents."""
_LENGTH_BINS = {"tokens": Bins(step=10, end=300), "characters": Bins(step=50, end=4050)}
"""Bins of the course's plots of lengths, by their unit."""
_OTHER_BINS = 40
"""Number of bins of a length that the course has no plot of, at most."""


class Histogram(msgspec.Struct, frozen=True, kw_only=True):
    """How many numbers lie in each bin."""

    step: int
    counts: list[int]
    """The first bin begins at 0; the lower end of each is included."""
    below: int
    above: int
    """Numbers from the end of the last bin on."""


class ColumnFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a column of whole numbers. All of them are exact; `mean` is rounded to the nearest double."""

    unit: str
    num: int
    """Items that have one."""
    without: int
    """Items that have none: null, not a number, or too large for a whole number."""
    sum: int
    mean: float | None
    lowest: int | None
    highest: int | None
    quantiles: dict[str, int]
    """Number that so many percent of the items do not exceed."""
    bins: Histogram


def column_figures(tally: Tally, num_items: int, unit: str, bins: Bins | None = None) -> ColumnFigures:
    """Returns the figures of a column.

    Args:
        tally: its numbers.
        num_items: items in all.
        unit: unit of the numbers.
        bins: the bins; those for lengths unless given.
    """
    values, mean = tally.values, tally.mean
    bins = bins or length_bins(tally, unit)
    below, above = bins.outside(tally)
    found = {_percent(share): tally.quantile(share) for share in QUANTILES}
    return ColumnFigures(
        unit=unit,
        num=tally.num,
        without=num_items - tally.num,
        sum=tally.total,
        mean=None if mean is None else float(mean),
        lowest=int(values[0]) if values.size else None,
        highest=int(values[-1]) if values.size else None,
        quantiles={name: value for name, value in found.items() if value is not None},
        bins=Histogram(step=bins.step, counts=bins.counts(tally), below=below, above=above),
    )


def length_bins(tally: Tally, unit: str) -> Bins:
    """Returns the course's bins for a unit; of any other unit, bins of a round width that reach to the highest."""
    if unit in _LENGTH_BINS:
        return _LENGTH_BINS[unit]
    highest = int(tally.values[-1]) if tally.values.size else 0
    step = 1
    while step * _OTHER_BINS <= highest:
        step *= 10
    for smaller in (step // 5, step // 2):
        if smaller and smaller * _OTHER_BINS > highest:
            step = smaller
            break
    return Bins(step=step, end=step * (max(highest, 0) // step + 1))


def _percent(share: Fraction) -> str:
    return f"{share * 100}"
