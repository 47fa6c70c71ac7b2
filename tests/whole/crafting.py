"""Finished items for whole training sets, and the rows that a set of them has to have."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from job.config.craft import CraftConfig
from job.config.models import JobConfig
from job.output.shard import items_schema
from job.recipe.protocol import RecipeDescription, describe
from tests.conftest import tree
from tests.output.made import MadeOutput
from tests.selection.presets.plain import Item, Plain

SPLITS = ("train", "validation", "test")
COLUMNS = {
    "course-2024": ["id", "category", "title", "price", "prompt", "completion", "token_count"],
    "course-2025": ["id", "category", "title", "price", "prompt", "completion", "full", "weight"],
}
REMOVED_COLUMNS = ["id", "category", "title", "price", "reason", "kept_id", "similarity"]


def described(recipe: str) -> RecipeDescription:
    return describe(JobConfig.model_validate({"recipe": {"name": recipe}}).recipe.recipe_type())


def item_id(number: int) -> str:
    return f"B{number:09d}"


def question(item: Item) -> str:
    """What a model is asked about an item of the recipe `course-2024`."""
    return (
        "How much does this cost to the nearest dollar?\n\n"
        f"{item['title']}\n{item['text']}, and not: Price is $1\n\nPrice is $"
    )


def item_rows(recipe: str, items: Sequence[Item]) -> dict[str, list[Any]]:
    """The columns of items as the recipe has them."""
    rows: dict[str, list[Any]] = {
        "category": [item["category"] for item in items],
        "parent_asin": [item_id(item["number"]) for item in items],
        "title": [item["title"] for item in items],
        "price": [item["price"] for item in items],
    }
    if recipe == "course-2024":
        rows["prompt"] = [f"{question(item)}{round(item['price'])}.00" for item in items]
        rows["token_count"] = [150 + item["number"] % 11 for item in items]
    else:
        rows["full"] = [item["text"] for item in items]
        rows["weight"] = [item["number"] % 7 / 2 for item in items]
    return rows


def write_items(
    root: Path | str, recipe: str, items: Sequence[Item], *, cuts: int = 3, config: Mapping[str, Any] | None = None
) -> MadeOutput:
    """Writes items as a finished output, each category in so many shards; `close` gives the plan and the manifest.

    One shard of the first category has no item.
    """
    description = described(recipe)
    categories = list(dict.fromkeys(item["category"] for item in items))
    job = JobConfig.model_validate({"categories": categories, "recipe": {"name": recipe}, "output": str(root)})
    made = MadeOutput(root, {**job.model_dump(mode="json"), **(config or {})}, description)
    schema = items_schema(description)
    for name in categories:
        here = [item for item in items if item["category"] == name]
        bounds = [len(here) * cut // cuts for cut in range(cuts + 1)]
        if name == categories[0]:
            bounds.insert(1, bounds[1])
        shards = [
            pa.table(item_rows(recipe, here[begin:end]), schema=schema) for begin, end in itertools.pairwise(bounds)
        ]
        made.add(name, shards)
    return made


def settings(items: Path | str, output: Path | str, **more: Any) -> CraftConfig:
    return CraftConfig.model_validate({"items": str(items), "output": str(output), **more})


def expected_rows(recipe: str, items: Sequence[Item]) -> list[dict[str, Any]]:
    """The rows of a split that has these items."""
    rows: list[dict[str, Any]] = []
    for item in items:
        row: dict[str, Any] = {
            "id": item_id(item["number"]),
            "category": item["category"],
            "title": item["title"],
            "price": item["price"],
            "completion": f"{round(item['price'])}.00",
        }
        if recipe == "course-2024":
            row |= {"prompt": question(item), "token_count": 150 + item["number"] % 11}
        else:
            text = item["text"]
            row["prompt"] = f"What does this cost to the nearest dollar?\n\n{text}\n\nPrice is $"
            row |= {"full": text, "weight": item["number"] % 7 / 2}
        rows.append({name: row[name] for name in COLUMNS[recipe]})
    return rows


def expected_removed(items: Sequence[Item], plain: Plain) -> list[dict[str, Any]]:
    """The rows of the items that are in no split, in load order."""
    return [
        {
            "id": item_id(item["number"]),
            "category": item["category"],
            "title": item["title"],
            "price": item["price"],
            "reason": plain.reasons[item["number"]],
            "kept_id": item_id(plain.lost_to[item["number"]]) if item["number"] in plain.lost_to else None,
            "similarity": None,
        }
        for item in items
        if item["number"] in plain.reasons
    ]


def written(folder: Path, part: str) -> list[dict[str, Any]]:
    """The rows of a split, or of `removed`, as they stand in its shards, none of which but the last is short."""
    below = folder / ("_removed" if part == "removed" else "data")
    paths = sorted(below.glob(f"{part}-*.parquet"))
    assert [path.name for path in paths] == [
        f"{part}-{number:05d}-of-{len(paths):05d}.parquet" for number in range(len(paths))
    ]
    tables = [pq.ParquetFile(path).read() for path in paths]
    assert all(table.num_rows == 50_000 for table in tables[:-1])
    return [row for table in tables for row in table.to_pylist()]


def rows_in(folder: Path) -> dict[str, bytes]:
    """The bytes of all shards of a set, of its splits and of what was removed, by path."""
    return {name: content for name, content in tree(folder).items() if name.startswith(("data/", "_removed/"))}
