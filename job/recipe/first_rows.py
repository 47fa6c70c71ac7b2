"""Looks at the first listings of a category: can anything become an item of rows like these?"""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import math
import re

import pyarrow as pa
import pyarrow.compute as pc

from job.recipe.inputs import json_source_name
from job.recipe.protocol import Finding, FirstRows
from job.recipe.unicode import UNICODE_15

_CONTENTS = ("description", "features", "details")
_TEXTS = ("title", *_CONTENTS)
_LISTS = ("description", "features")
_LIST_CHARS = 40
"""Characters of a text that looks like a list which a message shows."""
_WRITTEN_LIST = re.compile(r"""\s*\[\s*(["']).*\1\s*\]\s*""", re.DOTALL)
_REVIEW_KEYS = {"rating", "text"}
_PRICES_SHOWN = 5
_PRICE_CHARS = 40
"""Characters of a price that is no number which a message shows."""


def first_finding(first: FirstRows) -> Finding | None:
    """Returns what makes items impossible in rows like these, or improbable.

    Args:
        first: the first rows of a category, with a price, where it is missing, of null, `None` or blanks.
    """
    rows = "row" if first.rows.num_rows == 1 else f"{first.rows.num_rows:,} rows"
    names = first.names
    if names["price"] not in first.keys:
        return Finding(f"none of its first {rows} has the key {names['price']!r}", _other_names(first))
    if not any(_is_there(first.rows, name) for name in _TEXTS):
        texts = ", ".join(names[name] for name in _TEXTS)
        return Finding(f"none of its first {rows} has any of {texts}", _other_names(first))
    prices = [text.strip() for text in pc.unique(first.rows["price"]).to_pylist() if text is not None]
    wrong = [text for text in prices if text not in ("", "None") and _number(text) is None]
    if not any(math.isfinite(number) for text in prices if (number := _number(text)) is not None):
        if wrong:
            shown = [repr(text if len(text) <= _PRICE_CHARS else text[:_PRICE_CHARS] + "...") for text in wrong]
            more = ", ..." if len(shown) > _PRICES_SHOWN else ""
            return Finding(
                f"no {names['price']} in its first {rows} is a number: {', '.join(shown[:_PRICES_SHOWN])}{more}",
                "write prices as 24.99 or 1299.00, without signs, commas or words; or name the column that has "
                f"numbers: {_FIELDS}",
            )
        return Finding(f"none of its first {rows} has a {names['price']}; rows without one are dropped", is_fatal=False)
    if not _is_there(first.rows, "title"):
        return Finding(f"none of its first {rows} has a {names['title']}; rows without one are dropped", is_fatal=False)
    if not any(_is_there(first.rows, name) for name in _CONTENTS):
        texts = ", ".join(names[name] for name in _CONTENTS)
        return Finding(
            f"none of its first {rows} has any of {texts}; rows with little text are dropped", is_fatal=False
        )
    for name in _LISTS:
        if shown := _written_list(first.rows[name]):
            return Finding(
                f"in most of its first {rows}, {names[name]} is one text that looks like a list: {shown}; its "
                "brackets, quotes and backslashes get into the prompts: make it a list of strings",
                is_fatal=False,
            )
    return None


_FIELDS = "--set source.fields='{title: NAME, price: NAME, description: NAME}'"


def _other_names(first: FirstRows) -> str:
    advice = f"where they have other names, say which is which: {_FIELDS}"
    if _REVIEW_KEYS.issubset(first.keys):
        advice = f"these seem to be reviews: take the listings, in files that begin with meta_\n{advice}"
    return advice


def _is_there(rows: pa.Table, name: str) -> bool:
    """Tells whether any row has an input that is not null."""
    source_name = json_source_name(name)
    column = rows[source_name if source_name in rows.column_names else name]
    if column.null_count == len(column):
        return False
    return source_name not in rows.column_names or any(text not in (None, "null") for text in column.to_pylist())


def _written_list(column: pa.ChunkedArray) -> str | None:
    """Returns the beginning of a text that looks like a list, if most are like it, as a way through CSV leaves them."""
    lists = [texts for texts in column.to_pylist() if texts]
    written = [texts[0] for texts in lists if len(texts) == 1 and _WRITTEN_LIST.fullmatch(texts[0])]
    return repr(written[0][:_LIST_CHARS]) if written and len(written) * 2 > len(lists) else None


def _number(text: str) -> float | None:
    try:
        return UNICODE_15.number(text)
    except ValueError:
        return None
