"""Turns a listing's fields into one clean text.

Every rule is that of the course's loader of 2024, because people compare models trained on its output. The order of
the replacements is part of the rule: removing `:` before `Product ` gives another text than the other way round.
"""

# pyarrow creates the functions of `pyarrow.compute` at import time, so pyright does not see them.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from job.recipe.inputs import encodable
from job.recipe.unicode import UNICODE_14

CHARS_PER_TOKEN = 7
"""Characters of the contents that are kept for each token kept, before anything slow looks at them."""

_DETAIL_PHRASES = (
    '"Batteries Included?": "No"',
    '"Batteries Included?": "Yes"',
    '"Batteries Required?": "No"',
    '"Batteries Required?": "Yes"',
    "By Manufacturer",
    "Item",
    "Date First",
    "Package",
    ":",
    "Number of",
    "Best Sellers",
    "Number",
    "Product ",
)

_BETWEEN = "\0"
"""The character between texts that are searched together. JSON text has it only as an escape."""
_CHARS_TOGETHER = 1 << 20
"""Characters of texts that are searched together, at most: all are copied as often as there are phrases."""

_REPLACED_BY_BLANKS = (":", "[", "]", '"', "{", "}", "【", "】", "\n")
_WORD_BEGINS = re.compile(r'[\s:\[\]"{}【】](?=[^\s:\[\]"{}【】,])')
PART_NUMBER_CHARS = 7
"""Characters of the shortest word that may be a part number."""
_PIECE_CHARS = 10_000
"""Characters scrubbed at a time. Of a title of 60 MB, only the pieces that hold the words needed are scrubbed."""

_TIDY_REPLACEMENTS = (
    (" .", "."),
    (" ?", "?"),
    (" !", "!"),
    (" ,", ","),
    (" ' ", "'"),
    (" n't", "n't"),
    (" 'm", "'m"),
    (" 's", "'s"),
    (" 've", "'ve"),
    (" 're", "'re"),
)
_UNTIDY_PATTERN = r" (?:[.?!,]|' |n't|'m|'s|'ve|'re)"
_REMOVED_BLANK = re.compile(r" (?=[.?!,]|n't|'m|'s|'ve|'re)")


def details_text(details_json: str) -> str:
    """Formats a row's JSON `details` as `json.dumps` does, which is how the Parquet files hold them.

    Args:
        details_json: the JSON source of the value: well-formed, with any spacing and escapes.

    Returns:
        The text of `json.dumps(json.loads(details_json))`. Where the value itself is text, as in JSON Lines made from
        the Parquet files, that text as it stands.
    """
    details = json.loads(details_json)
    return encodable(details) if isinstance(details, str) else json.dumps(details)


def contents(description: str, features: str, details: str | None) -> str:
    """Joins a listing's fields.

    Args:
        description: the paragraphs, one per line.
        features: the bullet points, one per line.
        details: what `without_phrases` leaves of the details; None when there are none.

    Returns:
        The fields that there are, each followed by a newline.
    """
    text = ""
    if description:
        text += description + "\n"
    if features:
        text += features + "\n"
    if details is not None:
        text += details + "\n"
    return text


def without_phrases(details: Sequence[str | None]) -> Iterator[str | None]:
    """Removes the phrases that most details share, one after the other.

    Texts are searched together, in a third of the time, with a character between them that JSON text never has.

    Args:
        details: the details of listings, as JSON text; None or empty when there are none.

    Returns:
        What is left of each; None where there were none.
    """
    there = [text for text in details if text]
    is_little = sum(map(len, there)) <= _CHARS_TOGETHER
    left = _without_phrases(_BETWEEN.join(there)).split(_BETWEEN) if is_little else []
    # Details that came as text may have that character.
    found = iter(left) if len(left) == len(there) else map(_without_phrases, there)
    return (next(found) if text else None for text in details)


def _without_phrases(text: str) -> str:
    for phrase in _DETAIL_PHRASES:
        text = text.replace(phrase, "")
    return text


def next_word(text: str, start: int) -> int:
    """Finds a place to cut a text, so that what is before and what is from there can be split into words independently.

    Args:
        text: any text.
        start: the number of characters before the place, at least.

    Returns:
        Where the next word begins that does not begin with a comma; the length of the text if there is none.
    """
    boundary = _WORD_BEGINS.search(text, start)
    return boundary.end() if boundary else len(text)


def pieces_of(text: str, min_chars: int) -> Iterator[str]:
    """Cuts a text into pieces that can be split into words independently.

    Args:
        text: any text.
        min_chars: the minimum length of each piece but the last, in characters.

    Yields:
        The pieces, which joined are the text.
    """
    begin, end = 0, next_word(text, min_chars)
    while end < len(text):
        yield text[begin:end]
        begin, end = end, next_word(text, end + min_chars)
    yield text[begin:]


def words_of(text: str) -> list[str]:
    """Splits a text into words, without brackets, quotation marks and blanks before commas.

    Args:
        text: any text.

    Returns:
        The words in order, including part numbers.
    """
    for character in _REPLACED_BY_BLANKS:
        text = text.replace(character, " ")
    # The blank is the only printable white space, so a printable text has no other.
    if "  ," in text or not text.isprintable():
        text = " ".join(text.split())
    text = text.replace(" ,", ",")
    if ",," in text:
        text = text.replace(",,,", ",").replace(",,", ",")
    return text.split()


def is_part_number(word: str) -> bool:
    """Tells whether a word looks like a part number, which is dropped: it has 7 characters or more, and a digit."""
    return len(word) >= PART_NUMBER_CHARS and any(map(str.isdigit, UNICODE_14.stable(word)))


def scrub(text: str, max_words: int | None = None) -> str:
    """Removes brackets, quotation marks, repeated blanks and whatever looks like a part number.

    Args:
        text: any text.
        max_words: the number of words that the caller needs. The rest of a long text may be left out; None for all.

    Returns:
        The words of the text, separated by single blanks.
    """
    words: list[str] = []
    for piece in pieces_of(text, _PIECE_CHARS):
        words += [word for word in words_of(piece) if not is_part_number(word)]
        if max_words is not None and len(words) >= max_words:
            break
    return " ".join(words)


def untidy(texts: Sequence[str]) -> list[bool]:
    """Tells for each text whether it has a blank that `tidy` may remove."""
    return pc.match_substring_regex(pa.array(texts, pa.string()), _UNTIDY_PATTERN).to_pylist()


def tidy(text: str) -> str:
    """Removes blanks before punctuation, as the course's tokenizer does when it decodes."""
    if " ' " not in text:  # only this rule can produce a match for the rules after it
        return _REMOVED_BLANK.sub("", text)
    for before, after in _TIDY_REPLACEMENTS:
        text = text.replace(before, after)
    return text
