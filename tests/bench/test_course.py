"""The baselines' recipe and tokenizer give what the job's do."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.bench.baselines import course
from job.bench.baselines.course import Judgement, contents_of, judge, make_item, tokens_of
from job.bench.baselines.hf_tokenizer import HuggingFaceEncoding, load_tokenizer, write_tokenizer
from job.recipe.course_2024.settings import Course2024Settings
from job.recipe.registry import make_recipe
from job.source.sample.listings import RowMaker
from tests.generated import examples
from tests.recipe.plain import ENCODING

pytestmark = pytest.mark.seconds

Row = dict[str, Any]

TEXTS = pa.list_(pa.string())
ROW_SCHEMA = pa.schema(
    [
        *[(name, pa.string()) for name in ("title", "parent_asin", "price", "details")],
        *[(name, TEXTS) for name in ("description", "features")],
    ]
)

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
def encoding(tmp_path_factory: pytest.TempPathFactory) -> HuggingFaceEncoding:
    path = tmp_path_factory.mktemp("tokenizer") / "llama3.json"
    write_tokenizer(path)
    return load_tokenizer(str(path))


def test_the_known_question_has_its_known_tokens(encoding: HuggingFaceEncoding) -> None:
    assert encoding.encode("How much does this cost?") == [4438, 1790, 1587, 420, 2853, 30]


def same_tokens(encoding: HuggingFaceEncoding, text: str) -> None:
    tokens = encoding.encode(text)
    assert tokens == ENCODING.encode_ordinary(text)
    for end in (len(tokens), len(tokens) // 2):
        assert encoding.decode(tokens[:end]) == ENCODING.decode(tokens[:end])


@examples(300)
@given(text=st.one_of(st.text(), st.lists(st.sampled_from(ODD)).map("".join)))
def test_any_text_has_the_tokens_that_tiktoken_gives(text: str, encoding: HuggingFaceEncoding) -> None:
    same_tokens(encoding, text)


def test_every_token_of_the_vocabulary_is_the_same(encoding: HuggingFaceEncoding) -> None:
    size = ENCODING.n_vocab
    assert encoding.tokenizer.get_vocab_size() == size == 128_000
    for token in range(0, size, 7):
        same_tokens(encoding, ENCODING.decode([token]))


def test_the_baselines_recipe_imports_nothing_of_the_jobs_recipe() -> None:
    """Otherwise the two would not be independent of each other."""
    tree = ast.parse(Path(course.__file__).read_text(encoding="utf-8"))
    imported = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert "collections.abc" in imported
    assert not [name for name in imported if name.startswith("job.recipe")]


DETAILS = (
    '{"Batteries Included?": "No", "Batteries Required?": "Yes", "Item Weight": "1,, 2 ,,, 3", '
    '"Product Dimensions": "4", "Is Discontinued By Manufacturer": "No", "Date First Available": "5", '
    '"Package Quantity": "6", "Number of Items": "7", "Best Sellers Rank": {"Toys": 8}, "Part Number": "9", '
    '"Batteries Included?": "Yes", "Batteries Required?": "No"}'
)
UNTIDY = "a . b ? c ! d , e ' f n't 'm 's 've 're g"


def as_in_parquet(row: Row) -> Row:
    return {**row, "price": str(row["price"]), "details": json.dumps(row["details"])}


def judgements_of_the_job(rows: Sequence[Row], recipe: Course2024Settings) -> list[Judgement]:
    judged = make_recipe(recipe).judge(pa.Table.from_pylist(list(rows), schema=ROW_SCHEMA))
    columns = (judged[name].to_pylist() for name in ("verdict", "prompt", "token_count"))
    return list(zip(*columns, strict=True))


def agree(rows: Sequence[Row], encoding: HuggingFaceEncoding, recipe: Course2024Settings) -> list[str]:
    """Checks that the baselines make what the job makes of rows, and returns the verdicts."""
    wanted = judgements_of_the_job(rows, recipe)
    assert [judge(row, recipe, encoding) for row in rows] == wanted
    for row, (verdict, prompt, token_count) in zip(rows, wanted, strict=True):
        item = make_item(row, "Toys", recipe, encoding)
        if verdict != "kept":
            assert item is None, verdict
            continue
        assert item is not None
        values = ("Toys", row["parent_asin"], row["title"], float(row["price"]), prompt, token_count)
        assert tuple(item.values()) == values
    return [verdict for verdict, _, _ in wanted]


def test_items_are_those_of_the_job(encoding: HuggingFaceEncoding) -> None:
    rows = [
        as_in_parquet(maker.row()) for chunk in range(2) for maker in [RowMaker(5, "Toys", chunk)] for _ in range(500)
    ]
    verdicts = {*agree(rows, encoding, Course2024Settings())}
    assert verdicts >= {"kept", "price_missing", "price_out_of_range", "text_too_short", "too_few_tokens"}


@examples(150)
@given(
    title=st.none() | st.text(max_size=20),
    price=st.sampled_from([None, "", "None", "nan", "0.5", "2.5", " 1e2 ", "1_0", "999.49", "999.5", "—"]),
    texts=st.lists(
        st.sampled_from([*ODD, "Item: x ,,, y . z n't 's", "Product AB12345 ²2345678 wooden", UNTIDY]), max_size=12
    ),
    details=st.none() | st.sampled_from(["", "{}", "null", DETAILS]),
)
def test_odd_rows_are_judged_as_by_the_job(
    encoding: HuggingFaceEncoding, title: str | None, price: str | None, texts: list[str], details: str | None
) -> None:
    row = {
        "title": title,
        "price": price,
        "parent_asin": "A",
        "details": details,
        "features": texts,
        "description": None,
    }
    for recipe in (Course2024Settings(), Course2024Settings(min_chars=3, min_tokens=2, max_tokens=7)):
        agree([row], encoding, recipe)


def test_every_phrase_is_removed_and_every_blank_tidied(encoding: HuggingFaceEncoding) -> None:
    row = {
        "title": UNTIDY,
        "price": "2.5",
        "parent_asin": "A",
        "details": DETAILS,
        "features": [],
        "description": [UNTIDY],
    }
    assert agree([row], encoding, Course2024Settings(min_chars=0, min_tokens=0, max_tokens=1_000)) == ["kept"]


def test_bounds_are_where_the_job_has_them(encoding: HuggingFaceEncoding) -> None:
    row: Row = {"title": "kettle", "price": "10", "parent_asin": "A", "details": "{}"}
    row |= {"features": ["steel"], "description": []}
    contents = contents_of(row)
    size, tokens = len(contents), len(tokens_of(row["title"], contents, encoding))
    bounds = [(size - 1, 0), (size, 0), (0, tokens - 1), (0, tokens)]
    recipes = [Course2024Settings(min_chars=min_chars, min_tokens=min_tokens) for min_chars, min_tokens in bounds]
    verdicts = [verdict for recipe in recipes for verdict in agree([row], encoding, recipe)]
    assert verdicts == ["kept", "text_too_short", "kept", "too_few_tokens"]
    prices = [
        Course2024Settings(min_price=low, max_price=high, min_chars=0, min_tokens=0)
        for low, high in ((10, 10), (1, 9.5))
    ]
    verdicts = [verdict for recipe in prices for verdict in agree([row], encoding, recipe)]
    assert verdicts == ["kept", "price_out_of_range"]
