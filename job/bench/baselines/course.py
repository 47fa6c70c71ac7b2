"""The recipe as the course's loader has it: one row after the other, in plain Python, by a Hugging Face tokenizer.

It is the baselines' own, shares nothing with the job's recipe, and gives the same items.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

import tokenizers

from job.config.models import RecipeConfig
from job.output.shard import ITEM_FIELDS

Item = dict[str, Any]
"""With the columns of the job's items."""

COLUMNS = [name for name, _ in ITEM_FIELDS]

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


@functools.cache
def load_tokenizer(path: str) -> tokenizers.Tokenizer:
    """Loads a `tokenizer.json`, once per process; a forked process has its parent's."""
    return tokenizers.Tokenizer.from_file(path)


def make_item(row: Mapping[str, Any], category: str, recipe: RecipeConfig, tokenizer: str) -> Item | None:
    """Makes a row's item.

    Args:
        row: as the Parquet form has it.
        category: the row's category.
        recipe: the recipe's settings.
        tokenizer: the path of a `tokenizer.json`.

    Returns:
        The item, or None when the row is dropped.
    """
    try:
        price = float(row["price"] or "")
    except ValueError:
        return None
    if not recipe.min_price <= price <= recipe.max_price or row["title"] is None:
        return None
    contents = _contents(row)
    if len(contents) <= recipe.min_chars:
        return None
    text = _scrub(row["title"]) + "\n" + _scrub(contents[: _CHARS_PER_TOKEN * recipe.max_tokens])
    encoder = load_tokenizer(tokenizer)
    tokens = encoder.encode(text, add_special_tokens=False).ids
    if len(tokens) <= recipe.min_tokens:
        return None
    text = _tidy(encoder.decode(tokens[: recipe.max_tokens]))
    prompt = f"{_QUESTION}\n\n{text}\n\n{_PREFIX}{round(price)}.00"
    count = len(encoder.encode(prompt, add_special_tokens=False).ids)
    return dict(zip(COLUMNS, (category, row["parent_asin"], row["title"], price, prompt, count), strict=True))


def _contents(row: Mapping[str, Any]) -> str:
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


def _scrub(text: str) -> str:
    text = re.sub(r'[:\[\]"{}【】\s]+', " ", text).strip()
    text = text.replace(" ,", ",").replace(",,,", ",").replace(",,", ",")
    words = text.split(" ")
    return " ".join(word for word in words if len(word) < _PART_NUMBER_CHARS or not any(map(str.isdigit, word)))


def _tidy(text: str) -> str:
    for before, after in _TIDIED:
        text = text.replace(before, after)
    for contraction in _CONTRACTIONS:
        text = text.replace(f" {contraction}", contraction)
    return text
