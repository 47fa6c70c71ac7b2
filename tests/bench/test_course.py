"""The baselines' recipe and tokenizer give what the job's do: held against the plain second version of the recipe."""

from __future__ import annotations

import json
from typing import Any

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from job.bench.baselines.course import load_tokenizer, make_item
from job.bench.baselines.hf_tokenizer import write_tokenizer
from job.config.models import RecipeConfig
from job.source.sample.listings import RowMaker
from tests.recipe import plain

ODD = [
    "",
    " ",
    "\n\n",
    "it's IT'S we'LL",
    "1234567 12 ½²٣",
    "【new】 [x] {y}",
    "🪆🦤𓀀 a\u0301",
    "<|eot_id|>",
    "\x1c\x85\xa0",
    "ſ's K",
]


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("tokenizer") / "llama3.json"
    write_tokenizer(path)
    return str(path)


@pytest.fixture(scope="session")
def encoder(tokenizer: str) -> tokenizers.Tokenizer:
    return load_tokenizer(tokenizer)


def test_the_known_question_has_its_known_tokens(encoder: tokenizers.Tokenizer) -> None:
    assert encoder.encode("How much does this cost?").ids == [4438, 1790, 1587, 420, 2853, 30]


def same_tokens(encoder: tokenizers.Tokenizer, text: str) -> None:
    ids = encoder.encode(text, add_special_tokens=False).ids
    assert ids == plain.ENCODING.encode_ordinary(text)
    for cut in (len(ids), len(ids) // 2):
        assert encoder.decode(ids[:cut]) == plain.ENCODING.decode(ids[:cut])


@settings(max_examples=300, deadline=None)
@given(text=st.one_of(st.text(), st.lists(st.sampled_from(ODD)).map("".join)))
def test_any_text_has_the_tokens_that_tiktoken_gives(text: str, encoder: tokenizers.Tokenizer) -> None:
    same_tokens(encoder, text)


def test_every_token_of_the_vocabulary_is_the_same(encoder: tokenizers.Tokenizer) -> None:
    size = plain.ENCODING.n_vocab
    assert encoder.get_vocab_size() == size == 128_000
    for token in range(0, size, 7):
        same_tokens(encoder, plain.ENCODING.decode([token]))


DETAILS = (
    '{"Batteries Included?": "No", "Batteries Required?": "Yes", "Item Weight": "1,, 2 ,,, 3", '
    '"Product Dimensions": "4", "Is Discontinued By Manufacturer": "No", "Date First Available": "5", '
    '"Package Quantity": "6", "Number of Items": "7", "Best Sellers Rank": {"Toys": 8}, "Part Number": "9", '
    '"Batteries Included?": "Yes", "Batteries Required?": "No"}'
)
UNTIDY = "a . b ? c ! d , e ' f n't 'm 's 've 're g"


def as_in_parquet(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "price": str(row["price"]), "details": json.dumps(row["details"])}


def agree(row: dict[str, Any], tokenizer: str, recipe: RecipeConfig) -> str:
    verdict, prompt, count = plain.judge(row, recipe)
    item = make_item(row, "Toys", recipe, tokenizer)
    if verdict != "kept":
        assert item is None, verdict
        return verdict
    wanted = ("Toys", row["parent_asin"], row["title"], float(row["price"]), prompt, count)
    assert item is not None
    assert tuple(item.values()) == wanted
    return verdict


def test_items_are_those_of_the_plain_recipe(tokenizer: str) -> None:
    rows = [
        as_in_parquet(maker.row()) for chunk in range(2) for maker in [RowMaker(5, "Toys", chunk)] for _ in range(500)
    ]
    verdicts = {agree(row, tokenizer, RecipeConfig()) for row in rows}
    assert verdicts >= {"kept", "price_missing", "price_out_of_range", "text_too_short", "too_few_tokens"}


@settings(max_examples=150, deadline=None)
@given(
    title=st.none() | st.text(max_size=20),
    price=st.sampled_from([None, "", "None", "nan", "0.5", "2.5", " 1e2 ", "1_0", "999.49", "999.5", "—"]),
    texts=st.lists(
        st.sampled_from([*ODD, "Item: x ,,, y . z n't 's", "Product AB12345 ²2345678 wooden", UNTIDY]), max_size=12
    ),
    details=st.none() | st.sampled_from(["", "{}", "null", DETAILS]),
)
def test_odd_rows_are_judged_as_by_the_plain_recipe(
    tokenizer: str, title: str | None, price: str | None, texts: list[str], details: str | None
) -> None:
    row = {
        "title": title,
        "price": price,
        "parent_asin": "A",
        "details": details,
        "features": texts,
        "description": None,
    }
    for recipe in (RecipeConfig(), RecipeConfig(min_chars=3, min_tokens=2, max_tokens=7)):
        agree(row, tokenizer, recipe)


def test_every_phrase_is_removed_and_every_blank_tidied(tokenizer: str) -> None:
    row = {
        "title": UNTIDY,
        "price": "2.5",
        "parent_asin": "A",
        "details": DETAILS,
        "features": [],
        "description": [UNTIDY],
    }
    assert agree(row, tokenizer, RecipeConfig(min_chars=0, min_tokens=0, max_tokens=1_000)) == "kept"


def test_bounds_are_where_the_plain_recipe_has_them(tokenizer: str) -> None:
    row: dict[str, Any] = {"title": "kettle", "price": "10", "parent_asin": "A", "details": "{}"}
    row |= {"features": ["steel"], "description": []}
    contents = plain.contents_of(row)
    size, tokens = len(contents), len(plain.tokens_of(row["title"], contents))
    bounds = [(size - 1, 0), (size, 0), (0, tokens - 1), (0, tokens)]
    recipes = [RecipeConfig(min_chars=min_chars, min_tokens=min_tokens) for min_chars, min_tokens in bounds]
    verdicts = [agree(row, tokenizer, recipe) for recipe in recipes]
    assert verdicts == ["kept", "text_too_short", "kept", "too_few_tokens"]
    prices = [
        RecipeConfig(min_price=low, max_price=high, min_chars=0, min_tokens=0) for low, high in ((10, 10), (1, 9.5))
    ]
    assert [agree(row, tokenizer, recipe) for recipe in prices] == ["kept", "price_out_of_range"]
