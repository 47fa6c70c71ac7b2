"""Where do the baselines get the tokenizer that the course uses? They make it from what `llama-models` carries.

The Hugging Face `tokenizer.json` of Llama 3 is in a gated repository, so nothing is downloaded: the file is made from
the rank file in the `llama-models` package. A rank file says in which order pairs were merged, but not which pairs.
Every way to cut a token into two tokens is a merge, in the order of the token's rank. The published `tokenizer.json`
was made in this way too. Like it, this one takes a piece of text that is a token as it is (`ignore_merges`), without
looking for the merges that lead to it.
"""

from __future__ import annotations

import base64
import functools
import importlib.resources
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)


@dataclass(frozen=True, slots=True)
class HuggingFaceEncoding:
    """A Hugging Face tokenizer as the course's recipe takes one; see `course.Encoding`."""

    tokenizer: Tokenizer

    def encode(self, text: str, /) -> list[int]:
        """Returns the tokens of a text."""
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def decode(self, tokens: Sequence[int], /) -> str:
        """Returns the text of tokens."""
        return self.tokenizer.decode(tokens)


@functools.cache
def load_tokenizer(path: str) -> HuggingFaceEncoding:
    """Loads a `tokenizer.json` once per process. A forked process inherits its parent's."""
    return HuggingFaceEncoding(Tokenizer.from_file(path))


def write_tokenizer(path: Path) -> None:
    """Writes the `tokenizer.json`, which takes some seconds, unless it exists."""
    if path.exists():
        return
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        _make().save(str(part), pretty=False)
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)


def _make() -> Tokenizer:
    lines = (importlib.resources.files("llama_models") / "llama3" / "tokenizer.model").read_bytes().splitlines()
    ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines if line)}
    characters = _byte_characters()

    def visible(token: bytes) -> str:
        return "".join([characters[byte] for byte in token])

    merges: list[tuple[str, str]] = []
    for token in sorted(ranks, key=ranks.__getitem__):
        cuts = [(token[:end], token[end:]) for end in range(1, len(token))]
        pairs = [(left, right) for left, right in cuts if left in ranks and right in ranks]
        merges += [
            (visible(left), visible(right))
            for left, right in sorted(pairs, key=lambda pair: tuple(map(ranks.get, pair)))  # pyright: ignore[reportArgumentType, reportCallIssue]
        ]
    model = models.BPE(
        vocab={visible(token): rank for token, rank in ranks.items()},
        merges=merges,
        fuse_unk=False,
        byte_fallback=False,
        ignore_merges=True,
    )
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PATTERN), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _byte_characters() -> dict[int, str]:
    """Returns the visible character that stands for each byte in a byte-level vocabulary."""
    visible = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in visible]
    return {byte: chr(byte) for byte in visible} | {byte: chr(256 + index) for index, byte in enumerate(others)}
