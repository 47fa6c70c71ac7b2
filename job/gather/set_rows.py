"""Reads a finished training set back: of every row hashes of id, title, text and prompt, and the price, over Ray Data.

A block per shard names it, as in `job.gather.index`; the rows of all splits stand in one order, train first.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from job.cluster.workers import Workers
from job.gather.index import hashes
from job.gather.items import ItemShard
from job.gather.narrow import PLACE, Narrow, places_of, read_narrow, wide
from job.output.folder import OutputFolder
from job.output.training_set.plan import SetPlan
from job.output.training_set.shard import ID, PRICE, PROMPT, TITLE, shown_columns, text_column
from job.recipe.protocol import RecipeDescription
from job.selection.folding import folded
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

    def titles_and_texts(self, shard: ItemShard) -> tuple[list[str | None], list[str | None]]:
        """Reads the titles and texts of a shard's rows; titles are None where the recipe has none."""
        text = text_column(self.recipe)
        has_title = self.recipe.roles.title is not None
        rows = self.output.table(shard.path, list(dict.fromkeys([text, *([TITLE] if has_title else [])])))
        return rows[TITLE].to_pylist() if has_title else [None] * rows.num_rows, rows[text].to_pylist()


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
) -> RowIndex:
    """Reads the narrow columns of all rows, within the settings for Ray Data.

    Args:
        rows: the rows.
        workers: the CPUs that may work.
        near_threshold: threshold of near duplicates, for MinHash bands; None for none.
        show: called with the number of rows that have been read.

    Raises:
        CurateError: when a shard cannot be read.
        RuntimeError: when a row is missing.
    """
    work = functools.partial(narrow_shard, rows=rows, near_threshold=near_threshold)
    return row_index(read_narrow(rows.shards, work, workers, show))


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
    """Returns the narrow columns of a shard's rows, and the place of each among the rows of all splits."""
    shown, text = shown_columns(rows.recipe), text_column(rows.recipe)
    names = [*[name for name in (ID, TITLE, PRICE) if name in shown], PROMPT, text]
    table = rows.output.table(shard.path, list(dict.fromkeys(names)))
    if table.num_rows != shard.num_rows:
        raise RuntimeError(f"{shard.path} has {table.num_rows} rows and not {shard.num_rows}")
    prompts: list[str | None] = table[PROMPT].to_pylist()
    texts: list[str | None] = prompts if text == PROMPT else table[text].to_pylist()
    titles: list[str | None] = table[TITLE].to_pylist() if TITLE in shown else [None] * table.num_rows
    columns: dict[str, pa.Array] = {
        PLACE: places_of(shard),
        "prompt": wide(hashes(prompts, empty_is_zero=False)),
        "text": wide(hashes(_folded(texts), empty_is_zero=True)),
    }
    if TITLE in shown:
        columns["title"] = wide(hashes(_folded(titles), empty_is_zero=True))
    if ID in shown:
        columns["id"] = wide(hashes(table[ID].cast(pa.string()).to_pylist(), empty_is_zero=True))
    if PRICE in shown:
        columns["price"] = table[PRICE].cast(pa.float64()).combine_chunks()
    if near_threshold is not None:
        columns["bands"] = wide(bands(titles, texts, near_threshold))
    return pa.table(columns)


def _folded(values: Sequence[str | None]) -> list[str]:
    return [folded(value) for value in values]
