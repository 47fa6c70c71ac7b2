"""How long training examples are in tokens, and whether each prompt is told from its completion by its tokens.

Tokens are those of Llama 3, without the ones for beginning and end that a trainer adds. A trainer that finds the prompt
in the whole by the number of its tokens is wrong where these are not the first tokens of the whole.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from job.export.source import Source
from job.output.training_set.shard import COMPLETION, PROMPT
from job.recipe.tokenizer import load_tokenizer


@dataclass(frozen=True, kw_only=True, slots=True)
class Lengths:
    """What was found out about all rows of a training set."""

    is_too_long: Mapping[str, np.ndarray]
    """Which rows of each split have more tokens than allowed; nothing when they were not counted."""
    longest: int | None
    """Most tokens of any row; None when they were not counted."""
    apart: int
    """Rows whose prompt's tokens are not the first tokens of prompt and completion."""

    @property
    def too_long(self) -> dict[str, int]:
        """Rows of each split that have more tokens than allowed, for splits that have some."""
        counts = {name: int(np.count_nonzero(rows)) for name, rows in self.is_too_long.items()}
        return {name: count for name, count in counts.items() if count}


def lengths(source: Source, max_length: int | None, show: Callable[[int], object] = lambda _: None) -> Lengths:
    """Looks at the tokens of each row, prompt and completion together.

    Args:
        source: a training set.
        max_length: the most tokens that are allowed; None not to count them, which takes a fraction of the time.
        show: called with the number of rows that are done.

    Raises:
        CurateError: when a shard cannot be read.
    """
    tokens_of = load_tokenizer("llama3").all_tokens
    longest, apart, done = None if max_length is None else 0, 0, 0
    is_too_long: dict[str, np.ndarray] = {}
    for name in source.parts:
        found: list[np.ndarray] = [np.zeros(0, np.bool_)]
        for rows in source.batches(name, [PROMPT, COMPLETION]):
            pairs = [*zip(rows[PROMPT].to_pylist(), rows[COMPLETION].to_pylist(), strict=True)]
            apart += sum(_is_apart(_end(prompt), completion) for prompt, completion in pairs)
            if max_length is not None:
                counts = np.array([len(tokens) for tokens in tokens_of([f"{prompt}{end}" for prompt, end in pairs])])
                longest = max(longest or 0, int(counts.max()))
                found.append(counts > max_length)
            show(done := done + rows.num_rows)
        if max_length is not None:
            is_too_long[name] = np.concatenate(found)
    return Lengths(is_too_long=is_too_long, longest=longest, apart=apart)


def _end(prompt: str) -> str:
    """Returns a prompt from its last blank between two words. What is before has the same tokens whatever follows."""
    blank = prompt.rfind(" ")
    while blank > 0 and (prompt[blank - 1].isspace() or not prompt[blank + 1 :] or prompt[blank + 1].isspace()):
        blank = prompt.rfind(" ", 0, blank)
    return prompt[blank:] if blank > 0 else prompt


@functools.lru_cache(maxsize=1 << 16)
def _is_apart(end: str, completion: str) -> bool:
    tokens_of = load_tokenizer("llama3").tokens
    tokens = tokens_of(end)
    return not np.array_equal(tokens, tokens_of(end + completion)[: len(tokens)])
