"""Commands that publish an output, and prove that it is what it says: `push`, `check`."""

from __future__ import annotations

from typing import Annotated

import typer

from job.cli.options import OutputArgument, Workers
from job.cli.printing import print_line, print_notice
from job.errors import UsageError, quoted


def push(
    out: OutputArgument,
    name: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="Name of the data set on the Hub.")],
    public: Annotated[
        bool, typer.Option("--public", metavar="", help="Make a new data set public; otherwise it is private.")
    ] = False,
    revision: Annotated[
        str | None, typer.Option(metavar="BRANCH", help="Branch to write to, made if need be; `main` unless given.")
    ] = None,
    message: Annotated[str | None, typer.Option(metavar="TEXT", help="Message of the commit.")] = None,
    with_removed: Annotated[
        bool, typer.Option("--with-removed", metavar="", help="Send the rows that are in no split, too.")
    ] = False,
    replace: Annotated[
        bool,
        typer.Option("--replace", metavar="", help="Delete what the data set has that no earlier push sent."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar="", help="Show what would be done, and change nothing.")
    ] = False,
) -> None:
    """Publish an output on the Hugging Face Hub.

    Read the output back, send what the Hub does not have, and publish it all
    in one commit at the end. The same command resumes an interrupted push,
    and sends nothing when all is there. The token is that of `hf auth login`,
    or HF_TOKEN.
    """
    from job.publish.push import push as push_output

    for line in push_output(
        out,
        name,
        public=public,
        revision=revision,
        message=message,
        with_removed=with_removed,
        replace=replace,
        dry_run=dry_run,
        say=print_notice,
    ):
        print_line(line)


def check(
    out: OutputArgument,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", metavar="", help="Make it again, and compare it byte for byte.")
    ] = False,
    source: Annotated[
        str | None, typer.Option(metavar="PATH", help="Where the source lies now, if not where it was.")
    ] = None,
    items: Annotated[
        str | None, typer.Option(metavar="PATH", help="Where the items of a training set lie now, likewise.")
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(metavar="FILE.py:CLASS", help="The recipe, if it is one of your own: its code is run."),
    ] = None,
    workers: Workers = None,
) -> None:
    """Prove that an output can be made again, byte for byte.

    Make it again from its source, or a training set from its items, in a
    temporary folder, which is removed afterwards. To check only the files that are there: curate verify OUT
    """
    if not rebuild:
        raise UsageError(
            f"say how to check it: make it again and compare: curate check {quoted(out)} --rebuild\n"
            f"to check the files that are there: curate verify {quoted(out)}"
        )
    from job.publish.rebuild import rebuild as rebuild_output

    print_line(rebuild_output(out, source=source, items=items, recipe=recipe, workers=workers, say=print_notice))
