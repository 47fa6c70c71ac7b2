"""How a listing's fields become one clean text.

Every rule is the course loader's own of 2024, because people compare models trained on its output. The order of
replacements is part of the rule: removing `:` before `Product ` gives another text than the other way round.
"""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

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

_BLANKED = (":", "[", "]", '"', "{", "}", "【", "】", "\n")
_WORD_BEGINS = re.compile(r'[\s:\[\]"{}【】](?=[^\s:\[\]"{}【】,])')
_PART_NUMBER_CHARS = 7
_PIECE_CHARS = 10_000
"""So much of a title is scrubbed at a time: of 60 MB, only so many as have the words that are needed."""

_TIDIED = (
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
_UNTIDY = r" (?:[.?!,]|' |n't|'m|'s|'ve|'re)"
_BLANK_TO_GO = re.compile(r" (?=[.?!,]|n't|'m|'s|'ve|'re)")


def details_text(details_json: str) -> str:
    """Writes a row's JSON `details` as `json.dumps` does, which is what the Parquet form holds.

    Args:
        details_json: the value's JSON source, well-formed, spaced and escaped in any way.

    Returns:
        The text of `json.dumps(json.loads(details_json))`.
    """
    return json.dumps(json.loads(details_json))


def contents(description: str, features: str, details: str | None) -> str:
    """Joins a listing's fields.

    Args:
        description: its paragraphs, one on a line.
        features: its bullet points, one on a line.
        details: the details as JSON text; None or empty when there are none.

    Returns:
        Each field that has something, followed by a newline; phrases that most details have in common removed.
    """
    text = ""
    if description:
        text += description + "\n"
    if features:
        text += features + "\n"
    if details:
        for phrase in _DETAIL_PHRASES:
            details = details.replace(phrase, "")
        text += details + "\n"
    return text


def pieces_of(text: str, min_chars: int) -> Iterator[str]:
    """Cuts a text into pieces that can be taken apart into words each alone.

    Args:
        text: any text.
        min_chars: the least length of each piece but the last.

    Yields:
        The pieces, which together are the text. Each but the first begins with a word that begins with no comma.
    """
    begin = 0
    while boundary := _WORD_BEGINS.search(text, begin + min_chars):
        yield text[begin : boundary.end()]
        begin = boundary.end()
    yield text[begin:]


def words_of(text: str) -> list[str]:
    """Takes a text apart into words, without brackets, quotation marks and blanks before commas.

    Args:
        text: any text.

    Returns:
        The words in order, part numbers among them.
    """
    for character in _BLANKED:
        text = text.replace(character, " ")
    # The blank is the only white space that is printable, so most texts have no other.
    if "  ," in text or not text.isprintable():
        text = " ".join(text.split())
    text = text.replace(" ,", ",")
    if ",," in text:
        text = text.replace(",,,", ",").replace(",,", ",")
    return text.split()


def is_part_number(word: str) -> bool:
    """Tells whether a word looks like a part number, which is to be dropped: it has 7 characters and a digit."""
    return len(word) >= _PART_NUMBER_CHARS and any(map(str.isdigit, word))


def scrub(text: str, max_words: int | None = None) -> str:
    """Removes brackets, quotation marks, runs of blanks and whatever looks like a part number.

    Args:
        text: any text.
        max_words: how many words are needed; of a long text no more than some are looked at beyond them.

    Returns:
        The text in words parted by single blanks.
    """
    words: list[str] = []
    for piece in pieces_of(text, _PIECE_CHARS):
        words += [word for word in words_of(piece) if not is_part_number(word)]
        if max_words is not None and len(words) >= max_words:
            break
    return " ".join(words)


def untidy(texts: Sequence[str]) -> list[bool]:
    """Tells of each text whether it has a blank that `tidy` looks for."""
    return pc.match_substring_regex(pa.array(texts, pa.string()), _UNTIDY).to_pylist()


def tidy(text: str) -> str:
    """Cleans up blanks before punctuation, as the course's tokenizer does when it decodes."""
    if " ' " not in text:  # only that rule leaves anything for the rules after it
        return _BLANK_TO_GO.sub("", text)
    for before, after in _TIDIED:
        text = text.replace(before, after)
    return text
