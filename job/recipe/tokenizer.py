"""The Llama 3 tokenizer, built from the vocabulary in the package `llama-models`.

So users need no access to a gated model repository, and nothing is downloaded. The vocabulary is verified by its hash,
because another one would produce different items.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.resources
import itertools
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import splintr

from job.errors import CurateError

LLAMA3_VOCABULARY_SHA256 = "82e9d31979e92ab929cd544440f129d9ecd797b69e327f80f17e1c50d5551b55"

_LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)

_CHARS_PER_TOKEN = 4
"""Characters of a text that are looked at for each token that is missing. English listings have about as many."""
_MORE_CHARS = 40
"""Characters that are looked at besides, so that the end of a text does not come in ever smaller pieces."""

Tokens: TypeAlias = npt.NDArray[np.uint32]


class Tokenizer:
    """Splits text into tokens. It knows no special tokens: their names are plain text.

    Args:
        vocabulary: contents of a rank file: one token per line, in the order of their ranks from 0.
    """

    def __init__(self, vocabulary: bytes):
        self._encoding = splintr.Tokenizer.from_bytes(vocabulary, _LLAMA3_PATTERN, {})
        texts = [base64.b64decode(token) for token in vocabulary.split()[::2]]
        self._sizes = np.array([len(text) for text in texts])
        self._begins_with_blank = np.array([text.startswith(b" ") for text in texts])

    def tokens(self, text: str) -> Tokens:
        """Returns the tokens of a text."""
        return np.frombuffer(self._encoding.encode_flat(text), "<u4")

    def all_tokens(self, texts: Sequence[str]) -> list[Tokens]:
        """Returns the tokens of many texts, on all cores."""
        encoded, bounds = self._encoding.encode_batch_flat(texts)
        tokens = np.frombuffer(encoded, "<u4")
        return [tokens[begin:end] for begin, end in itertools.pairwise(np.frombuffer(bounds, "<i8"))]

    def count(self, text: str) -> int:
        """Counts the tokens of a text."""
        return len(self.tokens(text))

    def first_tokens(self, text: str, enough: int) -> Tokens:
        """Returns the first tokens of a text, without looking at all of a long one.

        Args:
            text: a text without white space except newlines and single blanks between words. Of such a text no token
                has a blank but as its first byte, so what is before a blank has the tokens that it has in the whole.
            enough: the number of tokens that the caller needs.

        Returns:
            At least `enough` tokens; all of them if there are fewer.
        """
        found: list[Tokens] = []
        begin, missing = 0, enough
        while missing > 0 and begin < len(text):
            end = begin + missing * _CHARS_PER_TOKEN + _MORE_CHARS
            if end >= len(text) or (end := text.rfind(" ", begin + 1, end)) < 0:
                end = len(text)
            found.append(self.tokens(text[begin:end]))
            begin, missing = end, missing - len(found[-1])
        return found[0] if len(found) == 1 else np.concatenate([_NO_TOKENS, *found])

    def cut_all(self, texts: Sequence[str], tokens: Sequence[Tokens]) -> list[str]:
        """Returns the text of the first tokens of some texts.

        Args:
            texts: any texts.
            tokens: the first tokens of each. If they end within a character, U+FFFD replaces what there is of it.
        """
        joined, bounds = _joined(tokens)
        sizes = np.diff(np.concatenate(([0], np.cumsum(self._sizes[joined])))[bounds]).tolist()
        return [text.encode()[:size].decode(errors="replace") for text, size in zip(texts, sizes, strict=True)]

    def before_last_blanks(self, tokens: Sequence[Tokens]) -> list[int]:
        """Counts the tokens before the last one that begins with a blank, of each of some texts; 0 if none does."""
        joined, bounds = _joined(tokens)
        blanks = np.flatnonzero(self._begins_with_blank[joined])
        last = np.concatenate(([-1], blanks))[np.searchsorted(blanks, bounds[1:])]
        return np.maximum(last - bounds[:-1], 0).tolist()


_NO_TOKENS = np.empty(0, np.uint32)


def _joined(tokens: Sequence[Tokens]) -> tuple[Tokens, npt.NDArray[np.int64]]:
    """Returns the tokens of some texts in one array, and where in it each text begins and the last one ends."""
    return np.concatenate([_NO_TOKENS, *tokens]), np.cumsum([0, *map(len, tokens)])


@functools.cache
def load_tokenizer(name: str) -> Tokenizer:
    """Loads a tokenizer, once per process (0.2 s).

    Args:
        name: `llama3`, the only one so far.

    Returns:
        The tokenizer.

    Raises:
        CurateError: when the vocabulary is not the one that the recipe was tested with.
    """
    if name != "llama3":
        raise ValueError(f"unknown tokenizer: {name!r}")
    resource = importlib.resources.files("llama_models") / "llama3" / "tokenizer.model"
    vocabulary = resource.read_bytes()
    found = hashlib.sha256(vocabulary).hexdigest()
    if found != LLAMA3_VOCABULARY_SHA256:
        raise CurateError(
            f"the Llama 3 vocabulary at {resource} has SHA-256 {found[:16]}..., "
            f"not {LLAMA3_VOCABULARY_SHA256[:16]}...: the items would be different\n"
            "install the pinned packages again: rm -rf .venv && scripts/run"
        )
    return Tokenizer(vocabulary)
