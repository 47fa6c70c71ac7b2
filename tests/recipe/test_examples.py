"""Examples of dropped rows: the first three of each reason in a partition, however it is cut into batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from job.recipe.course_2024.recipe import Course2024
from job.recipe.course_2024.settings import Course2024Settings
from job.recipe.custom.load import custom_settings
from job.recipe.examples import Example, FirstDropped, examples_by_reason
from job.recipe.registry import make_recipe
from tests.recipe.listings import DETAILS, Row, table

SETTINGS = Course2024Settings()


def dropped(number: int, **fields: Any) -> Row:
    """Returns a row that is dropped for its price, unless told otherwise."""
    row = {"title": f"Chair {number}", "parent_asin": f"B{number}", "price": None, "description": ["wood"]}
    return row | {"features": [], "details": None} | fields


def found(rows: list[Row], batch_rows: int = 1000, partition: int = 0, into: FirstDropped | None = None) -> Any:
    """Returns the examples of a partition that is judged in batches."""
    chooser = into or FirstDropped(SETTINGS)
    verdicts: list[str] = []
    texts: list[str | None] = []
    for start in range(0, len(rows), batch_rows):
        batch = table(rows[start : start + batch_rows], DETAILS)
        judged = make_recipe(SETTINGS).judge(batch)["verdict"].to_pylist()
        batch = batch.append_column("partition", pa.array([partition] * batch.num_rows, pa.int64()))
        batch = batch.append_column("position", pa.array(range(start, start + batch.num_rows), pa.int64()))
        verdicts += judged
        texts += chooser.among(batch, judged).to_pylist()
    return examples_by_reason(verdicts, texts)


@pytest.mark.parametrize("batch_rows", [1, 2, 3, 1000])
def test_the_first_three_of_each_reason_are_kept_with_what_decided(batch_rows: int) -> None:
    rows = [dropped(1), dropped(2, price="0.2"), dropped(3), dropped(4), dropped(5), dropped(6, price="12.5")]
    assert found(rows, batch_rows) == {
        "price_missing": [
            Example(id=f"B{n}", title=f"Chair {n}", decided="price: None, 0.5 to 999.49 needed (no number)")
            for n in (1, 3, 4)
        ],
        "price_out_of_range": [Example(id="B2", title="Chair 2", decided="price: '0.2', 0.5 to 999.49 needed")],
        "text_too_short": [
            Example(id="B6", title="Chair 6", decided="contents: 5 characters, more than 300 needed"),
        ],
    }


def test_each_partition_has_its_own_and_one_that_is_read_again_begins_anew() -> None:
    chooser = FirstDropped(SETTINGS)
    rows = [dropped(number) for number in range(9)]
    first = found(rows, 4, 0, chooser)
    assert [example.id for example in first["price_missing"]] == ["B0", "B1", "B2"]
    assert found(rows, 4, 1, chooser) == first
    assert found(rows, 4, 0, chooser) == first


def test_long_texts_are_cut_and_a_huge_row_is_not_asked_what_decided() -> None:
    (example,) = found([dropped(1, title="x" * 1000)])["price_missing"]
    assert example.title == "x" * 160 + "…"
    (example,) = found([dropped(1, description=["wood " * 400_000])])["price_missing"]
    assert example == Example(id="B1", title="Chair 1")


def test_a_recipe_that_fails_to_explain_costs_only_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def explain(self: Course2024, row: pa.Table) -> list[str]:
        raise SystemExit(1)

    monkeypatch.setattr(Course2024, "explain", explain)
    assert found([dropped(1)]) == {"price_missing": [Example(id="B1", title="Chair 1")]}


def test_a_row_that_cannot_be_read_again_is_an_example_without_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("job.recipe.examples._value", lambda *_: "\ud800")
    assert found([dropped(1)]) == {"price_missing": [Example()]}


def test_a_recipe_without_a_title_shows_the_beginning_of_the_row_and_its_last_note(tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text(ODD)
    settings = custom_settings(f"{tmp_path / 'odd.py'}:Odd").model_validate({"name": f"{tmp_path / 'odd.py'}:Odd"})
    rows = pa.table({"weight": ["12"], "place": ["über\u202e"], "partition": [0], "position": [0]})
    texts = FirstDropped(settings).among(rows, ["heavy"]).to_pylist()
    assert examples_by_reason(["heavy"], texts) == {
        "heavy": [Example(title='{"weight": "12", "place": "über\u202e"}', decided="12 pounds, at most 10")]
    }


ODD = """
from enum import StrEnum
from typing import NamedTuple
from job import RowRecipe

class Thing(NamedTuple):
    what: str

class No(StrEnum):
    HEAVY = "heavy"

class Odd(RowRecipe):
    def judge_row(self, weight: str, place: str) -> Thing | No:
        print("noise")
        self.note("looked at the place")
        self.note(f"{weight} pounds, at most 10")
        return No.HEAVY
"""
