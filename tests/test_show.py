"""What a run says at its end about the counts that somebody else has published."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from job.config.load import load_config
from job.config.models import JobConfig
from job.output.records import Plan
from job.output.totals import CategoryTotals, Manifest, complete
from job.recipe.verdicts import KEPT, MALFORMED
from job.show.items import funnel_table, published_lines, wrapped


def made(**num_items: int) -> Manifest:
    """A complete output of categories with so many items each."""
    totals = {
        name: CategoryTotals(
            num_rows=count,
            num_items=count,
            funnel={KEPT: count, MALFORMED: 0},
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


def config(published: dict[str, int], **settings: object) -> JobConfig:
    return load_config(None, {"published_items": published, **settings})


@pytest.mark.parametrize(
    ("count", "compared"),
    [
        (28_625, "as published"),
        (28_624, "1 fewer than the 28,625 published"),
        (28_626, "1 more than the 28,625 published"),
        (0, "28,625 fewer than the 28,625 published"),
        (1_028_625, "1,000,000 more than the 28,625 published"),
    ],
)
def test_a_full_run_is_compared_with_the_published_count(count: int, compared: str) -> None:
    lines = list(published_lines(config({"Appliances": 28_625}), made(Appliances=count)))
    assert lines == [f"Appliances: {count:,} items, {compared}"]


@pytest.mark.parametrize(
    "settings",
    [
        {"limit": 1_000_000},
        {"recipe.max_price": 500},
        {"recipe.min_price": 1},
        {"recipe.min_chars": 0},
        {"recipe.max_tokens": 161},
    ],
    ids=str,
)
def test_nothing_is_compared_with_a_limit_or_another_recipe(settings: dict[str, object]) -> None:
    assert list(published_lines(config({"Toys": 5}, **settings), made(Toys=5))) == []
    assert list(published_lines(config({"Toys": 5}), made(Toys=5))) == ["Toys: 5 items, as published"]


def test_settings_that_change_no_count_do_not_matter() -> None:
    same = config({"Toys": 5}, workers=1, batch_size=7, output="elsewhere", **{"recipe.max_price": 999.49})
    assert list(published_lines(same, made(Toys=5))) == ["Toys: 5 items, as published"]


def test_only_categories_that_are_there_and_have_a_published_count_are_compared() -> None:
    published = {"Toys": 5, "Books": 7, "Games": 9}
    lines = list(published_lines(config(published), made(Games=8, Music=1, Toys=5)))
    assert lines == ["Toys: 5 items, as published", "Games: 8 items, 1 fewer than the 9 published"]


def test_without_published_counts_nothing_is_said() -> None:
    assert list(published_lines(config({}), made(Toys=5))) == []


def lines_of(manifest: Manifest, width: int) -> list[str]:
    lines = funnel_table(manifest, width).splitlines()
    assert max(map(cell_len, lines)) <= max(width, 60)
    return lines


def test_a_verdict_that_only_one_category_has_is_a_row_of_the_funnel() -> None:
    manifest = made(Toys=5, Books=7)
    manifest.funnel["no_brand"] = 2
    manifest.categories["Books"].funnel["no_brand"] = 2
    lines = lines_of(manifest, 80)
    assert lines[0].split() == ["Toys", "Books", "all"]
    assert lines[1].split() == ["rows", "5", "7", "12"]
    assert lines[-1].split() == ["no", "brand", "0", "2", "2"]


def test_the_funnel_of_one_category_has_one_column() -> None:
    lines = lines_of(made(Toys=5), 80)
    assert (lines[0].split(), lines[-1].split()) == (["Toys"], ["kept", "5"])


NAMES = [f"Category_of_many_things_{number:02d}" for number in range(34)]


@pytest.mark.parametrize("width", [80, 100, 200])
def test_with_more_categories_than_fit_there_is_a_line_for_each(width: int) -> None:
    manifest = made(**{name: 7_000_000 + number for number, name in enumerate(NAMES)})
    for name in NAMES:
        totals = manifest.categories[name]
        totals.funnel["malformed"] = 1
        totals.funnel["price_missing"] = 2
        totals.funnel[KEPT] -= 3
    lines = lines_of(manifest, width)
    assert lines[0].split() == ["all"]
    assert lines[1].split() == ["rows", "238,000,561"]
    at = lines.index("")
    assert lines[at + 1].split() == ["category", "rows", "dropped", "malformed", "kept"]
    assert [line.split()[0] for line in lines[at + 2 :]] == [*NAMES, "all"]
    assert lines[at + 2].split()[1:] == ["7,000,000", "2", "1", "6,999,997"]


@pytest.mark.parametrize("width", [20, 60, 80])
def test_a_long_name_is_cut_into_pieces_and_counts_never(width: int) -> None:
    name = "A" * 150
    manifest = made(**{name: 123_456_789, "Toys": 5})
    lines = lines_of(manifest, width)
    assert "".join(re.findall("A+", "\n".join(lines))) == name
    assert all("…" not in line for line in lines)
    assert [" ".join(lines).count(count) for count in ("123,456,789", "123,456,794")] == [2, 4]


def test_text_is_wrapped_at_words_and_by_the_columns_that_it_takes() -> None:
    assert wrapped("one two three\n\nfour", 8) == ["one two", "three", "", "four"]
    assert wrapped("one two three\n\nfour", None) == ["one two three", "", "four"]
    assert wrapped("電気 製品 電気", 10) == ["電気 製品", "電気"]
    assert wrapped("[red]a[/red] b", 40) == ["[red]a[/red] b"]
