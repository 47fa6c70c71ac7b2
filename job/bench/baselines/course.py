"""What would the course's loader make of a row? Its recipe in plain Python, one row after the other.

The baselines use it, and so do the tests, as the second version that the job's recipe is compared with. It imports
nothing from `job.recipe`, so a mistake would have to be made twice to go unnoticed. The two give the same items.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

Item = dict[str, Any]
"""An item: a value for each of `COLUMNS`."""

Judgement = tuple[str, str | None, int | None]
"""The verdict, the prompt, and the prompt's number of tokens; the last two are None unless the verdict is `kept`."""

COLUMNS = ("category", "parent_asin", "title", "price", "prompt", "token_count")

_CHARS_PER_TOKEN = 7
_PART_NUMBER_CHARS = 7
_QUESTION = "How much does this cost to the nearest dollar?"
_PREFIX = "Price is $"
_REMOVALS = (
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
_TIDIED = ((" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"))
_CONTRACTIONS = ("n't", "'m", "'s", "'ve", "'re")


class Settings(Protocol):
    """The recipe's settings, as a config has them."""

    @property
    def min_price(self) -> float: ...  # noqa: D102
    @property
    def max_price(self) -> float: ...  # noqa: D102
    @property
    def min_chars(self) -> int: ...  # noqa: D102
    @property
    def min_tokens(self) -> int: ...  # noqa: D102
    @property
    def max_tokens(self) -> int: ...  # noqa: D102


class Encoding(Protocol):
    """A tokenizer without special tokens."""

    def encode(self, text: str, /) -> list[int]: ...  # noqa: D102
    def decode(self, tokens: Sequence[int], /) -> str: ...  # noqa: D102


def row_of_json(listing: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a listing as a row as it is in Parquet: price and details as text.

    Args:
        listing: a line of JSONL, as any JSON reader gives it.
    """
    row: dict[str, Any] = dict.fromkeys(("title", "parent_asin", "description", "features", "details"))
    row |= {name: listing[name] for name in row if name in listing}
    row["price"] = str(listing.get("price"))
    if "details" in listing and not isinstance(listing["details"], str):
        row["details"] = json.dumps(listing["details"])
    return row


def make_item(row: Mapping[str, Any], category: str, settings: Settings, encoding: Encoding) -> Item | None:
    """Makes a row's item.

    Args:
        row: a row; see `judge`.
        category: the row's category.
        settings: the recipe's settings.
        encoding: the tokenizer.

    Returns:
        The item, or None if the row is dropped.
    """
    _, prompt, token_count = judge(row, settings, encoding)
    if prompt is None:
        return None
    values = (category, row["parent_asin"], row["title"], float(row["price"]), prompt, token_count)
    return dict(zip(COLUMNS, values, strict=True))


def judge(row: Mapping[str, Any], settings: Settings, encoding: Encoding) -> Judgement:
    """Judges a row.

    Args:
        row: a row as it is in Parquet: `title`, `price` and `details` are text or None, `description` and `features`
            lists of text or None.
        settings: the recipe's settings.
        encoding: the tokenizer.
    """
    try:
        price = float(row["price"] or "")
    except ValueError:
        return "price_missing", None, None
    if not settings.min_price <= price <= settings.max_price:
        return "price_out_of_range", None, None
    if row["title"] is None:
        return "title_missing", None, None
    contents = contents_of(row)
    if len(contents) <= settings.min_chars:
        return "text_too_short", None, None
    tokens = tokens_of(row["title"], contents[: _CHARS_PER_TOKEN * settings.max_tokens], encoding)
    if len(tokens) <= settings.min_tokens:
        return "too_few_tokens", None, None
    text = tidy(encoding.decode(tokens[: settings.max_tokens]))
    prompt = f"{_QUESTION}\n\n{text}\n\n{_PREFIX}{round(price)}.00"
    return "kept", prompt, len(encoding.encode(prompt))


def contents_of(row: Mapping[str, Any]) -> str:
    """Joins description, features and details, the last without the phrases that say nothing."""
    contents = "\n".join(row["description"] or [])
    if contents:
        contents += "\n"
    features = "\n".join(row["features"] or [])
    if features:
        contents += features + "\n"
    details = row["details"]
    if details:
        for phrase in _REMOVALS:
            details = details.replace(phrase, "")
        contents += details + "\n"
    return contents


def tokens_of(title: str, contents: str, encoding: Encoding) -> list[int]:
    """Returns the tokens of the whole text: the scrubbed title, and the scrubbed contents below it."""
    return encoding.encode(scrub(title) + "\n" + scrub(contents))


def scrub(text: str) -> str:
    """Removes brackets, doubled commas and part numbers, and leaves single spaces."""
    text = re.sub(r'[:\[\]"{}【】\s]+', " ", text).strip()
    text = text.replace(" ,", ",").replace(",,,", ",").replace(",,", ",")
    words = text.split(" ")
    return " ".join(word for word in words if len(word) < _PART_NUMBER_CHARS or not any(map(str.isdigit, word)))


def tidy(text: str) -> str:
    """Removes the spaces before punctuation and contractions, as Hugging Face's `decode` does by default."""
    for before, after in _TIDIED:
        text = text.replace(before, after)
    for contraction in _CONTRACTIONS:
        text = text.replace(f" {contraction}", contraction)
    return text
