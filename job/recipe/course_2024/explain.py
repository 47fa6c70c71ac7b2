"""What each step of the course's recipe of 2024 finds in one row, for those who wonder about a verdict."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from job.recipe.course_2024 import text as rules
from job.recipe.course_2024.settings import Course2024Settings
from job.recipe.inputs import json_source_name
from job.recipe.listing import explained_first
from job.recipe.tokenizer import Tokenizer
from job.recipe.unicode import UNICODE_14


def explained(row: pa.Table, settings: Course2024Settings, tokenizer: Tokenizer) -> Iterator[str]:
    """Yields a line for each step, up to the one that drops the row.

    Args:
        row: one row, as `Recipe.judge` takes it.
        settings: settings of the recipe.
        tokenizer: counts the tokens.
    """
    values = row.to_pylist()[0]
    is_candidate = yield from explained_first(values, settings, UNICODE_14)
    if not is_candidate:
        return
    title = values["title"]
    source = json_source_name("details")
    if source in values:
        details = None if values[source] is None else rules.details_text(values[source])
    else:
        details = values["details"]
    description, features = ("\n".join(values[name] or []) for name in ("description", "features"))
    [left] = rules.without_phrases([details])
    contents = rules.contents(description, features, left)
    yield f"contents: {len(contents):,} characters, more than {settings.min_chars:,} needed"
    if len(contents) <= settings.min_chars:
        return
    text = rules.scrub(title) + "\n" + rules.scrub(contents[: rules.CHARS_PER_TOKEN * settings.max_tokens])
    yield f"scrubbed text: {len(text):,} characters"
    count = tokenizer.count(text)
    yield f"tokens: {count:,}, more than {settings.min_tokens:,} needed; the first {settings.max_tokens:,} are kept"
