"""The report of a training set: stages that add up, the error to beat, duplicates side by side, leaks and conflicts."""

from __future__ import annotations

import math
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from job.output.training_set.finished import open_finished
from job.report.figures.tally import Tally
from job.report.page.parts import Bars, Beside, Histogram, Page
from job.report.page.render import html
from job.report.sets.differences import differences, said
from job.report.sets.figures import SetFigures
from job.report.sets.gather import figures_of_set
from job.report.sets.guess import guess_figures
from job.report.sets.page import set_page
from tests.export.made import item_2024, make_items, make_set
from tests.report.made import PRESET, made_set


def figures_in(root: Path) -> SetFigures:
    return figures_of_set(*open_finished(root))


@pytest.fixture
def figures(tmp_path: Path) -> SetFigures:
    return figures_in(made_set(tmp_path))


def tally(*cents: int) -> Tally:
    return Tally.of(np.array(cents, np.int64))


def parts(page: Page, kind: Any) -> list[Any]:
    return [part for section in page.sections for part in section.parts if isinstance(part, kind)]


def test_the_pieces_of_the_funnel_follow_one_another_down_to_the_rows_and_the_splits(figures: SetFigures) -> None:
    page = set_page(figures)
    funnel = parts(page, Bars)[0]
    assert [(bar.name, bar.number) for bar in funnel.bars] == [
        ("items", "53"),
        ("duplicate id", "0"),
        ("duplicate near", "\u2212 1"),
        ("not drawn", "0"),
        ("unused", "0"),
        ("rows", "= 52"),
        ("train", "37"),
        ("validation", "5"),
        ("test", "10"),
    ]
    assert page.sum == (
        "It adds up: 53 items \u2212 1 duplicate \u2212 0 not drawn \u2212 0 unused = 52 rows: "
        "train 37, validation 5, test 10."
    )
    rows, *splits = funnel.bars[5:]
    assert sum(bar.segments[0].width for bar in splits) == pytest.approx(rows.segments[0].width, abs=0.03)
    assert splits[1].segments[0].start == pytest.approx(splits[0].segments[0].width, abs=0.011)


def test_each_stage_has_its_prices_and_a_stage_that_took_nothing_is_left_out(figures: SetFigures) -> None:
    assert [(stage.name, stage.num_items) for stage in figures.stages] == [
        ("items", 53),
        ("without duplicates", 52),
        ("train", 37),
        ("validation", 5),
        ("test", 10),
    ]
    prices = {stage.name: stage.prices.sum for stage in figures.stages if stage.prices is not None}
    assert prices["items"] == 100 * sum(10 + number for number in range(40)) + 4 * 50_000 + 10_025 + 10_125 + (
        2_000 + 8_050 + 5 * 500_000
    )
    assert prices["items"] - prices["without duplicates"] == 10_025  # the doll that was removed
    assert prices["train"] + prices["validation"] + prices["test"] == prices["without duplicates"]
    assert figures.stages[0].categories == {"Toys": 44, "Very_Long_Category_Name_Of_Dolls": 9}
    assert [each.title for each in parts(set_page(figures), Histogram)][:2] == [
        "All items, 53: Avg 537.4 and highest 5,000",
        "Without duplicates, 52 items: Avg 545.8 and highest 5,000",
    ]


def test_the_error_of_always_guessing_the_mean_of_train() -> None:
    prices = {"train": [100_00, 200_00], "validation": [1_00], "test": [190_00, 189_99, 124_99, 125_00, 187_50, 0]}
    found = guess_figures({name: tally(*each) for name, each in prices.items()})
    assert found is not None
    assert (found.split, found.guess, found.num) == ("test", 150.0, 6)
    assert found.error == pytest.approx((40 + 39.99 + 25.01 + 25 + 37.5 + 150) / 6, abs=1e-12)
    assert found.hits == 4  # $190 is off by exactly $40, and by more than 20%
    logs = [math.log(1 + each / 100) - math.log(151) for each in prices["test"]]
    assert found.rmsle == pytest.approx(math.sqrt(sum(each**2 for each in logs) / 6), abs=1e-12)
    dear = guess_figures({"train": tally(900_00), "validation": tally(), "test": tally(1100_00, 700_00, 750_01)})
    assert dear is not None
    assert dear.hits == 2  # off by 18.2% and by just under 20%; 28.6% is none


def test_near_duplicates_stand_side_by_side_with_their_differences_marked(figures: SetFigures) -> None:
    (pair,) = parts(set_page(figures), Beside)
    assert pair.title == "Nearly the same: similarity 0.812"
    assert [(side.heading, side.about) for side in pair.sides] == [
        ("removed", "B044, $100.25"),
        ("kept", "B045, $101.25"),
    ]
    marked = [[each.text for each in side.words if each.is_marked] for side in pair.sides]
    assert marked[0][-1] == "red"
    assert marked[1][:2] == ["the second", "blue"]
    assert "red. Only in the second: the second blue" in pair.note
    assert figures.duplicates is not None
    assert (figures.duplicates.groups, figures.duplicates.by_size) == (1, {2: 1})


def test_when_the_items_are_gone_the_words_are_left_out(tmp_path: Path) -> None:
    made = made_set(tmp_path)
    shutil.rmtree(tmp_path / "items")
    (pair,) = parts(set_page(figures_in(made)), Beside)
    assert [list(side.words) for side in pair.sides] == [[], []]
    assert pair.note == "Their texts are not shown, as the items are not there any more."


def test_long_runs_that_two_texts_share_are_cut() -> None:
    one, other = differences(" ".join(["same"] * 50 + ["16 GB"]), " ".join(["same"] * 50 + ["64 GB", "more"]))
    assert [each.text for each in one] == ["same " * 8 + "\u2026" + " same" * 8, "16", "GB"]
    assert (said(one), said(other)) == ("16", "64 more")
    assert said(differences("a", "a")[0]) == "nothing"


def test_leaks_and_label_conflicts(tmp_path: Path) -> None:
    figures = figures_in(made_set(tmp_path, **PRESET))
    page = set_page(figures)
    assert page.warnings == [
        "1 of 5 rows of validation is in train too, so a model's error on validation looks smaller than it is: "
        "see Leaks."
    ]
    assert figures.leaks is not None
    assert (figures.leaks["validation"].title, figures.leaks["test"].any) == (1, 0)
    (leak,) = figures.leak_examples["validation"]
    assert (leak.kinds, leak.held.title) == (["title"], leak.train.title)
    assert figures.conflicts is not None
    assert (figures.conflicts.groups, figures.conflicts.mean_absolute_error) == (1, 30.25)
    (conflict,) = figures.conflict_examples
    assert (conflict.first.title, conflict.lowest, conflict.highest) == ("Twin", 20.0, 80.5)
    assert "from $20.00 to $80.50" in html(page)
    assert figures.duplicates is None


def test_every_picture_says_what_it_shows_and_has_its_numbers_below_and_all_is_escaped(figures: SetFigures) -> None:
    text = html(set_page(figures))
    count = len(parts(set_page(figures), Bars | Histogram))
    assert len(re.findall(r'role="img" aria-label="[^"]{15,}"', text)) == count
    assert text.count("<details><summary>The numbers</summary>") == count
    assert "<script" not in text
    assert "<img" not in text


@pytest.mark.parametrize("recipe", ["own", "course-2025"])
def test_what_a_recipe_does_not_have_is_left_out(tmp_path: Path, recipe: str) -> None:
    own = [{"sku": f"S{number}", "name": f"Shelf {number}", "blurb": f"Holds {number} books"} for number in range(30)]
    rows = (
        own
        if recipe == "own"
        else [item_2024(number, 5.0) | {"full": f"f{number}", "weight": 1.0} for number in range(30)]
    )
    made = make_set(make_items(tmp_path / "items", recipe, {"Toys": rows}), tmp_path / "set", with_findings=True)
    figures = figures_in(made)
    page = set_page(figures)
    assert [type(part) for part in parts(page, Bars | Histogram)][:1] == [Bars]
    assert bool(parts(page, Histogram)) == (recipe != "own")
    assert "categories" not in [section.name for section in page.sections]  # there is one alone
    assert html(page).startswith("<!doctype html>\n")


def test_prices_by_category_are_shown_for_each_stage(tmp_path: Path) -> None:
    rows = {
        "Books": [item_2024(number, 10) for number in range(60)],
        "Games": [item_2024(60 + n, 20) for n in range(30)],
    }
    items = make_items(tmp_path / "items", "course-2024", rows)
    made = make_set(
        items, tmp_path / "set", sample={"size": 50}, splits={"train": "rest", "validation": 0, "test": 0.2}
    )
    found = figures_in(made)
    sections = {section.name: section for section in set_page(found).sections}
    shown = sections["category-prices"].parts
    assert [part.title.partition(",")[0] for part in shown] == [  # pyright: ignore[reportAttributeAccessIssue]
        "All items",
        "Sample",
        "Train",
        "Test",
    ]
    for part in shown:
        assert [(bar.name, bar.number) for bar in part.bars] == [("Books", "$10"), ("Games", "$20")]  # pyright: ignore[reportAttributeAccessIssue]
