"""The data sets that the courses publish and train on, column by column."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from job.export.form import Form
from job.export.loading import load_dataset_files
from job.output.shard import with_features
from job.output.training_set.shard import COMPLETION, PRICE, PROMPT, TITLE
from job.recipe.course_2024.prompt import PRICE_PREFIX
from job.recipe.protocol import CATEGORY

_TEST = "test"
_SCHEMA_2024 = with_features([pa.field("text", pa.string()), pa.field(PRICE, pa.float64())])
_OF_ITEMS_2025 = {
    TITLE: pa.string(),
    CATEGORY: pa.string(),
    PRICE: pa.float64(),
    "full": pa.string(),
    "weight": pa.float64(),
}
_FOR_LATER_2025 = {"summary": pa.string(), PROMPT: pa.string(), "id": pa.int64()}
"""Columns that the course fills in later, with what a model writes of each item."""
_SCHEMA_2025 = with_features([pa.field(*each) for each in {**_OF_ITEMS_2025, **_FOR_LATER_2025}.items()])


def rows_2024(split: str, rows: pa.Table) -> pa.Table:
    """Returns rows of `course-2024`: prompts with their answers to train on; to test, prompts as the course cuts them.

    The course cuts at the first `Price is $`, and so loses text where a listing says that itself.
    """
    prompts = rows[PROMPT].to_pylist()
    if split == _TEST:
        texts = [prompt.partition(PRICE_PREFIX)[0] + PRICE_PREFIX for prompt in prompts]
    else:
        answers = rows[COMPLETION].to_pylist()
        texts = [prompt + answer for prompt, answer in zip(prompts, answers, strict=True)]
    return pa.table([pa.array(texts, pa.string()), rows[PRICE]], schema=_SCHEMA_2024)


def rows_2025(_: str, rows: pa.Table) -> pa.Table:
    """Returns rows of `course-2025`."""
    columns = [rows[name] for name in _OF_ITEMS_2025]
    columns += [pa.nulls(rows.num_rows, kind) for kind in _FOR_LATER_2025.values()]
    return pa.table(columns, schema=_SCHEMA_2025)


def _load(root: Path | str, splits: Sequence[str]) -> str:
    return load_dataset_files("parquet", root, {split: f"{split}.parquet" for split in splits})


FORMS = (
    Form(
        name="course-2024",
        summary="the data set of the 2024 course",
        columns=(PROMPT, COMPLETION, PRICE),
        table=rows_2024,
        schema=_SCHEMA_2024,
        loading=_load,
        recipe="course-2024",
    ),
    Form(
        name="course-2025",
        summary="the data set of the 2025 course",
        columns=tuple(_OF_ITEMS_2025),
        table=rows_2025,
        schema=_SCHEMA_2025,
        loading=_load,
        recipe="course-2025",
    ),
)
