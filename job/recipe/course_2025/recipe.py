"""The course's recipe of 2025: a listing becomes one text with its price and weight, or says why not.

The steps and their order are those of the course's loader, so that items equal its published ones byte for byte. The
price decides first, since half of the rows have none, and nothing else of such a row is touched. What is left is done
row by row, and most of the time goes to C functions of Python that have no like in Arrow: `json`, `repr`, `re`. So
the recipe judges 72,000 rows of the sample catalogue per second on one core (`curate bench --kernel --recipe
course-2025`, Parquet), a little more than the recipe of 2024 on the same machine. To write lists by Arrow where `repr`
would not escape anything was no gain: four in five lists of the sample have an apostrophe, an emoji or the like.
"""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from job.recipe.course_2025 import text as rules
from job.recipe.course_2025.explain import explained
from job.recipe.course_2025.reasons import DropReason
from job.recipe.course_2025.settings import Course2025Settings
from job.recipe.first_rows import first_finding
from job.recipe.inputs import json_source_name
from job.recipe.listing import INPUTS, first_verdicts
from job.recipe.protocol import Finding, FirstRows, Roles
from job.recipe.unicode import UNICODE_15
from job.recipe.verdicts import KEPT

_ROWS_AT_ONCE = 500
"""Rows whose fields are Python objects at the same time, at most."""


class Course2025:
    """The recipe. See `job.recipe.protocol.Recipe`, and `Course2025Settings` for what each setting means.

    Args:
        settings: the recipe's settings.
    """

    name: ClassVar = "course-2025"
    version: ClassVar = 1
    inputs: ClassVar = INPUTS
    drop_reasons: ClassVar[Iterable[str]] = DropReason
    item_schema: ClassVar = pa.schema(
        [
            ("parent_asin", pa.string()),
            ("title", pa.string()),
            ("price", pa.float64()),
            ("full", pa.string()),
            ("weight", pa.float64()),
        ]
    )
    described_as: ClassVar[Mapping[str, Any]] = {
        "roles": Roles(id="parent_asin", title="title", text="full", price="price"),
        "heading": "Product listings with prices",
        "summary": "Product listings, each as one text, with its price and its weight in pounds (0 where unknown).",
        "noun": "listing",
    }
    fingerprints: ClassVar[Mapping[str, str]] = {}

    def __init__(self, settings: Course2025Settings) -> None:
        self._settings = settings

    @classmethod
    def first_rows(cls, first: FirstRows) -> Finding | None:
        """Tells whether anything can become an item of rows like the first ones of a category."""
        return first_finding(first)

    def judge(self, rows: pa.Table) -> pa.Table:
        """Judges each row of a batch; see `Recipe.judge`."""
        min_chars, max_chars = self._settings.min_chars, self._settings.max_chars
        verdicts, candidates = first_verdicts(rows, self._settings, UNICODE_15)
        prices: list[float | None] = [None] * rows.num_rows
        texts: list[str | None] = [None] * rows.num_rows
        weights: list[float | None] = [None] * rows.num_rows
        for start in range(0, len(candidates), _ROWS_AT_ONCE):
            some = candidates[start : start + _ROWS_AT_ONCE]
            drafts = list(self._texts(rows, some))
            # Arrow searches at a ninth of the time that `re` takes (0.6 us for a text of 850 characters), and four in
            # five texts have no such run of characters.
            may_have_codes = pc.match_substring_regex(pa.array([text for _, text in drafts]), rules.CODE_BEGINS)
            for (index, price), (weight, text), has in zip(some, drafts, may_have_codes.to_pylist(), strict=True):
                full = (rules.without_codes(text) if has else text).strip()[:max_chars]
                if len(full) < min_chars:
                    verdicts[index] = DropReason.TEXT_TOO_SHORT
                else:
                    prices[index], texts[index], weights[index] = price, full, weight

        verdict = pa.array(verdicts, pa.string())
        is_kept = pc.equal(verdict, KEPT)
        identifier, title = (
            pc.if_else(is_kept, rows[name], pa.scalar(None, rows[name].type)) for name in ("parent_asin", "title")
        )
        return pa.table([verdict, identifier, title, prices, texts, weights], schema=_JUDGED_SCHEMA)

    def explain(self, row: pa.Table) -> list[str]:
        """Says what each step finds in a row; see `Recipe`."""
        return list(explained(row, self._settings))

    def _texts(self, rows: pa.Table, candidates: Sequence[tuple[int, float]]) -> Iterator[tuple[float, str]]:
        """Yields the weights of some rows, and their texts with codes in them."""
        indices = pa.array([index for index, _ in candidates], pa.int64())
        source_name = json_source_name("details")
        as_it_came = source_name in rows.column_names
        read_details = rules.details_as_they_came if as_it_came else rules.details_of
        max_chars_each = self._settings.max_chars_each
        columns = ("title", "description", "features", source_name if as_it_came else "details")
        for title, description, features, listed in zip(
            *[rows[name].take(indices).to_pylist() for name in columns], strict=True
        ):
            details = read_details(listed)
            yield (
                rules.weight_of(details),
                rules.full_text(
                    title,
                    rules.simplified(description, max_chars_each) if description else "",
                    rules.simplified(features, max_chars_each) if features else "",
                    details,
                ),
            )


_JUDGED_SCHEMA = pa.schema([("verdict", pa.string()), *Course2025.item_schema])
