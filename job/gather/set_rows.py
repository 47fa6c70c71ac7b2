"""Reads a finished training set back: of every row hashes of id, title, text and prompt, and the price.

The rows of all splits stand in one order, train first.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from job.cluster.workers import Workers
from job.gather.index import folded_hashes, hashes, without_empty
from job.gather.items import ItemShard, nulls
from job.gather.narrow import PLACE, Narrow, places_of, read_narrow, wide
from job.output.folder import OutputFolder
from job.output.training_set.plan import SetPlan
from job.output.training_set.shard import ID, PRICE, PROMPT, TITLE, shown_columns, text_column
from job.recipe.protocol import RecipeDescription
from job.selection.near import bands


@dataclass(frozen=True, kw_only=True, slots=True)
class SetRows:
    """The rows of all splits."""

    output: OutputFolder
    recipe: RecipeDescription
    splits: Mapping[str, range]
    """Places of the rows of each split."""
    shards: tuple[ItemShard, ...]

    @classmethod
    def of_plan(cls, output: OutputFolder, plan: SetPlan) -> SetRows:
        """Returns the rows of a set whose shards are all written."""
        shards: list[ItemShard] = []
        splits: dict[str, range] = {}
        place = 0
        for part in plan.splits():
            splits[part.name] = range(place, place + part.num_rows)
            for number in range(part.count):
                num_rows = part.rows_of(number)
                named = part.shard_name(number)
                shards.append(
                    ItemShard(category=0, path=named, size_bytes=0, sha256="", num_rows=num_rows, place=place)
                )
                place += num_rows
        return cls(output=output, recipe=plan.recipe, splits=splits, shards=tuple(shards))

    @property
    def count(self) -> int:
        """Number of rows."""
        return sum(shard.num_rows for shard in self.shards)

    def titles_and_texts(self, shard: ItemShard) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
        """Reads the titles and texts of a shard's rows; titles are null where the recipe has none."""
        text = text_column(self.recipe)
        has_title = self.recipe.roles.title is not None
        rows = self.output.table(shard.path, list(dict.fromkeys([text, *([TITLE] if has_title else [])])))
        return rows[TITLE] if has_title else nulls(rows.num_rows), rows[text]


@dataclass(frozen=True, kw_only=True, slots=True)
class RowIndex:
    """Narrow columns of all rows. Each array has one entry per row; a hash is uint64 of shape (rows, 2)."""

    prompt: np.ndarray
    """Hash of each prompt as it is."""
    text: np.ndarray
    """Hash of each folded text; (0, 0) of an empty one."""
    title: np.ndarray | None
    """The same of each title; None when the recipe has none."""
    id: np.ndarray | None
    """Hash of each id as it is; (0, 0) of none. None when the recipe has none."""
    price: np.ndarray | None
    """Dollars, as they came; float64. None when the recipe has none."""
    bands: np.ndarray | None
    """MinHash bands; None unless they were asked for."""


def read_rows(
    rows: SetRows,
    workers: Workers,
    near_threshold: float | None = None,
    show: Callable[[int], object] = lambda _: None,
    begun: Narrow | None = None,
) -> RowIndex:
    """Reads the narrow columns of all rows.

    Args:
        rows: the rows.
        workers: the CPUs that may work.
        near_threshold: threshold of near duplicates, for MinHash bands; None for none.
        show: called with the number of rows that are there.
        begun: narrow columns of some shards, which are not read again.

    Raises:
        CurateError: when a shard cannot be read.
        RuntimeError: when a row is missing.
    """
    work = functools.partial(narrow_shard, rows=rows, near_threshold=near_threshold)
    return row_index(read_narrow(rows.shards, work, workers, show, begun))


def row_index(narrow: Narrow) -> RowIndex:
    """Returns the index that the columns of all rows make."""
    arrays = narrow.arrays
    return RowIndex(
        prompt=arrays["prompt"],
        text=arrays["text"],
        title=arrays.get("title"),
        id=arrays.get("id"),
        price=arrays.get("price"),
        bands=arrays.get("bands"),
    )


def narrow_shard(shard: ItemShard, rows: SetRows, near_threshold: float | None) -> pa.Table:
    """Reads the narrow columns of a shard's rows, and the place of each among the rows of all splits."""
    shown, text = shown_columns(rows.recipe), text_column(rows.recipe)
    names = [*[name for name in (ID, TITLE, PRICE) if name in shown], PROMPT, text]
    table = rows.output.table(shard.path, list(dict.fromkeys(names)))
    return narrow_rows(table, shard, rows.recipe, near_threshold)


def narrow_rows(table: pa.Table, shard: ItemShard, recipe: RecipeDescription, near_threshold: float | None) -> pa.Table:
    """Returns what `narrow_shard` reads, of a table with the shard's rows."""
    shown, text = shown_columns(recipe), text_column(recipe)
    if table.num_rows != shard.num_rows:
        raise RuntimeError(f"{shard.path} has {table.num_rows} rows and not {shard.num_rows}")
    columns: dict[str, pa.Array] = {
        PLACE: places_of(shard),
        "prompt": wide(hashes(table[PROMPT])),
        "text": wide(folded_hashes(table[text].cast(pa.string()))),
    }
    if TITLE in shown:
        columns["title"] = wide(folded_hashes(table[TITLE].cast(pa.string())))
    if ID in shown:
        columns["id"] = wide(without_empty(hashes(table[ID].cast(pa.string()))))
    if PRICE in shown:
        columns["price"] = table[PRICE].cast(pa.float64()).combine_chunks()
    if near_threshold is not None:
        titles = table[TITLE].cast(pa.string()) if TITLE in shown else None
        columns["bands"] = wide(bands(titles, table[text].cast(pa.string()), near_threshold))
    return pa.table(columns)
