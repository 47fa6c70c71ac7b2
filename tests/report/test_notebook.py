"""What a notebook shows of an output: its funnel and prices, and the course's plots."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from job import ItemLoader, TrainingSet
from job.errors import UsageError
from job.report import notebook
from job.report.make import make_report
from tests.export.made import item_2024, make_items, make_set
from tests.report.made import made_output


def loader_of(root: Path) -> ItemLoader:
    return ItemLoader("Toys", output=root)


def shown(loader: ItemLoader) -> str:
    return loader._repr_html_()  # pyright: ignore[reportPrivateUsage]


def test_a_loader_shows_its_funnel_and_prices(tmp_path: Path) -> None:
    made_output(tmp_path / "out")
    text = shown(loader_of(tmp_path / "out"))
    assert text.count("<figure>") == 2
    assert "From rows to items" in text
    assert "Prices: Avg 1,200.8 and highest 5,000" in text
    assert "<script" not in text
    assert not (tmp_path / "out/report.html").exists()


def test_of_a_big_output_without_a_report_only_the_funnel_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notebook, "_COUNTED_AT_ONCE", 5)
    made_output(tmp_path / "out")
    text = shown(loader_of(tmp_path / "out"))
    assert (text.count("<figure>"), "From rows to items" in text) == (1, True)


def test_a_loader_without_items_says_so(tmp_path: Path) -> None:
    assert "is not complete" in shown(loader_of(tmp_path / "<b>"))
    assert "<b>" not in shown(loader_of(tmp_path / "<b>"))
    with pytest.raises(UsageError, match="is not complete, so it has no report yet"):
        loader_of(tmp_path / "nowhere").plots()


def test_the_courses_plots_have_its_titles_and_bins(tmp_path: Path) -> None:
    made_output(tmp_path / "out")
    plots = loader_of(tmp_path / "out").plots()
    assert list(plots) == ["prices", "lengths", "categories", "price_and_length"]
    (prices,) = plots["prices"].axes
    assert prices.get_title() == "Prices: Avg 1,200.8 and highest 5,000"
    assert [bar.get_height() for bar in prices.patches] == [3.0, *[0.0] * 98, 1.0]  # pyright: ignore[reportAttributeAccessIssue]
    assert prices.get_xlim() == (0, 1000)
    assert [bar.get_height() for bar in plots["categories"].axes[0].patches] == [5, 1]  # pyright: ignore[reportAttributeAccessIssue]
    assert plots._repr_html_().count("data:image/png;base64,") == 4  # pyright: ignore[reportPrivateUsage]


def set_of(folder: Path) -> TrainingSet:
    rows = {"Books": [item_2024(number, 1 + number % 7) for number in range(90)], "Games": [item_2024(90, 5)]}
    items = make_items(folder / "items", "course-2024", rows)
    splits = {"train": "rest", "validation": 0.2, "test": 0.2}
    return TrainingSet.open(make_set(items, folder / "set", sample={"size": 60}, splits=splits))


def test_a_training_set_shows_its_funnel_and_the_prices_in_train(tmp_path: Path) -> None:
    made = set_of(tmp_path)
    text = made._repr_html_()  # pyright: ignore[reportPrivateUsage]
    assert text.count("<figure>") == 2
    assert "From items to rows" in text
    assert f"Train, {made.splits['train']} rows: Avg " in text
    assert not (tmp_path / "set/report.html").exists()
    make_report(tmp_path / "set", print)
    assert made._repr_html_() == text  # pyright: ignore[reportPrivateUsage]


def test_of_a_big_set_without_a_report_only_the_funnel_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notebook, "_COUNTED_AT_ONCE", 5)
    text = set_of(tmp_path)._repr_html_()  # pyright: ignore[reportPrivateUsage]
    assert (text.count("<figure>"), "From items to rows" in text) == (1, True)


def test_a_training_set_has_the_course_s_plots_for_each_stage(tmp_path: Path) -> None:
    made = set_of(tmp_path)
    plots = made.plots()
    stages = ["items", "sample", "train", "validation", "test"]
    names = [name.removeprefix("prices: ") for name in plots if name.startswith("prices: ")]
    assert [name for name in names if name != "without duplicates"] == stages
    for split, rows in made.splits.items():
        heights = [bar.get_height() for bar in plots[f"prices: {split}"].axes[0].patches]  # pyright: ignore[reportAttributeAccessIssue]
        assert (sum(heights), len(heights)) == (rows, 100)
    heights = [bar.get_height() for bar in plots["categories: items"].axes[0].patches]  # pyright: ignore[reportAttributeAccessIssue]
    assert heights == [90, 1]


def test_a_training_set_that_is_not_made_says_so(tmp_path: Path) -> None:
    nothing = TrainingSet(tmp_path / "items", tmp_path / "<b>")
    text = nothing._repr_html_()  # pyright: ignore[reportPrivateUsage]
    assert "there is no such folder" in text
    assert "<b>" not in text
    with pytest.raises(UsageError, match="there is no such folder"):
        nothing.plots()


def test_without_matplotlib_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UsageError, match="the plots need matplotlib, which is not installed\npip install matplotlib"):
        loader_of(tmp_path / "out").plots()
