"""Python's functions with the tables of one version of Unicode give the same answers on every Python."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.recipe.course_2024.text import is_part_number
from job.recipe.price import PriceDrop, judge_price
from job.recipe.unicode import UNICODE_14, UNICODE_15, UnicodeVersion
from tests.generated import examples
from tests.paths import ROOT

ANSWERS_OF_PYTHON_3_11 = "39ae703d3796feec"
ANSWERS_OF_PYTHON_3_12 = "f2095d3fc16ef5df"
"""Digests of what `answers` gives with the functions of these Pythons themselves, of all code points."""

EVERY_CHARACTER = "".join(map(chr, range(sys.maxunicode + 1)))


def answers(stable: Callable[[str], str], quoted: Callable[[str], str], number: Callable[[str], float]) -> str:
    """Returns a digest of what the functions say of each code point."""

    def value(character: str) -> float | None:
        try:
            return number(character)
        except ValueError:
            return None

    seen = stable(EVERY_CHARACTER)
    digest = hashlib.sha256()
    for text in (
        quoted(EVERY_CHARACTER),
        re.sub(r"\W", "-", re.sub(r"\w", "w", seen)),
        re.sub(r"\D", "-", re.sub(r"\d", "1", seen)),
        str([int(character.isdigit()) for character in seen]),
        str([int(character.isspace()) for character in seen]),
        str([value(old) for old, new in zip(EVERY_CHARACTER, seen, strict=True) if new.isdecimal()]),
    ):
        digest.update(text.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:16]


def answers_of(version: UnicodeVersion) -> str:
    return answers(version.stable, version.quoted, version.number)


def own_answers() -> str:
    """Returns what this Python itself says."""
    return answers(str, repr, float)


@pytest.mark.slow
def test_every_code_point_is_what_it_is_in_python_3_11_and_in_python_3_12() -> None:
    assert answers_of(UNICODE_14) == ANSWERS_OF_PYTHON_3_11
    assert answers_of(UNICODE_15) == ANSWERS_OF_PYTHON_3_12
    own = {(3, 11): ANSWERS_OF_PYTHON_3_11, (3, 12): ANSWERS_OF_PYTHON_3_12}
    if (expected := own.get(sys.version_info[:2])) is not None:
        assert own_answers() == expected


def other_pythons() -> list[str]:
    """Returns the Pythons on this machine that can run the recipes, this one left out."""
    names = [f"python3.{minor}" for minor in range(11, 15) if minor != sys.version_info.minor]
    found = [path for name in names if (path := shutil.which(name))]
    for folder in Path.home().glob(".pyenv/versions/3.1[1-4].*"):
        found.append(str(folder / "bin/python"))
    return [
        path for path in found if subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0
    ]


CHARACTERS = "7٣²①a é_\u200b\x1c\u2003🪆\ufffe\U00011f53\U0001e4f5\U00013439\U0001f6dc\u2ffc\U00010d43\U00010d50'\"\\\n"
CASES = [
    "QUALITY \U00011f53",
    "QUALITY \U00010d43",
    "\U0001e4d0ABCDEF12 \U0001f6dcABCDEF12 \U00010d50ABCDEF12",
    "1234567 \u2ffc Z",
]
EXPECTED = [" \U00011f53", "QUALITY \U00010d43", "\U0001e4d0ABCDEF12 \U0001f6dc \U00010d50", " \u2ffc Z"]
PROGRAM = f"""
from job.recipe.course_2025 import text
from job.recipe.unicode import UNICODE_14, UNICODE_15
assert [text.without_codes(case) for case in {CASES!a}] == {EXPECTED!a}
characters = {CHARACTERS!a}
print([ascii((version.quoted(characters), version.stable(characters))) for version in (UNICODE_14, UNICODE_15)])
"""


def test_other_pythons_give_the_same_answers() -> None:
    """The texts of the recipe, without Arrow, which they may not have."""
    pythons = other_pythons()
    if not pythons:
        pytest.skip("there is no other Python on this machine")
    expected = [ascii((version.quoted(CHARACTERS), version.stable(CHARACTERS))) for version in (UNICODE_14, UNICODE_15)]
    for python in pythons:
        ended = subprocess.run(
            [python, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False, env={"PYTHONUTF8": "1"}
        )
        assert (ended.stderr, ended.stdout.strip()) == ("", str(expected)), python


@pytest.mark.parametrize(
    ("text", "of_14", "of_15"),
    [
        ("a'b", '"a\'b"', '"a\'b"'),
        ("é🪆\u200b", "'é🪆\\u200b'", "'é🪆\\u200b'"),
        ("\U00011f53'", '"\\U00011f53\'"', '"\U00011f53\'"'),
        ("\u0ece'\"\\\n\x7f", "'\\u0ece\\'\"\\\\\\n\\x7f'", "'\u0ece\\'\"\\\\\\n\\x7f'"),
        ("\U00013439", "'\\U00013439'", "'\\U00013439'"),
        ("\u2ffc", "'\\u2ffc'", "'\\u2ffc'"),
    ],
)
def test_a_text_is_quoted_as_by_a_python_of_that_version(text: str, of_14: str, of_15: str) -> None:
    assert UNICODE_14.quoted(text) == of_14
    assert UNICODE_15.quoted(text) == of_15


def test_a_number_may_have_digits_that_the_version_knows() -> None:
    assert UNICODE_15.number("\U00011f51\U0001e4f9.5") == 19.5
    for version, text in ((UNICODE_14, "\U00011f51"), (UNICODE_15, "\U00010d41"), (UNICODE_15, "\U00011f00")):
        with pytest.raises(ValueError, match="could not convert"):
            version.number(text)
    assert judge_price("\U00011f51", 0, 9) is PriceDrop.MISSING
    assert judge_price("\U00011f51", 0, 9, UNICODE_15) == 1.0


def test_a_part_number_of_2024_has_a_digit_that_python_3_11_knows() -> None:
    assert is_part_number("abcdef²")
    assert is_part_number("abcdef\U0001fbf1")  # a segmented digit, of Unicode 13.0
    assert not is_part_number("abcdef\U00011f51")  # of 15.0
    assert not is_part_number("abcdef\U00010d41")  # of 16.0


@examples(200)
@given(st.text(st.one_of(st.characters(), st.sampled_from(CHARACTERS)), max_size=8))
def test_a_stable_text_is_as_long_and_the_same_object_where_nothing_is_replaced(text: str) -> None:
    for version in (UNICODE_14, UNICODE_15):
        stable = version.stable(text)
        assert len(stable) == len(text)
        assert version.is_stable(text) is (stable is text)
        assert version.is_stable(
            "".join(old for old, new in zip(text, stable, strict=True) if old == new and old != "\uffff")
        )
