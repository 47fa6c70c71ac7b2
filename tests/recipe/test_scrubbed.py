"""Texts scrubbed together come out as each does alone by the rules, and so do the prompts made of them."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.recipe.course_2024.scrubbed import scrub_all
from job.recipe.course_2024.settings import Course2024Settings
from job.recipe.course_2024.text import is_part_number, pieces_of, scrub, words_of
from job.recipe.registry import make_recipe
from tests.generated import examples
from tests.recipe import plain
from tests.recipe.words import CHARACTERS, STRINGS, WHITE_SPACE, random_line

NUM_TEXTS = 3_000
NUM_TEXTS_SLOW = 100_000


def check_scrubbed(texts: Sequence[str]) -> None:
    assert scrub_all(texts) == [plain.scrub(text) for text in texts]


@pytest.mark.seconds
@pytest.mark.parametrize(
    "num_texts", [NUM_TEXTS, pytest.param(NUM_TEXTS_SLOW, marks=pytest.mark.slow)], ids=["some", "many"]
)
def test_texts_are_scrubbed_as_the_rules_say(num_texts: int) -> None:
    draw = random.Random(2)
    for _ in range(0, num_texts, 50):
        check_scrubbed([random_line(draw) for _ in range(50)])


one_word = st.one_of(
    st.sampled_from(CHARACTERS + STRINGS),
    st.lists(st.sampled_from(CHARACTERS + STRINGS), max_size=5).map("".join),
    st.text(max_size=6),
).map(lambda word: "".join(word.split()))


@pytest.mark.seconds
@examples(500)
@given(
    st.lists(
        st.lists(st.one_of(one_word, st.sampled_from([*WHITE_SPACE, " ,", ",", ": ", '", "'])), max_size=40).map(
            "".join
        ),
        max_size=3,
    )
)
def test_any_texts_are_scrubbed_as_the_rules_say(texts: list[str]) -> None:
    check_scrubbed(texts)


@pytest.mark.seconds
def test_of_all_characters_white_space_and_brackets_part_words_and_no_others() -> None:
    parting: list[str] = []
    for plane in range(0, sys.maxunicode + 1, 0x10000):
        characters = [chr(code) for code in range(plane, plane + 0x10000) if not 0xD800 <= code < 0xE000]
        lines = scrub_all([f"a{character}b" for character in characters])
        parting += [character for character, line in zip(characters, lines, strict=True) if line == "a b"]
    assert sorted(parting) == sorted([*WHITE_SPACE, *':[]"{}【】'])


@pytest.mark.seconds
def test_of_all_characters_digits_make_part_numbers_and_no_others() -> None:
    for plane in range(0, sys.maxunicode + 1, 0x10000):
        characters = [chr(code) for code in range(plane, plane + 0x10000) if not 0xD800 <= code < 0xE000]
        check_scrubbed([f"wood abcdef{character} {character}chair" for character in characters])


@pytest.mark.parametrize("size", [6, 7, 8])
@pytest.mark.parametrize("character", [*"a漢é🪆"])
def test_characters_are_counted_and_not_bytes(character: str, size: int) -> None:
    check_scrubbed([f"{character * (size - 1)}1 wood", f"wood 1{character * (size - 1)}", f"{character * size}"])


def test_the_first_word_is_the_first_that_stays() -> None:
    for text in ("AP49806 wood", ": AP49806 [1811003] dishwasher AP49806 wood", " , wood", "1234567 ,wood ,,,"):
        check_scrubbed(["", text, "AP49806", text])


@pytest.mark.parametrize("text", ["", " ", "AP49806", ': "1234567" '])
def test_of_some_texts_nothing_stays(text: str) -> None:
    assert scrub_all([text, "wood", text, text, "AP49806 wood", text]) == ["", "wood", "", "", "wood", ""]


def test_no_texts_are_no_texts() -> None:
    assert scrub_all([]) == []


def test_no_white_space_but_the_blank_is_printable() -> None:
    """Scrubbing looks for other white space in texts with a character that is not printable, and in no others."""
    assert [character for character in WHITE_SPACE if character.isprintable()] == [" "]


# Long texts in pieces

spans = st.one_of(
    st.sampled_from([*WHITE_SPACE, *':[]"{}【】,,,,', "a", "漢", "(", "AP49806", "1", "²"]), st.text(max_size=2)
)


@examples(500)
@given(st.lists(spans, max_size=60).map("".join), st.integers(0, 12))
def test_pieces_of_a_text_have_its_words(text: str, min_chars: int) -> None:
    pieces = list(pieces_of(text, min_chars))
    assert "".join(pieces) == text
    assert all(len(piece) > min_chars for piece in pieces[:-1])
    found = [word for piece in pieces for word in words_of(piece)]
    assert found == words_of(text)
    assert " ".join(word for word in found if not is_part_number(word)) == plain.scrub(text)


@examples(200)
@given(st.lists(spans, max_size=60).map("".join), st.integers(1, 20))
def test_the_first_words_of_a_long_text_are_enough(text: str, max_words: int) -> None:
    long = " ".join([text] * 300)
    expected = plain.scrub(long).split(" ")
    found = scrub(long, max_words).split(" ")
    assert found == expected[: len(found)]
    assert len(found) >= min(max_words, len(expected))


def check_title(title: str, config: Course2024Settings, description: str = "wood " * 200, details: str = "") -> None:
    row: dict[str, Any] = {"title": title, "parent_asin": "B0", "price": "5", "details": details}
    row |= {"description": [description], "features": []}
    schema = pa.schema([(name, pa.list_(pa.string()) if isinstance(row[name], list) else pa.string()) for name in row])
    (found,) = make_recipe(config).judge(pa.Table.from_pylist([row], schema=schema)).to_pylist()
    assert (found["verdict"], found["prompt"], found["token_count"]) == plain.judge(row, config)


@pytest.mark.parametrize("part", ["wood chair ", "a1234567 ", " ", " ,", '"1234567"', "\t1234567", "(1234567 "])
@pytest.mark.parametrize("times", [900, 1_100, 30_000])
def test_a_very_long_title_of_many_words_is_judged_by_its_first_ones(part: str, times: int) -> None:
    check_title(part * times + "End of the title", Course2024Settings())


@pytest.mark.parametrize("last", ["wood ", ") ", ")))) "])
@pytest.mark.parametrize("words", range(157, 163))
def test_a_title_that_just_fills_a_prompt_ends_where_it_should(words: int, last: str) -> None:
    """Whether it ends there, or goes on after many part numbers, which are read in pieces."""
    for rest in ("", "a1234567 " * 3_000, "a1234567 " * 3_000 + "chair " * 9):
        check_title("wood " * (words - 1) + last + rest, Course2024Settings())


@pytest.mark.parametrize("max_tokens", range(1, 30))
def test_a_title_cut_within_a_character_is_cut_once(max_tokens: int) -> None:
    """What is left of a character has fewer tokens than it had, and `+-` has more with a newline behind it."""
    for title in ("𓀀" * 9, "0𐅎 " * 9, "wood 🪆🪆🪆🪆", "wood))))", "wood )", "wood +/-", "+-+-+-+-"):
        check_title(title, Course2024Settings(max_tokens=max_tokens, min_tokens=0))
        check_title(title, Course2024Settings(max_tokens=max_tokens, min_tokens=max_tokens + 3))


@pytest.mark.parametrize("title", ["Chair", "Chair)", "", "AP49806"])
def test_contents_may_be_nothing_but_what_is_left_out(title: str) -> None:
    """Then all newlines behind the title are in one token."""
    check_title(title, Course2024Settings(min_chars=0, min_tokens=0), "[] 1234567 " * 40)


@pytest.mark.parametrize("num_chars", [1_119, 1_120, 1_499, 1_500])
def test_details_count_where_more_characters_are_asked_for_than_are_looked_at(num_chars: int) -> None:
    check_title("Chair", Course2024Settings(min_chars=1_500), ("wood " * 400)[: num_chars - 1], "steel")
