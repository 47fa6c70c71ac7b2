"""Items that are named by a relative path."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.gather.items import open_items
from tests.export.made import item_2024, make_items


def test_the_folder_of_the_items_is_found_from_any_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers of a Ray that was there before have another one."""
    make_items(tmp_path / "items", "course-2024", {"Appliances": [item_2024(1, 5.0)]})
    monkeypatch.chdir(tmp_path)
    items = open_items("items")
    monkeypatch.chdir("/")
    assert items.folder.root == tmp_path / "items"
    assert items.table(items.shards[0], ["price"])["price"].to_pylist() == [5.0]
