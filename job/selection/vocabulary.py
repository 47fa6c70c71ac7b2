"""The tokens of many texts as numbers, so that what is known of a token is found out once and not at each occurrence.

Words differ much less than texts do: of 130 words of a listing some 5 are new ones, once 100,000 others are known.
"""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import threading
from array import array
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from job.selection.folding import number_words, words

NO_WORD, WORD, NUMBER_WORD = range(3)
"""Kinds of a token: without a letter or digit, with one, and with a digit."""
_MAX_TOKENS = 100_000
"""Number of tokens after which all are forgotten: with short ones, some 25 to 60 MB of memory."""
_MAX_BYTES = 16 << 20
"""Bytes of tokens after which all are forgotten. A text without blanks is one token, however long it is."""


class Vocabulary(dict[bytes, int]):
    """The tokens met so far: what stands between blanks of a folded text, in UTF-8. Each has a number."""

    def __init__(self) -> None:
        super().__init__()
        self._hashes = array("Q")
        self._kinds = bytearray()
        self._num_bytes = 0
        self.words: dict[int, bytes] = {}
        """The word in each token that has a digit, by its number."""

    def __missing__(self, token: bytes) -> int:
        """Adds a token."""
        number = len(self)
        if token.isalpha():  # most are words of ASCII letters
            word, kind = token, WORD
        else:
            text = token.decode()
            word = "".join(words(text)).encode()
            kind = NUMBER_WORD if number_words("", text) else WORD if word else NO_WORD
        if kind == NUMBER_WORD:
            self.words[number] = word
        self._num_bytes += len(token) + len(word)
        self._hashes.append(xxhash.xxh3_64_intdigest(word))
        self._kinds.append(kind)
        self[token] = number
        return number

    def is_usable(self) -> bool:
        """Tells whether it is small, and whole: a task that was cancelled may have stopped in the middle of a token."""
        is_small = len(self) <= _MAX_TOKENS and self._num_bytes <= _MAX_BYTES
        return is_small and len(self) == len(self._hashes) == len(self._kinds)

    def numbers(self, texts: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
        """Returns the numbers of all tokens of folded texts, one after the other, and the place of each one's text."""
        split = pc.split_pattern(pa.array(texts, pa.large_binary()), b" ")
        found = split.flatten().dictionary_encode()  # a text repeats its words, and each takes a look into this dict
        numbers = np.fromiter(map(self.__getitem__, found.dictionary.to_pylist()), np.int64, len(found.dictionary))
        return numbers[found.indices.to_numpy()], pc.list_parent_indices(split).to_numpy()

    def kinds(self, numbers: np.ndarray) -> np.ndarray:
        """Returns the kind of each token; uint8."""
        return np.frombuffer(bytes(self._kinds), np.uint8)[numbers]

    def hashes(self, numbers: np.ndarray) -> np.ndarray:
        """Returns the hash of the word in each token; uint64."""
        return np.array(self._hashes, np.uint64)[numbers]


class _Mine(threading.local):
    def __init__(self) -> None:
        self.vocabulary = Vocabulary()


_mine = _Mine()


def vocabulary() -> Vocabulary:
    """Returns the vocabulary of this thread, or a new one when that is too large or damaged."""
    if not _mine.vocabulary.is_usable():
        _mine.vocabulary = Vocabulary()
    return _mine.vocabulary
