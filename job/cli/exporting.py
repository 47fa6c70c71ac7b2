"""Commands for a finished training set: `export` and `why`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from job.cli import completion
from job.cli.options import AsJson, Quiet, check_one_form
from job.cli.printing import print_line, print_notice
from job.errors import UsageError

SetArgument = Annotated[str, typer.Argument(metavar="SET", help="Folder or address of a training set.")]


def export(
    out: Annotated[
        str, typer.Argument(metavar="OUT", help="Folder or address of a training set; of items for --to jsonl.")
    ],
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="FORM",
            help="trl, axolotl, llama-factory, openai-2024, openai-2025, course-2024, course-2025 or jsonl.",
            autocompletion=completion.export_forms,
        ),
    ] = None,
    output: Annotated[str | None, typer.Option(metavar="DIR", help="Folder or address to write to.")] = None,
    max_length: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Check that no prompt and completion have more Llama 3 tokens together."),
    ] = None,
    too_long: Annotated[
        str | None, typer.Option(metavar="WHAT", help="Rows with more: drop, or fail, which is the default.")
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Write a training set in the form that a trainer reads.

    One file for each split, with the rows in their order: Parquet or JSON
    Lines, as the trainer wants it. Items can be written as JSON Lines.
    """
    check_one_form(quiet=quiet, as_json=as_json)
    if to is None or output is None:
        missing = " and ".join(
            option for option, value in (("--to FORM", to), ("--output DIR", output)) if value is None
        )
        raise UsageError(f"name {missing}, as in\ncurate export out/set --to trl --output out/for-trl")
    if too_long not in (None, "drop", "fail"):
        raise UsageError(f"--too-long is {too_long!r}: choose drop or fail")
    if too_long is not None and max_length is None:
        raise UsageError("--too-long is about rows with more tokens than --max-length: give that, too")

    from job.export.export import export as run_export
    from job.export.text import exported_json, exported_lines

    silent = quiet or as_json
    say = (lambda _: None) if silent else print_notice
    done = run_export(out, to, output, max_length=max_length, too_long=too_long, quiet=silent, say=say)
    if as_json:
        typer.echo(json.dumps(exported_json(output, done)))
    elif not quiet:
        for line in exported_lines(output, done):
            print_line(line)


def why(
    out: SetArgument,
    wanted: Annotated[str, typer.Argument(metavar="ID", help="Id of an item.")],
    as_json: AsJson = False,
) -> None:
    """Tell what became of an item in a training set.

    Its split, shard and row; or why it is in none: as a duplicate of which
    item, or what decided that it was not drawn.
    """
    from job.show.why import fates_of, why_json, why_lines

    plan, fates = fates_of(out, wanted)
    if as_json:
        typer.echo(json.dumps({"id": wanted, "items": why_json(fates)}))
        return
    for line in why_lines(out, plan, fates):
        print_line(line)
