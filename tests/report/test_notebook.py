"""What a notebook shows of an output: its funnel and prices, and the course's plots."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from job import ItemLoader
from job.errors import UsageError
from job.report import notebook
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


def test_without_matplotlib_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UsageError, match="the plots need matplotlib, which is not installed\npip install matplotlib"):
        loader_of(tmp_path / "out").plots()
