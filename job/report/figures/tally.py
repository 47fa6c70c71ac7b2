"""How often each whole number occurs in a column. What a report says of the column follows from it, exactly.

A tally takes 16 bytes for each number that occurs: 1.6 MB for all prices below $1,000 to the cent, however many items
have them. Tallies of parts add up to the tally of the whole in any order.
"""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Numbers = npt.NDArray[np.int64]

CENTS = 100
"""Cents in a dollar."""
_LARGEST = 1 << 53
"""Number from which on a double does not have every whole number; what is as large is not counted."""
QUANTILES = (Fraction(1, 20), Fraction(1, 4), Fraction(1, 2), Fraction(3, 4), Fraction(19, 20))
"""Shares of a column of which a report tells the highest value."""


def _none() -> Numbers:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """How often each number occurs."""

    values: Numbers = field(default_factory=_none)
    """The numbers that occur, in order."""
    counts: Numbers = field(default_factory=_none)
    """How often each of them does."""

    @classmethod
    def of(cls, numbers: Numbers) -> Tally:
        """Counts numbers."""
        return cls(*np.unique(numbers, return_counts=True))

    @classmethod
    def sum(cls, tallies: Iterable[Tally]) -> Tally:
        """Adds tallies."""
        parts = [each for each in tallies if each.values.size]
        if len(parts) < 2:
            return parts[0] if parts else cls()
        values, places = np.unique(np.concatenate([each.values for each in parts]), return_inverse=True)
        counts = np.zeros(values.size, np.int64)
        np.add.at(counts, places, np.concatenate([each.counts for each in parts]))
        return cls(values, counts)

    @property
    def num(self) -> int:
        """Numbers in all."""
        return int(self.counts.sum())

    @property
    def total(self) -> int:
        """Their sum, however large."""
        return sum(map(operator.mul, self.values.tolist(), self.counts.tolist()))

    @property
    def mean(self) -> Fraction | None:
        """Their mean; None without any."""
        return Fraction(self.total, self.num) if self.values.size else None

    def quantile(self, share: Fraction) -> int | None:
        """Returns the smallest number that so large a share of all numbers does not exceed; None without any."""
        if not self.values.size:
            return None
        wanted = max(1, -(-self.num * share.numerator // share.denominator))
        return int(self.values[np.searchsorted(np.cumsum(self.counts), wanted)])

    def ranks(self) -> Numbers:
        """Returns twice the mean rank of each of `values`, which is a whole number; equal numbers share a rank."""
        ends = np.cumsum(self.counts)
        return 2 * ends - self.counts + 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Bins:
    """Bins of equal width from 0 on, the lower end included. What lies outside is counted beside them."""

    step: int
    end: int
    """Where the last bin ends."""

    @property
    def starts(self) -> range:
        """Where each bin begins."""
        return range(0, self.end, self.step)

    def counts(self, tally: Tally) -> list[int]:
        """Returns how many numbers lie in each bin."""
        inside = (tally.values >= 0) & (tally.values < self.end)
        places = tally.values[inside] // self.step
        found = np.zeros(len(self.starts), np.int64)
        np.add.at(found, places, tally.counts[inside])
        return found.tolist()

    def outside(self, tally: Tally) -> tuple[int, int]:
        """Returns how many numbers lie below the first bin, and how many beyond the last."""
        return int(tally.counts[tally.values < 0].sum()), int(tally.counts[tally.values >= self.end].sum())


def whole_numbers(column: pa.ChunkedArray | pa.Array, scale: int = 1) -> tuple[Numbers, npt.NDArray[np.bool_]]:
    """Returns a column as whole numbers, halves rounded to the even one, and which of them count.

    Args:
        column: numbers, or text, whose length in characters is taken.
        scale: what the numbers are multiplied by, such as `CENTS`.

    Returns:
        The numbers, and where there is one: null, NaN and what is too large for a whole number do not count.
    """
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = pc.utf8_length(column)
    doubles: Any = np.asarray(pc.fill_null(pc.cast(column, pa.float64(), safe=False), float("nan")))
    scaled = np.rint(np.where(np.isnan(doubles), 0.0, doubles) * scale)
    counts = ~np.isnan(doubles) & (np.abs(scaled) < _LARGEST)
    return np.where(counts, scaled, 0).astype(np.int64), counts


def is_countable(kind: pa.DataType) -> bool:
    """Tells whether a column can be counted as numbers."""
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)
