"""Correlations from sums that are exact, and a sample that does not depend on how the pairs are cut."""

from __future__ import annotations

import numpy as np
import pytest

from job.report.figures.pairs import SAMPLE, PairSums, Ranks, Sample
from job.report.figures.tally import Numbers, Tally


def numbers(*of: int) -> Numbers:
    return np.array(of, np.int64)


def test_pearsons_correlation_of_known_pairs() -> None:
    # Anscombe's first set, times 100: 0.81642051634484
    x = numbers(10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5)
    y = numbers(804, 695, 758, 881, 833, 996, 724, 426, 1084, 482, 568)
    assert PairSums.of(x, y).correlation == pytest.approx(0.81642051634484, abs=1e-14)
    parts = [PairSums.of(x[:3], y[:3]), PairSums(), PairSums.of(x[3:], y[3:])]
    assert PairSums.sum(parts) == PairSums.of(x, y)


def test_spearmans_correlation_is_that_of_the_ranks() -> None:
    x, y = numbers(1, 2, 2, 100), numbers(10, 20, 30, 25)  # ranks 1, 2.5, 2.5, 4 and 1, 2, 4, 3
    ranks = Ranks.of(Tally.of(x)), Ranks.of(Tally.of(y))
    assert ranks[0](x).tolist() == [2, 5, 5, 8]
    assert PairSums.of(ranks[0](x), ranks[1](y)).correlation == pytest.approx(0.6324555320336759, abs=1e-14)


def test_there_is_no_correlation_where_one_column_has_one_value() -> None:
    assert PairSums.of(numbers(1, 2), numbers(5, 5)).correlation is None
    assert PairSums().correlation is None


@pytest.mark.parametrize("most", [2**31, 2**52])
def test_sums_that_64_bits_do_not_hold_are_exact(most: int) -> None:
    x = numbers(*[most - 1] * 7, 3)
    assert PairSums.of(x, x).xx == 7 * (most - 1) ** 2 + 9
    assert PairSums.of(x, x).correlation == 1.0


def test_the_sample_is_the_same_however_the_pairs_are_cut() -> None:
    x = np.arange(10_000, dtype=np.int64)
    places = np.arange(10_000, dtype=np.uint64)
    whole = Sample.of(x, -x, places)
    cut = Sample.sum(Sample.of(x[part], -x[part], places[part]) for part in (slice(7_000, None), slice(0, 7_000)))
    assert whole.pairs.shape == (SAMPLE, 2)
    assert cut.pairs.tolist() == whole.pairs.tolist()
    assert whole.pairs[:3].tolist() == FIRST
    tenths = np.bincount(whole.pairs[:, 0] // 1000)
    assert tenths.min() > 150  # of 200 in each tenth on average: it leaves no part of an output out


FIRST = [[7326, -7326], [8715, -8715], [5644, -5644]]
"""The first pairs of the sample, as they were when this was written."""
