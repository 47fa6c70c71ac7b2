"""Near duplicates: which texts are nearly the same, and which are worth comparing?

Two items are near duplicates when the Jaccard similarity of their texts' sets of three-word shingles is at least a
threshold, and when they have the same words with a digit, each as often, in title and text: "16 GB" and "64 GB" have
different prices. `similarities` says so exactly. Comparing all pairs would take years, so only items that share a
*band* are compared: a hash of some minima of the shingles' hashes (MinHash) and of the words with a digit.

Bands are made by numpy. Measured on texts of 130 shingles with 80 minima, per text: 9 us here, 16 us by rensa 0.5.0
(2 us of them to hash, 14 us to get the minima out), 44 us by datasketch 2.0.0. Other minima can mean another training
set, and rensa's changed from 0.4 to 0.5; datasketch's are stable, but it brings scipy and an import of 0.9 s.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pyarrow as pa
import xxhash

from job.selection.folding import folded, number_words, shingles, words
from job.selection.folding_many import folded_in_utf8
from job.selection.vocabulary import NO_WORD, NUMBER_WORD, Vocabulary, vocabulary

MISSED = Fraction(1, 200)
"""Share of pairs just at the threshold that no band finds; of more similar ones it is smaller."""
MAX_ROWS = 5
"""Minima in a band. Texts of unrelated items have a similarity of 0.1 at most, and share a band of five in 100,000."""
MAX_BANDS = 20
"""Bands of an item, of 8 bytes each. Only thresholds below 0.24 need more, with one minimum in each."""
NOTHING = 0
"""The band of an item without words, which shares it with no other."""
_BATCH = 500
"""Texts hashed at once, whose hashes fit into a processor's cache."""
_COLUMNS = 1024
"""Shingles of a batch that are counted by bits."""
_PAIRS = 4096
"""Pairs whose bits are counted at once."""
_MASK = (1 << 64) - 1


def _mixed(number: int) -> int:
    """Returns the output of SplitMix64 for a state: 64 bits that look drawn."""
    number = (number + 0x9E3779B97F4A7C15) & _MASK
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & _MASK
    return number ^ (number >> 31)


_PLACES = [np.uint64(_mixed(place) | 1) for place in range(3)]
"""Odd factors for the words of a shingle, so that their order counts."""
_FACTOR = np.uint64(0xFF51AFD7ED558CCD)


def shape(threshold: float) -> tuple[int, int]:
    """Returns how many bands an item needs, and how many minima are in each.

    Two texts of similarity s have a minimum in common with probability s, a band of r minima with s^r, and none of b
    bands with (1 - s^r)^b. At the threshold this must be at most `MISSED`:

    | threshold | bands | minima in each | found at the threshold | bytes per item |
    |---|---|---|---|---|
    | 0.5 | 19 | 2 | 99.6% | 152 |
    | 0.8 | 14 | 5 | 99.6% | 112 |
    | 0.9 | 6 | 5 | 99.5% | 48 |
    | 1.0 | 1 | 5 | 100% | 8 |

    Args:
        threshold: Jaccard similarity, above 0 and at most 1.
    """
    similarity = Fraction(str(threshold))
    for rows in range(MAX_ROWS, 0, -1):
        bands, missed = 0, Fraction(1)
        while missed > MISSED and (bands < MAX_BANDS or rows == 1):
            bands, missed = bands + 1, missed * (1 - similarity**rows)
        if missed <= MISSED:
            return bands, rows
    raise AssertionError("one minimum in each of many bands is always enough")


def bands(titles: pa.Array | pa.ChunkedArray | None, texts: pa.Array | pa.ChunkedArray, threshold: float) -> np.ndarray:
    """Hashes items so that near duplicates have a hash in common.

    Args:
        titles: the title of each item, as it came; Arrow strings, or None without titles.
        texts: the text of each item, as it came; Arrow strings.
        threshold: Jaccard similarity from which two texts are nearly the same.

    Returns:
        The bands of each item; uint64 of shape (items, bands). Of two items that are no near duplicates few, and of
        two with different words with a digit none, have an equal number in the same column, unless it is `NOTHING`.
        They depend on nothing but the item and the threshold.
    """
    count, rows = shape(threshold)
    result = np.empty((len(texts), count), np.uint64)
    folded_titles = itertools.repeat(b"", len(texts)) if titles is None else folded_in_utf8(titles)
    every = zip(folded_titles, folded_in_utf8(texts), strict=True)
    for start in range(0, len(texts), _BATCH):
        some_titles, some_texts = zip(*itertools.islice(every, _BATCH), strict=True)
        result[start : start + _BATCH] = _bands_of_batch(some_titles, some_texts, count, rows)
    return result


def _bands_of_batch(titles: Sequence[bytes], texts: Sequence[bytes], count: int, rows: int) -> np.ndarray:
    known = vocabulary()
    tokens, owners = known.numbers(texts)
    kinds = known.kinds(tokens)
    number_hashes = _number_hashes(known, (tokens[kinds == NUMBER_WORD], owners[kinds == NUMBER_WORD]), titles)
    is_word = kinds != NO_WORD
    lengths = np.bincount(owners[is_word], minlength=len(texts))
    with_words = np.flatnonzero(lengths)
    result = np.full((len(texts), count), NOTHING, np.uint64)
    if len(with_words):
        hashes, starts = _shingle_hashes(known.hashes(tokens[is_word]), lengths[with_words])
        band_hashes = np.repeat(number_hashes[with_words, None], count, axis=1)
        for number, minima in enumerate(_minima(hashes, starts, count * rows)):
            column = band_hashes[:, number // rows]
            column += minima
            column *= _FACTOR
            column ^= column >> np.uint64(32)
        result[with_words] = np.maximum(band_hashes, 1)
    return result


def _number_hashes(known: Vocabulary, in_texts: tuple[np.ndarray, np.ndarray], titles: Sequence[bytes]) -> np.ndarray:
    """Returns a hash of each item's words with a digit: sorted, each as often as it occurs."""
    tokens, owners = known.numbers(titles)
    is_number = known.kinds(tokens) == NUMBER_WORD
    found: list[list[bytes]] = [[] for _ in titles]
    for token, owner in zip(
        np.concatenate([in_texts[0], tokens[is_number]]).tolist(),
        np.concatenate([in_texts[1], owners[is_number]]).tolist(),
        strict=True,
    ):
        found[owner].append(known.words[token])
    return np.fromiter((xxhash.xxh3_64_intdigest(b" ".join(sorted(each))) for each in found), np.uint64, len(titles))


def _shingle_hashes(word_hashes: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the hashes of all shingles of some texts, and where those of each text start.

    Args:
        word_hashes: the hash of each word, text after text.
        lengths: the number of words in each text, at least 1. One or two are one shingle, as if zeros came after.
    """
    filled = np.maximum(lengths, 3)
    ends, missing = np.cumsum(filled), filled - lengths
    before = np.cumsum(missing) - missing
    flat = np.zeros(int(ends[-1]), np.uint64)
    flat[np.arange(len(word_hashes)) + np.repeat(before, lengths)] = word_hashes
    hashes = flat[:-2] * _PLACES[0] + flat[1:-1] * _PLACES[1] + flat[2:] * _PLACES[2]
    is_inside = np.ones(len(flat), bool)
    is_inside[ends - 1] = is_inside[ends - 2] = False  # a shingle would go on into the next text
    hashes = hashes[is_inside[:-2]]
    hashes ^= hashes >> np.uint64(33)
    hashes *= _FACTOR
    return hashes, np.cumsum(filled - 2) - (filled - 2)


def _minima(hashes: np.ndarray, starts: np.ndarray, count: int) -> list[np.ndarray]:
    """Returns the smallest hash of each text's shingles under several hash functions, h -> a*h + b modulo 2^32."""
    high = (hashes >> np.uint64(32)).astype(np.uint32)
    permuted = np.empty_like(high)
    result: list[np.ndarray] = []
    for number in range(count):
        drawn = _mixed(1000 + number)
        np.multiply(high, np.uint32(drawn & 0xFFFFFFFF | 1), out=permuted)
        permuted += np.uint32(drawn >> 32)
        result.append(np.minimum.reduceat(permuted, starts).astype(np.uint64))
    return result


def similarities(
    titles: Sequence[str | None],
    texts: Sequence[str | None],
    first: np.ndarray,
    second: np.ndarray,
    threshold: float,
) -> np.ndarray:
    """Tells which pairs are near duplicates, by the definition.

    Args:
        titles: the title of each item, as it came.
        texts: the text of each item, as it came.
        first: one item of each pair, by its place in `titles` and `texts`.
        second: the other one.
        threshold: Jaccard similarity from which two texts are nearly the same.

    Returns:
        The Jaccard similarity of each pair of near duplicates, and NaN for others; float64.
    """
    result = np.full(len(first), np.nan)
    items, places = np.unique(np.concatenate([first, second]), return_inverse=True)
    one, other = places.reshape(2, -1)
    folded_texts = [folded(texts[item]) for item in items.tolist()]
    number_of: dict[tuple[str, ...], int] = {}
    numbers = np.array(
        [
            number_of.setdefault(number_words(folded(titles[item]), text), len(number_of))
            for item, text in zip(items.tolist(), folded_texts, strict=True)
        ],
        np.int64,
    )
    shingle_of: dict[str, int] = {}
    sets = [{shingle_of.setdefault(text, len(shingle_of)) for text in shingles(words(text))} for text in folded_texts]
    sizes = np.fromiter(map(len, sets), np.int64, len(sets))
    both = sizes[one] + sizes[other]
    common = _most_in_common(sets, sizes, len(shingle_of), one, other)
    # A quotient of two whole numbers is rounded the same everywhere, and never to the other side of a threshold.
    worth = (numbers[one] == numbers[other]) & (common > 0) & (common / np.maximum(both - common, 1) >= threshold)
    for pair in np.flatnonzero(worth).tolist():
        shared = len(sets[one[pair]] & sets[other[pair]])
        similarity = shared / int(both[pair] - shared)
        if similarity >= threshold:
            result[pair] = similarity
    return result


def jaccard(texts: Sequence[str | None], first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the Jaccard similarity of the texts of each pair, be they near duplicates or not; float64.

    Args:
        texts: the text of each item, as it came.
        first: one item of each pair, by its place in `texts`.
        second: the other one.
    """
    sets = {item: shingles(words(folded(texts[item]))) for item in np.unique(np.concatenate([first, second])).tolist()}
    result = np.zeros(len(first))
    for pair, (one, other) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        common = len(sets[one] & sets[other])
        result[pair] = common / max(len(sets[one]) + len(sets[other]) - common, 1)
    return result


def _most_in_common(
    sets: list[set[int]], sizes: np.ndarray, num_shingles: int, one: np.ndarray, other: np.ndarray
) -> np.ndarray:
    """Returns how many shingles each pair can have in common at most, where a set's own shingles cost nothing.

    The most frequent shingles of the batch are counted by bits, 0.3 us per pair, and of the others those that occur
    again. Items with one long text in common are told apart by this alone; their sets would take 10 us per pair.
    """
    flat = np.fromiter(itertools.chain.from_iterable(sets), np.int64, int(sizes.sum()))
    owner = np.repeat(np.arange(len(sets)), sizes)
    occurrences = np.bincount(flat, minlength=num_shingles)
    column_of = np.full(num_shingles, -1, np.int64)
    frequent = np.argsort(-occurrences, kind="stable")[:_COLUMNS]
    column_of[frequent] = np.arange(len(frequent))
    column = column_of[flat]
    bits = np.zeros((len(sets), _COLUMNS), bool)
    bits[owner[column >= 0], column[column >= 0]] = True
    packed = np.packbits(bits, axis=1).view(np.uint64)
    again = np.bincount(owner[(column < 0) & (occurrences[flat] > 1)], minlength=len(sets))
    common = np.minimum(again[one], again[other])
    for start in range(0, len(one), _PAIRS):
        part = slice(start, start + _PAIRS)
        common[part] += np.bitwise_count(packed[one[part]] & packed[other[part]]).sum(axis=1, dtype=np.int64)
    return common
