"""The Llama 3 tokenizer: the right vocabulary, no special tokens, and text cut after its first tokens."""

from __future__ import annotations

import hashlib
import importlib.resources
import itertools
import random
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.errors import CurateError
from job.recipe.tokenizer import LLAMA3_VOCABULARY_SHA256, load_tokenizer
from tests.generated import examples
from tests.recipe.plain import ENCODING
from tests.recipe.words import random_text, random_word

LLAMA3 = load_tokenizer("llama3")

NUM_TEXTS = 3_000
NUM_TEXTS_SLOW = 100_000


def head(text: str, max_tokens: int) -> str:
    return LLAMA3.cut_all([text], [LLAMA3.tokens(text)[:max_tokens]])[0]


def pieces(text: str) -> list[str]:
    """Takes a text of whole characters apart into its tokens' texts."""
    heads = [head(text, max_tokens) for max_tokens in range(LLAMA3.count(text) + 1)]
    return [after.removeprefix(before) for before, after in itertools.pairwise(heads)]


def hugging_face_llama3() -> Any:
    """Makes the tokenizer anew with the library `tokenizers`, which has code of its own for pattern and merges."""
    tokenizers = pytest.importorskip("tokenizers")
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    letters = {byte: chr(byte) for byte in visible} | {byte: chr(256 + place) for place, byte in enumerate(hidden)}

    def spelled(token: bytes) -> str:
        return "".join(letters[byte] for byte in token)

    ranks = {ENCODING.decode_single_token_bytes(rank): rank for rank in range(ENCODING.n_vocab)}
    merges: list[tuple[str, str]] = []
    for token in ranks:
        pairs = [(token[:cut], token[cut:]) for cut in range(1, len(token))]
        known = [(ranks[left], ranks[right]) for left, right in pairs if left in ranks and right in ranks]
        merges += [
            (spelled(ENCODING.decode_single_token_bytes(left)), spelled(ENCODING.decode_single_token_bytes(right)))
            for left, right in sorted(known)
        ]
    vocabulary = {spelled(token): rank for token, rank in ranks.items()}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, merges, ignore_merges=True))
    split = tokenizers.pre_tokenizers.Split(tokenizers.Regex(ENCODING._pat_str), "isolated")  # pyright: ignore[reportPrivateUsage]
    byte_level = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([split, byte_level])
    return tokenizer


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
    assert "".join(pieces(f"a{name}b")) == f"a{name}b"


def test_text_of_few_tokens_stays_whole() -> None:
    assert head("How much does this cost?", 7) == "How much does this cost?"
    assert head("How much does this cost?", 6) == "How much does this cost?"


def test_text_of_more_tokens_is_cut() -> None:
    assert head("How much does this cost?", 5) == "How much does this cost"
    assert head("How much does this cost?", 1) == "How"


def test_no_text_has_no_tokens() -> None:
    assert LLAMA3.count("") == 0
    assert head("", 1) == ""


@pytest.mark.parametrize(("character", "num_tokens"), [("🪆", 3), ("🦤", 3), ("𓀀", 4)])
def test_what_is_left_of_a_cut_character_becomes_one_replacement_character(character: str, num_tokens: int) -> None:
    text = f"a{character}b"
    assert LLAMA3.count(text) == num_tokens + 2
    assert head(text, 1) == "a"
    for max_tokens in range(2, num_tokens + 1):
        assert head(text, max_tokens) == "a\ufffd"
    assert head(text, num_tokens + 1) == f"a{character}"


@examples(300)
@given(
    text=st.lists(
        st.one_of(st.text(max_size=5), st.sampled_from(["🪆", " it's", "\r\n", "  ", "1234", "<|eot_id|>"]))
    ).map("".join),
    max_tokens=st.integers(1, 30),
)
def test_any_text_is_counted_and_cut_as_tiktoken_does_it(text: str, max_tokens: int) -> None:
    tokens = ENCODING.encode(text, disallowed_special=())
    assert LLAMA3.tokens(text).tolist() == tokens
    assert LLAMA3.count(text) == len(tokens)
    assert head(text, max_tokens) == ENCODING.decode(tokens[:max_tokens])
    assert [found.tolist() for found in LLAMA3.all_tokens([text, "", text])] == [tokens, [], tokens]


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
    assert LLAMA3.count(text) == num_tokens
    found = head(text, 160)
    assert text.startswith(found)
    assert LLAMA3.count(found) == 160


@pytest.mark.seconds
@pytest.mark.parametrize("others", [16, pytest.param(1, marks=pytest.mark.slow)])
def test_every_character_has_the_tokens_that_tiktoken_gives(others: int) -> None:
    """Among letters, digits, signs and white space. Both go by tables of Unicode of their own.

    Of letters without case, most of them Chinese, and of code points that are private or no characters, only some are
    tried in the default lane.
    """
    for code in range(sys.maxunicode + 1):
        category = unicodedata.category(chr(code))
        if category != "Cs" and (category not in ("Lo", "Co", "Cn") or code % others == 0):
            text = "a{0}b {0} 1{0}2 '{0} {0}{0}x.{0}\n{0}S'{0}".format(chr(code))
            assert LLAMA3.tokens(text).tolist() == ENCODING.encode_ordinary(text), repr(text)


# Texts whose only white space is single blanks and newlines


@pytest.mark.seconds
@pytest.mark.parametrize(
    "num_texts", [NUM_TEXTS, pytest.param(NUM_TEXTS_SLOW, marks=pytest.mark.slow)], ids=["some", "many"]
)
def test_the_first_tokens_are_those_of_the_whole_text(num_texts: int) -> None:
    draw = random.Random(1)
    for text in (random_text(draw) for _ in range(num_texts)):
        tokens = ENCODING.encode_ordinary(text)
        assert LLAMA3.tokens(text).tolist() == tokens, repr(text)
        enough = draw.randint(1, len(tokens) + 2)
        found = LLAMA3.first_tokens(text, enough).tolist()
        assert found == tokens[: len(found)], (text, enough)
        assert len(found) >= min(enough, len(tokens)), (text, enough)


@pytest.mark.seconds
def test_only_the_last_word_changes_its_tokens_when_newlines_follow() -> None:
    draw = random.Random(3)
    for text in (f"{random_text(draw)} {random_word(draw)}" for _ in range(NUM_TEXTS)):
        [before] = LLAMA3.before_last_blanks([LLAMA3.tokens(text)])
        last = text[text.rfind(" ") :] + "\n\n"
        assert before + LLAMA3.count(last) == len(ENCODING.encode_ordinary(f"{text}\n\n")), repr(text)


@pytest.mark.seconds
def test_many_texts_are_measured_as_each_of_them_is() -> None:
    draw = random.Random(4)
    for _ in range(100):
        texts = [random_text(draw) if draw.random() < 0.8 else "" for _ in range(draw.randrange(9))]
        tokens = [LLAMA3.tokens(text)[: draw.randrange(60)] for text in texts]
        alone = [LLAMA3.cut_all([text], [some])[0] for text, some in zip(texts, tokens, strict=True)]
        assert LLAMA3.cut_all(texts, tokens) == alone
        assert alone == [
            b"".join(ENCODING.decode_single_token_bytes(token) for token in some.tolist()).decode(errors="replace")
            for some in tokens
        ]
        begin_with_blank = [
            [ENCODING.decode_single_token_bytes(token).startswith(b" ") for token in some.tolist()] for some in tokens
        ]
        assert LLAMA3.before_last_blanks(tokens) == [
            max((place for place, begins in enumerate(each) if begins), default=0) for each in begin_with_blank
        ]


def test_a_text_without_blanks_has_no_word_before_its_last() -> None:
    assert LLAMA3.before_last_blanks([LLAMA3.tokens("dishwasher\nbox")]) == [0]
    assert LLAMA3.first_tokens("x" * 9_000 + "\nbox", 3).tolist() == LLAMA3.tokens("x" * 9_000 + "\nbox").tolist()


@pytest.mark.seconds
def test_hugging_face_has_the_same_tokens() -> None:
    tokenizer = hugging_face_llama3()
    draw = random.Random(4)
    for text in (random_text(draw) for _ in range(NUM_TEXTS)):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        assert LLAMA3.tokens(text).tolist() == ids, repr(text)


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
