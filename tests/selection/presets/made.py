"""Made items, and the index and config of them."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from typing import Any

import numpy as np

from job.config.craft import CraftConfig
from job.selection.decision import FATES, NONE, SPLITS, Decision
from job.selection.index import Index
from tests.selection.presets.plain import Item, Plain

CATEGORIES = ("Automotive", "Electronics", "Tools_and_Home_Improvement", "Appliances")
LOWEST, HIGHEST = 0.5, 999.49


def items(count: int, seed: int = 1, categories: tuple[str, ...] = CATEGORIES) -> list[Item]:
    """Makes items with repeated titles and texts, most of them cheap, a tenth at .50, some at the ends of the range."""
    rng = random.Random(seed)
    made: list[Item] = []
    for number in range(count):
        price = min(max(round(rng.lognormvariate(3, 1.4), 2), LOWEST), HIGHEST)
        if rng.random() < 0.1:
            price = int(price) + 0.5
        price = rng.choice((LOWEST, HIGHEST, price)) if rng.random() < 0.02 else price
        title = "" if rng.random() < 0.001 else f"Title {rng.randrange(count * 3)}"
        text = f"{title} of {rng.randrange(3)}" if rng.random() < 0.2 else f"Text {rng.randrange(count * 2)}"
        # In load order, which is by category.
        category = categories[number * len(categories) // count]
        made.append({"number": number, "category": category, "price": price, "title": title, "text": text})
    return made


def index(made: list[Item], **changes: Any) -> Index:
    """Returns the index of items."""
    names = tuple(dict.fromkeys(item["category"] for item in made))
    columns: dict[str, Any] = {
        "categories": names,
        "category": np.array([names.index(item["category"]) for item in made], np.uint16),
        "price": np.array([item["price"] for item in made], np.float64),
        "title": _hashes([item["title"] for item in made]),
        "text": _hashes([item["text"] for item in made]),
    }
    return Index(**columns | changes)


def _hashes(texts: list[str]) -> np.ndarray:
    digests = b"".join(hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts)
    return np.frombuffer(digests, np.uint64).reshape(-1, 2)


def large_index(count: int) -> Index:
    """Returns the index of many items, which all have a title and a text of their own."""
    rng = np.random.default_rng(3)
    hashes = np.stack([np.arange(count), np.arange(count)], axis=1).astype(np.uint64)
    return Index(
        categories=CATEGORIES,
        category=np.sort(rng.integers(0, len(CATEGORIES), count)).astype(np.uint16),
        price=np.round(rng.uniform(1, 900, count), 2),
        title=hashes,
        text=hashes,
    )


def items_of(large: Index) -> list[Item]:
    """Returns the items of a large index."""
    assert large.price is not None
    columns = zip(large.category.tolist(), large.price.tolist(), strict=True)
    return [
        {"number": number, "category": CATEGORIES[category], "price": price, "title": number, "text": number}
        for number, (category, price) in enumerate(columns)
    ]


def config(preset: str, **settings: Any) -> CraftConfig:
    return CraftConfig.model_validate({"items": "out/items", "preset": preset, **settings})


def assert_same(
    decide: Callable[[Index, CraftConfig], Decision], made: list[Item], settings: CraftConfig, plain: Plain
) -> None:
    """Checks every row of every split, and why each other item is in none."""
    decision = decide(index(made), settings)
    for split in SPLITS:
        places = np.flatnonzero(decision.fate == FATES.index(split))
        rows = decision.row[places]
        assert sorted(rows.tolist()) == list(range(len(places)))
        assert places[np.argsort(rows)].tolist() == [item["number"] for item in getattr(plain, split)], split
    removed = np.flatnonzero(decision.fate >= len(SPLITS)).tolist()
    assert {number: FATES[decision.fate[number]] for number in removed} == plain.reasons
    assert decision.row[removed].tolist() == list(range(len(removed)))
    lost = np.flatnonzero(decision.kept != NONE).tolist()
    assert {number: int(decision.kept[number]) for number in lost} == plain.lost_to
    assert sum(decision.counts().values()) == len(made)
    assert_figures(decision, made, plain)


def assert_figures(decision: Decision, made: list[Item], plain: Plain) -> None:
    """Checks the figures of the stages that both presets have."""
    for stage, stands in (("items", made), ("sample", plain.sample), ("train", plain.train), ("test", plain.test)):
        found = decision.stages[stage]
        assert found["items"] == len(stands)
        if stands:
            prices = [item["price"] for item in stands]
            np.testing.assert_allclose(found["mean_price"], sum(prices) / len(prices), rtol=1e-12)
            assert (found["lowest_price"], found["highest_price"]) == (min(prices), max(prices))
    if plain.train:
        assert decision.stages["train"]["first_price"] == plain.train[0]["price"]
        assert plain.sample[int(decision.stages["train"]["first_position"])] is plain.train[0]


def by_appearance(stands: list[Item]) -> list[tuple[str, int]]:
    """Returns the categories of items with their counts, in order of first appearance."""
    counts: dict[str, int] = {}
    for item in stands:
        counts[item["category"]] = counts.get(item["category"], 0) + 1
    return list(counts.items())
