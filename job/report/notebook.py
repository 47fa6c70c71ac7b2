"""What a notebook shows of an output: a short form of its report, and the course's plots as matplotlib figures."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from job.errors import CurateError, UsageError, printable
from job.output.folder import OutputFolder
from job.output.training_set.finished import open_finished
from job.report.figures.column import ColumnFigures
from job.report.figures.tally import CENTS
from job.report.items.pictures import funnel, length_histogram, price_histogram
from job.report.items.words import words
from job.report.make import counts_of_rows, figures_of, reported_figures, reported_set_figures
from job.report.page.render import part_html
from job.report.sets import pictures as set_pictures
from job.report.sets.figures import Examples, set_figures
from job.report.sets.gather import figures_of_set
from job.selection.decision import SPLITS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COUNTED_AT_ONCE = 200_000
"""Items of an output without a report that are counted to show it, which takes under a second."""
_SIZE = (15, 6)
"""Inches of a plot, as in the course."""


def short_html(root: Path | str) -> str:
    """Returns the short form of an output: its funnel and its prices. No Ray is started, and nothing is written.

    Args:
        root: the output folder.
    """
    output = OutputFolder(root)
    try:
        manifest = output.manifest()
        if manifest is not None and manifest.num_items <= _COUNTED_AT_ONCE:
            figures = figures_of(output, _silent, in_process_items=_COUNTED_AT_ONCE)
        else:
            figures = reported_figures(output) or counts_of_rows(output)
    except CurateError as error:
        return _said(error)
    shown = [part_html(funnel(figures))]
    if figures.prices is not None and figures.prices.num:
        shown.append(part_html(price_histogram(figures.prices)))
    return "".join(shown)


def short_set_html(root: Path | str) -> str:
    """Returns the short form of a training set: its funnel, and the prices in train. Nothing is written.

    Args:
        root: its folder.
    """
    try:
        output, plan, manifest = open_finished(root)
        figures = reported_set_figures(output)
        if figures is None and manifest.num_items <= _COUNTED_AT_ONCE:
            figures = figures_of_set(output, plan, manifest)
        elif figures is None:
            figures = set_figures(manifest, {}, Examples())
    except CurateError as error:
        return _said(error)
    shown = [part_html(set_pictures.funnel(figures))]
    for stage in figures.stages:
        if stage.name == SPLITS[0] and (picture := set_pictures.prices(stage)) is not None:
            shown.append(part_html(picture))
    return "".join(shown)


def _said(error: CurateError) -> str:
    return f"<p>{html.escape(printable(str(error).splitlines()[0]))}</p>"


def set_plots(root: Path | str) -> Plots:
    """Returns the course's plots of a training set, for each of its stages, from all items to the splits.

    Args:
        root: its folder.

    Raises:
        UsageError: when matplotlib is not installed, or the set is not complete.
        CurateError: when a shard cannot be read.
    """
    made = _plots()
    output, plan, manifest = open_finished(root)
    figures = reported_set_figures(output) or figures_of_set(output, plan, manifest)
    for stage in figures.stages:
        if stage.prices is not None and (picture := set_pictures.prices(stage)) is not None:
            _bars(made.axes(f"prices: {stage.name}", picture.title, "Price ($)", "Items"), stage.prices, CENTS)
        title = set_pictures.categories(stage).title
        _categories(made.axes(f"categories: {stage.name}", title, "Category", "Items"), stage.categories)
    return made


def plots(root: Path | str, say: Callable[[str], None]) -> Plots:
    """Returns the course's plots of an output.

    Args:
        root: the output folder.
        say: called with each line that a user should see.

    Raises:
        UsageError: when matplotlib is not installed, or the output is not complete.
        CurateError: when a shard cannot be read.
    """
    made = _plots()
    figures = figures_of(OutputFolder(root), say, in_process_items=_COUNTED_AT_ONCE)
    axes = made.axes
    if figures.prices is not None:
        _bars(axes("prices", price_histogram(figures.prices).title, "Price ($)", "Items"), figures.prices, CENTS)
    if figures.lengths is not None:
        title, unit = length_histogram(figures.lengths).title, figures.lengths.unit or "length"
        _bars(axes("lengths", title, f"Length ({unit})", "Items"), figures.lengths, 1)
    items = {name: each.num_items for name, each in figures.categories.items()}
    _categories(axes("categories", "How many in each category", "Category", "Items"), items)
    if (pairs := figures.price_and_length) is not None:
        prices, lengths = zip(*pairs.sample, strict=True)
        title = f"Length and price of {len(prices):,} of {pairs.num:,} items"
        found = axes("price_and_length", title, "Length", "Price ($)")
        found.scatter(lengths, [price / CENTS for price in prices], s=4)
    return made


def _plots() -> Plots:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise UsageError("the plots need matplotlib, which is not installed\npip install matplotlib") from None
    return Plots(Figure)


class Plots(dict[str, "Figure"]):
    """Matplotlib figures by name. A notebook shows them all.

    Args:
        figure: matplotlib's class of figures.
    """

    def __init__(self, figure: type[Figure]) -> None:
        super().__init__()
        self._figure = figure

    def axes(self, name: str, title: str, x: str, y: str) -> Axes:
        """Adds a figure. Returns its axes, with a title and what they show."""
        self[name] = self._figure(figsize=_SIZE)
        found = self[name].subplots()
        found.set(title=title.replace("$", r"\$"), xlabel=x, ylabel=y)
        return found

    def _repr_html_(self) -> str:
        return "".join(map(_image, self.values()))


def _image(figure: Figure) -> str:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", bbox_inches="tight")
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}">'


def _bars(axes: Axes, column: ColumnFigures, scale: int) -> None:
    bins = column.bins
    starts = [number * bins.step / scale for number in range(len(bins.counts))]
    width = bins.step / scale
    axes.bar(starts, bins.counts, width=0.7 * width, align="edge", color="blueviolet")
    axes.set_xlim(0, width * len(bins.counts))


def _categories(axes: Axes, items: Mapping[str, int]) -> None:
    names = [words(name).replace("$", r"\$") for name in items]  # which begins a formula
    bars = axes.bar(names, [*items.values()], color="goldenrod")
    axes.bar_label(bars, fmt="{:,.0f}")
    axes.tick_params(axis="x", rotation=30)


def _silent(line: str) -> None:
    del line
