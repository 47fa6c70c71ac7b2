"""Text about an output folder: what a run would do and what it did, the funnel, items, rejects."""

from __future__ import annotations

import glob
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from job.config.addresses import located
from job.config.models import JobConfig
from job.errors import UsageError, printable, quoted
from job.output.folder import OutputFolder, open_output
from job.output.limits import damage_lines
from job.output.records import Plan
from job.output.totals import Manifest
from job.recipe.protocol import CATEGORY, RecipeDescription
from job.recipe.registry import question
from job.recipe.verdicts import KEPT, MALFORMED
from job.run import Outcome, Prospect
from job.source.find.passed_over import PassedOver

_PATTERN_SIGNS = "*?["
"""Characters by which a path is a pattern."""
_EXAMPLE_LINES = 9
"""Lines of the item that a run shows at its end, at most."""
_NARROWEST_TABLE = 60
"""Columns of the screen in which counts up to 999,999,999 are whole, beside names in pieces."""
_NO_LIMIT = 1_000_000
"""Columns of a screen on which any table fits."""


def prospect_lines(config: JobConfig, found: Sequence[Prospect], passed_over: PassedOver) -> Iterator[str]:
    """Yields what a run would do."""
    for prospect in found:
        source = prospect.source
        if prospect.partitions is None:
            cut = "to be unpacked first, then cut"
        else:
            cut = f"{prospect.partitions} partitions, {prospect.done} done"
        size = f"{source.size_bytes / 1e6:,.1f} MB"
        yield f"{source.category}: {len(source.files)} {source.file_format} file(s), {size}, {cut}"
    yield from passed_over.lines()
    yield f"output: {printable(config.output)}"
    yield "nothing was touched; to do it, leave --dry-run out"


def prospects_json(config: JobConfig, found: Sequence[Prospect], passed_over: PassedOver) -> dict[str, Any]:
    """Returns what a run would do, for a program to read."""
    categories = {
        prospect.source.category: {
            "form": prospect.source.file_format,
            "files": [file.name for file in prospect.source.files],
            "size_bytes": prospect.source.size_bytes,
            "partitions": prospect.partitions,
            "done": prospect.done,
        }
        for prospect in found
    }
    return {"output": config.output, "categories": categories, "not_read": passed_over.names}


def outcome_lines(config: JobConfig, outcome: Outcome, width: int) -> Iterator[str]:
    """Yields what a run says at its end: the begin of one of the prompts, what happened, what to type next.

    Args:
        config: the job.
        outcome: how it ended.
        width: columns of the screen.
    """
    folder, count = located(config.output), outcome.manifest.num_items
    out, named = printable(quoted(folder), lines=True), printable(config.output)
    recipe = outcome.plan.description
    if count and recipe.roles.text is not None:
        shards = [shard for totals in outcome.manifest.categories.values() for shard in totals.shards]
        first = next(shard.path for shard in shards if shard.num_items)
        item = OutputFolder(folder).table(first).slice(0, 1).to_pylist()[0]
        yield f"\nOne of the {_shown(recipe.noun)}s:\n"
        yield from _excerpt(_shown(item[recipe.roles.text]), width)
        yield ""
    if malformed := outcome.manifest.funnel[MALFORMED]:
        rows = "row" if malformed == 1 else "rows"
        yield f"{malformed:,} malformed {rows} put aside; to see them: curate rejects {out}"
    if damage := outcome.manifest.damaged:
        yield "left out, as --skip-damaged-files says:"
        yield from damage_lines(damage)
    yield from outcome.passed_over.lines()
    yield from outcome.lost_nodes
    if outcome.unfinished:
        yield (
            f"{', '.join(outcome.manifest.categories)} done; {named} is not complete: "
            f"{', '.join(outcome.unfinished)} left; to go on: the same command with --category "
            f"{quoted(outcome.unfinished[0])}"
        )
        return
    yield from published_lines(config, outcome.manifest)
    done = "complete already" if outcome.was_complete else "done"
    if not outcome.new_partitions and not outcome.was_complete:
        yield "all partitions were done already; the manifest is written now"
    empty = [name for name, totals in outcome.manifest.categories.items() if not totals.num_items]
    if count and empty:
        yield f"no items in {', '.join(map(printable, empty))}: load_dataset has nothing to open under that name"
    if count:
        yield f"{done}: {count:,} items in {named}; look at one: curate show {out} 0"
        yield from _pattern_lines(folder)
    else:
        yield f"{done}: no row became an item; the table above says why; load_dataset cannot open {named}"


def _pattern_lines(folder: Path | str) -> Iterator[str]:
    """Yields how `load_dataset` opens an output whose path it would take for a pattern, and miss or mix up."""
    path = str(folder.absolute()) if isinstance(folder, Path) else folder
    if "::" in path.replace("://", ""):
        yield "load_dataset cannot open a path with ::, so rename the folder for it"
    elif any(sign in path for sign in _PATTERN_SIGNS):
        files = f"{glob.escape(path)}/data/*/*.parquet"
        yield (
            "load_dataset takes this path for a pattern, so open the items as "
            f'load_dataset("parquet", data_files={printable(repr(files))}, split="train")'
        )


def published_lines(config: JobConfig, manifest: Manifest) -> Iterator[str]:
    """Yields how a full run compares with the counts of items that the config has as published."""
    if config.limit is not None or not config.published_items:
        return
    if config.recipe != type(config.recipe).model_validate({"name": config.recipe.name}):
        return  # other rules, other counts
    for name, published in config.published_items.items():
        if name in manifest.categories:
            count = manifest.categories[name].num_items
            difference = f"{abs(count - published):,} {'more' if count > published else 'fewer'}"
            compared = "as published" if count == published else f"{difference} than the {published:,} published"
            yield f"{name}: {count:,} items, {compared}"


def funnel_table(manifest: Manifest, width: int) -> str:
    """Returns the funnel: a line per drop reason, a column per category, and one for all.

    Where the columns do not fit, the reasons are those of all categories, and a line per category follows.

    Args:
        manifest: the totals.
        width: columns of the screen; a narrower one than 60 would cut counts off.
    """
    width = max(width, _NARROWEST_TABLE)
    names = {name: printable(name) for name in manifest.categories}
    everything = [("all", manifest.num_rows, manifest.funnel)]
    totals = [(names[name], each.num_rows, each.funnel) for name, each in manifest.categories.items()]
    text = drawn(_reasons(manifest, totals + everything if len(totals) > 1 else totals), _NO_LIMIT)
    if max(map(cell_len, text.splitlines())) <= width:
        return text
    made = table("category", "rows", "dropped", "malformed", "kept")
    for name, rows, funnel in totals + everything if len(totals) > 1 else totals:
        kept, malformed = funnel.get(KEPT, 0), funnel.get(MALFORMED, 0)
        counts = (rows, rows - malformed - kept, malformed, kept)
        made.add_row(Text(name), *[f"{count:,}" for count in counts])
    return f"{drawn(_reasons(manifest, everything), width)}\n\n{drawn(made, width)}"


def _reasons(manifest: Manifest, totals: Sequence[tuple[str, int, dict[str, int]]]) -> Table:
    """Returns a table of a line per verdict and a column per name, with its rows and its funnel."""
    made = table("", *[name for name, _, _ in totals])
    made.add_row("rows", *[f"{rows:,}" for _, rows, _ in totals])
    for verdict in manifest.funnel:
        counts = [f"{funnel.get(verdict, 0):,}" for _, _, funnel in totals]
        made.add_row(Text(printable(verdict.replace("_", " "))), *counts)
    return made


def table(first: str, *others: str) -> Table:
    """Returns a table without lines, with a column of names and columns of numbers."""
    made = Table(box=None, pad_edge=False, show_edge=False)
    made.add_column(Text(first), overflow="fold")
    for name in others:
        made.add_column(Text(name), justify="right", no_wrap=True)
    return made


def drawn(made: Table, width: int) -> str:
    """Returns a table as text."""
    stream = io.StringIO()
    Console(file=stream, width=width).print(made)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def wrapped(text: str, width: int | None) -> list[str]:
    """Wraps text at words.

    Args:
        text: any number of lines.
        width: columns of the screen; None leaves the lines as they are.
    """
    if width is None:
        return text.split("\n")
    console = Console(file=io.StringIO(), width=width)
    return [line.plain.rstrip() for line in Text(text).wrap(console, width)]


def _excerpt(text: str, width: int) -> list[str]:
    """Returns the first lines of a text, and its last one, which in a prompt is the answer."""
    lines = wrapped(text, width)
    return lines if len(lines) <= _EXAMPLE_LINES else [*lines[: _EXAMPLE_LINES - 2], "[...]", lines[-1]]


def item_lines(root: Path | str, numbers: Sequence[int], width: int | None = None) -> Iterator[str]:
    """Yields items as text, each with its question where the recipe has one.

    Args:
        root: the output folder.
        numbers: numbers of the items in the output, counted from 0 over all categories.
        width: columns of the screen to wrap at; None leaves the lines as they are.

    Raises:
        UsageError: when there is no such item.
        CurateError: when its shard cannot be read.
    """
    output, plan = open_output(root)
    for number, item in items(output, plan, numbers):
        for text in _item_texts(plan.description, number, item):
            yield from wrapped(text, width)


def _item_texts(recipe: RecipeDescription, number: int, item: dict[str, Any]) -> Iterator[str]:
    yield f"item {number}: {_heading(recipe, item)}"
    if recipe.roles.text is None:
        yield from (f"{_shown(name)}: {_shown(item[name])}" for name in recipe.columns)
        return
    yield f"\n--- {_shown(recipe.noun)}\n{_shown(item[recipe.roles.text])}"
    if (asked := question(recipe, item)) is not None:
        yield f"\n--- test prompt\n{_shown(asked)}\n"
    if recipe.completion is not None:
        yield f"--- answer\n{_shown(recipe.completion.format(**item))}\n"


def _heading(recipe: RecipeDescription, item: dict[str, Any]) -> str:
    """Returns what identifies an item, in one line."""
    roles = recipe.roles
    parts = [repr(item[roles.title])] if roles.title else []
    parts.append(_shown(item[CATEGORY]))
    parts += [f"${item[roles.price]}"] if roles.price else []
    parts += [f"{item[roles.length]} {_shown(recipe.length_unit)}".rstrip()] if roles.length else []
    return " · ".join(parts)


def _shown(value: object) -> str:
    """Writes a value for a terminal: control characters, which listings may have, as escapes."""
    return printable(str(value), lines=True)


def items(output: OutputFolder, plan: Plan, numbers: Sequence[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields items by their number in the output, counted from 0 over all categories.

    Args:
        output: the output folder.
        plan: its plan.
        numbers: which items.

    Raises:
        UsageError: when there is no such item.
        CurateError: when its shard cannot be read.
    """
    records = [record for category in plan.categories.values() for record in output.records(category)]
    count = sum(record.funnel.get(KEPT, 0) for record in records)
    for number in numbers:
        if not 0 <= number < count:
            raise UsageError(f"no item {number}: {output.root} has {count:,}, counted from 0")
        left = number
        for record in records:
            if left < record.funnel.get(KEPT, 0):
                yield number, output.table(record.shard).slice(left, 1).to_pylist()[0]
                break
            left -= record.funnel.get(KEPT, 0)


def reject_lines(root: Path | str) -> Iterator[str]:
    """Yields the malformed rows: file, position, cause, and how the row begins."""
    output, plan = open_output(root)
    count = 0
    for category in plan.categories.values():
        for record in output.records(category):
            if record.rejects is None:
                continue
            for row in output.table(record.rejects).to_pylist():
                count += 1
                file, cause = printable(row["file"]), printable(row["cause"])
                yield f"{file} at {row['position']}: {cause}: {row['raw'][:60]!a}"
    yield f"{count} malformed rows"
