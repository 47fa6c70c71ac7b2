"""Commands about recipes: `recipes` lists and begins them, `try` shows what one does with some rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from job.cli.options import Assign, Category, ConfigArgument, Source, read_job
from job.cli.printing import print_line, print_notice
from job.errors import UsageError, printable, quoted

if TYPE_CHECKING:
    from job.plan.trial import Tried

_SHOWN_CHARS = 300
"""Characters of an input or an item column that are shown."""


def recipes(
    action: Annotated[str | None, typer.Argument(metavar="[new]", help="`new` writes a recipe to start from.")] = None,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="File to write, such as my_recipe.py.")] = None,
) -> None:
    """List the recipes, or begin one of your own.

    A recipe turns a row of the catalogue into an item, or says why not. Name
    one with `--set recipe.name=NAME`, or in a config.
    """
    if action is None:
        from job.recipe.registry import summaries

        lines = summaries()
        width = max(map(len, lines))
        for name, summary in lines.items():
            print_line(f"{name:{width}}  {summary}")
        print_line("your own: curate recipes new my_recipe.py")
        return
    if action != "new" or file is None:
        raise UsageError("to list the recipes: curate recipes\nto begin one of your own: curate recipes new FILE.py")
    from job.recipe.custom.template import write_template

    name = write_template(file)
    print_line(f"wrote {printable(str(file))}; to see what it does with the first rows of a sample:")
    print_line("curate sample out/catalogue")
    print_line(f"curate try --source out/catalogue --set recipe.name={quoted(name)}")


def try_(
    config: ConfigArgument = None,
    source: Source = None,
    category: Category = None,
    assign: Assign = None,
    row: Annotated[int | None, typer.Option(metavar="N", help="Number of a row, counted from 0.")] = None,
    wanted: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="Id of a row; the source is read until it is found.")
    ] = None,
    text_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File with rows of your own: JSON objects, or one plain text.")
    ] = None,
) -> None:
    """Show what each step of the recipe does with some rows.

    Print what was read of a row, what each step found, the verdict, and the
    item. Without an option, the first rows of each category. Nothing is
    written, and no Ray is started.
    """
    if sum(option is not None for option in (row, wanted, text_file)) > 1:
        raise UsageError("--row, --id and --text-file exclude each other: give one of them")
    if row is not None and row < 0:
        raise UsageError(f"--row {row}: rows are counted from 0")
    if text_file is not None and config is None and not source and not category:
        category = ["Any"]  # nothing of it is read
    job = read_job(config, source, category, None, None, None, assign, skip_damaged_files=False)
    from job.plan import trial

    if text_file is not None:
        found: list[Tried] = trial.row_in_file(job, text_file)
    else:
        from job.plan.sources import find_sources

        sources = find_sources(job)
        if row is not None:
            if len(sources) > 1:
                names = ", ".join(each.category for each in sources)
                raise UsageError(f"--row {row} of which category? name one: --category NAME\nthere are: {names}")
            found = [trial.numbered_row(job, sources[0], row)]
        elif wanted is not None:
            found = [trial.row_with_id(job, sources, wanted, print_notice)]
        else:
            found = list(trial.first_rows(job, sources))
    for number, tried in enumerate(found):
        if number:
            print_line("")
        for line in _lines(tried):
            print_line(line)


def _lines(tried: Tried) -> Iterator[str]:
    yield printable(tried.place)
    yield from _values(tried.inputs)
    if tried.steps:
        yield "steps"
        yield from (f"  {printable(step)}" for step in tried.steps)
    cause = f": {printable(tried.cause)}" if tried.cause else ""
    yield f"verdict: {tried.verdict}{cause}"
    if tried.item:
        yield "item"
        yield from _values(tried.item)


def _values(values: dict[str, object]) -> Iterator[str]:
    width = max(map(len, values), default=0)
    for name, value in values.items():
        text = printable(value if isinstance(value, str) else repr(value), lines=True)
        text = text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}... ({len(text):,} characters)"
        first, *others = text.split("\n")
        yield f"  {name:{width}}  {first}"
        yield from (f"  {'':{width}}  {line}" for line in others)
