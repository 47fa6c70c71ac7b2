"""How a listing's fields become one clean text.

Every rule is the course loader's own of 2024, because people compare models trained on its output. The order of
replacements is part of the rule: removing `:` before `Product ` gives another text than the other way round.
"""

from __future__ import annotations

import json
import re
import sys

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

_BLANKED = str.maketrans(dict.fromkeys(':[]"{}【】', " "))
_BLANKED_CHARACTERS = re.compile(r'[:\[\]"{}【】]')

# `str.isdigit` knows superscripts and circled digits, which the regular expression `\d` does not.
_DIGIT = re.compile("[" + "".join(chr(code) for code in range(sys.maxunicode + 1) if chr(code).isdigit()) + "]")
_PART_NUMBER_CHARS = 7

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
_MAY_NEED_TIDYING = re.compile(r" [.?!,'n]")


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


def scrub(text: str) -> str:
    """Removes brackets, quotation marks, runs of blanks and whatever looks like a part number.

    Args:
        text: any text.

    Returns:
        The text in words parted by single blanks, without those words of 7 or more characters that have a digit.
    """
    if _BLANKED_CHARACTERS.search(text):
        text = text.translate(_BLANKED)
    text = " ".join(text.split())
    if "," in text:
        text = text.replace(" ,", ",").replace(",,,", ",").replace(",,", ",")
    if _DIGIT.search(text) is None:
        return text
    has_digit = _DIGIT.search
    return " ".join([word for word in text.split(" ") if len(word) < _PART_NUMBER_CHARS or has_digit(word) is None])


def tidy(text: str) -> str:
    """Cleans up blanks before punctuation, as the course's tokenizer does when it decodes."""
    if _MAY_NEED_TIDYING.search(text):
        for before, after in _TIDIED:
            text = text.replace(before, after)
    return text
