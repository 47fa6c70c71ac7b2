"""The Llama 3 tokenizer: the right vocabulary, no special tokens, and text cut after its first tokens."""

from __future__ import annotations

import hashlib
import importlib.resources
import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.errors import CurateError
from job.recipe.tokenizer import LLAMA3_VOCABULARY_SHA256, load_tokenizer
from tests.generated import examples
from tests.recipe.plain import ENCODING

LLAMA3 = load_tokenizer("llama3")


def pieces(text: str) -> list[str]:
    """Takes a text of whole characters apart into its tokens' texts."""
    heads = [LLAMA3.head(text, max_tokens)[1] for max_tokens in range(LLAMA3.count(text) + 1)]
    return [after.removeprefix(before) for before, after in itertools.pairwise(heads)]


def test_the_known_question_has_its_known_tokens() -> None:
    known = [4438, 1790, 1587, 420, 2853, 30]
    assert ENCODING.encode_ordinary("How much does this cost?") == known
    assert pieces("How much does this cost?") == [ENCODING.decode([token]) for token in known]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("1234567", ["123", "456", "7"]),
        ("it's IT'S", ["it", "'s", " IT", "'S"]),
        ("IT'STOP", ["IT", "'S", "TOP"]),
        ("a  b", ["a", " ", " b"]),
        ("a\n\nb", ["a", "\n\n", "b"]),
        ("a \n b", ["a", " \n", " b"]),
        (" !?\n", [" !", "?\n"]),
        ("$12", ["$", "12"]),
    ],
)
def test_text_comes_apart_where_the_llama_3_pattern_says(text: str, tokens: list[str]) -> None:
    assert pieces(text) == tokens


@pytest.mark.parametrize("name", ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|start_header_id|>"])
def test_the_name_of_a_special_token_is_plain_text(name: str) -> None:
    assert LLAMA3.count(name) > 3
    assert LLAMA3.head(name, 100) == (LLAMA3.count(name), name)
    assert "".join(pieces(f"a{name}b")) == f"a{name}b"


def test_text_of_few_tokens_stays_whole() -> None:
    assert LLAMA3.head("How much does this cost?", 7) == (6, "How much does this cost?")
    assert LLAMA3.head("How much does this cost?", 6) == (6, "How much does this cost?")


def test_text_of_more_tokens_is_cut_and_all_of_them_are_counted() -> None:
    assert LLAMA3.head("How much does this cost?", 5) == (6, "How much does this cost")
    assert LLAMA3.head("How much does this cost?", 1) == (6, "How")


def test_no_text_has_no_tokens() -> None:
    assert LLAMA3.count("") == 0
    assert LLAMA3.head("", 1) == (0, "")


@pytest.mark.parametrize(("character", "num_tokens"), [("🪆", 3), ("🦤", 3), ("𓀀", 4)])
def test_what_is_left_of_a_cut_character_becomes_one_replacement_character(character: str, num_tokens: int) -> None:
    text = f"a{character}b"
    assert LLAMA3.count(text) == num_tokens + 2
    assert LLAMA3.head(text, 1)[1] == "a"
    for max_tokens in range(2, num_tokens + 1):
        assert LLAMA3.head(text, max_tokens)[1] == "a\ufffd"
    assert LLAMA3.head(text, num_tokens + 1)[1] == f"a{character}"


@examples(300)
@given(
    text=st.lists(
        st.one_of(st.text(max_size=5), st.sampled_from(["🪆", " it's", "\r\n", "  ", "1234", "<|eot_id|>"]))
    ).map("".join),
    max_tokens=st.integers(1, 30),
)
def test_any_text_is_counted_and_cut_as_tiktoken_does_it(text: str, max_tokens: int) -> None:
    tokens = ENCODING.encode(text, disallowed_special=())
    assert LLAMA3.count(text) == len(tokens)
    assert LLAMA3.head(text, max_tokens) == (len(tokens), ENCODING.decode(tokens[:max_tokens]))


@pytest.mark.parametrize(
    ("text", "num_tokens"),
    [
        ("a" * 200_000, 25_000),
        ("^" * 200_000, 50_000),
        ("7" * 200_000, 66_667),
        ("😀" * 200_000, 400_000),
        ("é^7" * 66_667, 200_001),
        (" " * 200_000, 1_563),
        ("\n" * 200_000, 6_250),
    ],
    ids=["letters", "signs", "digits", "emoji", "mixed", "blanks", "newlines"],
)
def test_a_very_long_text_without_words_is_counted_and_cut(text: str, num_tokens: int) -> None:
    counted, head = LLAMA3.head(text, 160)
    assert counted == num_tokens
    assert text.startswith(head)
    assert LLAMA3.count(head) == 160


def test_another_vocabulary_is_refused_by_its_hash(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    original = importlib.resources.files("llama_models").joinpath("llama3", "tokenizer.model").read_bytes()
    changed = tmp_path / "llama3" / "tokenizer.model"
    changed.parent.mkdir()
    changed.write_bytes(original.removesuffix(b"\n"))

    def has_other_nodes(package: str) -> Path:
        assert package == "llama_models"
        return tmp_path

    monkeypatch.setattr(importlib.resources, "files", has_other_nodes)
    with pytest.raises(CurateError) as raised:
        load_tokenizer.__wrapped__("llama3")
    message = str(raised.value)
    assert str(changed) in message
    assert hashlib.sha256(changed.read_bytes()).hexdigest()[:16] in message
    assert LLAMA3_VOCABULARY_SHA256[:16] in message
    assert "install the pinned packages again" in message


def test_a_vocabulary_is_loaded_once() -> None:
    assert load_tokenizer("llama3") is LLAMA3


def test_an_unknown_tokenizer_is_named() -> None:
    with pytest.raises(ValueError, match="'llama4'"):
        load_tokenizer("llama4")
