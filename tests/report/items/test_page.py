"""The page of items: what adds up, what a recipe cannot show, and what it says in place of a picture."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from job.output.folder import OutputFolder
from job.recipe.protocol import RecipeDescription, Roles
from job.report.items.figures import ItemsFigures
from job.report.items.page import items_page
from job.report.make import figures_of
from job.report.page.parts import Bars, Histogram, Page, Scatter
from job.report.page.render import html
from tests.output.made import MadeOutput
from tests.report.made import DESCRIPTION, item, made_output


def figures_in(output: OutputFolder) -> ItemsFigures:
    return figures_of(output, lambda _: None, in_process_items=10**6)


@pytest.fixture
def figures(tmp_path: Path) -> ItemsFigures:
    return figures_in(made_output(tmp_path / "out"))


def pictures(page: Page, kind: Any) -> list[Any]:
    return [part for section in page.sections for part in section.parts if isinstance(part, kind)]


def test_the_pieces_of_the_funnel_follow_one_another_down_to_the_items(figures: ItemsFigures) -> None:
    funnel = pictures(items_page(figures), Bars)[0]
    assert [(bar.name, bar.number, bar.more) for bar in funnel.bars] == [
        ("rows read", "96", ""),
        ("too dear", "\u2212 80", "83.3%"),
        ("unnamed", "\u2212 4", "4.2%"),
        ("malformed", "\u2212 6", "6.2%"),
        ("items", "= 6", "6.2%"),
    ]
    edge = 100.0
    for bar in funnel.bars[1:-1]:
        (piece,) = bar.segments
        assert piece.start + piece.width == pytest.approx(edge, abs=0.011)
        edge = piece.start
    assert funnel.bars[-1].segments[0].width == pytest.approx(edge, abs=0.011)


def test_the_figures_of_the_made_items(figures: ItemsFigures) -> None:
    assert figures.prices is not None
    assert figures.lengths is not None
    prices, lengths = figures.prices, figures.lengths
    assert (prices.num, prices.without, prices.sum, prices.highest) == (
        5,
        1,
        150 + 225 + 99_999 + 500_000 + 29,
        500_000,
    )
    assert (prices.bins.counts[0], prices.bins.counts[99], prices.bins.above) == (3, 1, 1)
    assert (lengths.num, lengths.sum, lengths.unit, lengths.without) == (5, 79, "words", 1)
    assert figures.malformed["row N: price is a list"] == 4
    assert sum(figures.malformed.values()) == 6
    assert figures.price_and_length is not None
    assert figures.price_and_length.num == 4
    assert [example.id for example in figures.examples["too_dear"]] == ["B1", "B1"]


def test_titles_are_those_of_the_courses_plots(figures: ItemsFigures) -> None:
    prices, lengths = pictures(items_page(figures), Histogram)
    assert prices.title == "Prices: Avg 1,200.8 and highest 5,000"
    assert lengths.title == "Lengths: Avg 16 and highest 30"
    assert prices.ticks[-1].text == "1,000 and more"
    assert "The last column has all items beyond the bins. 1 items have none." in prices.note


@pytest.mark.parametrize(
    ("roles", "kinds"),
    [
        (Roles(), [Bars]),
        (Roles(price="cost"), [Bars, Histogram, Bars]),
        (Roles(text="name"), [Bars, Histogram]),
        (Roles(price="name", length="name", text="words"), [Bars]),  # a price that is text, a text that is a number
        (Roles(price="cost", length="words"), [Bars, Histogram, Histogram, Bars, Scatter]),
    ],
)
def test_what_a_recipe_does_not_have_is_left_out(tmp_path: Path, roles: Roles, kinds: list[type]) -> None:
    description = msgspec.structs.replace(DESCRIPTION, roles=roles)
    output = MadeOutput(tmp_path / "out", description=description).add("Toys", [[item(1.5, 10), item(3.0, 12)]])
    output.close()
    figures = figures_in(output.folder)
    page = items_page(figures)
    assert [type(part) for part in pictures(page, Bars | Histogram | Scatter)] == kinds
    assert html(page).startswith("<!doctype html>\n")
    if roles.text == "name":
        assert figures.lengths is not None
        assert (figures.lengths.unit, figures.lengths.sum) == ("characters", 12)


def test_an_output_without_items_has_a_page(tmp_path: Path) -> None:
    output = MadeOutput(tmp_path / "out", description=DESCRIPTION).add("Toys", [[]], {"unnamed": 3})
    output.close()
    page = items_page(figures_in(output.folder))
    assert page.sum == "It adds up: 3 rows read \u2212 3 dropped \u2212 0 malformed = 0 items."
    assert "Toys" in html(page)


def test_of_very_many_categories_the_largest_are_shown(tmp_path: Path) -> None:
    output = MadeOutput(tmp_path / "out", description=DESCRIPTION)
    for number in range(70):
        output.add(f"C{number:02d}", [[item(1.0, 1)]], {"unnamed": number})
    output.close()
    figures = figures_in(output.folder)
    page = items_page(figures)
    assert len(figures.categories) == 70
    assert page.warnings == ["Only the 60 largest categories are shown one by one; all are in report.json."]
    text = html(page)
    assert "C09" not in text
    assert "C10" in text
    assert page.key_numbers[2] == ("70", "categories")


def test_every_picture_says_what_it_shows_and_has_its_numbers_below(figures: ItemsFigures) -> None:
    text = html(items_page(figures))
    count = len(pictures(items_page(figures), Bars | Histogram | Scatter))
    assert count == 7
    assert len(re.findall(r'role="img" aria-label="[^"]{20,}"', text)) == count
    assert text.count("<details><summary>The numbers</summary>") == count
    assert "<script" not in re.sub(r"&lt;script", "", text)


def test_a_description_by_a_user_is_escaped(tmp_path: Path) -> None:
    evil = RecipeDescription(
        name="<b>bold</b>", version=1, reasons=("<i>",), columns={"name": "string"}, heading='"><script>', noun="</p>"
    )
    output = MadeOutput(tmp_path / "out", description=evil).add("Toys", [[{"name": "x"}]], {"<i>": 1})
    output.close()
    text = html(items_page(figures_in(output.folder)))
    assert "<b>bold" not in text
    assert "<i>" not in text
    assert "<script" not in text
