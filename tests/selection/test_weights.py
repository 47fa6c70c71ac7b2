"""Weights by category."""

from __future__ import annotations

import numpy as np
import pytest

from job.config.craft import SampleConfig
from job.errors import UsageError
from job.selection.index import Index
from job.selection.weights import by_category


def index(*names: str) -> Index:
    return Index(categories=names, category=np.zeros(0, np.uint16))


def test_a_category_has_its_own_weight_or_that_of_the_others() -> None:
    sample = SampleConfig(category_weights={"Books": 0.5, "Toys": 0}, other_weight=3)
    assert by_category(index("Toys", "Games", "Books"), sample).tolist() == [0, 3, 0.5]


def test_a_weight_for_a_category_that_is_not_there_names_the_nearest() -> None:
    with pytest.raises(UsageError) as raised:
        by_category(index("Automotive", "Books"), SampleConfig(category_weights={"Automotiv": 1}))
    assert raised.value.message == (
        "sample.category_weights: no category 'Automotiv' among the items; did you mean Automotive?"
    )


def test_where_none_is_near_the_first_ten_categories_are_listed() -> None:
    names = tuple(f"Category_{letter}" for letter in "abcdefghijkl")
    with pytest.raises(UsageError) as raised:
        by_category(index(*names), SampleConfig(category_weights={"Zzz": 1}))
    assert raised.value.message == (
        f"sample.category_weights: no category 'Zzz' among the items; they are of: {', '.join(names[:10])} and 2 more"
    )


def test_a_category_that_a_preset_names_itself_need_not_be_there() -> None:
    sample = SampleConfig(category_weights={"Automotive": 1}, other_weight=5)
    assert by_category(index("Books"), sample, {"Automotive": 1.0}).tolist() == [5]
