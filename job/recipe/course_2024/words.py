"""Counts the tokens of texts and cuts texts after their first tokens, word by word, because words repeat.

Assume that a text has no white space except single blanks and newlines, and no blank after a newline. Then a piece of
the Llama 3 pattern can have a blank only at its start, and nothing after its newlines; and where a piece ends does not
depend on anything after the next blank. So a new piece begins at each blank and after each run of newlines, and the
number of tokens in the text is the sum over its words, each counted with the blank before it.

Many lines are split at once, as bytes in one array, and only the distinct words become Python objects. This way the
recipe judges 68,000 rows of the sample catalogue per second on one core (`curate bench --kernel --rows 94327`,
Parquet). That holds for batches of 1,000 rows: each batch has a fixed cost of over a millisecond.
"""

# pyarrow creates the functions of `pyarrow.compute` at import time, so pyright does not see them.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from job.recipe.course_2024.scrubbed import LINE_BEGINS, WORD_BEGINS, joined, scrubbed
from job.recipe.course_2024.text import is_part_number
from job.recipe.tokenizer import Tokenizer

_MAX_REMEMBERED = 100_000
"""Words in a table of token counts. A full table of ordinary words takes about 10 MB, at most 14; there are two."""
_MAX_REMEMBERED_BYTES = 50
"""Bytes of the longest word that is kept in a table."""

_FIRST = bytes([LINE_BEGINS])


@dataclass(frozen=True, kw_only=True, slots=True)
class Lines:
    """Lines split into words."""

    data: bytes
    """The words, concatenated. Each has a blank before it, or `LINE_BEGINS` if it is the first word of a line."""
    offsets: npt.NDArray[np.int32]
    """Byte offset of each word, including the byte before it, and of the end of the last word."""
    ends: npt.NDArray[np.int64]
    """Number of tokens before each word, and the total. Every word has at least one token."""
    begins: npt.NDArray[np.int64]
    """Index of the first word of each line, and the number of words."""

    @property
    def before(self) -> npt.NDArray[np.int64]:
        """Number of tokens before each line."""
        return self.ends[self.begins[:-1]]

    @property
    def totals(self) -> npt.NDArray[np.int64]:
        """Number of tokens in each line."""
        return np.diff(self.ends[self.begins])


class Head(NamedTuple):
    """The first tokens of a line."""

    text: str
    num_tokens: int
    """Number of tokens in the text and the newlines after it."""


class _TokenCounts(dict[bytes, int]):
    """A cache of the number of tokens in each word. As a dict, it runs no Python code for a word that it has."""

    def __init__(self, count: Callable[[str], int]):
        self._count = count

    def __missing__(self, word: bytes) -> int:
        num_tokens = self._count(word.removeprefix(_FIRST).decode())
        if len(word) <= _MAX_REMEMBERED_BYTES:
            if len(self) >= _MAX_REMEMBERED:
                self.clear()
            self[word] = num_tokens
        return num_tokens


class WordTokenizer:
    """Counts the tokens of lines, and cuts lines, with the results of a tokenizer but word by word.

    Args:
        tokenizer: counts the words that are not in the cache.
    """

    def __init__(self, tokenizer: Tokenizer):
        self._tokenizer = tokenizer
        self._counts = _TokenCounts(tokenizer.count)
        self._scrubbed_counts = _TokenCounts(
            lambda word: 0 if is_part_number(word.strip(" ")) else tokenizer.count(word)
        )

    def scrub(self, texts: Sequence[str]) -> Lines:
        """Scrubs texts, as `text.scrub` does.

        Args:
            texts: any texts.

        Returns:
            One line per text.
        """
        return self._lines(scrubbed(texts), self._scrubbed_counts)

    def split(self, texts: Sequence[str]) -> Lines:
        """Splits texts into words, without changing them.

        Args:
            texts: texts with no white space except single blanks between words.

        Returns:
            One line per text.
        """
        return self._lines(joined(texts), self._counts)

    def heads(self, lines: Lines, end: str, max_tokens: Sequence[int] | None = None) -> list[Head]:
        """Cuts lines after their first tokens.

        Args:
            lines: the lines.
            end: newlines to append to what is kept.
            max_tokens: the number of tokens to keep of each line, at least 1; None to keep all.

        Returns:
            For each line, the text of its first tokens, as `Tokenizer.head` returns it, and the number of tokens in
            that text with `end` appended.
        """
        totals, before = lines.totals, lines.before
        kept = totals if max_tokens is None else np.minimum(totals, max_tokens)
        lasts = np.searchsorted(lines.ends, before + kept) - 1
        in_front = lines.ends[lasts] - before
        columns = (
            lines.offsets[lines.begins[:-1]],
            lines.offsets[lasts],
            lines.offsets[lasts + 1],
            in_front,
            kept - in_front,
            lines.ends[lasts + 1] - before > kept,
        )
        data, newlines = lines.data, end.encode()
        found: list[Head] = []
        for begin, start, stop, num_tokens, left, is_cut in zip(*[column.tolist() for column in columns], strict=True):
            last, text = data[start:stop], data[begin + 1 : stop]
            if stop <= begin:
                last, num_tokens = _FIRST, 0
            elif is_cut:
                head = self._tokenizer.head(last.removeprefix(_FIRST).decode(), left)[1].encode()
                last = _FIRST + head if start == begin else head
                text = (data[begin:start] + last)[1:]
            found.append(Head(text.decode(), num_tokens + self._counts[last + newlines]))
        return found

    def count_one(self, text: str) -> int:
        """Counts the tokens of a text that occurs often."""
        return self._counts[_FIRST + text.encode()]

    def _lines(self, data: bytes, counts_by_word: _TokenCounts) -> Lines:
        """Splits joined lines into words, without the words that have no token."""
        array = np.frombuffer(data, np.uint8)
        offsets = np.flatnonzero((array == WORD_BEGINS) | (array == LINE_BEGINS)).astype(np.int32)
        begins = np.searchsorted(offsets, np.flatnonzero(array == LINE_BEGINS))
        words = _binary(offsets, data)
        encoded = words.dictionary_encode()
        distinct_counts = np.array([counts_by_word[word] for word in encoded.dictionary.to_pylist()], np.int64)
        counts = distinct_counts.take(encoded.indices.to_numpy())
        if not distinct_counts.all():
            removed = np.flatnonzero(counts == 0)
            begins -= np.searchsorted(removed, begins)
            words, counts = words.filter(pa.array(counts > 0)), np.delete(counts, removed)
            _, offset_buffer, data_buffer = words.buffers()
            offsets = np.frombuffer(offset_buffer, np.int32)[: len(words) + 1]
            array = np.frombuffer(bytearray(data_buffer), np.uint8)
            firsts = begins[:-1][np.diff(begins) > 0]
            firsts = firsts[array[offsets[firsts]] == WORD_BEGINS]  # its line began with a word that was removed
            array[offsets[firsts]] = LINE_BEGINS
            data = array.tobytes()
            counts[firsts] = [counts_by_word[data[offsets[first] : offsets[first + 1]]] for first in firsts]
        return Lines(data=data, offsets=offsets, ends=np.concatenate(([0], np.cumsum(counts))), begins=begins)


def _binary(offsets: npt.NDArray[np.int32], data: bytes) -> pa.BinaryArray:
    return pa.Array.from_buffers(pa.binary(), len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(data)])
