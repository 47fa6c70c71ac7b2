"""Lets a recipe judge a batch, and checks what it gives: a recipe of the user's own may be wrong."""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from job.errors import CurateError, printable
from job.recipe.custom.code import RecipeCode
from job.recipe.custom.load import failure
from job.recipe.custom.row import RowError
from job.recipe.protocol import Recipe, RecipeSettings
from job.recipe.registry import make_recipe
from job.recipe.verdicts import KEPT

_BEGINNING_CHARS = 200
"""Characters of a row that a message shows."""


def judged_rows(rows: pa.Table, settings: RecipeSettings, place: Callable[[int], str]) -> pa.Table:
    """Lets the recipe judge the rows of a batch.

    Args:
        rows: well-formed rows, as `Recipe.judge` takes them.
        settings: settings of the recipe.
        place: tells for the number of a row in the batch where it stands in the source.

    Returns:
        What `Recipe.judge` returns.

    Raises:
        CurateError: when a recipe of the user's own raises, or gives what it did not promise.
    """
    recipe, code = make_recipe(settings), settings.recipe_code
    if code is None:
        return recipe.judge(rows)
    with contextlib.redirect_stdout(sys.stderr):
        return _checked(recipe, rows, code, place)


def _checked(recipe: Recipe, rows: pa.Table, code: RecipeCode, place: Callable[[int], str]) -> pa.Table:
    try:
        result = recipe.judge(rows)
    except (Exception, SystemExit) as error:
        index, cause = _guilty_row(recipe, rows, code, error)
        if index is None:
            where = f"in {place(0)}, or one of the {rows.num_rows - 1:,} rows after it"
        else:
            where = f"in {place(index)}: {_beginning(recipe, rows, index)}"
        raise _failed(code, cause, where) from None
    wrong = _what_is_wrong(recipe, rows, result)
    if wrong is not None:
        raise _failed(code, wrong[0], f"in {place(wrong[1])}: {_beginning(recipe, rows, wrong[1])}")
    return result.select(["verdict", *recipe.item_schema.names])


def _failed(code: RecipeCode, what: str, where: str) -> CurateError:
    return CurateError(
        f"the recipe {code.name} failed: {what}\n{where}\n"
        "what was finished is kept, but a mended recipe is another one, and so is its job: run it with --fresh, or "
        "name another folder with --output DIR; to see what it does with a row: curate try"
    )


def _guilty_row(recipe: Recipe, rows: pa.Table, code: RecipeCode, error: BaseException) -> tuple[int | None, str]:
    """Returns which row a recipe failed at, if one fails alone, and what went wrong."""
    if isinstance(error, RowError):
        return error.index, failure(code, error.__cause__) if error.__cause__ else str(error)
    for index in range(rows.num_rows):
        try:
            recipe.judge(rows.slice(index, 1))
        except (Exception, SystemExit) as alone:
            return index, failure(code, alone)
    return None, failure(code, error)


def _what_is_wrong(recipe: Recipe, rows: pa.Table, result: Any) -> tuple[str, int] | None:
    """Returns what is wrong with what a recipe gave, and the first row of which that is so."""
    if not isinstance(result, pa.Table):
        return f"judge gave a {type(result).__name__}, not a table", 0
    if result.num_rows != rows.num_rows:
        return f"judge gave {result.num_rows:,} rows for {rows.num_rows:,}", 0
    for field in (pa.field("verdict", pa.string()), *recipe.item_schema):
        if field.name not in result.column_names:
            return f"judge gave no column {field.name!r}, which it promised", 0
        if (found := result.schema.field(field.name).type) != field.type:
            return f"judge gave the column {field.name!r} as {found}, and it promised {field.type}", 0
    allowed = pa.array([KEPT, *map(str, recipe.drop_reasons)], pa.string())
    is_known = pc.is_in(result["verdict"], allowed)
    index = pc.index(is_known, False).as_py()
    if index < 0:
        return None
    reason, named = result["verdict"][index].as_py(), ", ".join(map(str, recipe.drop_reasons)) or "none"
    return f"it gave the drop reason {reason!r}, which it does not name; it names: {named}", index


def _beginning(recipe: Recipe, rows: pa.Table, index: int) -> str:
    row = rows.slice(index, 1).to_pylist()[0]
    shown = {name: value for name, value in row.items() if name.removesuffix("_json") in recipe.inputs.names}
    text = printable(json.dumps(shown, ensure_ascii=False, default=str))
    return text if len(text) <= _BEGINNING_CHARS else text[:_BEGINNING_CHARS] + "..."
