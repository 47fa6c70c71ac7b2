"""A config is checked as a whole, whatever recipe it names."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from job.config.load import dump_config, load_config
from job.errors import UsageError
from job.recipe import registry
from job.recipe.course_2024.recipe import Course2024
from tests.recipe.labels import LabelSettings


def test_a_printed_config_is_read_back_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.RECIPES, "labels", LabelSettings)
    for overrides in ({}, {"recipe.min_price": 3, "keep_columns": ["store"]}, {"recipe.name": "labels"}):
        config = load_config(None, {"categories": ["Toys"], **overrides})
        path = tmp_path / "printed.yaml"
        path.write_text(dump_config(config), encoding="utf-8")
        assert load_config(path) == config


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"recipe.min_prise": 1}, "recipe.min_prise: unknown key; did you mean min_price"),
        ({"min_price": 1}, "min_price: unknown key; did you mean recipe.min_price?"),
        ({"min-price": 1}, "min-price: unknown key; did you mean recipe.min_price?"),
        ({"max_prize": 1}, "max_prize: unknown key; did you mean recipe.max_price?"),
        ({"tokeniser": "x"}, "tokeniser: unknown key; did you mean recipe.tokenizer?"),
        ({"field": {}}, "field: unknown key; did you mean source.fields?"),
        ({"category": "x"}, "category: unknown key; did you mean categories?"),
        ({"keep_column": "x"}, "keep_column: unknown key; did you mean keep_columns?"),
        ({"recipe.max-price": 1}, "recipe.max-price: unknown key; did you mean recipe.max_price?"),
        ({"recipe.min_price": "x"}, "recipe.min_price: must be a number (found: 'x')"),
        ({"recipe.name": "prize-prompt"}, "recipe: unknown recipe 'prize-prompt'; known recipes: course-2024"),
        ({"recipe.name": ["x"]}, "recipe: unknown recipe ['x']; known recipes: course-2024"),
        ({"recipe": 4}, "recipe: must have keys below it, each with a value (found: 4)"),
        ({"recipe.min_price": 1_000}, "recipe: min_price 1000.0 is above max_price 999.49: nothing would be kept"),
        ({"source.fields": {"titel": "name"}}, "source.fields: 'titel' is no input of the recipe; did you mean title?"),
    ],
    ids=str,
)
def test_what_is_wrong_with_settings_of_a_recipe_is_said_with_its_key(
    overrides: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError) as raised:
        load_config(None, overrides)
    assert f"the command line: {message}" in str(raised.value)


def test_of_many_problems_ten_are_said() -> None:
    with pytest.raises(UsageError) as raised:
        load_config(None, {f"key{number}": number for number in range(25)})
    assert len([line for line in str(raised.value).splitlines() if "unknown key" in line]) == 10
    assert "\nand 15 more\n" in str(raised.value)


def test_a_kept_column_that_the_recipe_makes_itself_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Course2024, "item_schema", pa.schema([("store", pa.string())]))
    with pytest.raises(UsageError, match="keep_columns: the recipe makes an item column 'store' itself"):
        load_config(None, {"keep_columns": ["categories", "store"]})
