"""What is known of tokens, by numbers, is what `folding` says of whole texts."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from job.selection import vocabulary as module
from job.selection.folding import folded, number_words, words
from job.selection.vocabulary import NO_WORD, NUMBER_WORD, Vocabulary, vocabulary
from tests.generated import examples
from tests.selection.test_folding import NEWER

TEXTS = st.lists(st.text("aB1 -./(²é日" + NEWER, max_size=12), min_size=1, max_size=5)


@examples(300)
@given(TEXTS, TEXTS)
def test_tokens_have_the_words_of_their_texts(before: list[str], texts: list[str]) -> None:
    known = Vocabulary()
    known.numbers([folded(text).encode() for text in before])
    tokens, owners = known.numbers([folded(text).encode() for text in texts])
    kinds, hashes = known.kinds(tokens), known.hashes(tokens)
    for owner, text in enumerate(texts):
        mine = owners == owner
        expected = [xxhash.xxh3_64_intdigest(word.encode()) for word in words(folded(text))]
        assert hashes[mine & (kinds != NO_WORD)].tolist() == expected
        numbers = [known.words[token].decode() for token in tokens[mine & (kinds == NUMBER_WORD)].tolist()]
        assert tuple(sorted(numbers)) == number_words(folded(text), "")


@pytest.mark.parametrize("after", range(1, 12))
def test_a_vocabulary_that_was_interrupted_is_forgotten(after: int) -> None:
    known, token = vocabulary(), f"{after}gb".encode()
    lines = 0

    def interrupt(frame: FrameType, event: str, _: object) -> Any:
        nonlocal lines
        if frame.f_code is Vocabulary.__missing__.__code__ and event == "line":
            lines += 1
            if lines == after:
                raise KeyboardInterrupt
        return interrupt

    sys.settrace(interrupt)
    try:
        known.numbers([token])
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(None)
    again = vocabulary()
    tokens, _ = again.numbers([b"quiet kettle " + token])
    expected = [xxhash.xxh3_64_intdigest(word) for word in (b"quiet", b"kettle", token)]
    assert again.hashes(tokens).tolist() == expected
    assert again.kinds(tokens).tolist() == [module.WORD, module.WORD, NUMBER_WORD]


def test_long_tokens_are_forgotten_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_BYTES", 1000)
    first = vocabulary()
    first.numbers([b"x" * 1001])
    assert not vocabulary()


def test_a_large_vocabulary_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_TOKENS", 10)
    first = vocabulary()
    first.numbers([b"a b c"])
    assert vocabulary() is first
    first.numbers([b" ".join(f"w{number}".encode() for number in range(20))])
    assert not vocabulary()
