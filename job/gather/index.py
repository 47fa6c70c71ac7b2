"""Reads the index: of every item the narrow columns that the decision needs, some 50 bytes, and nothing else."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import xxhash

from job.cluster.workers import Workers
from job.config.craft import CraftConfig
from job.gather.items import Items, ItemShard
from job.gather.narrow import PLACE, Narrow, places_of, read_narrow, wide
from job.recipe.protocol import RecipeDescription
from job.recipe.training import text_columns, texts
from job.selection.folding_many import chunks_in_utf8, folded_in_utf8
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
    """Reads the index of all items, from their shards.

    Args:
        items: the items.
        wanted: which columns it has.
        workers: the CPUs that may work.
        show: called with the number of items that have been read.

    Raises:
        CurateError: when a shard has changed, or cannot be read.
        RuntimeError: when an item is missing.
    """
    work = functools.partial(index_shard, items=items, wanted=wanted)
    return index_in(read_narrow(items.shards, work, workers, show), items)


def index_in(narrow: Narrow, items: Items) -> Index:
    """Returns the index that the columns of all items make."""
    category = np.repeat(
        np.array([shard.category for shard in items.shards], np.uint16),
        [shard.num_rows for shard in items.shards],
    )
    arrays = narrow.arrays
    return Index(
        categories=items.categories,
        category=category,
        price=arrays.get("price"),
        ids=narrow.texts("id"),
        title=arrays.get("title"),
        text=arrays.get("text"),
        keys={use: arrays[f"key:{use}"] for use in _USES if f"key:{use}" in arrays},
        bands=arrays.get("bands"),
    )


def index_shard(shard: ItemShard, items: Items, wanted: Wanted) -> pa.Table:
    """Returns the narrow columns of a shard's items, and the place of each in load order."""
    return _indexed(items.table(shard, wanted.columns(items.recipe)), items.recipe, wanted, shard)


def _indexed(rows: pa.Table, recipe: RecipeDescription, wanted: Wanted, shard: ItemShard) -> pa.Table:
    """Returns the narrow columns of a shard's items, and the place of each in load order."""
    columns: dict[str, pa.Array | pa.ChunkedArray] = {PLACE: places_of(shard)}
    roles = recipe.roles
    if wanted.price:
        columns["price"] = rows[str(roles.price)].cast(pa.float64())
    ids = rows[roles.id].cast(pa.string()) if wanted.ids and roles.id is not None else None
    if ids is not None:
        columns["id"] = ids
    titles = rows[str(roles.title)].cast(pa.string()) if wanted.titles else None
    bodies = texts(recipe, rows) if wanted.texts else pa.chunked_array([], pa.string())
    if wanted.folded:
        for use, keys in item_keys(wanted.seed, ids, bodies).items():
            columns[f"key:{use}"] = pa.array(keys)
        if wanted.near_threshold is not None:
            columns["bands"] = wide(bands(titles, bodies, wanted.near_threshold))
    hashed = folded_hashes if wanted.folded else hashes
    if titles is not None:
        columns["title"] = wide(hashed(titles))
    if wanted.texts:
        columns["text"] = wide(hashed(bodies))
    return pa.table(columns)


def hashes(texts: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Returns the XXH3 hashes of Arrow strings, 128 bits each; uint64 of shape (texts, 2). A null counts as empty."""
    return _hashes(_in_utf8(texts))


def folded_hashes(texts: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Returns the same of folded texts, but (0, 0) for an empty one, which equals no other."""
    return without_empty(_hashes(folded_in_utf8(texts)))


def _in_utf8(texts: pa.Array | pa.ChunkedArray) -> Iterator[memoryview]:
    for content, bounds in chunks_in_utf8(texts):
        for begin, end in itertools.pairwise(bounds.tolist()):
            yield content[begin:end]


def _hashes(texts: Iterable[bytes | memoryview]) -> np.ndarray:
    joined = b"".join(map(xxhash.xxh3_128_digest, texts))
    return np.frombuffer(joined, ">u8").reshape(-1, 2).astype(np.uint64)


def without_empty(found: np.ndarray) -> np.ndarray:
    """Returns hashes with (0, 0) in place of that of an empty text."""
    found[(found == _EMPTY).all(axis=1)] = 0
    return found


_EMPTY = _hashes([b""])
"""Hash of an empty text."""
