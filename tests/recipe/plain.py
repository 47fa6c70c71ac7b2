"""The course's recipe a second time, as the bench's baselines have it: one row after the other, in plain Python.

It shares nothing with the job's recipe, so a mistake would have to be made twice to go unnoticed. The tokenizer here is
made by the tests themselves.
"""

from __future__ import annotations

import base64
import importlib.resources
from collections.abc import Mapping
from typing import Any

import tiktoken

from job.bench.baselines import course
from job.bench.baselines.course import Judgement, Settings, contents_of, scrub, tidy

__all__ = ["ENCODING", "Judgement", "Settings", "contents_of", "judge", "scrub", "test_prompt", "tidy", "tokens_of"]


def llama3() -> tiktoken.Encoding:
    """Returns the Llama 3 encoding without special tokens."""
    pattern = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
        r"\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    ranks: dict[bytes, int] = {}
    rank_file = importlib.resources.files("llama_models").joinpath("llama3", "tokenizer.model")
    for line in rank_file.read_text(encoding="ascii").splitlines():
        token, rank = line.split(" ")
        ranks[base64.b64decode(token)] = int(rank)
    return tiktoken.Encoding("plain llama3", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})


ENCODING = llama3()


def judge(row: Mapping[str, Any], settings: Settings) -> Judgement:
    """Judges one row; see `course.judge`."""
    return course.judge(row, settings, ENCODING)


def tokens_of(title: str, contents: str) -> list[int]:
    """Returns the tokens of the whole text; see `course.tokens_of`."""
    return course.tokens_of(title, contents, ENCODING)


def test_prompt(prompt: str) -> str:
    """The prompt up to and including its last `Price is $`, with nothing after it."""
    answer = "Price is $"
    end = 0
    for begin in range(len(prompt)):
        if prompt[begin : begin + len(answer)] == answer:
            end = begin + len(answer)
    return prompt[:end]
