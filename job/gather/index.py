"""Reads the index: of every item the narrow columns that the decision needs, and nothing else, through Ray Data.

A block per shard names it; its task reads the shard, and returns some 50 bytes of each item.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import ray.data
import xxhash
from ray.data import TaskPoolStrategy

from job.cluster.workers import Workers
from job.config.craft import CraftConfig
from job.gather.items import Items, ItemShard
from job.recipe.protocol import RecipeDescription
from job.recipe.training import text_columns, texts
from job.selection.folding import folded
from job.selection.index import Index, Use
from job.selection.keys import item_keys
from job.selection.near import bands

_USES: tuple[Use, ...] = ("survivor", "sample", "split", "order")


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which columns the index has."""

    price: bool
    ids: bool
    titles: bool
    """Hashes of the titles."""
    texts: bool
    """Hashes of the texts."""
    folded: bool = False
    """Whether titles and texts are folded before they are hashed, and keys are made."""
    seed: int = 0
    near_threshold: float | None = None
    """Threshold of near duplicates; None without MinHash bands."""

    @classmethod
    def of(cls, config: CraftConfig, recipe: RecipeDescription) -> Wanted:
        """Returns what the decision needs."""
        has_price, has_title = recipe.roles.price is not None, recipe.roles.title is not None
        if config.preset is not None:
            kinds = config.deduplicate
            return cls(price=has_price, ids=bool(kinds), titles="title" in kinds and has_title, texts="text" in kinds)
        return cls(
            price=has_price,
            ids=True,
            titles=has_title,
            texts=True,
            folded=True,
            seed=config.seed,
            near_threshold=config.near_threshold,
        )

    def columns(self, recipe: RecipeDescription) -> list[str]:
        """Returns the item columns that have to be read."""
        roles = recipe.roles
        names = [roles.price] if self.price else []
        names += [roles.id] if self.ids else []
        names += [roles.title] if self.titles else []
        names += text_columns(recipe) if self.texts else []
        return list(dict.fromkeys(name for name in names if name is not None))


def read_index(items: Items, wanted: Wanted, workers: Workers, show: Callable[[int], object] = lambda _: None) -> Index:
    """Reads the index of all items, within the settings for Ray Data.

    Args:
        items: the items.
        wanted: which columns it has.
        workers: the CPUs that may work.
        show: called with the number of items that have been read.

    Raises:
        CurateError: when a shard has changed, or cannot be read.
        RuntimeError: when an item is missing.
    """
    named = ray.data.from_blocks([pa.table({"shard": [number]}) for number in range(len(items.shards))])
    read = named.map_batches(
        functools.partial(_index_shards, items=items, wanted=wanted),
        batch_size=None,
        batch_format="pyarrow",
        compute=TaskPoolStrategy(),
        **workers.ray_options,
    )
    filled = _Filled(items.count)
    for block in read.iter_batches(batch_size=None, batch_format="pyarrow"):
        filled.add(block)
        show(filled.num_items)
    return filled.index(items)


def _index_shards(named: pa.Table, items: Items, wanted: Wanted) -> Iterator[pa.Table]:
    for number in named["shard"].to_pylist():
        shard = items.shards[number]
        yield _indexed(items.table(shard, wanted.columns(items.recipe)), items.recipe, wanted, shard)


def _indexed(rows: pa.Table, recipe: RecipeDescription, wanted: Wanted, shard: ItemShard) -> pa.Table:
    """Returns the narrow columns of a shard's items, and the place of each in load order."""
    columns: dict[str, pa.Array | pa.ChunkedArray] = {
        "place": pa.array(np.arange(shard.place, shard.place + shard.num_rows, dtype=np.uint32))
    }
    roles = recipe.roles
    if wanted.price:
        columns["price"] = rows[str(roles.price)].cast(pa.float64())
    ids = rows[roles.id].cast(pa.string()) if wanted.ids and roles.id is not None else None
    if ids is not None:
        columns["id"] = ids
    titles: Sequence[str | None] = rows[str(roles.title)].to_pylist() if wanted.titles else []
    bodies = texts(recipe, rows) if wanted.texts else []
    if wanted.folded:
        for use, keys in item_keys(wanted.seed, ids, pa.array(bodies, pa.string())).items():
            columns[f"key:{use}"] = pa.array(keys)
        if wanted.near_threshold is not None:
            found = bands(titles or [None] * rows.num_rows, bodies, wanted.near_threshold)
            columns["bands"] = _wide(found)
        titles, bodies = [folded(title) for title in titles], [folded(text) for text in bodies]
    if wanted.titles:
        columns["title"] = _wide(hashes(titles, empty_is_zero=wanted.folded))
    if wanted.texts:
        columns["text"] = _wide(hashes(bodies, empty_is_zero=wanted.folded))
    return pa.table(columns)


def hashes(values: Sequence[str | None], *, empty_is_zero: bool) -> np.ndarray:
    """Returns the XXH3 hashes of texts, 128 bits each; uint64 of shape (texts, 2).

    Args:
        values: the texts. None is hashed as an empty one.
        empty_is_zero: whether an empty text has the hash (0, 0), which equals no other.
    """
    digest = xxhash.xxh3_128_digest
    joined = b"".join([digest((value or "").encode()) for value in values])
    found = np.frombuffer(joined, ">u8").reshape(-1, 2).astype(np.uint64)
    if empty_is_zero:
        found[[not value for value in values]] = 0
    return found


def _wide(values: np.ndarray) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])


class _Filled:
    """The index while it is being read. Blocks may come in any order."""

    def __init__(self, count: int) -> None:
        self.num_items = 0
        self._count = count
        self._arrays: dict[str, np.ndarray] = {}
        self._ids: list[tuple[int, pa.Array]] = []
        self._seen = np.zeros(count, bool)

    def add(self, block: pa.Table) -> None:
        """Adds the items of a block."""
        places = block["place"].to_numpy()
        self._seen[places] = True
        self.num_items += len(places)
        for name in block.column_names:
            column = block[name].combine_chunks()
            if isinstance(column, pa.ChunkedArray):
                column = pa.concat_arrays(column.chunks)
            if name == "id":
                self._ids.append((int(places[0]), column))
            elif name != "place":
                values = _numbers(column)
                if name not in self._arrays:
                    self._arrays[name] = np.zeros((self._count, *values.shape[1:]), values.dtype)
                self._arrays[name][places] = values

    def index(self, items: Items) -> Index:
        """Returns the index. Raises RuntimeError when an item is missing, or came twice."""
        if self.num_items != self._count or not self._seen.all():
            raise RuntimeError(f"the index has {self.num_items} items of {self._count}")
        category = np.repeat(
            np.array([shard.category for shard in items.shards], np.uint16),
            [shard.num_rows for shard in items.shards],
        )
        ids = [column for _, column in sorted(self._ids, key=lambda pair: pair[0])]
        return Index(
            categories=items.categories,
            category=category,
            price=self._arrays.get("price"),
            ids=pa.chunked_array(ids).cast(pa.large_string()).combine_chunks() if ids else None,
            title=self._arrays.get("title"),
            text=self._arrays.get("text"),
            keys={use: self._arrays[f"key:{use}"] for use in _USES if f"key:{use}" in self._arrays},
            bands=self._arrays.get("bands"),
        )


def _numbers(column: pa.Array) -> np.ndarray:
    if pa.types.is_fixed_size_list(column.type):
        return column.flatten().to_numpy().reshape(-1, column.type.list_size)
    return column.to_numpy(zero_copy_only=False)
