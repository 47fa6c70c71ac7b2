"""Joining, shortening and cleaning up a listing's text: each rule, in its order."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from job.recipe.course_2024 import text as rules
from job.recipe.course_2024.text import details_text, scrub, tidy, untidy, without_phrases
from tests.generated import examples
from tests.recipe import plain

WHITE_SPACE = [chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace()]
DIGITS = [chr(code) for code in range(sys.maxunicode + 1) if chr(code).isdigit()]
ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff"
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


# Contents


def contents(description: str, features: str, details: str | None) -> str:
    [left] = without_phrases([details])
    return rules.contents(description, features, left)


def test_each_field_that_has_something_ends_with_a_newline() -> None:
    assert contents("a\nb", "c", "d") == "a\nb\nc\nd\n"


@pytest.mark.parametrize("details", [None, ""])
def test_fields_without_text_leave_nothing(details: str | None) -> None:
    assert contents("", "", details) == ""
    assert contents("", "c", details) == "c\n"
    assert contents("a", "", details) == "a\n"


def test_two_empty_paragraphs_are_a_newline_and_so_not_empty() -> None:
    assert contents("\n", "\n", None) == "\n\n\n\n"


def test_empty_details_and_a_null_are_text() -> None:
    assert contents("", "", "{}") == "{}\n"
    assert contents("", "", "null") == "null\n"


@pytest.mark.parametrize("phrase", PHRASES)
def test_every_occurrence_of_a_phrase_goes_from_the_details_and_from_nothing_else(phrase: str) -> None:
    assert contents(phrase, phrase, f"a{phrase}{phrase}b{phrase}c") == f"{phrase}\n{phrase}\nabc\n"


@pytest.mark.parametrize(
    ("details", "left"),
    [
        ("ItItemem", "Item"),
        ("PackItemage", ""),
        ("PackDate Firstage", ""),
        ("ItPackageem", "Item"),
        ("By ManufItemacturer", "By Manufacturer"),
        ("Date Fi:rst", "Date First"),
        ("Num:ber", ""),
        ("Num:ber of", ""),
        ("Number: of", ""),
        ("NumNumberber", "Number"),
        ("Best SellNumberers", "Best Sellers"),
        ("Best SellNumber ofers", ""),
        ("Product :", ""),
        ("Product:", "Product"),
        ("Product: ", ""),
        ("Product Number of", ""),
        ("ProductNumber ", ""),
        ("ProdProduct uct ", "Product "),
        ('"Batteries Included?": "Item"', '"Batteries Included?" ""'),
        ('"Batteries Included?":: "No"', '"Batteries Included?" "No"'),
        ('"Batteries Included?": "NItemo"', '"Batteries Included?" "No"'),
        ('"Batteries Required?"Item: "Yes"', '"Batteries Required?" "Yes"'),
        ('"Batteries Included?":"No"', '"Batteries Included?""No"'),
        ('"Batteries Included?": "No", "Batteries Required?": "Yes"', ", "),
        ("item package number product", "item package number product"),
    ],
)
def test_phrases_go_one_after_the_other_in_their_order(details: str, left: str) -> None:
    assert contents("", "", details) == left + "\n"


@pytest.mark.parametrize("outer", PHRASES)
def test_a_phrase_broken_by_another_goes_only_when_its_turn_comes_after_the_other_one(outer: str) -> None:
    for inner in PHRASES:
        for cut in range(len(outer) + 1):
            details = outer[:cut] + inner + outer[cut:]
            row = {"description": None, "features": None, "details": details}
            assert contents("", "", details) == plain.contents_of(row)


@pytest.mark.parametrize("between", ["", "\0", "It\0em", "\0\0"])
@pytest.mark.parametrize("chars_together", [0, 1 << 20])
def test_phrases_go_from_each_text_by_itself(
    between: str, chars_together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Texts are searched together unless they are long, with a character between them that one of them may have."""
    monkeypatch.setattr(rules, "_CHARS_TOGETHER", chars_together)
    details = ["It", f"em{between}", None, "Num", "ber of", "", "Item", f"Pack{between}age", between, "Date", " First"]
    left = [f"{text}\n" if text is not None else "" for text in without_phrases(details)]
    assert left == [plain.contents_of({"description": None, "features": None, "details": text}) for text in details]
    assert list(without_phrases([])) == []


# Details


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{}", "{}"),
        (" { } ", "{}"),
        ("null", "null"),
        ('{"a":"b","c":1.50}', '{"a": "b", "c": 1.5}'),
        ('{"a":{"b":[1,2]}}', '{"a": {"b": [1, 2]}}'),
        ('{"é":"😀"}', r'{"\u00e9": "\ud83d\ude00"}'),
        (r'{"a":"\u0041\/"}', '{"a": "A/"}'),
        ('{"a": 1, "a": 2}', '{"a": 2}'),
        ('{"a": 1e2}', '{"a": 100.0}'),
        (r'{"a": "\ud83d"}', r'{"a": "\ud83d"}'),
        (r'"{\"a\": \"b\"}"', '{"a": "b"}'),
        (r'"{\"a\":\"\u00e9\"}"', '{"a":"é"}'),
        ('"{}"', "{}"),
        ('""', ""),
        ('"null"', "null"),
        ('"Brand: Kör"', "Brand: Kör"),
        (r'"a \ud83d"', "a \ufffd"),
        ('["a"]', '["a"]'),
    ],
)
def test_details_are_written_as_json_dumps_writes_them_and_text_as_it_stands(source: str, text: str) -> None:
    assert details_text(source) == text


any_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=8,
)


@settings(deadline=None)
@given(any_json, st.booleans(), st.sampled_from([None, 0, 2, "\t"]))
def test_however_details_came_their_text_is_the_same(value: object, ascii_only: bool, indent: int | str | None) -> None:
    text = value if isinstance(value, str) else json.dumps(value)
    assert details_text(json.dumps(value, ensure_ascii=ascii_only, indent=indent)) == text


# Scrub


@pytest.mark.parametrize("character", ':[]"{}【】')
def test_a_run_of_brackets_colons_and_quotation_marks_becomes_one_blank(character: str) -> None:
    assert scrub(f"a{character}b{character * 3}c {character} d") == "a b c d"


def test_a_run_of_any_white_space_that_python_knows_becomes_one_blank() -> None:
    assert set("\x1c\x1d\x1e\x1f\x85\xa0\u2028\u2029\u3000") <= set(WHITE_SPACE)
    for character in WHITE_SPACE:
        assert scrub(f"a{character}b{character * 2}c:{character}]d") == "a b c d"


@pytest.mark.parametrize("character", [*ZERO_WIDTH, "\x00", "\x1b", "\u180e", "（", "「", "〔", "'", "(", "：", "“"])
def test_what_is_neither_white_space_nor_on_the_list_stays(character: str) -> None:
    assert scrub(f"a{character}b {character * 2}") == f"a{character}b {character * 2}"


def test_both_ends_are_stripped() -> None:
    assert scrub(' \n["【a b】"]\x1f\u2028') == "a b"
    assert scrub(f"\u3000{ZERO_WIDTH}a{ZERO_WIDTH}\x85") == f"{ZERO_WIDTH}a{ZERO_WIDTH}"


@pytest.mark.parametrize("text", ["", " ", "\n\n", ':[]"{}【】', '{"": ""}'])
def test_nothing_stays_nothing(text: str) -> None:
    assert scrub(text) == ""


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a ,b", "a,b"),
        ("a , b", "a, b"),
        ('"a": "b", "", "c"', "a b, c"),
        (",,", ","),
        (",,,", ","),
        (",,,,", ","),
        (",,,,,", ",,"),
        (",,,,,,", ","),
        (",,,,,,,", ",,"),
        ("a , , ,b", "a,b"),
        ("a, ,, ,b", "a,b"),
        (" ,a", ",a"),
        (",] ,", ","),
    ],
)
def test_a_comma_loses_the_blank_before_it_and_then_runs_shrink_by_threes_and_twos(text: str, left: str) -> None:
    assert scrub(text) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a AP49806 b", "a b"),
        ("a AP4980 b", "a AP4980 b"),
        ("2024-05-17 sold", "sold"),
        ("sold 1811003", "sold"),
        ("1811003", ""),
        ("181100", "181100"),
        ("wordwithoutany", "wordwithoutany"),
        ("1234567 1234567", ""),
        ("AP4980,PS34869,b c", "c"),
        ("AP498 , PS3486", "AP498, PS3486"),
        ("AP49806 , b", "b"),
        ("AP49:806", "AP49 806"),
        ("abcd漢字5", ""),
        ("abc漢字5", "abc漢字5"),
        ("😀😀😀😀😀😀1", ""),
        ("😀😀😀😀😀1", "😀😀😀😀😀1"),
        (f"abcde{ZERO_WIDTH[0]}1", ""),
    ],
)
def test_a_word_of_seven_or_more_characters_with_a_digit_goes(text: str, left: str) -> None:
    assert scrub(text) == left


def test_whatever_isdigit_says_is_a_digit() -> None:
    assert set("0²٣①⁵₀९") <= set(DIGITS)
    for digit in DIGITS:
        assert scrub(f"x abcdef{digit} {digit}abcdef abcde{digit}") == f"x abcde{digit}"


@pytest.mark.parametrize("numeral", "½Ⅷ一㊿")
def test_a_numeral_that_isdigit_does_not_know_is_no_digit(numeral: str) -> None:
    assert scrub(f"abcdef{numeral}") == f"abcdef{numeral}"


def test_words_go_after_commas_have_moved() -> None:
    """The comma makes the seventh character."""
    assert scrub("AP4980 ,b AP4980 c") == "AP4980 c"


spans = st.one_of(
    st.sampled_from([*WHITE_SPACE, *':[]"{}【】,,,,', *ZERO_WIDTH, "²", "٣", "①", "½", "12", "abcd", "AP4980"]),
    st.text(max_size=3),
)


@examples(500)
@given(st.lists(spans, max_size=30).map("".join))
def test_any_text_is_scrubbed_as_the_rules_say(text: str) -> None:
    assert scrub(text) == plain.scrub(text)


# Tidy


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a . b", "a. b"),
        ("a ? b", "a? b"),
        ("a ! b", "a! b"),
        ("a , b", "a, b"),
        ("a ' b", "a'b"),
        ("do n't", "don't"),
        ("I 'm", "I'm"),
        ("it 's", "it's"),
        ("we 've", "we've"),
        ("we 're", "we're"),
    ],
)
def test_a_blank_before_punctuation_goes_everywhere(text: str, left: str) -> None:
    assert tidy(text) == left
    assert tidy(f"{text}\n{text}") == f"{left}\n{left}"
    assert untidy([left, text]) == [False, True]


@pytest.mark.parametrize(
    "text", ["", "a.b", "a\n.", "a\t,", "a ; b", "we 'll", "he 'd", "a '", "' a", "a 'b'", "A 'M", " nt"]
)
def test_other_blanks_stay(text: str) -> None:
    assert tidy(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a  . b", "a . b"),
        ("a . . .", "a..."),
        (".5 .5", ".5.5"),
        ("a ' .b", "a '.b"),
        ("a ' ,b", "a ',b"),
        ("a ' 's", "a''s"),
        ("a ' 'm b", "a''m b"),
        ("a ' n't", "a'n't"),
        ("a '  've", "a''ve"),
        (" .  !  ?", ". ! ?"),
    ],
)
def test_each_rule_runs_once_over_what_the_rule_before_it_left(text: str, left: str) -> None:
    assert tidy(text) == left


@examples(300)
@given(st.lists(st.sampled_from([" ", " ", *".?!,'", "n't", "'m", "'s", "'ve", "'re", "'ll", "a", "\n"])).map("".join))
@example("a ' ,b")
def test_any_text_is_tidied_as_the_rules_say(text: str) -> None:
    assert tidy(text) == plain.tidy(text)
    assert untidy([text]) == [plain.tidy(text) != text]
