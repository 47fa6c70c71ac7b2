"""Lets a recipe judge some rows of a source, and shows what each step found. No Ray is started, nothing written."""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from job.config.models import JobConfig
from job.errors import CurateError, UsageError
from job.recipe.inputs import Kind, json_source_name, kind_of
from job.recipe.judging import judged_rows
from job.recipe.protocol import describe
from job.recipe.registry import make_recipe
from job.recipe.verdicts import CUT_OFF, END, KEPT, MALFORMED
from job.source.fetch.local_copies import nearest_location, unpacked
from job.source.files import CategorySource
from job.source.location import FileLocation, LocalFile
from job.source.read.footer import read_footer
from job.source.read.jsonl import JsonlReader
from job.source.read.parquet import ParquetReader
from job.source.read.rows import RowLayout

FIRST_ROWS = 3
"""Number of rows that are shown unless others are asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """What became of a row."""

    place: str
    """Where it stands: file, row number, byte."""
    inputs: dict[str, Any]
    """What the recipe read of it."""
    steps: list[str]
    """What each step found, if the recipe says so."""
    verdict: str
    cause: str | None
    """Why it is malformed."""
    item: dict[str, Any]
    """Its columns; empty unless it was kept."""


def first_rows(config: JobConfig, sources: Sequence[CategorySource]) -> Iterator[Tried]:
    """Yields what becomes of the first rows of each category."""
    for source in sources:
        for number, (place, row) in enumerate(_rows(config, source)):
            if number == FIRST_ROWS:
                break
            yield _tried(config, f"{source.category}, row {number:,} ({place})", row)


def numbered_row(config: JobConfig, source: CategorySource, number: int) -> Tried:
    """Returns what becomes of one row.

    Args:
        config: the job.
        source: a category.
        number: the row, counted from 0 over all files of the category; malformed rows count.

    Raises:
        UsageError: when there are not so many.
    """
    seen = 0
    for place, table in _tables(config, source):
        if number < seen + table.num_rows:
            row = table.slice(number - seen, 1)
            return _tried(config, f"{source.category}, row {number:,} ({place(row)})", row)
        seen += table.num_rows
    raise UsageError(f"{source.category} has {seen:,} rows, counted from 0: there is no row {number:,}")


def row_with_id(config: JobConfig, sources: Sequence[CategorySource], wanted: str, say: Callable[[str], None]) -> Tried:
    """Returns what becomes of the first row with an id.

    Args:
        config: the job.
        sources: the categories to look in.
        wanted: the id.
        say: told now and then how far the search is.

    Raises:
        UsageError: when no row has it, or the recipe reads no column that could be one.
    """
    columns = _id_columns(config)
    seen = 0
    for source in sources:
        number = 0
        for place, table in _tables(config, source):
            for name in columns:
                index = pc.index(table[name], wanted).as_py()
                if index >= 0:
                    row = table.slice(index, 1)
                    return _tried(config, f"{source.category}, row {number + index:,} ({place(row)})", row)
            number += table.num_rows
            if (seen + table.num_rows) // _SAID_EVERY > seen // _SAID_EVERY:
                say(f"{source.category}: {number:,} rows searched")
            seen += table.num_rows
    raise UsageError(
        f"none of the {seen:,} rows has {wanted!r} in {' or '.join(columns)}\n"
        "name another category with --category, or another source with --source"
    )


_SAID_EVERY = 200_000
"""Number of rows between two lines about a search."""


def row_in_file(config: JobConfig, path: Path) -> list[Tried]:
    """Returns what becomes of rows that the user wrote.

    Args:
        config: the job.
        path: a file of JSON objects, one per line; or a plain text, whose first line is the first text that the recipe
            reads, and the rest the next one, at a price of 10 dollars.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    if not content.lstrip().startswith(b"{"):
        content = json.dumps(_row_of_text(config, content.decode("utf-8", "replace"))).encode()
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "rows.jsonl"
        lines.write_bytes(content if content.endswith(b"\n") else content + b"\n")
        tables = list(_jsonl(RowLayout.of(config), LocalFile(lines)))
        rows = [table.slice(index, 1) for table in tables for index in range(table.num_rows)]
        return [_tried(config, f"{path}, row {number:,}", row) for number, row in enumerate(rows)]


def _row_of_text(config: JobConfig, text: str) -> dict[str, Any]:
    first, _, rest = text.strip().partition("\n")
    values: list[Any] = [first, rest.strip()]
    row: dict[str, Any] = {}
    for field in config.recipe.recipe_type().inputs:
        name = str(config.source.fields.get(field.name, field.name))
        if kind_of(field) in (Kind.TEXT, Kind.TEXTS) and values:
            value = values.pop(0)
            row[name] = [value] if kind_of(field) == Kind.TEXTS else value
        elif kind_of(field) in (Kind.NUMBER_AS_TEXT, Kind.NUMBER, Kind.WHOLE_NUMBER):
            row[name] = 10
    return row


def _id_columns(config: JobConfig) -> list[str]:
    recipe = config.recipe.recipe_type()
    names = [str(field.name) for field in recipe.inputs if kind_of(field) in (Kind.TEXT, Kind.ANY_AS_TEXT)]
    role = describe(recipe).roles.id
    if role in names:
        return [role]
    if not names:
        raise UsageError("the recipe reads no column that could be an id\nname a row by its number: --row N")
    return names


def _rows(config: JobConfig, source: CategorySource) -> Iterator[tuple[str, pa.Table]]:
    for place, table in _tables(config, source):
        for index in range(table.num_rows):
            row = table.slice(index, 1)
            yield place(row), row


def _tables(config: JobConfig, source: CategorySource) -> Iterator[tuple[Callable[[pa.Table], str], pa.Table]]:
    """Yields the rows of a category in order, each table with what tells where one of its rows stands."""
    layout = RowLayout.of(config)
    with tempfile.TemporaryDirectory() as scratch:
        for file in source.files:
            location = nearest_location(source, file)
            if source.is_packed:
                location = unpacked(source, file, Path(scratch), lambda _: None)
            unit = "row" if source.file_format == "parquet" else "byte"

            def place(row: pa.Table, name: str = file.name, unit: str = unit) -> str:
                return f"{name}, {unit} {row['position'][0].as_py():,}"

            read = _parquet if source.file_format == "parquet" else _jsonl
            for table in read(layout, location):
                yield place, table


def _jsonl(layout: RowLayout, location: FileLocation) -> Iterator[pa.Table]:
    yield from _without_messages(JsonlReader(layout).read(location, 0, 0, location.size_now()))


def _parquet(layout: RowLayout, location: FileLocation) -> Iterator[pa.Table]:
    footer = read_footer(location)
    yield from _without_messages(ParquetReader(layout).read(location, 0, 0, footer.num_rows, footer))


def _without_messages(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    return (table for table in tables if table["verdict"][0].as_py() not in (END, CUT_OFF))


def _tried(config: JobConfig, place: str, row: pa.Table) -> Tried:
    recipe = make_recipe(config.recipe)
    values = row.to_pylist()[0]
    names = [(json_source_name(name), name) for name in recipe.inputs.names]
    inputs = {name: values[source if source in values else name] for source, name in names}
    if values["verdict"] == MALFORMED:
        raw = values["raw"] or b""
        return Tried(
            place=place,
            inputs={"raw": raw.decode("utf-8", "backslashreplace")},
            steps=[],
            verdict=MALFORMED,
            cause=values["cause"],
            item={},
        )
    try:
        judged = judged_rows(row, config.recipe, lambda _: place).to_pylist()[0]
    except CurateError as error:
        raise UsageError(error.message.rpartition("\n")[0]) from None  # without the advice for a run
    verdict = judged.pop("verdict")
    explain: Callable[[pa.Table], Sequence[str]] | None = getattr(recipe, "explain", None)
    with contextlib.redirect_stdout(io.StringIO()):  # it has printed once already
        steps = list(explain(row)) if explain else []
    return Tried(
        place=place, inputs=inputs, steps=steps, verdict=verdict, cause=None, item=judged if verdict == KEPT else {}
    )
