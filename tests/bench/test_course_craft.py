"""The courses' method: against what was worked out by hand, and against the published positions.

The first uniform numbers of `numpy.random.seed(42)` are 0.3745 and 0.9507. A draw of two takes the places where the
weights, added up and divided by their sum, exceed these.
"""

from __future__ import annotations

from pathlib import Path

import datasets
import pytest

from job.bench.baselines.course_craft import (
    Item2024,
    Item2025,
    craft,
    sample_2024,
    sample_2025,
    splits_2024,
    splits_2025,
    without_duplicates,
)
from job.bench.baselines.craft_work import CraftInput, rows_digest
from job.bench.measure.craft import craft_sizes, shards
from job.bench.measure.made_items import make_items

pytestmark = pytest.mark.seconds


def item_2024(identifier: str, price: float, category: str = "Electronics") -> Item2024:
    return Item2024(parent_asin=identifier, category=category, title="", price=price, prompt="", token_count=1)


def item_2025(
    identifier: str,
    price: float = 5.0,
    category: str = "Electronics",
    title: str | None = None,
    full: str | None = None,
) -> Item2025:
    return Item2025(
        parent_asin=identifier,
        category=category,
        title=identifier if title is None else title,
        price=price,
        full=identifier if full is None else full,
        weight=0.0,
    )


def ids(items: list[Item2024] | list[Item2025]) -> list[str]:
    return [item.parent_asin for item in items]


def test_the_sample_of_2024_is_the_one_worked_out_by_hand() -> None:
    items = [
        item_2024("never", 0.50),  # rounds to 0
        item_2024("dear", 240.4),
        item_2024("a", 1.6, "Automotive"),
        item_2024("b", 1.5, "Automotive"),
        item_2024("few", 3.5),
        item_2024("c", 2.5),  # as 1.5, it rounds to 2
        item_2024("d", 2.4),
        *[item_2024(f"dear-{number}", 240.0) for number in range(3)],
        item_2024("last", 999.49),
    ]
    # Dollar 2 has weights 1, 1, 5, 5, so added up 0.083, 0.167, 0.583, 1: the places 2 and 3.
    expected = ["c", "d", "few", "dear", "dear-0", "dear-1", "dear-2", "last"]
    assert ids(sample_2024(items, slot_cap=2, seed=42)) == expected


def test_the_set_of_2024_is_cut_after_its_shuffle() -> None:
    # Five things are shuffled with the seed 42 to 3 1 2 4 0.
    items = [item_2024(str(number), 300.0 + number) for number in range(5)]
    splits = splits_2024(items, {"slot_cap": 1, "train": 2, "test": 2}, seed=42)
    assert {name: ids(split) for name, split in splits.items()} == {"train": ["3", "1"], "test": ["2", "4"]}


@pytest.mark.slow
def test_the_published_positions_of_2024() -> None:
    items = [item_2024(str(number), 500.0) for number in range(408_635)]
    splits = splits_2024(items, {"slot_cap": 1200, "train": 400_000, "test": 2_000}, seed=42)
    assert {name: len(split) for name, split in splits.items()} == {"train": 400_000, "test": 2_000}
    assert splits["train"][0].parent_asin == "257690"
    assert splits["test"][0].parent_asin == "342796"


def test_the_first_item_of_a_title_stays_and_then_of_a_text() -> None:
    items = [
        item_2025("a", title="kettle", full="x"),
        item_2025("b", title="kettle", full="y"),
        item_2025("c", title="Kettle", full="y"),
        item_2025("d", title="lamp", full="x"),
        item_2025("e", title="", full="z"),
        item_2025("f", title="", full="w"),
    ]
    assert ids(without_duplicates(items)) == ["a", "c", "e"]


def test_the_sample_of_2025_is_the_one_worked_out_by_hand() -> None:
    items = [
        item_2025("lowest", 1.0),
        item_2025("b", 3.0),
        item_2025("c", 5.0, "Tools_and_Home_Improvement"),
        item_2025("d", 5.0, "Automotive"),
        item_2025("e", 5.0),
    ]
    # Weights 0, 0.25, 0.5, 0.05, 1, so added up 0, 0.139, 0.417, 0.444, 1: the places 2 and 4.
    assert ids(sample_2025(items, size=2, seed=42)) == ["c", "e"]


@pytest.mark.parametrize(
    ("others", "drawn"),
    [
        ([("b", 3.0, "Electronics"), ("c", 3.0, "Electronics")], "dear"),  # 0.25, 0.25, 1: 0.333 is below
        ([("b", 5.0, "Tools_and_Home_Improvement")], "dear"),  # 0.5, 1: 0.333 is below
        ([("b", 5.0, "Automotive")], "dear"),  # 0.05, 1: 0.048 is below
        ([("b", 5.0, "Electronics")], "b"),  # 1, 1: 0.5 is above
    ],
)
def test_each_weight_of_2025_decides_whether_the_dear_item_is_drawn(
    others: list[tuple[str, float, str]], drawn: str
) -> None:
    items = [item_2025("lowest", 1.0), *[item_2025(*other) for other in others], item_2025("dear", 5.0)]
    assert ids(sample_2025(items, size=1, seed=42)) == [drawn]


def test_the_set_of_2025_is_cut_after_its_second_shuffle() -> None:
    # Ten things are shuffled with the seed 42 to 7 3 2 8 5 6 9 4 0 1, and five to 3 1 2 4 0.
    items = [item_2025(str(number), 2.0 if number in (7, 2, 5, 9, 0) else 1.0) for number in range(10)]
    sizes = {"size": 5, "train": 2, "validation": 1}
    splits = splits_2025(items, sizes, seed=42)
    sample = sample_2025([item_2025(name, 2.0 if name in "72590" else 1.0) for name in "7328569401"], 5, 42)
    assert {*ids(sample)} == {*"72590"}  # those at the lowest price are never drawn
    a, b, c, d, e = ids(sample)
    assert {name: ids(split) for name, split in splits.items()} == {"train": [d, b], "validation": [c], "test": [e, a]}


@pytest.mark.parametrize(
    ("preset", "columns"),
    [
        ("course-2024", ["text", "price"]),
        ("course-2025", ["title", "category", "price", "full", "weight", "summary", "prompt", "id"]),
    ],
)
def test_the_whole_method_reads_shards_in_order_and_writes_the_course_columns(
    tmp_path: Path, preset: str, columns: list[str]
) -> None:
    files = shards(make_items(tmp_path / "items", recipe=preset, items=4_000))
    work = CraftInput(preset=preset, parquet_files=[str(path) for path in files], sizes=craft_sizes(preset, 4_000))
    result = craft(work, tmp_path / "set")
    rows = [row for path in files for row in datasets.Dataset.from_parquet(str(path)).to_list()]
    if preset == "course-2024":
        splits = splits_2024([Item2024(**row) for row in rows], work.sizes, 42)
        assert result.num_rows == {"train": 569, "test": 2}
    else:
        splits = splits_2025([Item2025(**row) for row in rows], work.sizes, 42)
        assert result.num_rows == {"train": 1138, "validation": 14, "test": 14}
    assert result.digests == {
        name: rows_digest((item.parent_asin, item.price) for item in split) for name, split in splits.items()
    }
    for name, split in splits.items():
        written = datasets.Dataset.from_parquet(str(tmp_path / "set" / f"{name}.parquet"))
        assert written.column_names == columns
        assert list(written["price"]) == [item.price for item in split]
    if preset == "course-2024":
        tests = datasets.Dataset.from_parquet(str(tmp_path / "set" / "test.parquet"))
        assert all(text.endswith("\n\nPrice is $") for text in tests["text"])
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["items", "set"]  # no cache is left
