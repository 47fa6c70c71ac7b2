"""What would more workers bring? Two laws of scaling, fitted to what was measured, each with its uncertainty.

Amdahl's law has a part of the work that only one worker can do (sigma). The Universal Scalability Law of Gunther also
has a cost of each worker for each other one (kappa), so that more workers may be slower. With X the rows per second of
n workers, and lambda those of one alone:

    X(n) = lambda n / (1 + sigma (n - 1) + kappa n (n - 1))

n / X is linear in 1/lambda, sigma/lambda and kappa/lambda, none of them negative: a least-squares problem, weighted so
that an error of one percent is the same error everywhere. The uncertainty is that of the repeats: they are drawn again,
with replacement, a thousand times, and each draw is fitted.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
import numpy as np

LEAST_COUNTS = 4
LEAST_REPEATS = 2
_DRAWS = 1000
_LOW, _HIGH = 5, 95
_AHEAD = (2, 4)
"""How many times more workers than were measured a fit is asked about."""

Law = Literal["amdahl", "usl"]
LAWS: tuple[Law, ...] = ("amdahl", "usl")


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """A value, and the range that 90% of the draws lie in."""

    value: float
    low: float
    high: float


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """A law fitted to measured throughput."""

    law: Law
    rows_per_s_of_one: Interval
    """Lambda."""
    sigma: Interval
    kappa: Interval
    """0 in Amdahl's law."""
    expected_rows_per_s: dict[int, Interval]
    """By a number of workers that was not measured."""


def why_no_fit(workers: Sequence[int], cores: int, repeat: int) -> str | None:
    """Says why no law is fitted; None when it can be.

    Args:
        workers: the numbers of workers that were measured.
        cores: of the machine.
        repeat: how many times each was.
    """
    within = [count for count in workers if count <= cores]
    if len(within) < LEAST_COUNTS:
        return (
            f"no law of scaling is fitted: it takes {LEAST_COUNTS} numbers of workers or more within the machine's "
            f"{cores} cores, and there are {len(within)}"
        )
    if repeat < LEAST_REPEATS:
        return f"no law of scaling is fitted: without {LEAST_REPEATS} repeats or more its uncertainty is unknown"
    return None


def fit(law: Law, rows_per_s: Mapping[int, Sequence[float]], seed: int = 0) -> Fit:
    """Fits a law.

    Args:
        law: `amdahl` or `usl`.
        rows_per_s: by the number of workers: the throughput of each repeat.
        seed: of the draws.

    Returns:
        The fit.
    """
    best = _parameters(law, rows_per_s)
    random = np.random.default_rng(seed)
    drawn = np.array(
        [
            _parameters(law, {count: random.choice(values, len(values)) for count, values in rows_per_s.items()})
            for _ in range(_DRAWS)
        ]
    )

    def interval(value: float, draws: np.ndarray) -> Interval:
        low, high = np.percentile(draws, [_LOW, _HIGH])
        return Interval(value=float(value), low=float(low), high=float(high))

    most = max(rows_per_s)
    return Fit(
        law=law,
        rows_per_s_of_one=interval(best[0], drawn[:, 0]),
        sigma=interval(best[1], drawn[:, 1]),
        kappa=interval(best[2], drawn[:, 2]),
        expected_rows_per_s={
            most * factor: interval(
                throughput(most * factor, *best), np.array([throughput(most * factor, *row) for row in drawn])
            )
            for factor in _AHEAD
        },
    )


def throughput(workers: int, rows_per_s_of_one: float, sigma: float, kappa: float) -> float:
    """Returns the rows per second that the law gives for a number of workers."""
    return rows_per_s_of_one * workers / (1 + sigma * (workers - 1) + kappa * workers * (workers - 1))


def _parameters(law: Law, rows_per_s: Mapping[int, Sequence[float] | np.ndarray]) -> tuple[float, float, float]:
    """Returns lambda, sigma and kappa of the best fit."""
    points = [(count, value) for count, values in rows_per_s.items() for value in values]
    counts = np.array([count for count, _ in points], float)
    wanted = counts / np.array([value for _, value in points], float)
    columns = np.stack([np.ones_like(counts), counts - 1, counts * (counts - 1)], axis=1) / wanted[:, None]
    may_be_used = (0, 1) if law == "amdahl" else (0, 1, 2)
    best, least = np.zeros(3), np.inf
    # Few unknowns: each set of those that are not zero is solved, and the best one without a negative is taken.
    for size in range(1, len(may_be_used) + 1):
        for used in itertools.combinations(may_be_used, size):
            found = np.zeros(3)
            found[list(used)] = np.linalg.lstsq(columns[:, used], np.ones_like(wanted), rcond=None)[0]
            error = float(np.sum((columns @ found - 1) ** 2))
            if found[0] > 0 and found.min() >= 0 and error < least:
                best, least = found, error
    return 1 / best[0], best[1] / best[0], best[2] / best[0]
