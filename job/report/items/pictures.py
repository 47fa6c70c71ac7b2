"""The pictures of a report of items: what of the figures each of them shows, and how it is said without it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from job.recipe.verdicts import KEPT, MALFORMED
from job.report.figures.column import ColumnFigures
from job.report.figures.tally import CENTS
from job.report.items.figures import ItemsFigures, PairFigures
from job.report.items.words import MINUS, dollars, of_width, share, short, words
from job.report.page.parts import Bar, Bars, Column, Histogram, Scatter, Segment, Table, Tick

_SHOWN_REASONS = 6
"""Drop reasons that have a color of their own."""


def funnel(figures: ItemsFigures) -> Bars:
    """Returns the funnel: what is left of all rows after each reason, down to the items."""
    total, left = figures.num_rows, figures.num_rows
    bars = [Bar(name="rows read", number=f"{total:,}", segments=[Segment(start=0, width=100, color="all")])]
    for verdict, count in figures.funnel.items():
        if verdict == KEPT:
            continue
        color = "bad" if verdict == MALFORMED else "drop"
        left -= count
        segments = [Segment(start=of_width(left, total), width=of_width(count, total), color=color)] if count else []
        number = f"{MINUS} {count:,}" if count else "0"
        bars.append(Bar(name=words(verdict), number=number, more=share(count, total), segments=segments))
    items = [Segment(start=0, width=of_width(left, total), color="main")] if left else []
    bars.append(Bar(name="items", number=f"= {left:,}", more=share(left, total), segments=items, is_strong=True))
    dropped = ", ".join(f"{words(name)} {count:,}" for name, count in figures.funnel.items() if name != KEPT)
    return Bars(
        title="From rows to items",
        spoken=f"Of {total:,} rows, {figures.num_items:,} are items. Dropped: {dropped}.",
        bars=bars,
        table=_funnel_table(figures),
    )


def _funnel_table(figures: ItemsFigures) -> Table:
    verdicts = [name for name in figures.funnel if name != KEPT]
    everything = [("all", figures.num_rows, figures.funnel)] if len(figures.categories) > 1 else []
    of_each = [(words(name), each.num_rows, each.funnel) for name, each in figures.categories.items()]
    return Table(
        head=["", "rows read", *map(words, verdicts), "items"],
        rows=[
            [name, f"{num_rows:,}", *[f"{counts.get(verdict, 0):,}" for verdict in (*verdicts, KEPT)]]
            for name, num_rows, counts in everything + of_each
        ],
    )


def funnels(figures: ItemsFigures) -> Bars:
    """Returns the funnel of each category: a bar of all its rows, in pieces by what became of them."""
    by_size = sorted(
        (name for name in figures.funnel if name not in (KEPT, MALFORMED)), key=lambda name: -figures.funnel[name]
    )
    shown = [name for name in figures.funnel if name in by_size[:_SHOWN_REASONS]]
    colors = {KEPT: "c0", **{name: f"c{number}" for number, name in enumerate(shown, 1)}}
    legend = [(color, "items" if name == KEPT else words(name)) for name, color in colors.items()]
    if len(by_size) > len(shown) or figures.funnel.get(MALFORMED):
        legend.append(("c7", "malformed" if len(by_size) == len(shown) else "malformed and other reasons"))
    bars: list[Bar] = []
    for name, each in figures.categories.items():
        segments: list[Segment] = []
        place = 0
        for verdict, color in [*colors.items(), ("", "c7")]:
            rest = sum(count for other, count in each.funnel.items() if other not in colors)
            count = each.funnel.get(verdict, 0) if verdict else rest
            if count:
                start, width = of_width(place, each.num_rows), of_width(count, each.num_rows)
                segments.append(Segment(start=start, width=width, color=color))
            place += count
        kept = share(each.num_items, each.num_rows)
        bars.append(Bar(name=words(name), number=f"{each.num_items:,}", more=kept, segments=segments))
    said = ". ".join(
        f"{words(name)}: {each.num_items:,} of {each.num_rows:,}" for name, each in figures.categories.items()
    )
    return Bars(
        title="What became of the rows of each category",
        spoken=f"Items of all rows by category. {said}.",
        bars=bars,
        legend=legend,
        ends=("0%", "100% of its rows"),
        table=_funnel_table(figures),
    )


def price_histogram(column: ColumnFigures) -> Histogram:
    """Returns how prices are spread, under the title that the course's plot has."""
    highest = "" if column.highest is None else f"{column.highest / 100:,.2f}".removesuffix(".00")
    title = "Prices" if column.mean is None else f"Prices: Avg {column.mean / 100:,.1f} and highest {highest}"
    return _histogram(column, title, "price in dollars", "prices", dollars, lambda cents: f"{cents // 100:,}")


def length_histogram(column: ColumnFigures) -> Histogram:
    """Returns how lengths are spread, under the title that the course's plot has."""
    name = "Token counts" if column.unit == "tokens" else "Lengths"
    digits = 1 if column.unit == "tokens" else 0
    title = name if column.mean is None else f"{name}: Avg {column.mean:,.{digits}f} and highest {column.highest:,}"
    unit = column.unit or "length"
    return _histogram(
        column, title, f"length in {unit}", unit, lambda number: f"{number:,}", lambda number: f"{number:,}"
    )


def _histogram(
    column: ColumnFigures,
    title: str,
    axis: str,
    name: str,
    written: Callable[[int], str],
    tick: Callable[[int], str],
) -> Histogram:
    bins, counts = column.bins, column.bins.counts
    end = bins.step * len(counts)
    num_columns = len(counts) + (2 if bins.above else 0)
    most = max([*counts, bins.above, 1])
    columns = [Column(place=place, height=of_width(count, most)) for place, count in enumerate(counts) if count]
    if bins.above:
        columns.append(Column(place=num_columns - 1, height=of_width(bins.above, most), color="bad"))
    each = next(step for step in (1, 2, 5, 10, 20, 25, 50, 100) if len(counts) / step <= 6 or step == 100)
    starts = range(0, len(counts) + (0 if bins.above else 1), each)
    ticks = [Tick(place=of_width(start, num_columns), text=tick(start * bins.step)) for start in starts]
    if bins.above:
        ticks = [*ticks[: -1 if (len(counts) - starts[-1]) * 8 < num_columns else None]]
        ticks.append(Tick(place=100, text=f"{tick(end)} and more"))
    rows = [
        [
            f"{written(number * bins.step)} to {written((number + 1) * bins.step)}",
            f"{count:,}",
            share(count, column.num),
        ]
        for number, count in enumerate(counts)
    ]
    outside = ((f"below {written(0)}", bins.below), (f"{written(end)} and more", bins.above), ("none", column.without))
    rows += [[text, f"{count:,}", share(count, column.num)] for text, count in outside if count]
    peak = max(range(len(counts)), key=counts.__getitem__) if any(counts) else 0
    note = "Each bin includes its lower end. The dashed line is the mean." if column.mean is not None else ""
    if bins.above:
        note += " The last column has all items beyond the bins."
    if bins.below:
        note += f" {bins.below:,} items below 0 are not drawn."
    if column.without:
        note += f" {column.without:,} items have none."
    return Histogram(
        title=title,
        spoken=(
            f"Histogram of {name}, {column.num:,} items. Half of them are at most "
            f"{written(column.quantiles.get('50', 0))}. The fullest bin is {rows[peak][0]}, with {counts[peak]:,}."
        ),
        columns=columns,
        num_columns=num_columns,
        ticks=ticks,
        highest=short(most),
        mean=None if column.mean is None or column.mean >= end else of_width(column.mean / bins.step, num_columns),
        axis=axis,
        y_axis="items",
        note=note.strip(),
        table=Table(head=[axis, "items", "share"], rows=rows),
    )


def items_per_category(categories: Mapping[str, int]) -> Bars:
    """Returns how many items each category has."""
    total = sum(categories.values())
    most = max(categories.values(), default=0)
    bars = [
        Bar(
            name=words(name),
            number=f"{count:,}",
            more=share(count, total),
            segments=[Segment(start=0, width=of_width(count, most), color="main")],
        )
        for name, count in categories.items()
    ]
    return Bars(
        title="Items per category",
        spoken=", ".join(f"{bar.name}: {bar.number}" for bar in bars),
        bars=bars,
        table=Table(head=["", "items", "share"], rows=[[bar.name, bar.number, bar.more] for bar in bars]),
    )


def price_by_category(prices: Mapping[str, ColumnFigures]) -> Bars:
    """Returns the quantiles of the prices of each category."""
    end = max([each.quantiles.get("95", 0) for each in prices.values()], default=0)
    bars: list[Bar] = []
    rows: list[Sequence[str]] = []
    for name, each in prices.items():
        found = each.quantiles
        if not found:
            continue
        segments = [
            Segment(start=of_width(found[low], end), width=of_width(found[high] - found[low], end), color=color)
            for low, high, color in (("5", "95", "thin"), ("25", "75", "main"))
        ]
        median, mean = dollars(found["50"]), dollars(round(each.mean or 0))
        bars.append(Bar(name=words(name), number=median, segments=segments, mark=of_width(found["50"], end)))
        rows.append(
            [words(name), f"{each.num:,}", *[dollars(found[key]) for key in found], mean, dollars(each.highest or 0)]
        )
    return Bars(
        title="Price by category",
        spoken="Median price by category. " + ", ".join(f"{bar.name}: {bar.number}" for bar in bars),
        bars=bars,
        ends=("$0", dollars(end)),
        note="Half of the items lie within the box, nine of ten on the line; the mark and the number are the median.",
        table=Table(head=["", "items", "5%", "25%", "median", "75%", "95%", "mean", "highest"], rows=rows),
    )


def length_against_price(pairs: PairFigures, unit: str) -> Scatter:
    """Returns some items by length and price, with the correlations of all."""
    pearson, spearman = (
        "none" if each is None else f"{each:+.3f}".replace("-", MINUS) for each in (pairs.pearson, pairs.spearman)
    )
    lengths = [length for _, length in pairs.sample]
    low, high, top = min(lengths), max(lengths), max(1, *[price for price, _ in pairs.sample])
    width = max(1, high - low)
    dots = [(of_width(length - low, width), round(100 - of_width(price, top), 2)) for price, length in pairs.sample]
    middle = (low + high) // 2
    x_ticks = [Tick(place=of_width(each - low, width), text=f"{each:,}") for each in sorted({low, middle, high})]
    y_ticks = [Tick(place=100 - 50 * half, text=f"${short(top * half // 2 // CENTS)}") for half in (0, 1, 2)]
    dotted = "all items" if len(dots) == pairs.num else f"{len(dots):,} items, chosen by a fixed hash of their number"
    return Scatter(
        title=f"Length against price: Pearson {pearson}, Spearman {spearman}",
        spoken=f"Dots of {dotted}. Pearson's correlation is {pearson}, Spearman's {spearman}.",
        dots=dots,
        x_ticks=x_ticks,
        y_ticks=y_ticks,
        x_axis=f"length in {unit}" if unit else "length",
        y_axis="price",
        note=f"Both correlations are of all {pairs.num:,} items, with prices to the cent. The dots are {dotted}.",
        table=Table(
            head=["", "value"],
            rows=[
                ["Pearson's correlation", pearson],
                ["Spearman's correlation", spearman],
                ["items", f"{pairs.num:,}"],
            ],
        ),
    )
