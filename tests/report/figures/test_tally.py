"""Tallies: exact sums, means, quantiles, bins and ranks, however the numbers are cut."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest

from job.report.figures.column import PRICE_BINS, column_figures, length_bins
from job.report.figures.tally import CENTS, Bins, Tally, whole_numbers


def tally(*numbers: int) -> Tally:
    return Tally.of(np.array(numbers, np.int64))


def counted(of: Tally) -> dict[int, int]:
    return dict(zip(of.values.tolist(), of.counts.tolist(), strict=True))


def test_tallies_of_parts_add_up_to_that_of_the_whole() -> None:
    whole = Tally.sum([tally(3, 1, 3), tally(), tally(2, 3), tally(-7)])
    assert counted(whole) == {-7: 1, 1: 1, 2: 1, 3: 3}
    assert (whole.num, whole.total, whole.mean) == (6, 5, Fraction(5, 6))
    assert counted(Tally.sum([])) == {}


def test_a_sum_that_64_bits_do_not_hold_is_exact() -> None:
    most = (1 << 53) - 1
    many = Tally(np.array([most], np.int64), np.array([10**9], np.int64))
    assert many.total == 9_007_199_254_740_991_000_000_000


def test_a_quantile_is_the_smallest_number_that_so_large_a_share_does_not_exceed() -> None:
    numbers = tally(10, 20, 30, 40)
    shares = [Fraction(1, 4), Fraction(26, 100), Fraction(1, 2), Fraction(3, 4), Fraction(1), Fraction(1, 100)]
    assert [numbers.quantile(share) for share in shares] == [10, 20, 20, 30, 40, 10]
    assert tally().quantile(Fraction(1, 2)) is None


def test_equal_numbers_share_the_mean_of_their_ranks() -> None:
    assert tally(5, 7, 7, 9).ranks().tolist() == [2, 5, 8]  # ranks 1, 2.5 and 4, doubled


def test_a_bin_includes_its_lower_end_and_what_lies_outside_is_counted() -> None:
    numbers, bins = tally(-1, 0, 999, 1000, 1999, 2000, 5000), Bins(step=1000, end=2000)
    assert bins.counts(numbers) == [2, 2]
    assert bins.outside(numbers) == (1, 2)


@pytest.mark.parametrize(
    ("prices", "cents"),
    [
        ([0.29, 1.15, 29.99, 999.49], [29, 115, 2999, 99949]),  # 0.29 * 100 is 28.999999999999996
        ([None, float("nan"), float("inf"), -float("inf"), 1e300], []),
        ([0.125, 0.135, -3.0], [12, 14, -300]),
    ],
)
def test_prices_are_whole_cents_and_what_is_no_number_does_not_count(
    prices: list[float | None], cents: list[int]
) -> None:
    numbers, counts = whole_numbers(pa.chunked_array([pa.array(prices, pa.float64())]), CENTS)
    assert numbers[counts].tolist() == cents


def test_of_a_text_its_characters_are_counted() -> None:
    numbers, counts = whole_numbers(pa.array(["", "Zoë 🔥", None], pa.string()))
    assert (numbers.tolist(), counts.tolist()) == ([0, 5, 0], [True, True, False])


def test_the_figures_of_a_column_are_in_the_courses_bins() -> None:
    figures = column_figures(tally(50, 999, 1000, 99_949, 250_000), 7, "cents", PRICE_BINS)
    assert (figures.num, figures.without, figures.sum, figures.mean) == (5, 2, 351_998, 70_399.6)
    assert (figures.lowest, figures.highest) == (50, 250_000)
    assert (len(figures.bins.counts), figures.bins.step) == (100, 1000)
    assert {number: count for number, count in enumerate(figures.bins.counts) if count} == {0: 2, 1: 1, 99: 1}
    assert (figures.bins.below, figures.bins.above) == (0, 1)
    assert figures.quantiles == {"5": 50, "25": 999, "50": 1000, "75": 99_949, "95": 250_000}


@pytest.mark.parametrize(
    ("unit", "highest", "step", "end"),
    [
        ("tokens", 177, 10, 300),
        ("characters", 3999, 50, 4050),
        ("words", 39, 1, 40),
        ("words", 40, 2, 42),
        ("words", 130, 5, 135),
        ("words", 1_234, 50, 1_250),
        ("words", 4_000_000, 200_000, 4_200_000),
    ],
)
def test_lengths_of_another_unit_get_at_most_forty_bins_of_a_round_width(
    unit: str, highest: int, step: int, end: int
) -> None:
    assert length_bins(tally(1, highest), unit) == Bins(step=step, end=end)
