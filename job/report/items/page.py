"""The page of a report of items: what it is and whether it adds up, then the prices, then why rows were dropped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from job.recipe.verdicts import MALFORMED
from job.report.items import pictures
from job.report.items.figures import CategoryFigures, ItemsFigures, RunFigures
from job.report.items.words import MINUS, dollars, share, words
from job.report.page.parts import Example, Examples, Facts, Numbers, Page, Part, Section, Table

_CATEGORIES_NAMED = 4
"""Categories that the first sentence names, at most."""
_CATEGORIES_SHOWN = 60
"""Categories that the page shows, at most, so that it stays small."""
_CAUSES_SHOWN = 20
"""Causes of malformed rows that the page shows, at most."""


def items_page(figures: ItemsFigures) -> Page:
    """Returns the page that shows the figures of an output; of very many categories, those with the most rows."""
    shown = msgspec.structs.replace(figures, categories=_largest(figures.categories))
    categories = len(figures.categories)
    keys = [
        (f"{figures.num_items:,}", f"items, {share(figures.num_items, figures.num_rows)} of the rows"),
        (f"{figures.num_rows:,}", "rows read"),
        (f"{categories:,}", "category" if categories == 1 else "categories"),
    ]
    if figures.prices is not None and figures.prices.mean is not None:
        keys.append((dollars(round(figures.prices.mean)), "mean price"))
    if figures.lengths is not None and figures.lengths.mean is not None:
        keys.append((f"{figures.lengths.mean:,.1f}", f"mean {figures.lengths.unit or 'length'} of a {figures.noun}"))
    malformed = figures.funnel.get(MALFORMED, 0)
    dropped = figures.num_rows - malformed - figures.num_items
    names = ", ".join(map(words, figures.categories)) if categories <= _CATEGORIES_NAMED else f"{categories} categories"
    return Page(
        title=figures.heading,
        about=f"{figures.summary} {names}. Recipe {figures.recipe['name']}.".strip(),
        sum=(
            f"It adds up: {figures.num_rows:,} rows read {MINUS} {dropped:,} dropped {MINUS} {malformed:,} malformed "
            f"= {figures.num_items:,} items."
        ),
        key_numbers=keys,
        warnings=[*_warnings(figures)],
        sections=[section for section in _sections(shown) if section.parts],
        digest=figures.content_digest,
        foot="Made by curate report. The same numbers are in report.json.",
    )


def _largest(categories: Mapping[str, CategoryFigures]) -> dict[str, CategoryFigures]:
    by_rows = sorted(categories, key=lambda name: -categories[name].num_rows)[:_CATEGORIES_SHOWN]
    return {name: each for name, each in categories.items() if name in by_rows}


def _warnings(figures: ItemsFigures) -> Iterator[str]:
    if len(figures.categories) > _CATEGORIES_SHOWN:
        yield f"Only the {_CATEGORIES_SHOWN} largest categories are shown one by one; all are in report.json."
    for limit in dict.fromkeys(figures.limits.values()):
        names = [words(name) for name, of_category in figures.limits.items() if of_category == limit]
        of = "each category" if len(names) == len(figures.categories) > 1 else ", ".join(names)
        yield f"Only the first {limit:,} rows of {of} were read."
    yield from (f"Left out: {cause}" for cause in figures.damaged)


def _sections(figures: ItemsFigures) -> Iterator[Section]:
    yield Section(name="funnel", heading="Rows and items", parts=[*_funnel(figures)])
    yield Section(name="prices", heading="Prices and lengths", parts=[*_spread(figures)])
    yield Section(
        name="dropped",
        heading="Why rows were dropped",
        text="The first rows of each reason, with what decided.",
        parts=[*_examples(figures)],
    )
    yield Section(name="malformed", heading="Malformed rows", parts=[*_malformed(figures)])
    yield Section(name="categories", heading="Categories", parts=[*_categories(figures)])
    if figures.price_and_length is not None:
        unit = figures.lengths.unit if figures.lengths is not None else ""
        part = pictures.length_against_price(figures.price_and_length, unit)
        yield Section(name="length-and-price", heading="Length and price", parts=[part])
    yield Section(name="made", heading="How it was made", parts=[Facts(facts=[*_facts(figures)])])


def _funnel(figures: ItemsFigures) -> Iterator[Part]:
    yield pictures.funnel(figures)
    if len(figures.categories) > 1:
        yield pictures.funnels(figures)


def _spread(figures: ItemsFigures) -> Iterator[Part]:
    if figures.prices is not None:
        yield pictures.price_histogram(figures.prices)
    if figures.lengths is not None:
        yield pictures.length_histogram(figures.lengths)


def _examples(figures: ItemsFigures) -> Iterator[Part]:
    for reason, examples in figures.examples.items():
        count = figures.funnel.get(reason, 0)
        shown = [
            Example(
                name=each.title or each.id or "(no words)",
                about=(each.id or "") if each.title else "",
                decided=each.decided or "",
            )
            for each in examples
        ]
        yield Examples(
            title=words(reason), note=f"{count:,} rows, {share(count, figures.num_rows)} of all", examples=shown
        )


def _malformed(figures: ItemsFigures) -> Iterator[Part]:
    causes = list(figures.malformed.items())
    rows = [[cause, f"{count:,}"] for cause, count in causes[:_CAUSES_SHOWN]]
    if others := causes[_CAUSES_SHOWN:]:
        rows.append([f"{len(others):,} more causes", f"{sum(count for _, count in others):,}"])
    if rows:
        yield Numbers(title="By cause", table=Table(head=["cause, with N for a number", "rows"], rows=rows))


def _categories(figures: ItemsFigures) -> Iterator[Part]:
    if len(figures.categories) > 1:
        yield pictures.items_per_category({name: each.num_items for name, each in figures.categories.items()})
    prices = {
        name: each.prices for name, each in figures.categories.items() if each.prices is not None and each.prices.num
    }
    if prices:
        yield pictures.price_by_category(prices)


def _facts(figures: ItemsFigures) -> Iterator[tuple[str, str]]:
    for source in figures.sources:
        what = "own files" if source.dataset is None else f"{source.dataset} at commit {source.commit}"
        of = f" ({', '.join(map(words, source.categories))})" if len(figures.sources) > 1 else ""
        files = f"{source.num_files:,} {'file' if source.num_files == 1 else 'files'}"
        yield "source", f"{what}, {files}, {source.size_bytes / 1e6:,.1f} MB{of}"
    settings = {name: value for name, value in figures.recipe.items() if name not in ("name", "version")}
    said = ", ".join(f"{name} {value}" for name, value in settings.items())
    yield "recipe", f"{figures.recipe['name']}, version {figures.recipe['version']}{f': {said}' if said else ''}"
    yield from _run_facts(figures.run)
    yield "content digest", figures.content_digest
    if figures.prices is not None:
        yield "prices", "in dollars, counted to the cent"


def _run_facts(run: RunFigures) -> Iterator[tuple[str, str]]:
    if run.elapsed_s is not None:
        rate = (
            f", {run.num_rows:,} rows, {run.num_rows / run.elapsed_s:,.0f} rows/s"
            if run.num_rows and run.elapsed_s
            else ""
        )
        workers = "" if run.workers is None else f", workers: {run.workers}"
        yield "last run", f"{run.elapsed_s:,.1f} s{rate}{workers}"
    yield "all tasks", f"{run.tasks_s:,.1f} s of work"
    if (machine := run.machine) is not None:
        yield (
            "machine",
            f"{machine.processor}, {machine.cores} cores, {machine.memory_bytes / 1e9:.1f} GB, {machine.system}",
        )
    if run.versions:
        python = f"python {run.machine.python}, " if run.machine is not None else ""
        yield "versions", python + ", ".join(f"{name} {number}" for name, number in run.versions.items())
