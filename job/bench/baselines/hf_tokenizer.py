"""The Llama 3 tokenizer as a Hugging Face `tokenizer.json`, made from the rank file that `llama-models` carries.

So the baselines have the tokenizer that the course uses, and nothing is fetched from a gated repository. A rank file
says in which order pairs were merged, but not which pairs: every way to cut a token in two known ones is a merge, in
the order of the token's rank. That is how the published `tokenizer.json` was made, too; and like that one it takes a
piece that is a token as it is (`ignore_merges`), without looking for the merges that lead to it.
"""

from __future__ import annotations

import base64
import importlib.resources
import os
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)


def write_tokenizer(path: Path) -> None:
    """Writes the tokenizer as JSON, unless it is there; takes some seconds."""
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
    letters = _letters()

    def written(token: bytes) -> str:
        return "".join([letters[byte] for byte in token])

    merges: list[tuple[str, str]] = []
    for token in sorted(ranks, key=ranks.__getitem__):
        cuts = [(token[:cut], token[cut:]) for cut in range(1, len(token))]
        known = [(left, right) for left, right in cuts if left in ranks and right in ranks]
        merges += [
            (written(left), written(right))
            for left, right in sorted(known, key=lambda pair: tuple(map(ranks.get, pair)))  # pyright: ignore[reportArgumentType, reportCallIssue]
        ]
    model = models.BPE(
        vocab={written(token): rank for token, rank in ranks.items()},
        merges=merges,
        fuse_unk=False,
        byte_fallback=False,
        ignore_merges=True,
    )
    made = Tokenizer(model)
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PATTERN), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.decoder = decoders.ByteLevel()
    return made


def _letters() -> dict[int, str]:
    """Returns the visible character that stands for each byte in a byte-level vocabulary."""
    visible = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in visible]
    return {byte: chr(byte) for byte in visible} | {byte: chr(256 + index) for index, byte in enumerate(others)}
