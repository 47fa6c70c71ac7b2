"""Items get to their rows whatever is packed together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from job.errors import UsageError
from job.gather import parcels
from job.recipe import training
from job.recipe.protocol import Roles
from tests.export.made import OWN, RECIPES, item_2024, make_items, make_set, rows_of


def written(training_set: Path) -> dict[str, bytes]:
    return {str(path.relative_to(training_set)): path.read_bytes() for path in training_set.rglob("*-of-*.parquet")}


@pytest.mark.parametrize(("name", "limit"), [("_ROWS_AT_ONCE", 1), ("_ROWS_AT_ONCE", 7), ("_BYTES_AT_ONCE", 1)])
def test_the_same_rows_in_many_small_parcels(
    name: str, limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {"Books": [item_2024(number, 1 + number % 7) for number in range(90)], "Games": [item_2024(90, 5)]}
    items = make_items(tmp_path / "items", "course-2024", rows)
    settings: dict[str, Any] = {
        "seed": 3,
        "sample": {"size": 60},
        "splits": {"train": "rest", "validation": 0.2, "test": 0.2},
    }
    whole = written(make_set(items, tmp_path / "whole", **settings))
    monkeypatch.setattr(parcels, name, limit)
    assert written(make_set(items, tmp_path / "set", **settings)) == whole
    assert any(path.startswith("_removed/") for path in whole)


def test_one_column_can_be_id_and_title(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        RECIPES, "twice", msgspec.structs.replace(OWN, roles=Roles(id="name", title="name", text="blurb"))
    )
    rows = [{"sku": f"{number}", "name": f"Kettle {number // 2}", "blurb": f"boils {number}"} for number in range(20)]
    items = make_items(tmp_path / "items", "twice", {"Books": rows})
    made = make_set(items, tmp_path / "set", splits={"train": "rest", "validation": 0, "test": 0})
    assert len(rows_of(made, "train")) == 10
    assert any(path.startswith("_removed/") for path in written(made))


def test_a_recipe_may_name_no_id_no_title_and_no_price(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = msgspec.structs.replace(OWN, roles=Roles(), prompt="What is {name}?", completion="{blurb}")
    monkeypatch.setitem(RECIPES, "bare", bare)
    rows = [{"sku": f"{number}", "name": f"Kettle {number // 2}", "blurb": f"boils {number}"} for number in range(20)]
    items = make_items(tmp_path / "items", "bare", {"Books": rows})
    made = make_set(items, tmp_path / "set", sample={"size": 6}, splits={"train": "rest", "validation": 0, "test": 0})
    assert len(rows_of(made, "train")) == 6
    (removed,) = [path for path in written(made) if path.startswith("_removed/")]
    found = pq.read_table(made / removed)
    assert (found.num_rows, found.column_names) == (14, ["category", "reason", "kept_id", "similarity"])


@pytest.mark.parametrize("made", [{"prompt": "What is this?"}, {"completion": "nothing"}])
@pytest.mark.parametrize("rows_at_once", [1, 7, 5_000])
def test_a_template_without_columns_is_the_same_for_all(
    made: dict[str, str], rows_at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "_ROWS_AT_ONCE", rows_at_once)
    monkeypatch.setitem(RECIPES, "constant", msgspec.structs.replace(OWN, **made))
    rows = [{"sku": f"{number}", "name": f"Kettle {number}", "blurb": f"boils {number}"} for number in range(20)]
    items = make_items(tmp_path / "items", "constant", {"Books": rows})
    found = rows_of(make_set(items, tmp_path / "set", splits={"train": "rest", "validation": 0, "test": 0}), "train")
    (column, text), *_ = made.items()
    assert [row[column] for row in found] == [text] * 20
    other = {"prompt": "completion", "completion": "prompt"}[column]
    assert len({row[other] for row in found}) == 20


@pytest.mark.parametrize("template", ["prompt", "completion"])
def test_a_value_that_a_template_needs_is_missing(
    template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RECIPES, "missing", msgspec.structs.replace(OWN, **{template: "{sku}"}))
    rows = [{"sku": f"{number}", "name": f"Kettle {number}", "blurb": f"boils {number}"} for number in range(20)]
    rows[7]["sku"] = rows[9]["sku"] = None  # pyright: ignore[reportArgumentType]
    items = make_items(tmp_path / "items", "missing", {"Books": rows})
    said = f"the {template} of an item needs sku, and 2 items of one shard have none\nlet the recipe drop such rows"
    with pytest.raises(UsageError, match=said):
        make_set(items, tmp_path / "set", deduplicate=[], splits={"train": "rest", "validation": 0, "test": 0})
