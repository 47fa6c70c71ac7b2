"""Invented items: the same by seed and number, and like real ones in what decides time and memory."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from job.source.sample.items import MADE_RECIPES, made_columns
from job.source.sample.words import vocabulary

MANY = 60_000

Columns = dict[str, list[Any]]


def lists(columns: dict[str, pa.Array]) -> Columns:
    return {name: column.to_pylist() for name, column in columns.items()}


@pytest.fixture(scope="module")
def many() -> Columns:
    """60,000 items of 2024."""
    return lists(made_columns("course-2024", 0, MANY, 0))


@pytest.mark.parametrize("recipe", MADE_RECIPES)
def test_an_item_does_not_depend_on_the_items_made_with_it(recipe: str) -> None:
    whole = lists(made_columns(recipe, 0, 500, 3))
    first, second = (lists(made_columns(recipe, start, count, 3)) for start, count in ((0, 123), (123, 377)))
    assert whole == {name: first[name] + second[name] for name in whole}


def test_another_seed_gives_other_items() -> None:
    one, other = (lists(made_columns("course-2024", 0, 50, seed)) for seed in (0, 1))
    assert one["price"] != other["price"]
    assert not {*one["title"]} & {*other["title"]}


def test_every_id_is_there_once_and_looks_like_one(many: Columns) -> None:
    assert len({*many["parent_asin"]}) == MANY
    assert all(len(each) == 10 and each.startswith("B0") and each.isalnum() for each in many["parent_asin"])


def test_prices_are_skewed_with_two_decimals_and_reach_both_ends(many: Columns) -> None:
    prices = np.array(many["price"])
    assert prices.mean() == pytest.approx(60, abs=2)
    assert np.median(prices) == pytest.approx(26, abs=1)
    assert (prices.min(), prices.max()) == (0.5, 999.49)
    assert all(price == float(f"{price:.2f}") for price in many["price"])
    endings = Counter(round(price * 100) % 100 for price in many["price"])
    assert 0.02 < endings[50] / MANY < 0.04
    assert [cents for cents, _ in endings.most_common(3)] == [0, 99, 95]


def test_a_prompt_is_written_as_the_recipe_writes_it(many: Columns) -> None:
    for prompt, price, title in zip(*(many[name][:5000] for name in ("prompt", "price", "title")), strict=True):
        assert prompt.startswith(f"How much does this cost to the nearest dollar?\n\n{title.split(' B0')[0]}\n")
        assert prompt.endswith(f"\n\nPrice is ${round(price)}.00")
        assert 550 < len(prompt) < 1000
    assert 750 < np.mean([len(prompt) for prompt in many["prompt"]]) < 800


def test_new_words_go_on_coming(many: Columns) -> None:
    words = [prompt.split() for prompt in many["prompt"]]
    different = {rows: len({word for each in words[:rows] for word in each}) for rows in (3_000, 6_000, 24_000)}
    assert different[3_000] / sum(map(len, words[:3_000])) == pytest.approx(0.11, abs=0.005)
    assert different[6_000] > 1.5 * different[3_000]
    assert different[24_000] > 3.5 * different[3_000]


def test_their_words_are_those_of_the_sample_catalogue(many: Columns) -> None:
    words = {word for prompt in many["prompt"][:1_000] for word in prompt.split("\n")[3].split()}
    assert {"the", "kettle", "quiet", "clean"} <= words
    assert words <= {*vocabulary(1 << 20)}


def test_titles_and_texts_repeat_and_some_texts_differ_in_one_word(many: Columns) -> None:
    repeated = MANY - len({*many["title"]})
    assert 0.013 < repeated / MANY < 0.017
    texts = [prompt.split("\n")[3] for prompt in many["prompt"]]
    by_text: dict[str, set[str]] = {}
    for text, title in zip(texts, many["title"], strict=True):
        by_text.setdefault(text, set()).add(title)
    assert 10 < MANY - len(by_text) < 60
    assert sum(len(titles) > 1 for titles in by_text.values()) > 3  # equal texts, and a code in one title
    beginnings = Counter(text[:200] for text in texts)
    assert sum(count > 1 for count in beginnings.values()) > 200


def test_items_of_2025_have_longer_texts_and_mostly_no_weight() -> None:
    columns = lists(made_columns("course-2025", 0, 20_000, 0))
    lengths = [len(full) for full in columns["full"]]
    assert min(lengths) > 500
    assert 1_000 < np.mean(lengths) < 1_200
    assert columns["weight"].count(0.0) / 20_000 == pytest.approx(0.88, abs=0.01)
    assert all(
        full.startswith(f"{title.split(' B0')[0]}\n")
        for full, title in zip(columns["full"], columns["title"], strict=True)
    )
