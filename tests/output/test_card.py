"""The data set card: what it names opens in `load_dataset`, and nothing that is no item ever does."""

from __future__ import annotations

from pathlib import Path

import datasets
import pyarrow as pa
import pytest
import yaml

from job.output.card import card
from job.output.records import Plan
from job.output.shard import REJECTS_SCHEMA, items_schema, parquet_bytes
from job.output.totals import CategoryTotals, Manifest, complete
from job.recipe.course_2024.recipe import Course2024
from job.recipe.protocol import describe
from job.recipe.verdicts import KEPT, MALFORMED

RECIPE = describe(Course2024)

CARD = """---
configs:
- config_name: default
  data_files: data/*/*.parquet
  default: true
- config_name: Books
  data_files: data/Books/*.parquet
- config_name: Toys
  data_files: data/Toys/*.parquet
task_categories:
- text-generation
---

# Price prompts

Product listings, each with a prompt that asks for its price and answers it. Made by curate.

| category | rows read | items |
|---|---|---|
| Books | 3 | 2 |
| Toys | 2 | 1 |
"""
"""The card of an output with items in both categories, as every version has written it."""


def made(**num_items: int) -> Manifest:
    """A complete output of categories with so many items, and one malformed row, each."""
    totals = {
        name: CategoryTotals(
            num_rows=count + 1,
            num_items=count,
            funnel={KEPT: count, MALFORMED: 1},
            content_digest="0" * 64,
            shards=[],
            damaged=[],
            digest="0" * 64,
            limit=None,
            repository=None,
        )
        for name, count in num_items.items()
    }
    return complete(Plan(config={}, categories={}), totals)


def written(folder: Path, **num_items: int) -> str:
    """Writes the shards, rejects and card of such an output: for each category an empty shard, and one with items."""
    schema = items_schema(RECIPE)
    for name, count in num_items.items():
        items = pa.Table.from_pylist([{"category": name, "price": 1.0}] * count, schema=schema)
        (folder / "data" / name).mkdir(parents=True)
        (folder / "_rejects" / name).mkdir(parents=True)
        (folder / f"data/{name}/items-00000-of-00002.parquet").write_bytes(parquet_bytes(items.slice(0, 0)))
        (folder / f"data/{name}/items-00001-of-00002.parquet").write_bytes(parquet_bytes(items))
        rejects = pa.Table.from_pylist([{"category": name, "raw": b"broken"}], schema=REJECTS_SCHEMA)
        (folder / f"_rejects/{name}/00001.parquet").write_bytes(parquet_bytes(rejects))
    (folder / "README.md").write_bytes(card(made(**num_items), RECIPE))
    return str(folder)


def configs(content: bytes) -> list[str]:
    return [config["config_name"] for config in yaml.safe_load(content.split(b"---")[1])["configs"]]


def test_a_card_with_items_in_every_category_never_changes_a_byte() -> None:
    assert card(made(Books=2, Toys=1), RECIPE).decode() == CARD


def test_a_category_without_items_has_no_config_but_its_line_in_the_table() -> None:
    content = card(made(Books=2, Games=0, Toys=1), RECIPE)
    assert configs(content) == ["default", "Books", "Toys"]
    assert b"\n| Books | 3 | 2 |\n| Games | 1 | 0 |\n| Toys | 2 | 1 |\n" in content
    assert configs(card(made(Books=0, Games=0), RECIPE)) == ["default"]


def test_every_config_of_a_card_opens(tmp_path: Path) -> None:
    output = written(tmp_path / "out", Books=2, Games=0, Toys=1)
    cache = str(tmp_path / "cache")
    assert datasets.get_dataset_config_names(output) == ["default", "Books", "Toys"]
    found = {
        name: datasets.load_dataset(output, name, split="train", cache_dir=cache)["category"][:]
        for name in ("default", "Books", "Toys")
    }
    assert found == {"default": ["Books", "Books", "Toys"], "Books": ["Books", "Books"], "Toys": ["Toys"]}
    with pytest.raises(ValueError, match="'Games' not found"):
        datasets.load_dataset(output, "Games", cache_dir=cache)


def test_an_output_without_items_streams_none_and_is_never_opened_as_its_rejects(tmp_path: Path) -> None:
    """`datasets` 5.2 makes no data set of no rows. Without any config it would open the rejects."""
    output = written(tmp_path / "out", Books=0, Games=0)
    assert list(datasets.load_dataset(output, split="train", streaming=True)) == []
    with pytest.raises(ValueError, match="corresponds to no data"):
        datasets.load_dataset(output, split="train", cache_dir=str(tmp_path / "cache"))
