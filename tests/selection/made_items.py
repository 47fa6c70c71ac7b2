"""Made items with planted duplicates, and the index of items."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from job.selection.duplicates import NearLinks
from job.selection.folding import folded
from job.selection.index import Index, Use
from job.selection.keys import USES, item_keys

CATEGORIES = ("Appliances", "Automotive", "Toys_and_Games")


@dataclass(frozen=True, kw_only=True)
class Item:
    category: str = CATEGORIES[0]
    price: float = 1.0
    id: str | None = None
    title: str = ""
    text: str = ""


Near = list[tuple[int, int, float]]
"""Near links: two items and their similarity."""


def hashed(texts: Sequence[str]) -> np.ndarray:
    folds = [folded(text) for text in texts]
    digests = [hashlib.md5(fold.encode()).digest() if fold else bytes(16) for fold in folds]
    return np.frombuffer(b"".join(digests), np.uint64).reshape(-1, 2)


def index_of(items: Sequence[Item], seed: int = 42, *, has_price: bool = True, has_id: bool = True) -> Index:
    ids = pa.array([item.id for item in items], pa.large_string()) if has_id else None
    return Index(
        categories=CATEGORIES,
        category=np.array([CATEGORIES.index(item.category) for item in items], np.uint16),
        price=np.array([item.price for item in items], float) if has_price else None,
        ids=ids,
        title=hashed([item.title for item in items]),
        text=hashed([item.text for item in items]),
        keys=item_keys(seed, ids, pa.array([item.text for item in items], pa.string())),
    )


def near_links(near: Near) -> NearLinks:
    return NearLinks(
        first=np.array([link[0] for link in near], np.int64),
        second=np.array([link[1] for link in near], np.int64),
        similarity=np.array([link[2] for link in near], float),
    )


def made(size: int, seed: int = 0, share: float = 0.3) -> list[Item]:
    """Returns items of which a share repeats an earlier one's id, title or text, or has none; no two are all alike."""
    chance = random.Random(seed)
    items: list[Item] = []
    for number in range(size):
        values = {"id": f"B{number:05}", "title": f"Title {number}", "text": f"A text of number {number}"}
        for name in values:
            if items and chance.random() < share / 3:
                earlier = getattr(chance.choice(items), name)
                values[name] = chance.choice(
                    (earlier, f" {earlier.upper()}  " if name != "id" and earlier else earlier)
                )
            elif chance.random() < share / 20:
                values[name] = ""
        item_id = None if not values["id"] and number % 2 else values["id"]
        items.append(
            Item(
                category=chance.choices(CATEGORIES, (5, 3, 1))[0],
                price=round(chance.lognormvariate(3, 1), 2),
                id=item_id,
                title=values["title"],
                text=values["text"] if values["text"] or number % 3 else f" \t{number * ' '}",
            )
        )
    return items


def made_near(size: int, num_links: int, seed: int = 0) -> Near:
    """Returns near links between different items, some of which form chains."""
    chance = random.Random(seed)
    pairs = {tuple(sorted(chance.sample(range(size), 2))) for _ in range(num_links)}
    return [(one, other, round(chance.uniform(0.8, 1), 3)) for one, other in sorted(pairs)]


def keyed(size: int, **columns: Any) -> Index:
    """Returns an index of items without ids, titles or texts, with such keys and other columns as are given."""
    keys: dict[Use, np.ndarray] = {use: np.array(columns.pop(use, range(size)), np.uint64) for use in USES}
    columns = {"categories": CATEGORIES, "category": np.zeros(size, np.uint16), **columns}
    return Index(keys=keys, **columns)
