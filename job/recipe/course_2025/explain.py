"""What each step of the course's recipe of 2025 finds in one row, for those who wonder about a verdict."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from job.recipe.course_2025 import text as rules
from job.recipe.course_2025.settings import Course2025Settings
from job.recipe.inputs import json_source_name
from job.recipe.listing import explained_first
from job.recipe.unicode import UNICODE_15


def explained(row: pa.Table, settings: Course2025Settings) -> Iterator[str]:
    """Yields a line for each step, up to the one that drops the row.

    Args:
        row: one row, as `Recipe.judge` takes it.
        settings: settings of the recipe.
    """
    values = row.to_pylist()[0]
    is_candidate = yield from explained_first(values, settings, UNICODE_15)
    if not is_candidate:
        return
    source = json_source_name("details")
    as_it_came = source in values
    details = rules.details_as_they_came(values[source]) if as_it_came else rules.details_of(values["details"])
    yield f"weight: {rules.weight_of(details):,.4g} pounds (0 where unknown)"
    description, features = (
        rules.simplified(values[name], settings.max_chars_each) if values[name] else ""
        for name in ("description", "features")
    )
    yield f"description: {len(description):,} characters; features: {len(features):,}"
    text = rules.full_text(values["title"], description, features, details)
    without = rules.without_codes(text)
    yield f"codes: {len(text) - len(without):,} characters removed"
    full = without.strip()[: settings.max_chars]
    yield f"text: {len(full):,} characters, {settings.min_chars:,} or more needed"
