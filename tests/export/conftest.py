"""Training sets that the tests of this folder share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.export.made import item_2024, item_2025, make_items, make_set

SAYS_IT_ITSELF = "Was sold to the nearest dollar.\n\nPrice is $9 they say"
"""A listing with the words that a prompt ends in."""


@pytest.fixture(scope="session")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A set of 100 items of each recipe, by its name."""
    root = tmp_path_factory.mktemp("sets")
    prices = [number + 0.5 for number in range(100)]
    of_2024 = [item_2024(number, price) for number, price in enumerate(prices)]
    of_2024[50:60] = [item_2024(number, 0.6 + number, text=SAYS_IT_ITSELF + "…" * number) for number in range(50, 60)]
    of_2025 = [item_2025(number, price) for number, price in enumerate(prices)]
    own = [{"sku": f"S{number}", "name": f"Shelf {number}", "blurb": "of “oak”\n" * number} for number in range(100)]
    halves = {"Appliances": slice(0, 45), "Automotive": slice(45, 100)}
    made: dict[str, Path] = {}
    each: list[tuple[str, list[dict[str, Any]], dict[str, Any]]] = [
        ("course-2024", of_2024, {"preset": "course-2024", "splits": {"train": 60, "validation": 0, "test": 30}}),
        (
            "course-2025",
            of_2025,
            {
                "preset": "course-2025",
                "sample": {"size": 80, "category_weights": {"Automotive": 0.5}},
                "splits": {"train": 50, "validation": 10},
            },
        ),
        ("own", own, {"splits": {"validation": 0.1, "test": 0.1}}),
    ]
    for recipe, rows, settings in each:
        items = make_items(root / f"{recipe}-items", recipe, {name: rows[part] for name, part in halves.items()})
        made[recipe] = make_set(items, root / recipe, **settings)
    return made
