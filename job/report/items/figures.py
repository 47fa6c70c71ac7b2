"""All figures of an output's report. `report.json` has them, and the page shows nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from job.output.machine import Machine
from job.output.records import LastRun, Plan, Record
from job.output.totals import CategoryTotals, Manifest
from job.recipe.examples import PER_REASON, Example
from job.recipe.verdicts import KEPT
from job.report.figures.column import PRICE_BINS, ColumnFigures, column_figures
from job.report.figures.pairs import PairSums
from job.report.figures.tally import Tally
from job.report.items.count import Columns, Counts, Shard

_CAUSES = 1000
"""Number of causes of malformed rows that a report has, at most; the others are added up."""
OTHER_CAUSES = "other causes"


class CategoryFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a category."""

    num_rows: int
    num_items: int
    funnel: dict[str, int]
    prices: ColumnFigures | None
    lengths: ColumnFigures | None


class PairFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How price and length go together."""

    num: int
    """Items that have both; the correlations are of all of them."""
    pearson: float | None
    """None where all prices or all lengths are the same; so is the next one."""
    spearman: float | None
    sample: list[tuple[int, int]]
    """Price in cents and length of some items: those whose number in the output has the lowest hashes."""


class RunFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How the items were made."""

    elapsed_s: float | None
    """Seconds of the last run; None when it is not known."""
    num_rows: int | None
    """Rows that the last run read."""
    workers: int | str | None
    tasks_s: float
    """Seconds that all tasks took together, in whatever run."""
    machine: Machine | None
    """Where the last run was started."""
    versions: dict[str, str]
    """Versions of this program and of what it uses, in the last run."""


class SourceFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What the rows of some categories come from."""

    dataset: str | None
    """Data set on the Hub; None for files of the user's own."""
    commit: str | None
    categories: list[str]
    num_files: int
    size_bytes: int


class ItemsFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of an output."""

    content_digest: str
    """Of the items that were counted, as the manifest has it."""
    kind: str = "items"
    version: int = 1
    heading: str
    summary: str
    noun: str
    recipe: dict[str, Any]
    """Its name and settings."""
    num_rows: int
    num_items: int
    funnel: dict[str, int]
    prices: ColumnFigures | None
    """In cents; None where the items have no price, or it is no number."""
    lengths: ColumnFigures | None
    categories: dict[str, CategoryFigures]
    price_and_length: PairFigures | None
    examples: dict[str, list[Example]]
    """The first dropped rows of each reason; none where the output has been made before these were kept."""
    malformed: dict[str, int]
    """Malformed rows by cause, with N for each number in it."""
    damaged: list[str]
    """What is left out because its file is damaged."""
    limits: dict[str, int]
    """Rows that were read at most, by category that has such a limit."""
    sources: list[SourceFigures]
    run: RunFigures


def shards_of(plan: Plan, records: Mapping[str, Sequence[Record]]) -> list[Shard]:
    """Returns what is to be counted of an output.

    Args:
        plan: its plan.
        records: its records by category, in the order of their partitions.
    """
    shards: list[Shard] = []
    first_item = 0
    for category in plan.categories:
        for record in records[category]:
            num_items = record.funnel.get(KEPT, 0)
            shards.append(
                Shard(
                    path=record.shard,
                    size_bytes=record.shard_bytes,
                    category=category,
                    first_item=first_item,
                    num_items=num_items,
                    rejects=record.rejects,
                    rejects_bytes=record.rejects_bytes,
                )
            )
            first_item += num_items
    return shards


def items_figures(
    plan: Plan,
    manifest: Manifest,
    records: Mapping[str, Sequence[Record]],
    last_run: LastRun | None,
    counted: tuple[Counts, PairSums],
) -> ItemsFigures:
    """Returns the figures of a complete output.

    Args:
        plan: its plan.
        manifest: its totals.
        records: its records by category.
        last_run: how its last run ended, as far as it is known.
        counted: what was counted of its shards, see `counts_here`.
    """
    recipe, (counts, rank_sums) = plan.description, counted
    columns = Columns.of(recipe)
    category = next(iter(plan.categories.values()), None)
    return ItemsFigures(
        content_digest=manifest.content_digest,
        heading=recipe.heading or recipe.name,
        summary=recipe.summary,
        noun=recipe.noun,
        recipe={"version": recipe.version, **(category.identity.recipe if category else {}), "name": recipe.name},
        num_rows=manifest.num_rows,
        num_items=manifest.num_items,
        funnel=manifest.funnel,
        prices=_prices(Tally.sum(counts.prices.values()), manifest.num_items, columns),
        lengths=_lengths(Tally.sum(counts.lengths.values()), manifest.num_items, columns),
        categories={name: _category(name, totals, counts, columns) for name, totals in manifest.categories.items()},
        price_and_length=_pairs(counts, rank_sums),
        examples=_examples(recipe.reasons, records),
        malformed=_causes(counts.causes),
        damaged=[damage.cause for damage in manifest.damaged],
        limits={name: totals.limit for name, totals in manifest.categories.items() if totals.limit is not None},
        sources=_sources(plan),
        run=_run(records, last_run),
    )


def _prices(tally: Tally, num_items: int, columns: Columns) -> ColumnFigures | None:
    return None if columns.price is None else column_figures(tally, num_items, "cents", PRICE_BINS)


def _lengths(tally: Tally, num_items: int, columns: Columns) -> ColumnFigures | None:
    return None if columns.length is None else column_figures(tally, num_items, columns.length_unit)


def _category(name: str, totals: CategoryTotals, counts: Counts, columns: Columns) -> CategoryFigures:
    return CategoryFigures(
        num_rows=totals.num_rows,
        num_items=totals.num_items,
        funnel=totals.funnel,
        prices=_prices(counts.prices.get(name, Tally()), totals.num_items, columns),
        lengths=_lengths(counts.lengths.get(name, Tally()), totals.num_items, columns),
    )


def _pairs(counts: Counts, rank_sums: PairSums) -> PairFigures | None:
    if not counts.pairs.num:
        return None
    sample = [(int(price), int(length)) for price, length in counts.sample.pairs]
    return PairFigures(
        num=counts.pairs.num, pearson=counts.pairs.correlation, spearman=rank_sums.correlation, sample=sample
    )


def _examples(reasons: Sequence[str], records: Mapping[str, Sequence[Record]]) -> dict[str, list[Example]]:
    """Returns the first examples of each reason, one of each category in turns."""
    found: dict[str, list[Example]] = {}
    for reason in reasons:
        of_each = [
            [example for record in of_category if record.examples for example in record.examples.get(reason, ())]
            for of_category in records.values()
        ]
        in_turns = [examples[turn] for turn in range(PER_REASON) for examples in of_each if turn < len(examples)]
        if in_turns:
            found[reason] = in_turns[:PER_REASON]
    return found


def _causes(causes: Counter[str]) -> dict[str, int]:
    in_order = sorted(causes.items(), key=lambda each: (-each[1], each[0]))
    others = sum(count for _, count in in_order[_CAUSES:])
    return dict(in_order[:_CAUSES]) | ({OTHER_CAUSES: others} if others else {})


def _sources(plan: Plan) -> list[SourceFigures]:
    found: dict[tuple[str | None, str | None], list[str]] = {}
    for name, category in plan.categories.items():
        at = category.identity.repository
        found.setdefault((at.dataset, at.commit) if at else (None, None), []).append(name)
    return [
        SourceFigures(
            dataset=dataset,
            commit=commit,
            categories=names,
            num_files=sum(len(plan.categories[name].identity.files) for name in names),
            size_bytes=sum(file.size_bytes for name in names for file in plan.categories[name].identity.files),
        )
        for (dataset, commit), names in found.items()
    ]


def _run(records: Mapping[str, Sequence[Record]], last: LastRun | None) -> RunFigures:
    elapsed_s = last.ended - last.began if last is not None and last.ended is not None else None
    return RunFigures(
        elapsed_s=None if elapsed_s is None else round(elapsed_s, 1),
        num_rows=None if last is None or last.num_rows is UNSET else last.num_rows,
        workers=None if last is None else last.workers,
        tasks_s=round(sum(record.elapsed_s for of_category in records.values() for record in of_category), 1),
        machine=None if last is None or last.machine is UNSET else last.machine,
        versions={} if last is None or last.versions is UNSET else last.versions,
    )
