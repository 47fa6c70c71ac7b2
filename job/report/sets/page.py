"""The page of a report of a training set: whether it adds up, the error to beat, prices stage by stage, and faults."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec

from job.output.training_set.findings import BY, mix_line
from job.report.items.words import MINUS, dollars, how_many, share, words
from job.report.page.parts import Beside, Example, Examples, Facts, Numbers, Page, Part, Section, Side, Table
from job.report.sets import pictures
from job.report.sets.differences import differences, said
from job.report.sets.figures import DUPLICATES, DuplicateFigures, PairFigures, SetFigures
from job.report.sets.guess import GuessFigures
from job.report.sets.listing import Listing
from job.selection.decision import SPLITS
from job.selection.leaks import Leaks

_WARNED = 20
"""Warnings that the page shows, at most."""


def set_page(figures: SetFigures) -> Page:
    """Returns the page that shows the figures of a training set."""
    funnel = figures.funnel
    sizes = [(name, funnel.get(name, 0)) for name in SPLITS if funnel.get(name, 0)]
    keys = [(f"{figures.num_rows:,}", f"rows, of {figures.num_items:,} items")]
    keys += [(f"{count:,}", name) for name, count in sizes]
    train = next((stage.prices for stage in figures.stages if stage.name == "train"), None)
    if train is not None and train.mean is not None:
        keys.append((dollars(round(train.mean)), "mean price in train"))
    if figures.guess is not None:
        keys.append((f"${figures.guess.error:,.2f}", "mean error to beat"))
    removed = sum(funnel.get(name, 0) for name in DUPLICATES)
    preset = figures.settings.get("preset")
    return Page(
        title=f"Training set: {figures.heading}",
        about=f"Recipe {figures.recipe['name']}{f', preset {preset}' if preset else ''}, "
        f"{len(figures.items):,} {'category' if len(figures.items) == 1 else 'categories'}.",
        sum=(
            f"It adds up: {figures.num_items:,} items {MINUS} {how_many(removed, 'duplicate')} {MINUS} "
            f"{funnel.get('not_drawn', 0):,} not drawn {MINUS} {funnel.get('unused', 0):,} unused = "
            f"{figures.num_rows:,} rows: {', '.join(f'{name} {count:,}' for name, count in sizes)}."
        ),
        key_numbers=keys,
        warnings=[*_warnings(figures)][:_WARNED],
        sections=[section for section in _sections(figures) if section.parts],
        digest=figures.content_digest,
        foot="Made by curate report. The same numbers are in report.json.",
    )


def _warnings(figures: SetFigures) -> Iterator[str]:
    yield from (f"{warning[0].upper()}{warning[1:]}." for warning in figures.warnings if warning)
    for name, counts in (figures.leaks or {}).items():
        if counts.any:
            yield (
                f"{counts.any:,} of {how_many(counts.rows, 'row')} of {name} {'is' if counts.any == 1 else 'are'} in "
                f"train too, so a model's error on {name} looks smaller than it is: see Leaks."
            )


def _sections(figures: SetFigures) -> Iterator[Section]:
    yield Section(name="funnel", heading="Items and rows", parts=[pictures.funnel(figures)])
    if figures.guess is not None:
        yield Section(
            name="beat",
            heading="The error to beat",
            text=f"What it comes to on {figures.guess.split} to guess the mean price of train, whatever is asked.",
            parts=[Facts(facts=[*_guess(figures.guess)])],
        )
    yield Section(name="leaks", heading="Leaks", parts=[*_leaks(figures)])
    yield Section(name="conflicts", heading="Label conflicts", parts=[*_conflicts(figures)])
    shown = [pictures.prices(stage) for stage in figures.stages]
    yield Section(
        name="prices",
        heading="Prices, stage by stage",
        parts=[*_stage_table(figures), *[part for part in shown if part is not None]],
    )
    of_categories = [pictures.category_prices(stage) for stage in figures.stages]
    yield Section(
        name="category-prices",
        heading="Price by category, stage by stage",
        parts=[part for part in of_categories if part is not None],
    )
    yield Section(name="duplicates", heading="Duplicates", parts=[*_duplicates(figures)])
    yield Section(
        name="categories",
        heading="Items per category, stage by stage",
        parts=[pictures.categories(stage) for stage in figures.stages] if len(figures.items) > 1 else [],
    )
    yield Section(name="made", heading="How it was made", parts=[Facts(facts=[*_facts(figures)])])


def _guess(guess: GuessFigures) -> Iterator[tuple[str, str]]:
    yield "guess", f"${guess.guess:,.2f}"
    yield "mean error", f"${guess.error:,.2f}"
    yield "RMSLE", f"{guess.rmsle:.3f}"
    yield "hits", f"{share(guess.hits, guess.num)}, {guess.hits:,} of {guess.num:,} (off by less than $40 or 20%)"


def _stage_table(figures: SetFigures) -> Iterator[Part]:
    rows = [
        [
            pictures.stage_name(stage.name),
            f"{stage.num_items:,}",
            dollars(round(stage.prices.mean)),
            dollars(stage.prices.quantiles["50"]),
            dollars(stage.prices.highest),
        ]
        for stage in figures.stages
        if stage.prices is not None and stage.prices.mean is not None and stage.prices.highest is not None
    ]
    if rows:
        yield Numbers(title="In short", table=Table(head=["", "items", "mean", "median", "highest"], rows=rows))


def _duplicates(figures: SetFigures) -> Iterator[Part]:
    found = figures.duplicates
    if found is None:
        yield Facts(facts=[("looked for", "none, as the settings say")])
        return
    if not found.groups:
        yield Facts(facts=[("found", "none")])
        return
    yield pictures.groups(found)
    yield _largest(found)
    yield from map(_beside, found.near)


def _largest(found: DuplicateFigures) -> Examples:
    shown = [
        Example(
            name=each.kept.name,
            about=_about(each.kept),
            decided=f"{each.num_items:,} items; removed: "
            + ", ".join(f"{words(name)} {count:,}" for name, count in each.removed.items()),
        )
        for each in found.largest
    ]
    return Examples(title="The largest groups", note="Of each, the item that was kept.", examples=shown)


def _beside(pair: PairFigures) -> Beside:
    one, other = differences(pair.removed.text or "", pair.kept.text or "")
    has_texts = pair.removed.text is not None and pair.kept.text is not None
    note = f"Only in the first: {said(one)}. Only in the second: {said(other)}."
    return Beside(
        title=f"Nearly the same: similarity {pair.similarity:.3f}",
        sides=(
            Side(heading="removed", name=pair.removed.name, about=_about(pair.removed), words=one),
            Side(heading="kept", name=pair.kept.name, about=_about(pair.kept), words=other),
        ),
        note=note if has_texts else "Their texts are not shown, as the items are not there any more.",
    )


def _about(listing: Listing) -> str:
    known = (listing.id if listing.title else None, None if listing.price is None else dollars(listing.price))
    return ", ".join(each for each in known if each)


def _leaks(figures: SetFigures) -> Iterator[Part]:
    if figures.leaks is None:
        return
    if not figures.leaks:
        yield Facts(facts=[("looked for", "none, as there is neither a validation nor a test split")])
        return
    kinds = {**BY, "any": "in any way"}
    found = figures.leaks
    rows = [["rows", *[f"{counts.rows:,}" for counts in found.values()]]]
    rows += [
        [f"in train {said_as}", *[_count(each, kind) for each in found.values()]] for kind, said_as in kinds.items()
    ]
    yield Numbers(title="Rows that are in train too", table=Table(head=["", *found], rows=rows))
    for name, leaks in figures.leak_examples.items():
        shown = [
            Example(
                name=each.held.name,
                about=_about(each.held),
                decided=f"row {each.row:,} of {name} is row {each.train_row:,} of train "
                f"({', '.join(str(kinds.get(kind, kind)) for kind in each.kinds)})"
                + (f": {each.train.name}, {_about(each.train)}" if each.train != each.held else ""),
            )
            for each in leaks
        ]
        yield Examples(title=f"Rows of {name}, the first ones", note="", examples=shown)


def _count(counts: Leaks, kind: str) -> str:
    count = getattr(counts, kind)
    return "not looked for" if count is None else f"{count:,}"


def _conflicts(figures: SetFigures) -> Iterator[Part]:
    found = figures.conflicts
    if found is None:
        return
    if not found.groups:
        yield Facts(facts=[("found", "none: no prompt has more than one price")])
        return
    of_all = found.mean_absolute_error * found.rows / figures.num_rows
    yield Facts(
        facts=[
            ("found", f"{how_many(found.groups, 'group')} of equal prompts with different prices, {found.rows:,} rows"),
            (
                "highest minus lowest",
                f"${found.mean_difference:,.2f} on average, ${found.largest_difference:,.2f} at most",
            ),
            ("error floor", f"${found.mean_absolute_error:,.2f} on these rows: no model errs by less on average there"),
            ("over all rows", f"${of_all:,.2f} of a model's mean error, at least, come from them"),
        ]
    )
    shown = [
        Example(
            name=each.first.name,
            about=each.first.id or "",
            decided=f"{each.rows:,} rows, from ${each.lowest:,.2f} to ${each.highest:,.2f}",
        )
        for each in figures.conflict_examples
    ]
    if shown:
        yield Examples(
            title="Prompts with the most rows", note="Of each, the row with the lowest price.", examples=shown
        )


def _facts(figures: SetFigures) -> Iterator[tuple[str, str]]:
    yield "recipe", f"{figures.recipe['name']}, version {figures.recipe['version']}"
    for key, value in figures.settings.items():
        if isinstance(value, dict):
            shown = ", ".join(f"{name} {_shown(each)}" for name, each in value.items() if each not in (None, {}))
        else:
            shown = _shown(value)
        if value is not None and shown:
            yield key.replace("_", " "), shown
    if figures.mix is not None and (line := mix_line(figures.mix)) is not None:
        yield "mix", line.removeprefix("mix: ")
    yield "content digest", figures.content_digest
    for name, digest in list(figures.items.items())[:_WARNED]:
        yield f"items of {words(name)}", f"digest {digest}"
    if any(stage.prices is not None for stage in figures.stages):
        yield "prices", "in dollars, counted to the cent"


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, msgspec.convert(value, list[str], strict=False))) or "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
