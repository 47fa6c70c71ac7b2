"""Text about a training set: what would be drawn, what was, its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import UNSET
from rich.text import Text

from job.config.addresses import located
from job.config.craft import CraftConfig
from job.craft import SetOutcome, SetProspect
from job.errors import UsageError, nearest, printable, quoted
from job.output.folder import OutputFolder, open_set
from job.output.training_set.findings import finding_lines
from job.output.training_set.plan import SetPlan
from job.output.training_set.shard import COMPLETION, ID, PRICE, PROMPT, TITLE
from job.output.training_set.totals import SetManifest
from job.recipe.protocol import CATEGORY
from job.selection.presets.published import compared_stages
from job.show.items import drawn, table, wrapped

_NO_LIMIT = 1_000_000
"""Columns of a screen on which any table fits."""


def set_prospect_lines(config: CraftConfig, prospect: SetProspect, width: int) -> Iterator[str]:
    """Yields what would be drawn."""
    yield counts_table(prospect.decision.counts(), width)
    yield from _stage_lines(prospect.decision.stages)
    yield f"output: {printable(config.output)}"
    yield "nothing was touched; to do it, leave --dry-run out"


def set_prospect_json(config: CraftConfig, prospect: SetProspect) -> dict[str, Any]:
    """Returns what would be drawn, for a program to read."""
    decision = prospect.decision
    return {
        "output": config.output,
        "num_items": prospect.items.count,
        "funnel": decision.counts(),
        "stages": {name: dict(figures) for name, figures in decision.stages.items()},
        "done": prospect.done,
    }


def set_table(manifest: SetManifest, width: int) -> str:
    """Returns what became of the items, a line for each fate.

    Args:
        manifest: the totals.
        width: columns of the screen.
    """
    return counts_table(manifest.funnel, width)


def counts_table(counts: Mapping[str, int], width: int) -> str:
    """Returns a table of counts by fate, and what they add up to.

    Args:
        counts: items by fate.
        width: columns of the screen.
    """
    made = table("", "items")
    made.add_row("items", f"{sum(counts.values()):,}")
    for name, count in counts.items():
        if count or name in ("train", "validation", "test"):
            made.add_row(Text(name.replace("_", " ")), f"{count:,}")
    return drawn(made, max(width, 40))


def set_lines(config: CraftConfig, outcome: SetOutcome) -> Iterator[str]:
    """Yields what `craft` says at its end: what happened, and what to type next."""
    folder = located(config.output)
    out, named = printable(quoted(folder), lines=True), printable(config.output)
    manifest = outcome.manifest
    if outcome.plan.as_published and config.preset is not None:
        yield from compared_stages(config.preset, config.lite, manifest.stages)
    else:
        yield from _stage_lines(manifest.stages)
    if (found := manifest.findings) is not UNSET:
        yield from map(printable, finding_lines(found))
        if any(each.counts.any for each in found.leaks.values()) or (found.conflicts and found.conflicts.groups):
            yield f"which rows these are: curate leaks {out}"
    rows = ", ".join(f"{totals.num_rows:,} {name}" for name, totals in manifest.splits.items())
    done = "complete already" if outcome.was_complete else "done"
    if not outcome.new_shards and not outcome.was_complete:
        yield "all shards were written already; the manifest is written now"
    yield f"{done}: {rows} in {named}; look at a row: curate show {out} 0 --split {next(iter(manifest.splits))}"


def _stage_lines(stages: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """Yields the number of items after each stage that changes it, with their mean price or by category."""
    before: Mapping[str, float] = {}
    for name, figures in stages.items():
        if figures == before or name.startswith("guess"):  # which is told by comparing it with what is published
            continue
        before = figures
        words = [f"{figures['items']:,} items"] if "items" in figures else []
        words += [f"mean price ${figures['mean_price']:,.2f}"] if "mean_price" in figures else []
        words = words or [f"{count:,} {category}" for category, count in figures.items()]
        yield printable(f"{name.replace('_', ' ')}: {', '.join(words)}")


def row_lines(root: Path | str, split: str | None, numbers: Sequence[int], width: int | None = None) -> Iterator[str]:
    """Yields rows of a training set as text.

    Args:
        root: its folder.
        split: name of the split; the first one unless given.
        numbers: numbers of the rows in the split, counted from 0.
        width: columns of the screen to wrap at; None leaves the lines as they are.

    Raises:
        UsageError: when there is no such split or row.
        CurateError: when its shard cannot be read.
    """
    output, plan = open_set(root)
    name = _split_named(output, plan, split)
    for number, row in rows(output, plan, name, numbers):
        for text in _row_texts(name, number, row):
            yield from wrapped(text, width)


def _split_named(output: OutputFolder, plan: SetPlan, split: str | None) -> str:
    names = [part.name for part in plan.splits()]
    if split is None:
        return names[0]
    if split not in names:
        raise UsageError(f"no split {split!r} in {output.root}{nearest(split, names)}; it has: {', '.join(names)}")
    return split


def rows(
    output: OutputFolder, plan: SetPlan, split: str, numbers: Sequence[int]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields rows of a split by their number, counted from 0.

    Args:
        output: the folder of the set.
        plan: its plan.
        split: name of a split that it has.
        numbers: which rows.

    Raises:
        UsageError: when there is no such row.
        CurateError: when its shard cannot be read.
    """
    part = next(part for part in plan.splits() if part.name == split)
    for number in numbers:
        if not 0 <= number < part.num_rows:
            raise UsageError(f"no row {number}: {split} of {output.root} has {part.num_rows:,}, counted from 0")
        left = number
        for shard in range(part.count):
            if left < part.rows_of(shard):
                yield number, output.table(part.shard_name(shard)).slice(left, 1).to_pylist()[0]
                break
            left -= part.rows_of(shard)


def _row_texts(split: str, number: int, row: Mapping[str, Any]) -> Iterator[str]:
    words = [repr(row[TITLE])] if TITLE in row else []
    words += [_shown(row[CATEGORY])]
    words += [f"${row[PRICE]}"] if PRICE in row else []
    words += [f"id {_shown(row[ID])}"] if ID in row else []
    yield f"{split} {number}: {' · '.join(words)}"
    yield f"\n--- prompt\n{_shown(row[PROMPT])}"
    yield f"\n--- completion\n{_shown(row[COMPLETION])}\n"


def _shown(value: object) -> str:
    """Writes a value for a terminal: control characters, which listings may have, as escapes."""
    return printable(str(value), lines=True)
