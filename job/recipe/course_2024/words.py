"""How many tokens has a text, and where do its first ones end? Both follow from the words, and words repeat.

Let a text have no white space but single blanks and newlines, and no blank behind a newline. Then no piece of the
Llama 3 pattern has a blank anywhere but at its beginning, or anything behind its newlines; and where a piece ends
depends on nothing behind the next blank. So a piece begins at each blank and behind each run of newlines, and the
text has as many tokens as its words have, each counted with the blank before it.

Many lines are taken apart at once, as bytes in one array, and of their words only those that differ become Python's.
Of the sample catalogue the recipe judges 68,000 rows a second on one core this way
(`curate bench --kernel --rows 94327`, Parquet). That is for batches of 1,000 rows, since each costs over a millisecond.
"""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
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
_MAX_REMEMBERED_BYTES = 50
"""Both bound the memory: each of two tables has about 10 MB when it is full of words as they are, at most 14."""

_FIRST = bytes([LINE_BEGINS])


@dataclass(frozen=True, kw_only=True, slots=True)
class Lines:
    """Lines in words."""

    data: bytes
    """The words one after the other, each behind a blank, or behind `LINE_BEGINS` when it is a line's first one."""
    offsets: npt.NDArray[np.int32]
    """Where each word begins, with what is before it; and where the last one ends."""
    ends: npt.NDArray[np.int64]
    """How many tokens there are before each word, and in all; every word has at least one."""
    begins: npt.NDArray[np.int64]
    """The number of each line's first word, and of all words."""

    @property
    def before(self) -> npt.NDArray[np.int64]:
        """How many tokens there are before each line."""
        return self.ends[self.begins[:-1]]

    @property
    def totals(self) -> npt.NDArray[np.int64]:
        """How many tokens each line has."""
        return np.diff(self.ends[self.begins])


class Head(NamedTuple):
    """The first tokens of a line."""

    text: str
    num_tokens: int
    """Together with the newlines behind it."""


class _Counts(dict[bytes, int]):
    """Numbers of tokens, looked up without a line of Python once they are known."""

    def __init__(self, count: Callable[[str], int]):
        self._count = count

    def __missing__(self, word: bytes) -> int:
        number = self._count(word.removeprefix(_FIRST).decode())
        if len(word) <= _MAX_REMEMBERED_BYTES:
            if len(self) >= _MAX_REMEMBERED:
                self.clear()
            self[word] = number
        return number


class WordTokenizer:
    """Counts and cuts lines as a tokenizer does it, word by word.

    Args:
        tokenizer: for the words that are not known yet.
    """

    def __init__(self, tokenizer: Tokenizer):
        self._tokenizer = tokenizer
        self._counts = _Counts(tokenizer.count)
        self._scrubbed = _Counts(lambda word: 0 if is_part_number(word.strip(" ")) else tokenizer.count(word))

    def scrub(self, texts: Sequence[str]) -> Lines:
        """Scrubs texts, as `text.scrub` does it.

        Args:
            texts: any texts.

        Returns:
            A line for each.
        """
        return self._lines(scrubbed(texts), self._scrubbed)

    def split(self, texts: Sequence[str]) -> Lines:
        """Takes texts apart as they are.

        Args:
            texts: none of them with any white space but single blanks between words.

        Returns:
            A line for each.
        """
        return self._lines(joined(texts), self._counts)

    def heads(self, lines: Lines, end: str, max_tokens: Sequence[int] | None = None) -> list[Head]:
        """Cuts lines after their first tokens.

        Args:
            lines: the lines.
            end: newlines to come after what is kept.
            max_tokens: how many tokens to keep of each, at least 1; None for all.

        Returns:
            Of each line the text of the first tokens, as a `Tokenizer` has it, and how many tokens that has together
            with `end`.
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
        """Counts the tokens of a text that comes often."""
        return self._counts[_FIRST + text.encode()]

    def _lines(self, data: bytes, known: _Counts) -> Lines:
        """Takes lines apart, and leaves out words of no token."""
        array = np.frombuffer(data, np.uint8)
        offsets = np.flatnonzero((array == WORD_BEGINS) | (array == LINE_BEGINS)).astype(np.int32)
        begins = np.searchsorted(offsets, np.flatnonzero(array == LINE_BEGINS))
        words = _binary(offsets, data)
        coded = words.dictionary_encode()
        different = np.array([known[word] for word in coded.dictionary.to_pylist()], np.int64)
        counts = different.take(coded.indices.to_numpy())
        if not different.all():
            gone = np.flatnonzero(counts == 0)
            begins -= np.searchsorted(gone, begins)
            words, counts = words.filter(pa.array(counts > 0)), np.delete(counts, gone)
            _, offset_buffer, data_buffer = words.buffers()
            offsets = np.frombuffer(offset_buffer, np.int32)[: len(words) + 1]
            array = np.frombuffer(bytearray(data_buffer), np.uint8)
            firsts = begins[:-1][np.diff(begins) > 0]
            firsts = firsts[array[offsets[firsts]] == WORD_BEGINS]  # the word before it is gone
            array[offsets[firsts]] = LINE_BEGINS
            data = array.tobytes()
            counts[firsts] = [known[data[offsets[first] : offsets[first + 1]]] for first in firsts]
        return Lines(data=data, offsets=offsets, ends=np.concatenate(([0], np.cumsum(counts))), begins=begins)


def _binary(offsets: npt.NDArray[np.int32], data: bytes) -> pa.BinaryArray:
    return pa.Array.from_buffers(pa.binary(), len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(data)])
