"""The Llama 3 tokenizer, built from the vocabulary in the package `llama-models`.

So users need no access to a gated model repository, and nothing is downloaded. The vocabulary is verified by its hash,
because another one would produce different items.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.resources
from typing import Protocol

import tiktoken
from typing_extensions import override

from job.errors import CurateError

LLAMA3_VOCABULARY_SHA256 = "82e9d31979e92ab929cd544440f129d9ecd797b69e327f80f17e1c50d5551b55"

_LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


class Tokenizer(Protocol):
    """Splits text into tokens. It knows no special tokens: their names are plain text."""

    def count(self, text: str) -> int:
        """Counts the tokens of a text."""
        ...

    def head(self, text: str, max_tokens: int) -> tuple[int, str]:
        """Cuts a text after its first tokens.

        Args:
            text: any text.
            max_tokens: the number of tokens to keep.

        Returns:
            The number of tokens in the whole text, and the text of the first `max_tokens` of them. If the cut splits a
            character, U+FFFD replaces what remains of it.
        """
        ...


class TiktokenTokenizer(Tokenizer):
    """A tokenizer that runs on tiktoken."""

    def __init__(self, encoding: tiktoken.Encoding):
        self._encoding = encoding

    @override
    def count(self, text: str) -> int:
        return len(self._encoding.encode_ordinary(text))

    @override
    def head(self, text: str, max_tokens: int) -> tuple[int, str]:
        tokens = self._encoding.encode_ordinary(text)
        if len(tokens) <= max_tokens:
            return len(tokens), text
        return len(tokens), self._encoding.decode_bytes(tokens[:max_tokens]).decode("utf-8", errors="replace")

    def tokens(self, texts: list[str], num_threads: int) -> list[list[int]]:
        """Returns the tokens of many texts.

        Args:
            texts: any texts.
            num_threads: how many threads split them.
        """
        return self._encoding.encode_ordinary_batch(texts, num_threads=num_threads)


@functools.cache
def load_tokenizer(name: str) -> TiktokenTokenizer:
    """Loads a tokenizer, once per process (0.4 s).

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
    ranks = {
        base64.b64decode(token): int(rank) for token, rank in (line.split() for line in vocabulary.splitlines() if line)
    }
    encoding = tiktoken.Encoding("llama3", pat_str=_LLAMA3_PATTERN, mergeable_ranks=ranks, special_tokens={})
    return TiktokenTokenizer(encoding)
