"""The whole recipe over tables, held against its plain second version and against real rows."""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from job.recipe.course_2024.prompt import test_prompt
from job.recipe.course_2024.reasons import DropReason
from job.recipe.course_2024.recipe import Course2024
from job.recipe.course_2024.settings import Course2024Settings
from job.recipe.registry import make_recipe
from job.recipe.verdicts import KEPT
from tests.generated import examples
from tests.paths import REAL
from tests.recipe import plain
from tests.recipe.listings import DETAILS, DETAILS_JSON, Row, in_chunks, lines_of, read_jsonl, read_parquet, table

DEFAULTS = Course2024Settings()
QUESTION = "How much does this cost to the nearest dollar?\n\n"
PLAIN_WORD = "wood "
"""One token and five characters."""
DENSE = "a1a1a1 "
"""Six tokens and seven characters."""


def judged(rows: pa.Table, config: Course2024Settings = DEFAULTS) -> list[plain.Judgement]:
    """Judges a table, checks what holds for any, and returns its judgements as the plain version gives them."""
    found = make_recipe(config).judge(rows)
    assert found.schema == pa.schema([("verdict", pa.string()), *Course2024.item_schema])
    assert found.num_rows == rows.num_rows
    for source, row in zip(rows.to_pylist(), found.to_pylist(), strict=True):
        is_kept = row["verdict"] == KEPT
        assert row["price"] == (float(source["price"]) if is_kept else None)
        assert (row["title"], row["parent_asin"]) == (
            (source["title"], source["parent_asin"]) if is_kept else (None, None)
        )
    columns = (found[name].to_pylist() for name in ("verdict", "prompt", "token_count"))
    return list(zip(*columns, strict=True))


def listing(contents: str = PLAIN_WORD * 200, title: str | None = "Chair", **fields: Any) -> Row:
    """Returns a row that is kept, unless told otherwise."""
    row = {"title": title, "parent_asin": "B012345678", "price": "10", "description": [contents]}
    return row | {"features": [], "details": None} | fields


def verdict(config: Course2024Settings = DEFAULTS, **fields: Any) -> str:
    return judged(table([listing(**fields)]), config)[0][0]


def prompt(config: Course2024Settings = DEFAULTS, **fields: Any) -> str:
    """Returns the prompt of a row that is kept."""
    ((found, text, _),) = judged(table([listing(**fields)]), config)
    assert found == KEPT
    assert text is not None
    return text


# Rules, one at a time


def test_a_prompt_is_the_question_the_text_and_the_price() -> None:
    ((found, text, token_count),) = judged(table([listing("big " * 150, title="Old [Chair]", price="8.50")]))
    words = " ".join(["big"] * 150)
    assert found == KEPT
    assert text is not None
    assert text == f"How much does this cost to the nearest dollar?\n\nOld Chair\n{words}\n\nPrice is $8.00"
    assert token_count == len(plain.ENCODING.encode_ordinary(text))


def test_a_title_may_be_empty_but_not_null() -> None:
    assert verdict(title=None) == DropReason.TITLE_MISSING
    assert prompt(title="").startswith("How much does this cost to the nearest dollar?\n\n\nwood wood")


@pytest.mark.parametrize("price", [None, "", "None", "—"])
def test_a_missing_price_comes_before_all_else(price: str | None) -> None:
    assert verdict(price=price, title=None, contents="") == DropReason.PRICE_MISSING


def test_a_price_out_of_range_comes_before_a_missing_title_and_that_before_a_short_text() -> None:
    assert verdict(price="0.49", title=None, contents="") == DropReason.PRICE_OUT_OF_RANGE
    assert verdict(title=None, contents="") == DropReason.TITLE_MISSING
    assert verdict(contents="") == DropReason.TEXT_TOO_SHORT


@pytest.mark.parametrize("price", ["0.5", "0.50", ".5", " 0.5 ", "999.49"])
def test_both_ends_of_the_price_range_are_kept(price: str) -> None:
    assert prompt(price=price).endswith(f"\n\nPrice is ${round(float(price))}.00")


@pytest.mark.parametrize("price", ["0.49999", "999.490001", "999.5", "-0.0", "inf", "-inf", "nan"])
def test_no_other_price_is_kept(price: str) -> None:
    assert verdict(price=price) == DropReason.PRICE_OUT_OF_RANGE


def test_contents_need_more_than_300_characters_their_newline_included() -> None:
    dense = DENSE * 43
    assert verdict(contents=dense[:299]) == DropReason.TEXT_TOO_SHORT
    assert verdict(contents=dense[:300]) == KEPT


def test_characters_are_counted_not_bytes_and_the_title_does_not_count() -> None:
    assert verdict(contents="🪆" * 299, title="🪆" * 300) == DropReason.TEXT_TOO_SHORT
    assert verdict(contents="🪆" * 300) == KEPT


def test_length_is_counted_after_phrases_have_gone_from_the_details() -> None:
    dense = DENSE * 43
    assert verdict(contents="", details=dense[:299] + "Package") == DropReason.TEXT_TOO_SHORT
    assert verdict(contents="", details=dense[:300] + "Package") == KEPT


def test_a_text_needs_more_than_150_tokens() -> None:
    found: dict[int, str] = {}
    for words in range(140, 156):
        num_tokens = len(plain.ENCODING.encode_ordinary("Chair\n" + " ".join(["wood"] * words)))
        found[num_tokens] = verdict(contents=PLAIN_WORD * words)
    assert {150, 151} <= set(found)
    for num_tokens, judgement in found.items():
        assert judgement == (KEPT if num_tokens > 150 else DropReason.TOO_FEW_TOKENS)


def test_a_text_is_cut_after_160_tokens() -> None:
    for words in range(150, 170):
        text = "Chair\n" + " ".join(["wood"] * words)
        kept = plain.ENCODING.decode(plain.ENCODING.encode_ordinary(text)[:160])
        assert f"?\n\n{kept}\n\nP" in prompt(contents=PLAIN_WORD * words)


def test_a_character_cut_in_half_ends_in_a_replacement_character() -> None:
    """A matryoshka is three tokens, so that of three texts one is cut after a whole one."""
    texts = [
        prompt(contents="wood " * words + "🪆" * 60).removesuffix("\n\nPrice is $10.00") for words in (110, 111, 112)
    ]
    assert sorted(text[-2:] for text in texts) == ["🪆\ufffd", "🪆\ufffd", "🪆🪆"]
    assert [text.count("\ufffd") for text in texts].count(1) == 2


def test_contents_are_cut_to_1120_characters_before_they_are_scrubbed() -> None:
    blanks = " " * 1000
    assert verdict(contents=blanks + PLAIN_WORD * 400) == DropReason.TOO_FEW_TOKENS
    assert verdict(contents=blanks[:120] + PLAIN_WORD * 400) == KEPT


@pytest.mark.seconds
@pytest.mark.parametrize("title", ["Chair", ""])
@pytest.mark.parametrize(
    "sparse", ["[ ] ", "AP49806B ", "wood , ", "extraordinarily ", ",, ", "a ,,b :", "一\u3000", "x"]
)
def test_contents_may_begin_with_few_tokens(sparse: str, title: str) -> None:
    """Only the first contents are scrubbed where they have enough tokens; the cut is at one word or another."""
    rows = [
        listing("x" * shift + " " + (sparse * 800)[:size] + DENSE * 60, title=title)
        for shift in range(10)
        for size in range(500, 800, 50)
    ]
    expected = [plain.judge(row, DEFAULTS) for row in rows]
    assert judged(table(rows)) == expected
    assert KEPT in {judgement[0] for judgement in expected}


def test_the_title_is_not_cut_before_it_is_scrubbed() -> None:
    assert "?\n\nEnd" in prompt(title=" " * 5000 + "End")


@pytest.mark.parametrize("character", "a^😀7")
def test_a_very_long_title_without_blanks_is_cut_like_any_other(character: str) -> None:
    row = listing(title=character * 200_000)
    (judgement,) = judged(table([row]))
    assert judgement == plain.judge(row, DEFAULTS)
    assert judgement[0] == KEPT


def test_title_and_contents_are_scrubbed_each_alone() -> None:
    """The title's last comma does not meet the contents' first one."""
    assert "?\n\nChair,\n, wood wood" in prompt(title="Chair ,,", contents=" ,, " + PLAIN_WORD * 200)


def test_text_is_tidied_after_it_is_cut_so_that_blanks_count() -> None:
    text = prompt(contents="a . " * 200)
    assert text.count("a.") == 79
    assert " ." not in text


@pytest.mark.parametrize("details", [None, ""])
def test_without_details_text_contents_end_earlier(details: str | None) -> None:
    dense = (DENSE * 43)[:299]
    assert verdict(contents=dense, details=details) == DropReason.TEXT_TOO_SHORT
    assert verdict(contents=dense, details="{}") == KEPT


def test_description_then_features_then_details() -> None:
    fields: Row = {"description": ["one", "two"], "features": ["three", "four"], "details": "five " + PLAIN_WORD * 200}
    assert "?\n\nChair\none two three four five wood" in prompt(**fields)


# Settings


def test_the_price_range_is_a_setting() -> None:
    config = Course2024Settings(min_price=5, max_price=6)
    found = judged(table([listing(price=price) for price in ("4.99", "5", "6", "6.01")]), config)
    assert [judgement[0] for judgement in found] == ["price_out_of_range", KEPT, KEPT, "price_out_of_range"]


def test_the_least_number_of_characters_is_a_setting() -> None:
    config = Course2024Settings(min_chars=10, min_tokens=0)
    assert verdict(config, contents="a" * 9) == DropReason.TEXT_TOO_SHORT
    assert verdict(config, contents="a" * 10) == KEPT
    assert verdict(Course2024Settings(min_chars=1001)) == DropReason.TEXT_TOO_SHORT


def test_the_least_number_of_tokens_is_a_setting() -> None:
    num_tokens = len(plain.ENCODING.encode_ordinary("Chair\n" + " ".join(["wood"] * 200)))
    assert verdict(Course2024Settings(min_tokens=num_tokens)) == DropReason.TOO_FEW_TOKENS
    assert verdict(Course2024Settings(min_tokens=num_tokens - 1)) == KEPT


def test_the_number_of_tokens_kept_is_a_setting_and_the_cut_to_characters_follows_it() -> None:
    config = Course2024Settings(max_tokens=50, min_tokens=40)
    assert prompt(config).count("wood") == 48
    assert prompt(Course2024Settings(max_tokens=200), contents=PLAIN_WORD * 300).count("wood") == 198
    assert verdict(config, contents=" " * 200 + PLAIN_WORD * 200) == DropReason.TOO_FEW_TOKENS
    assert verdict(contents=" " * 200 + PLAIN_WORD * 200) == KEPT


# Test prompts


def test_a_test_prompt_ends_with_the_last_price_is() -> None:
    text = prompt(contents="Price is $5 today, Price is $" + PLAIN_WORD * 200)
    assert text.count("Price is $") == 3
    assert test_prompt(text) == text.removesuffix("10.00")


def test_a_test_prompt_keeps_what_the_listing_says_after_a_price_of_its_own() -> None:
    assert test_prompt("a Price is $1 b\n\nPrice is $20.00") == "a Price is $1 b\n\nPrice is $"


@pytest.mark.seconds
@examples(100)
@given(st.lists(st.sampled_from(["Price is $", "Price is ", "Price", "$", " is $", "5.00", "\n"])).map("".join))
def test_a_test_prompt_is_cut_as_the_plain_version_cuts_it(text: str) -> None:
    assert test_prompt(f"{text}\n\nPrice is $7.00") == plain.test_prompt(f"{text}\n\nPrice is $7.00")


# Against the plain version

SPACES = [*"\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2009\u2028\u2029\u202f\u205f\u3000"]
ZERO_WIDTH = [*"\u200b\u200c\u200d\u2060\ufeff\u00ad"]
PUNCTUATION = [*":[]\"{}【】,.?!'", ",,", ",,,", ",,,,", ",,,,,", " ,", " , ,", " .", " ?", " !", " ' ", " n't", " 'm"]
DIGIT_WORDS = [
    *"²³٣٩①⑳₇९½Ⅷ7",
    "2024",
    "AP4980",
    "AP49806",
    "abcdef²",
    "abcde²",
    "٣abcdef",
    "①" * 7,
    "B07WQZG42P",
    "12345678",
]
WORDS = [
    "wood",
    "steel",
    "Chair",
    "dishwasher",
    "extraordinarily",
    " 's",
    " 've",
    " 're",
    "n't",
    "<|eot_id|>",
    "Price is $",
]
MULTI_BYTE = [*"é漢😀🪆𓀀", "👨‍👩‍👧‍👦", "🇫🇷", "e\u0301", "（4 pcs）", "ﷺ"]
PHRASES = [
    '"Batteries Included?": "No"',
    '"Batteries Included?": "Yes"',
    '"Batteries Required?": "No"',
    '"Batteries Required?": "Yes"',
    "By Manufacturer",
    "Item",
    "Date First",
    "Package",
    ":",
    "Number of",
    "Best Sellers",
    "Number",
    "Product ",
]
OVERLAPS = [
    "ItItemem",
    "PackItemage",
    "Itebm",
    "By ManufItemacturer",
    "Date :First",
    "Num:ber",
    "Num:ber of",
    "NumNumber ofber",
    "Pack:age",
    "Best SelItemlers",
    "Best Number of",
    "Product :",
    "Pro:duct ",
    "Product: ",
    "Product Product",
    '"Batteries Included?"Item: "No"',
    '"Batteries Included?":: "No"',
    '"Batteries Required?": "Yes',
]

fragments = st.one_of(
    st.sampled_from(
        SPACES + ZERO_WIDTH + PUNCTUATION + DIGIT_WORDS + WORDS + MULTI_BYTE + PHRASES + OVERLAPS,
    ),
    st.text(max_size=4),
)


@st.composite
def paragraphs(draw: st.DrawFn) -> str:
    """Fragments, one of them perhaps many times, with blanks or commas between them or nothing."""
    separator = draw(st.sampled_from([" ", "", ","]))
    parts = draw(st.lists(fragments, max_size=8))
    if parts:
        parts[0] = separator.join([parts[0]] * draw(st.sampled_from([1, 1, 2, 3, 40])))
    return separator.join(parts)


fillers = st.one_of(
    st.sampled_from(["", "Price is $5 " + PLAIN_WORD * 200, "Price is $" * 70, "it 's 5 . 5 , do n't ! " * 30]),
    st.integers(49, 51).map(lambda words: "plate " * words),  # around 300 characters
    st.integers(139, 148).map(lambda words: PLAIN_WORD * words),  # around 150 tokens
    st.integers(149, 154).map(lambda words: PLAIN_WORD * words),
    st.integers(155, 162).map(lambda words: PLAIN_WORD * words),  # around 160 tokens
    st.integers(210, 235).map(lambda words: PLAIN_WORD * words),  # around 1,120 characters
    st.integers(100, 115).map(lambda words: PLAIN_WORD * words + "🪆" * 30),  # three tokens each
    st.integers(295, 303).map(lambda characters: ("a1b^ " * 76)[:characters]),
    st.integers(0, 25).map(lambda blanks: "a b ." * 219 + " " * blanks + "\ufeff【wood】 1234567"),
)


details_texts = st.one_of(
    st.sampled_from([None, "", "{}", "null"]),
    st.lists(st.sampled_from(PHRASES + OVERLAPS + SPACES + DIGIT_WORDS + MULTI_BYTE), max_size=8).map("".join),
    st.dictionaries(fragments, fragments, max_size=4).map(json.dumps),
)
"""Details as JSON or, since a Parquet file may hold anything, as any text."""

short_details = st.sampled_from([None, None, "", "{}", "Number", "²", "\u3000", "abcdef²"])

good_prices = st.one_of(
    st.integers(50, 99949).map(lambda cents: str(cents / 100)),
    st.sampled_from(["8.99", " 5 ", "1_0", "٣", "1e2", ".5", "0.5", "999.49", "2.5", "0.50001", "\u20035\u2028"]),
)
bad_prices = st.one_of(
    st.none(),
    st.sampled_from(["999.490001", "0.49", "-0.0", "nan", "inf", "-inf", "1e999", "None", "", "—", "$5", "\x1c5"]),
    st.text(max_size=3),
)
titles = st.one_of(
    paragraphs(),
    st.sampled_from(["", "Chair", "Chair", "x" * 900, PLAIN_WORD * 180, "🪆" * 49, PLAIN_WORD * 30, None, None]),
)
lists_of_text = st.one_of(st.sampled_from([None, [], [""], ["", ""]]), st.lists(paragraphs(), max_size=2))


@st.composite
def rows_of_text(draw: st.DrawFn) -> Row:
    """A row with `details` as text; most have a price, and of these most a text around one of the limits."""
    row: Row = {
        "title": draw(titles),
        "price": draw(draw(st.sampled_from([good_prices] * 5 + [bad_prices]))),
        "description": draw(lists_of_text),
        "features": draw(lists_of_text),
        "details": draw(details_texts),
    }
    filler = draw(fillers)
    if draw(st.booleans()):
        return row | {"title": "Chair", "description": [filler], "features": None, "details": draw(short_details)}
    match draw(st.sampled_from(["before", "after", "features", "details"])):
        case "before":
            row["description"] = [filler, *(row["description"] or [])]
        case "after":
            row["description"] = [*(row["description"] or []), filler]
        case "features":
            row["features"] = [filler, *(row["features"] or [])]
        case _:
            row["details"] = filler + (row["details"] or "")
    return row


@pytest.mark.seconds
@examples(400)
@given(st.lists(rows_of_text(), max_size=4))
@example([])
def test_any_row_is_judged_as_the_plain_version_does(rows: list[Row]) -> None:
    expected = [plain.judge(row, DEFAULTS) for row in rows]
    for judgement in expected:
        event(judgement[0])
    assert judged(table(rows)) == expected


@examples(200)
@given(row=rows_of_text(), beside=st.integers(-1, 1), max_tokens=st.integers(1, 200))
def test_every_limit_is_exact_whatever_it_is_set_to(row: Row, beside: int, max_tokens: int) -> None:
    """Each limit is set in turn to where this very row is, or to one beside it."""
    row |= {"title": row["title"] or "", "price": "10"}
    contents = plain.contents_of(row)
    num_tokens = len(plain.tokens_of(row["title"], contents[: 7 * max_tokens]))

    def same(min_chars: int = 0, min_tokens: int = 0, max_tokens: int = max_tokens) -> str:
        config = Course2024Settings(min_chars=min_chars, min_tokens=min_tokens, max_tokens=max_tokens)
        expected = plain.judge(row, config)
        assert judged(table([row]), config) == [expected]
        return expected[0]

    too_short = DropReason.TEXT_TOO_SHORT
    assert (same(min_chars=max(0, len(contents) + beside)) == too_short) is (beside >= 0 or not contents)
    if contents:
        too_few = DropReason.TOO_FEW_TOKENS
        assert (same(min_tokens=max(0, num_tokens + beside)) == too_few) is (beside >= 0)
        assert same(max_tokens=max(1, num_tokens + beside)) == KEPT


@pytest.mark.parametrize("chars_at_once", [1, 3 * 3_120, 4 << 20])
def test_rows_are_judged_alike_however_many_are_judged_together(
    chars_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("job.recipe.course_2024.recipe._CHARS_AT_ONCE", chars_at_once)
    titles = ["", "Chair", "AP49806 Chair", None, "x" * 3_000, PLAIN_WORD * 170, "AP49806", "🪆 ,", "'s ' it"]
    texts = [PLAIN_WORD * 200, "a . " * 200, "[AP49806] " * 120, "AP49806 a1b^ " * 90, "short", "wood 🪆" * 160]
    rows = [listing(text, title) for text, title in itertools.product(texts, titles)]
    assert judged(table(rows)) == [plain.judge(row, DEFAULTS) for row in rows]


@pytest.mark.seconds
def test_the_rows_drawn_get_every_verdict_and_reach_every_limit() -> None:
    """Else the tests against the plain version would say little."""
    seen: Counter[str] = Counter()

    @settings(max_examples=800, deadline=None, derandomize=True, database=None)
    @given(rows_of_text())
    def draw(row: Row) -> None:
        verdict, text, _ = plain.judge(row, DEFAULTS)
        seen[verdict] += 1
        contents = plain.contents_of(row)
        tokens = plain.tokens_of(row["title"] or "", contents[:1120])
        if verdict == DropReason.TEXT_TOO_SHORT:
            seen["just too few characters"] += len(contents) > 290
        elif verdict == DropReason.TOO_FEW_TOKENS:
            seen["just enough characters"] += len(contents) <= 310
            seen["just too few tokens"] += len(tokens) > 140
        elif text is not None:
            seen["just enough tokens"] += len(tokens) <= 155
            seen["just no token to cut"] += 155 < len(tokens) <= 160
            seen["a token or a few to cut"] += 160 < len(tokens) <= 165
            seen["contents cut"] += len(contents) > 1120
            seen["character cut"] += "\ufffd\n\nPrice is $" in text
            seen["tidied"] += plain.ENCODING.decode(tokens[:160]) not in text
            seen["price in the text"] += text.count("Price is $") > 1

    draw()
    assert all(seen[reason] >= 5 for reason in DropReason), seen
    assert seen[KEPT] >= 80, seen
    assert len(seen) == 6 + 10
    assert min(seen.values()) >= 5, seen


@examples(50)
@given(rows=st.lists(rows_of_text(), min_size=1, max_size=5), data=st.data())
def test_chunks_do_not_change_an_answer(rows: list[Row], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), min_size=1, max_size=4)))
    chunked = in_chunks(rows, cuts, listing("beside"))
    assert chunked["title"].num_chunks == len(cuts) + 1
    assert judged(chunked) == [plain.judge(row, DEFAULTS) for row in rows]


def test_answers_stand_in_the_order_of_the_rows() -> None:
    rows = [listing(price=price, title=title) for title in ("a", None, "b") for price in ("1", "None", "2", "0", "3")]
    found = judged(table(rows))
    for row, (_, text, _) in zip(rows, found, strict=True):
        if row["title"] and row["price"] in "123":
            assert text is not None
            assert text.startswith(f"{QUESTION}{row['title']}\n")
            assert text.endswith(f"${row['price']}.00")
        else:
            assert text is None


@pytest.mark.parametrize("schema", [DETAILS, DETAILS_JSON], ids=["details", "details_json"])
def test_a_batch_without_rows_has_no_answers(schema: pa.Schema) -> None:
    without_chunks = pa.table([pa.chunked_array([], field.type) for field in schema], schema=schema)
    for rows in (schema.empty_table(), without_chunks, table([listing()], schema).slice(1)):
        assert judged(rows) == []


@pytest.mark.parametrize("schema", [DETAILS, DETAILS_JSON], ids=["details", "details_json"])
def test_a_batch_may_have_nothing_but_dropped_rows(schema: pa.Schema) -> None:
    rows: list[Row] = [{"price": "None"}, {"price": "0.1", "title": "a"}, {"price": "5"}, {"price": "5", "title": "a"}]
    reasons = ["price_missing", "price_out_of_range", "title_missing", "text_too_short"]
    assert judged(table(rows, schema)) == [(reason, None, None) for reason in reasons]
    assert judged(table([{}, {}], schema)) == [("price_missing", None, None)] * 2


# Details as they came

any_json = st.recursive(
    st.one_of(fragments, st.none(), st.booleans(), st.integers(), st.floats()),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(fragments, inner, max_size=3)),
    max_leaves=6,
)


@examples(150)
@given(
    values=st.lists(any_json, min_size=1, max_size=4),
    filler=fillers,
    ascii_only=st.booleans(),
    separators=st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " : ")]),
)
def test_details_as_they_came_and_details_as_text_give_the_same_answers(
    values: list[Any], filler: str, ascii_only: bool, separators: tuple[str, str]
) -> None:
    sources = [json.dumps(value, ensure_ascii=ascii_only, separators=separators) for value in values]
    rows = [listing(filler, details=value if isinstance(value, str) else json.dumps(value)) for value in values]
    as_they_came = [listing(filler, details_json=source) for source in sources]
    expected = [plain.judge(row, DEFAULTS) for row in rows]
    assert judged(table(rows)) == expected
    assert judged(table(as_they_came, DETAILS_JSON)) == expected


def test_an_empty_object_and_a_null_are_text_and_missing_details_are_not() -> None:
    """Three characters and five, their newlines included."""
    dense = (DENSE * 43)[:297]
    for source, num_chars in (("{ }", 301), ("null", 303), (None, 298)):
        row = table([listing(dense, details_json=source)], DETAILS_JSON)
        assert judged(row, Course2024Settings(min_chars=num_chars))[0][0] == DropReason.TEXT_TOO_SHORT
        assert judged(row, Course2024Settings(min_chars=num_chars - 1))[0][0] == KEPT


def test_details_that_are_json_text_in_jsonl_are_used_as_they_stand(tmp_path: Path) -> None:
    """As pandas and `datasets` write JSON Lines from the Hub's Parquet files."""
    details = json.dumps({"Brand": "Oak", "Color": 'a "deep" blue', "Batteries Required?": "No"})
    row = listing("wood " * 60, details=details)
    lines = [json.dumps(row).encode(), json.dumps(row | {"details": json.loads(details)}).encode()]
    found = judged(read_jsonl(tmp_path / "rows.jsonl", lines), Course2024Settings(min_tokens=1))
    assert found[0] == found[1] == plain.judge(row, Course2024Settings(min_tokens=1))
    assert r"wood Brand Oak, Color a \ deep\ blue," in str(found[0][1])


# Real rows


@pytest.fixture(scope="module")
def expected() -> list[dict[str, Any]]:
    """What is to come of each real row."""
    if not REAL.is_dir():
        pytest.skip("the real rows are not on this machine")
    return [json.loads(line) for line in lines_of("expected.jsonl.gz")]


@pytest.fixture(scope="module", params=["jsonl", "parquet"])
def real(
    request: pytest.FixtureRequest, expected: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> pa.Table:
    """The real rows as a reader yields them."""
    lines = lines_of("rows.jsonl.gz")
    folder = tmp_path_factory.mktemp("real")
    if request.param == "jsonl":
        rows = read_jsonl(folder / "rows.jsonl", lines)
    else:
        rows = read_parquet(folder / "rows.parquet", [json.loads(line) for line in lines])
    assert rows["verdict"].null_count == rows.num_rows == len(expected) > 4000
    assert rows["parent_asin"].to_pylist() == [row["parent_asin"] for row in expected]
    return rows


def test_every_real_row_gives_the_expected_item(real: pa.Table, expected: list[dict[str, Any]]) -> None:
    found = judged(real)
    for judgement, row in zip(found, expected, strict=True):
        assert judgement == (row["verdict"], row["prompt"], row["token_count"]), row["parent_asin"]
    assert Counter(judgement[0] for judgement in found)[KEPT] > 500


def test_every_real_row_gives_the_expected_text_when_it_has_a_price(
    real: pa.Table, expected: list[dict[str, Any]]
) -> None:
    priced = real.set_column(real.column_names.index("price"), "price", pa.array(["10"] * real.num_rows))
    found = judged(priced)
    for (verdict, text, _), row in zip(found, expected, strict=True):
        text_if_priced = row["text_if_priced"]
        wanted = None if text_if_priced is None else f"{QUESTION}{text_if_priced}\n\nPrice is $10.00"
        assert (verdict, text) == (row["verdict_if_priced"], wanted), row["parent_asin"]
    assert Counter(judgement[0] for judgement in found)[KEPT] > 1500


@pytest.mark.seconds
def test_the_plain_version_gives_every_expected_text_too(expected: list[dict[str, Any]]) -> None:
    """Else it would be no measure."""
    for line, row in zip(lines_of("rows.jsonl.gz"), expected, strict=True):
        listed = json.loads(line)
        listed["details"] = json.dumps(listed["details"])
        found = plain.judge(listed | {"price": str(listed["price"])}, DEFAULTS)
        assert found == (row["verdict"], row["prompt"], row["token_count"]), row["parent_asin"]
        verdict, text, _ = plain.judge(listed | {"price": "10"}, DEFAULTS)
        assert verdict == row["verdict_if_priced"], row["parent_asin"]
        if text is not None:
            assert text == f"{QUESTION}{row['text_if_priced']}\n\nPrice is $10.00", row["parent_asin"]


@pytest.mark.parametrize("file_format", ["jsonl", "parquet"])
def test_the_first_real_item_has_its_published_prompt(file_format: str, tmp_path: Path) -> None:
    if not REAL.is_dir():
        pytest.skip("the real rows are not on this machine")
    first = json.loads((REAL / "first_item.json").read_bytes())
    if file_format == "jsonl":
        rows = read_jsonl(tmp_path / "first.jsonl", [json.dumps(first["row"]).encode()])
    else:
        rows = read_parquet(tmp_path / "first.parquet", [first["row"]])
    assert judged(rows) == [(KEPT, first["prompt"], first["token_count"])]
