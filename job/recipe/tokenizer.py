"""The Llama 3 tokenizer, from the vocabulary that the package `llama-models` carries.

So nobody has to be let into a gated model repository, and nothing is fetched. The vocabulary is checked by its
hash: another one would give other items.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.resources
from typing import Protocol

import tiktoken

from job.errors import CurateError

LLAMA3_VOCABULARY_SHA256 = "82e9d31979e92ab929cd544440f129d9ecd797b69e327f80f17e1c50d5551b55"

_LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


class Tokenizer(Protocol):
    """Cuts text into tokens. Special tokens do not exist for it: their names are plain text."""

    def count(self, text: str) -> int:
        """Counts the tokens of a text."""
        ...

    def head(self, text: str, max_tokens: int) -> tuple[int, str]:
        """Cuts a text after its first tokens.

        Args:
            text: any text.
            max_tokens: how many tokens to keep.

        Returns:
            The number of tokens before the cut, and the text of the first `max_tokens` of them. Where the cut goes
            through a character, what is left of it becomes U+FFFD.
        """
        ...


class TiktokenTokenizer:
    """A byte-pair encoding run by tiktoken."""

    def __init__(self, encoding: tiktoken.Encoding):
        self._encoding = encoding

    def count(self, text: str) -> int:
        """See `Tokenizer`."""
        return len(self._encoding.encode_ordinary(text))

    def head(self, text: str, max_tokens: int) -> tuple[int, str]:
        """See `Tokenizer`."""
        tokens = self._encoding.encode_ordinary(text)
        if len(tokens) <= max_tokens:
            return len(tokens), text
        return len(tokens), self._encoding.decode_bytes(tokens[:max_tokens]).decode("utf-8", errors="replace")


@functools.cache
def load_tokenizer(name: str) -> Tokenizer:
    """Loads a tokenizer, once per process (0.4 s).

    Args:
        name: `llama3`, the only one so far.

    Returns:
        The tokenizer.

    Raises:
        CurateError: when the vocabulary is not the one that the recipe was checked with.
    """
    if name != "llama3":
        raise ValueError(f"unknown tokenizer: {name!r}")
    resource = importlib.resources.files("llama_models") / "llama3" / "tokenizer.model"
    vocabulary = resource.read_bytes()
    found = hashlib.sha256(vocabulary).hexdigest()
    if found != LLAMA3_VOCABULARY_SHA256:
        raise CurateError(
            f"the Llama 3 vocabulary at {resource} has SHA-256 {found[:16]}..., "
            f"not {LLAMA3_VOCABULARY_SHA256[:16]}...: the items would be others\n"
            "install the pinned packages again: rm -rf .venv && scripts/run"
        )
    ranks = {
        base64.b64decode(token): int(rank) for token, rank in (line.split() for line in vocabulary.splitlines() if line)
    }
    encoding = tiktoken.Encoding("llama3", pat_str=_LLAMA3_PATTERN, mergeable_ranks=ranks, special_tokens={})
    return TiktokenTokenizer(encoding)
