"""The scaling laws: a fit recovers the law that made-up data come from, and says how sure it is."""

from __future__ import annotations

import numpy as np
import pytest

from job.bench.measure import scaling
from job.bench.measure.scaling import Law, fit, throughput, why_no_fit

pytestmark = pytest.mark.seconds

ROWS_PER_S = 10_000
"""Throughput of one worker in the made-up data."""
FEWEST = (1, 2, 4, 8)
"""As few numbers of workers as a fit accepts."""
MANY = (1, 2, 4, 8, 16, 32)


@pytest.fixture(autouse=True)
def _fewer_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes a fit take a tenth of the time; fitted values do not depend on the draws."""
    monkeypatch.setattr(scaling, "_DRAWS", 100)


def made(
    sigma: float,
    kappa: float,
    *,
    noise: float = 0.0,
    counts: tuple[int, ...] = (1, 2, 4, 8, 16),
    repeats: int = 3,
    seed: int = 1,
) -> dict[int, list[float]]:
    """Makes throughput from a law, each repeat with normal noise of a share `noise` of it."""
    random = np.random.default_rng(seed)
    return {
        count: [
            throughput(count, ROWS_PER_S, sigma, kappa) * (1 + noise * random.standard_normal()) for _ in range(repeats)
        ]
        for count in counts
    }


@pytest.mark.parametrize(("law", "sigma", "kappa"), [("amdahl", 0.07, 0.0), ("amdahl", 0.0, 0.0), ("usl", 0.05, 0.002)])
def test_a_fit_recovers_the_law_exactly_without_noise(law: Law, sigma: float, kappa: float) -> None:
    found = fit(law, made(sigma, kappa))
    assert found.rows_per_s_of_one.value == pytest.approx(ROWS_PER_S)
    assert found.sigma.value == pytest.approx(sigma, abs=1e-9)
    assert found.kappa.value == pytest.approx(kappa, abs=1e-9)
    assert found.expected_rows_per_s.keys() == {32, 64}
    for count, expected in found.expected_rows_per_s.items():
        assert expected.value == pytest.approx(throughput(count, ROWS_PER_S, sigma, kappa))
        assert expected.low == pytest.approx(expected.high)  # nothing was uncertain


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    ("law", "sigma", "kappa", "counts", "repeats", "sigma_error", "kappa_error", "expected_error"),
    [
        ("amdahl", 0.07, 0.0, FEWEST, 2, 0.02, 0.0, 0.08),
        ("amdahl", 0.30, 0.0, FEWEST, 2, 0.03, 0.0, 0.08),
        ("amdahl", 0.07, 0.0, MANY, 3, 0.01, 0.0, 0.08),
        ("usl", 0.05, 0.002, MANY, 3, 0.015, 0.0005, 0.10),
        ("usl", 0.02, 0.010, MANY, 3, 0.015, 0.001, 0.10),
    ],
)
def test_a_fit_recovers_the_law_from_noise_of_two_percent(
    seed: int,
    law: Law,
    sigma: float,
    kappa: float,
    counts: tuple[int, ...],
    repeats: int,
    sigma_error: float,
    kappa_error: float,
    expected_error: float,
) -> None:
    found = fit(law, made(sigma, kappa, noise=0.02, counts=counts, repeats=repeats, seed=seed))
    assert found.rows_per_s_of_one.value == pytest.approx(ROWS_PER_S, rel=0.04)
    assert found.sigma.value == pytest.approx(sigma, abs=sigma_error)
    assert found.kappa.value == pytest.approx(kappa, abs=kappa_error)
    twice = 2 * max(counts)
    expected = throughput(twice, ROWS_PER_S, sigma, kappa)
    assert found.expected_rows_per_s[twice].value == pytest.approx(expected, rel=expected_error)


@pytest.mark.parametrize(("law", "sigma", "kappa"), [("amdahl", 0.07, 0.0), ("usl", 0.05, 0.002)])
def test_the_range_holds_the_true_value_for_most_data_sets(law: Law, sigma: float, kappa: float) -> None:
    fits = [fit(law, made(sigma, kappa, noise=0.02, seed=seed)) for seed in range(20)]
    assert sum(found.sigma.low <= sigma <= found.sigma.high for found in fits) >= 14
    assert sum(found.kappa.low <= kappa <= found.kappa.high for found in fits) >= 14
    speed = [found.rows_per_s_of_one for found in fits]
    assert sum(one.low <= ROWS_PER_S <= one.high for one in speed) >= 14


def test_noise_makes_a_range_around_the_fitted_value_that_grows_with_the_noise() -> None:
    little, much = (fit("usl", made(0.05, 0.002, noise=noise)) for noise in (0.005, 0.03))
    for found in (little, much):
        assert found.sigma.low <= 0.05 <= found.sigma.high
        assert found.sigma.low < found.sigma.value < found.sigma.high
    assert much.sigma.high - much.sigma.low > 2 * (little.sigma.high - little.sigma.low)


def test_only_the_universal_law_sees_that_more_workers_are_slower() -> None:
    sigma, kappa = 0.02, 0.01
    data = made(sigma, kappa, noise=0.02, counts=(1, 2, 4, 8, 16))
    truth = throughput(64, ROWS_PER_S, sigma, kappa)
    assert truth < throughput(10, ROWS_PER_S, sigma, kappa)
    assert fit("usl", data).expected_rows_per_s[64].value == pytest.approx(truth, rel=0.15)
    assert fit("amdahl", data).expected_rows_per_s[64].value > 2 * truth


def test_the_same_data_and_seed_give_the_same_fit() -> None:
    data = made(0.05, 0.002, noise=0.02)
    assert fit("usl", data, seed=3) == fit("usl", data, seed=3)
    assert fit("usl", data, seed=3).sigma != fit("usl", data, seed=4).sigma


def test_amdahls_law_in_numbers() -> None:
    assert throughput(1, 100, 0.5, 0.3) == 100
    assert throughput(1_000_000, 100, 0.1, 0) == pytest.approx(1000, rel=1e-3)  # never more than 1 / sigma times
    assert throughput(64, 100, 0.0, 0.01) < throughput(10, 100, 0.0, 0.01)  # kappa makes more workers slower


def test_scaling_that_is_better_than_ideal_gives_nothing_negative() -> None:
    found = fit("usl", {count: [10_000 * count**1.1] * 2 for count in (1, 2, 4, 8, 16)})
    assert (found.sigma.value, found.kappa.value) == (0, 0)


def test_too_few_numbers_of_workers_or_repeats_give_no_fit_but_the_reason() -> None:
    assert why_no_fit([1, 2, 4, 8], cores=8, repeat=2) is None
    too_few = why_no_fit([1, 2, 4, 8], cores=4, repeat=3)
    assert too_few is not None
    assert "at least 4 different numbers of workers up to the machine's 4 cores, and there are 3" in too_few
    once = why_no_fit([1, 2, 4, 8], cores=8, repeat=1)
    assert once is not None
    assert "its uncertainty is unknown" in once
