"""Items get to their rows whatever is packed together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from job.gather import parcels
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
