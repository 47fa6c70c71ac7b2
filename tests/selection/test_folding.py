"""Titles and texts are folded, and cut into words, by the tables of Unicode 15.0 on every Python."""

from __future__ import annotations

import subprocess
import sys

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.selection import folding_many
from job.selection.folding import folded, number_words, shingles, words
from job.selection.folding_many import folded_in_utf8
from tests.generated import examples
from tests.paths import ROOT
from tests.recipe.test_unicode import other_pythons

ANSWERS_OF_PYTHON_3_12 = "98e9a06bf5ea1e52"
"""Digest of what `answers` gives with the functions of this Python itself, of all code points."""

ANSWERS = """
def answers(folded, is_alnum, is_digit):
    digest = hashlib.sha256()
    for code in range(sys.maxunicode + 1):
        one = chr(code)
        said = folded(f"A{one}B"), is_alnum(one), is_digit(one)
        digest.update(repr([ascii(part) for part in said]).encode())
    return digest.hexdigest()[:16]
"""
OURS = f"""
import hashlib, sys
from job.selection import folding_many
from job.selection.folding import folded, number_words, words
{ANSWERS}
print(answers(folded, lambda one: one.isspace() or bool(words(folded(one))), lambda one: bool(number_words(one, ""))))
"""
ITS_OWN = f"""
import hashlib, sys
{ANSWERS}
print(answers(
    lambda text: " ".join(text.casefold().split()),
    lambda one: one.isspace() or any(map(str.isalnum, one.casefold())),
    lambda one: any(map(str.isdigit, one)),
))
"""


def answer(python: str, program: str) -> str:
    ended = subprocess.run(
        [python, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, env={"PYTHONUTF8": "1"}
    )
    assert ended.stderr == ""
    return ended.stdout.strip()


@pytest.mark.slow
def test_every_code_point_folds_and_counts_as_in_python_3_12_on_every_python() -> None:
    for python in [sys.executable, *other_pythons()]:
        assert answer(python, OURS) == ANSWERS_OF_PYTHON_3_12, python
        if answer(python, "import sys; print(sys.version_info[:2] == (3, 12))") == "True":
            assert answer(python, ITS_OWN) == ANSWERS_OF_PYTHON_3_12


NEWER = "\U00011f02\U00011f51\U0002ebf0\U00010d50\ua7cb"
"""A letter and a digit of Unicode 15.0, a letter of 15.1, and two capitals of 16.0 that fold there."""


def test_characters_that_pythons_disagree_on_are_what_they_are_in_unicode_15() -> None:
    letter, digit, later, *capitals = NEWER
    assert folded(f"A{NEWER}\u2003ẞ") == f"a{NEWER} ss"
    assert words(f"-{letter}- {digit}. {later} {later}a{later} {''.join(capitals)}") == [letter, digit, "a"]
    assert number_words("", f"({letter} {digit}) a{later}1{later} {later}") == (f"a{later}1", digit)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, ""),
        ("", ""),
        (" \t\n\u3000\x1f", ""),
        ("  Big\u00a0 RED\r\nBall ", "big red ball"),
        ("STRASSE Straße ſtop ﬁn", "strasse strasse stop fin"),
        ("İI ΣΑΣ", "i\u0307i σασ"),
        ("a\u200bb\ufeff", "a\u200bb\ufeff"),  # no white space
    ],
)
def test_folding_ignores_case_and_white_space(text: str | None, expected: str) -> None:
    assert folded(text) == expected


@given(st.text(st.sampled_from("aZ09 \t\n\x0b\x0c\r\x1c\x1d\x1e\x1f\x00\x7f-"), max_size=30))
def test_text_in_ascii_is_folded_as_any_other(text: str) -> None:
    assert folded(text) == " ".join(text.casefold().split())
    assert folded(f"é{text}é") == f"é{' '.join(f'|{text.casefold()}|'.split())[1:-1]}é"


def test_what_is_folded_stays_as_it_is() -> None:
    every = "\u00a0".join(map(chr, range(0x1F000)))  # no character above folds
    assert (once := folded(every)) != every
    assert folded(once) == once


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("- & ...", []),
        ('the (new) 2-pack, 3.5" w/ case!', ["the", "new", "2-pack", "3.5", "w", "case"]),
        ("_under_score_ x² „größe“ 日本語。", ["under_score", "x²", "größe", "日本語"]),
    ],
)
def test_a_word_begins_and_ends_with_a_letter_or_a_digit(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_words_with_a_digit_are_taken_from_title_and_text_each_as_often_as_it_occurs() -> None:
    assert number_words("usb stick 16 gb", "holds (16) gb; v2.0, x² ½ ⅷ") == ("16", "16", "v2.0", "x²")
    assert number_words("16 gb", "") == number_words("", "gb 16.")
    assert number_words("16 gb", "") != number_words("16 gb", "16")
    assert number_words("4-pack", "") != number_words("2-pack", "")
    assert number_words("", "") == ()
    assert number_words("a", "1") == ("1",)  # the title ends where the text begins


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", set()),
        ("a", {"a"}),
        ("a b", {"a b"}),
        ("a b c", {"a b c"}),
        ("a b c d", {"a b c", "b c d"}),
        ("a a a a a", {"a a a"}),
    ],
)
def test_shingles_are_runs_of_three_words(text: str, expected: set[str]) -> None:
    assert shingles(text.split()) == expected


@examples(300)
@given(st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from("aB1_-. \t²é" + NEWER)), max_size=12))
def test_words_are_what_stands_between_blanks_without_other_characters_at_the_ends(text: str) -> None:
    def is_word_character(character: str) -> bool:
        return bool(words(character))

    expected: list[str] = []
    for between in folded(text).split(" "):
        inner = [at for at, character in enumerate(between) if is_word_character(character)]
        if inner:
            expected.append(between[inner[0] : inner[-1] + 1])
    assert words(folded(text)) == expected
    assert number_words(folded(text), "") == tuple(
        sorted(word for word in expected if any(number_words(character, "") for character in word))
    )


@examples(300)
@given(st.lists(st.none() | st.text("aB \t\n\x1f\x7f\u00a0ßéÉ日İẞKﬁ🙂𐐀" + NEWER, max_size=12)), st.integers(0, 3))
def test_many_texts_fold_as_each_of_them_does(texts: list[str | None], start: int) -> None:
    column = pa.array(texts, pa.string())
    assert [one.decode() for one in folded_in_utf8(column)] == [folded(text) for text in texts]
    chunked = pa.chunked_array([column.slice(start), column[:0], column[: start + 1]])
    again = [*texts[start:], *texts[: start + 1]]
    assert [one.decode() for one in folded_in_utf8(chunked)] == [folded(text) for text in again]


def test_every_character_that_folds_does_so_among_others() -> None:
    changing = [one for one in map(chr, range(sys.maxunicode + 1)) if one.isspace() or one.casefold() != one]
    texts = [text for one in changing for text in (one, f"É{one}ß", f"a {one} B", one + one)]
    assert len(changing) > 1_400
    assert [one.decode() for one in folded_in_utf8(pa.array(texts))] == [folded(text) for text in texts]


@pytest.mark.parametrize("most", [1, 3, 10, 100])
def test_long_texts_are_folded_in_smaller_batches(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["", "É  B", "a", "日本 語" * 4, " ", "ß" * 50, None, "x"]
    monkeypatch.setattr(folding_many, "_BYTES_AT_ONCE", most)
    column = pa.array([*texts, *texts], pa.string()).slice(3, 9)
    assert [one.decode() for one in folded_in_utf8(column)] == [folded(text) for text in [*texts, *texts][3:12]]
