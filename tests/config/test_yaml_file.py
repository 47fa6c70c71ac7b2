"""The YAML of configs: no key twice, and no few bytes that stand for billions of values."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.config.load import load_config, parse_assignment
from job.config.yaml_file import read_settings
from job.errors import UsageError

LISTS = [f"&a{level} [{f'*a{level - 1},' * 10}]" for level in range(1, 10)]
BOMB = f"[&a0 [{'x,' * 10}], {', '.join(LISTS)}]"
"""460 bytes that stand for 10 billion values."""


def written(folder: Path, text: str) -> Path:
    path = folder / "job.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        f"categories: {BOMB}",
        f"limit: {BOMB}",
        f"output: {BOMB}",
        f"published_items: {{Toys: {BOMB}}}",
        f"source: {{fields: {{title: {BOMB}}}}}",
        f"source: {{load_dataset: {{path: csv, more: {BOMB}}}}}",
    ],
)
def test_a_few_bytes_cannot_stand_for_billions_of_values(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)
    assert len(text) < 550
    with pytest.raises(UsageError, match=r"the alias [*]a0 is part of an anchored value") as raised:
        load_config(path)
    assert str(path) in str(raised.value)
    assert len(str(raised.value)) < 500
    key, _, value = text.partition(": ")
    with pytest.raises(UsageError, match=rf"--set {key}=.*the alias [*]a0 is part of an anchored value"):
        parse_assignment(f"{key}={value}")


def test_a_value_cannot_be_a_part_of_itself(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"the alias [*]a is part of an anchored value"):
        load_config(written(tmp_path, "categories: &a [*a]"))


def test_an_alias_stands_for_its_value(tmp_path: Path) -> None:
    path = written(tmp_path, "output: &name Toys\ncategories: [*name]\nlimit: 3")
    assert read_settings(path) == {"output": "Toys", "categories": ["Toys"], "limit": 3}
    path = written(tmp_path, "keep_columns: &names [store, details]\ncategories: *names")
    assert read_settings(path)["categories"] == ["store", "details"]


def test_a_key_may_stand_only_once_at_any_depth(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'min_price' stands twice\n.*line 3"):
        load_config(written(tmp_path, "recipe:\n  min_price: 1\n  min_price: 2"))
    with pytest.raises(UsageError, match="'min_price' stands twice"):
        parse_assignment("recipe={min_price: 1, min_price: 2}")
