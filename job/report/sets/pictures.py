"""The pictures of a report of a training set: what of the figures each of them shows, and how it is said without it."""

from __future__ import annotations

import dataclasses

from job.report.items.pictures import items_per_category, price_by_category, price_histogram
from job.report.items.words import MINUS, how_many, of_width, share, words
from job.report.page.parts import Bar, Bars, Histogram, Segment, Table
from job.report.sets.figures import DUPLICATES, DuplicateFigures, SetFigures, StageFigures, largest
from job.selection.decision import REMOVED, SPLITS

_SIZES_SHOWN = 12
"""Sizes of groups that have a bar of their own, at most."""


def stage_name(name: str) -> str:
    """Returns what a stage is called."""
    return "all items" if name == "items" else words(name)


def funnel(figures: SetFigures) -> Bars:
    """Returns the funnel: what is left of all items after each stage, down to the rows, and how these are divided."""
    total, left = figures.num_items, figures.num_items
    bars = [Bar(name="items", number=f"{total:,}", segments=[Segment(start=0, width=100, color="all")])]
    for name in REMOVED:
        count = figures.funnel.get(name, 0)
        if not count and name in DUPLICATES and name.removeprefix("duplicate_") not in figures.settings["deduplicate"]:
            continue
        left -= count
        segments = [Segment(start=of_width(left, total), width=of_width(count, total), color="drop")] if count else []
        number = f"{MINUS} {count:,}" if count else "0"
        bars.append(Bar(name=words(name), number=number, more=share(count, total), segments=segments))
    rows = [Segment(start=0, width=of_width(left, total), color="main")] if left else []
    bars.append(Bar(name="rows", number=f"= {left:,}", more=share(left, total), segments=rows, is_strong=True))
    place = 0
    for name in SPLITS:
        if count := figures.funnel.get(name, 0):
            piece = Segment(start=of_width(place, total), width=of_width(count, total), color="main")
            bars.append(Bar(name=name, number=f"{count:,}", more=share(count, total), segments=[piece]))
            place += count
    said = ", ".join(f"{words(name)} {count:,}" for name, count in figures.funnel.items())
    return Bars(
        title="From items to rows",
        spoken=f"Of {total:,} items, {figures.num_rows:,} are rows of the set. By what became of them: {said}.",
        bars=bars,
        note="Shares are of all items.",
        table=Table(
            head=["what became of items", "items", "share"],
            rows=[[words(name), f"{count:,}", share(count, total)] for name, count in figures.funnel.items()],
        ),
    )


def prices(stage: StageFigures) -> Histogram | None:
    """Returns how the prices of a stage are spread; None without any."""
    if stage.prices is None or not stage.prices.num:
        return None
    made = price_histogram(stage.prices)
    return dataclasses.replace(
        made,
        title=f"{_beginning(stage)}: {made.title.removeprefix('Prices: ')}",
        spoken=f"{_beginning(stage)}. {made.spoken}",
    )


def categories(stage: StageFigures) -> Bars:
    """Returns how many items of a stage each category has; of very many, the largest."""
    shown = largest(stage.categories)
    made = items_per_category(shown)
    more = len(stage.categories) - len(shown)
    return dataclasses.replace(
        made,
        title=_beginning(stage),
        spoken=f"{_beginning(stage)}, items per category. {made.spoken}",
        note=f"{more:,} smaller categories are not shown; all are in report.json." if more else "",
    )


def category_prices(stage: StageFigures) -> Bars | None:
    """Returns the quantiles of the prices of each category in a stage; None where no category has any."""
    made = price_by_category(stage.category_prices)
    title, spoken = _beginning(stage), f"{_beginning(stage)}. {made.spoken}"
    return dataclasses.replace(made, title=title, spoken=spoken) if made.bars else None


def _beginning(stage: StageFigures) -> str:
    name = stage_name(stage.name)
    noun = "" if stage.name == "items" else (" rows" if stage.name in SPLITS else " items")
    return f"{name[0].upper()}{name[1:]}, {stage.num_items:,}{noun}"


def groups(figures: DuplicateFigures) -> Bars:
    """Returns how many groups of duplicates have how many items."""
    sizes = sorted(figures.by_size)
    shown = [(f"{size} items", figures.by_size[size]) for size in sizes[:_SIZES_SHOWN]]
    if others := sizes[_SIZES_SHOWN:]:
        shown.append((f"{others[0]} to {others[-1]:,} items", sum(figures.by_size[size] for size in others)))
    most = max(count for _, count in shown)
    bars = [
        Bar(
            name=name,
            number=f"{count:,}",
            more=share(count, figures.groups),
            segments=[Segment(start=0, width=of_width(count, most), color="main")],
        )
        for name, count in shown
    ]
    return Bars(
        title=f"{how_many(figures.groups, 'group')} of the same, of which one item each was kept",
        spoken=f"Groups of duplicates by size. {', '.join(f'{bar.name}: {bar.number}' for bar in bars)}.",
        bars=bars,
        table=Table(
            head=["size of a group", "groups"], rows=[[f"{size:,}", f"{figures.by_size[size]:,}"] for size in sizes]
        ),
    )
