"""How two columns go together: sums from which their correlation follows, and a sample of pairs to draw.

The sums are whole numbers of any size, so they are the same in whatever order parts are added. Spearman's correlation
is Pearson's of the ranks; these are known once all is counted, so it takes a second look at the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from job.report.figures.tally import Numbers, Tally

SAMPLE = 2000
"""Number of pairs in the sample that is drawn."""
_LARGEST = 1 << 62
"""Number that sums of 64 bits must stay below."""
_SCALE = 1 << 64
"""What a root is multiplied by, so that none of its digits are lost."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PairSums:
    """Sums over pairs of whole numbers."""

    num: int = 0
    x: int = 0
    y: int = 0
    xx: int = 0
    yy: int = 0
    xy: int = 0

    @classmethod
    def of(cls, x: Numbers, y: Numbers) -> PairSums:
        """Sums pairs."""
        one = np.ones_like(x)
        return cls(
            num=int(x.size),
            x=_product(x, one),
            y=_product(y, one),
            xx=_product(x, x),
            yy=_product(y, y),
            xy=_product(x, y),
        )

    @classmethod
    def sum(cls, parts: Iterable[PairSums]) -> PairSums:
        """Adds sums."""
        found = list(parts)
        return cls(**{name: sum(getattr(part, name) for part in found) for name in cls.__slots__})

    @property
    def correlation(self) -> float | None:
        """Pearson's correlation; None where one of the columns has only one value."""
        spread = (self.num * self.xx - self.x**2) * (self.num * self.yy - self.y**2)
        if spread <= 0:
            return None
        return (self.num * self.xy - self.x * self.y) * _SCALE / math.isqrt(spread * _SCALE**2)


def _product(x: Numbers, y: Numbers) -> int:
    """Returns the sum of products, exactly."""
    if not x.size:
        return 0
    largest = max(1, int(np.abs(x).max()) * int(np.abs(y).max()))
    at_once = _LARGEST // largest
    if at_once == 0:
        return sum(int(a) * int(b) for a, b in zip(x, y, strict=True))
    starts = range(0, x.size, at_once)
    return sum(int(np.dot(x[start : start + at_once], y[start : start + at_once])) for start in starts)


@dataclass(frozen=True, slots=True, eq=False)
class Ranks:
    """The rank of each number of a column, doubled."""

    values: Numbers
    ranks: Numbers

    @classmethod
    def of(cls, tally: Tally) -> Ranks:
        """Ranks the numbers of a tally."""
        return cls(tally.values, tally.ranks())

    def __call__(self, numbers: Numbers) -> Numbers:
        """Returns the rank of each number. All of them are in the tally."""
        return self.ranks[np.searchsorted(self.values, numbers)]


def _empty() -> npt.NDArray[np.uint64]:
    return np.empty(0, np.uint64)


def _no_pairs() -> Numbers:
    return np.empty((0, 2), np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The pairs with the lowest hashes. Hashes are of places, so the sample does not depend on who counts, or when."""

    hashes: npt.NDArray[np.uint64] = field(default_factory=_empty)
    pairs: Numbers = field(default_factory=_no_pairs)

    @classmethod
    def of(cls, x: Numbers, y: Numbers, places: npt.NDArray[np.uint64]) -> Sample:
        """Samples pairs.

        Args:
            x: the first numbers.
            y: the second ones.
            places: a number for each pair that no other pair has.
        """
        return cls(_mixed(places), np.stack([x, y], axis=1))._lowest()

    @classmethod
    def sum(cls, parts: Iterable[Sample]) -> Sample:
        """Samples the pairs of samples, which gives the sample of the whole."""
        found = list(parts)
        if not found:
            return cls()
        hashes, pairs = (
            np.concatenate(each) for each in zip(*[(part.hashes, part.pairs) for part in found], strict=True)
        )
        return cls(hashes, pairs)._lowest()

    def _lowest(self) -> Sample:
        order = np.argsort(self.hashes, kind="stable")[:SAMPLE]
        return Sample(self.hashes[order], self.pairs[order])


def _mixed(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Returns hashes of numbers, as splitmix64 makes them: no two numbers have the same."""
    mixed = numbers + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
