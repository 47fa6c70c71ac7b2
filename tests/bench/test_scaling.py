"""The laws of scaling: a fit finds what data were made from, and says how sure it is."""

from __future__ import annotations

import numpy as np
import pytest

from job.bench.measure.scaling import Law, fit, throughput, why_no_fit

COUNTS = (1, 2, 4, 8, 16)


def made(sigma: float, kappa: float, noise: float = 0.0) -> dict[int, list[float]]:
    """Makes three repeats of each count."""
    random = np.random.default_rng(1)
    return {
        count: [throughput(count, 10_000, sigma, kappa) * (1 + noise * random.standard_normal()) for _ in range(3)]
        for count in COUNTS
    }


@pytest.mark.parametrize(("law", "sigma", "kappa"), [("amdahl", 0.07, 0.0), ("amdahl", 0.0, 0.0), ("usl", 0.05, 0.002)])
def test_a_fit_finds_what_data_were_made_from(law: Law, sigma: float, kappa: float) -> None:
    found = fit(law, made(sigma, kappa))
    assert found.rows_per_s_of_one.value == pytest.approx(10_000)
    assert found.sigma.value == pytest.approx(sigma, abs=1e-9)
    assert found.kappa.value == pytest.approx(kappa, abs=1e-9)
    assert found.expected_rows_per_s.keys() == {32, 64}
    for count, expected in found.expected_rows_per_s.items():
        assert expected.value == pytest.approx(throughput(count, 10_000, sigma, kappa))
        assert expected.low == pytest.approx(expected.high)  # nothing was uncertain


def test_amdahls_law_in_numbers() -> None:
    assert throughput(1, 100, 0.5, 0.3) == 100
    assert throughput(1_000_000, 100, 0.1, 0) == pytest.approx(1000, rel=1e-3)  # never more than 1 / sigma times
    assert throughput(64, 100, 0.0, 0.01) < throughput(10, 100, 0.0, 0.01)  # kappa makes more workers slower


def test_noise_makes_a_range_that_has_the_truth_in_it_and_grows_with_the_noise() -> None:
    little, much = (fit("usl", made(0.05, 0.002, noise)) for noise in (0.005, 0.03))
    for found in (little, much):
        assert found.sigma.low <= 0.05 <= found.sigma.high
        assert found.sigma.low < found.sigma.value < found.sigma.high
    assert much.sigma.high - much.sigma.low > 2 * (little.sigma.high - little.sigma.low)


def test_nothing_negative_comes_out_of_scaling_that_is_better_than_ideal() -> None:
    found = fit("usl", {count: [10_000 * count**1.1] * 2 for count in COUNTS})
    assert (found.sigma.value, found.kappa.value) == (0, 0)


def test_few_counts_or_no_repeats_are_no_fit_and_it_is_said_why() -> None:
    assert why_no_fit([1, 2, 4, 8], cores=8, repeat=2) is None
    too_few = why_no_fit([1, 2, 4, 8], cores=4, repeat=3)
    assert too_few is not None
    assert "4 numbers of workers or more within the machine's 4 cores, and there are 3" in too_few
    once = why_no_fit([1, 2, 4, 8], cores=8, repeat=1)
    assert once is not None
    assert "its uncertainty is unknown" in once
