"""Equal prompts with different prices."""

from __future__ import annotations

import random
import statistics
from fractions import Fraction

import numpy as np
import pytest

from job.selection.conflicts import ConflictExample, Conflicts, conflicts


def hashes(prompts: list[int]) -> np.ndarray:
    """Returns rows of hashes of which half are often the same."""
    return np.array([(prompt % 3 + 1, prompt) if prompt else (0, 0) for prompt in prompts], np.uint64).reshape(-1, 2)


def test_conflicts_are_added_up() -> None:
    prompts = [1, 2, 1, 3, 2, 1, 4, 3, 5]
    prices = [10.0, 7.5, 13.0, 20.0, 9.0, 19.0, 5.0, 20.0, 6.0]
    # Prompt 1: 10, 13, 19, errors 3 + 0 + 6; prompt 2: 7.5, 9, errors 0.75 twice; prompt 3 has one price twice.
    assert conflicts(hashes(prompts), np.array(prices)) == Conflicts(
        groups=2,
        rows=5,
        largest_difference=9.0,
        mean_difference=5.25,
        mean_absolute_error=10.5 / 5,
        examples=[
            ConflictExample(rows=3, lowest=10.0, highest=19.0, places=[0, 2, 5]),
            ConflictExample(rows=2, lowest=7.5, highest=9.0, places=[1, 4]),
        ],
    )


@pytest.mark.parametrize("prompts", [[], [1], [1, 2, 4], [1, 1, 2], [0, 0, 0]])
def test_there_is_none_where_no_prompt_has_two_prices(prompts: list[int]) -> None:
    prices = np.array([5.0, 5.0, 6.0][: len(prompts)])
    none = Conflicts(groups=0, rows=0, largest_difference=0, mean_difference=0, mean_absolute_error=0, examples=[])
    assert conflicts(hashes(prompts), prices) == none


def test_prompts_that_are_the_same_in_half_of_their_hash_are_not_equal() -> None:
    assert conflicts(hashes([3, 6, 9]), np.array([1.0, 2.0, 3.0])).groups == 0


def test_examples_are_the_largest_groups_and_show_rows_from_the_lowest_to_the_highest_price() -> None:
    prompts = [1] * 9 + [2] * 4 + [3] * 4
    prices = [9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 50.0]
    found = conflicts(hashes(prompts), np.array(prices), examples=2, rows_per_example=3)
    assert found.groups == 3
    assert found.examples == [
        ConflictExample(rows=9, lowest=1.0, highest=9.0, places=[8, 4, 0]),
        ConflictExample(rows=4, lowest=1.0, highest=50.0, places=[13, 14, 16]),
    ]


def test_the_error_is_that_of_the_median_whatever_the_order_of_the_rows() -> None:
    made = random.Random(1)
    prompts = [made.randrange(1, 40) for _ in range(100)]
    prices = [round(made.expovariate(0.01), 2) for _ in prompts]
    groups: dict[int, list[Fraction]] = {}
    for prompt, price in zip(prompts, prices, strict=True):
        groups.setdefault(prompt, []).append(Fraction(price))
    groups = {prompt: group for prompt, group in groups.items() if len(set(group)) > 1}
    rows = sum(map(len, groups.values()))
    error = sum(abs(price - statistics.median(group)) for group in groups.values() for price in group)
    found = conflicts(hashes(prompts), np.array(prices))
    assert (found.groups, found.rows) == (len(groups), rows)
    assert found.mean_absolute_error == float(error) / rows
    order = list(range(100))
    made.shuffle(order)
    again = conflicts(hashes([prompts[row] for row in order]), np.array([prices[row] for row in order]))
    assert again.mean_absolute_error == found.mean_absolute_error
