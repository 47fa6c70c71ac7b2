"""Commands that look at an output: `report`, `show`, `status`, `rejects`, `verify`, `leaks`, `diff`."""

from __future__ import annotations

import json
from typing import Annotated

import msgspec
import typer

from job.cli.options import AsJson, OutputArgument, Workers, worker_count
from job.cli.printing import print_line, print_notice, terminal_width
from job.errors import UsageError, quoted


def show(
    out: OutputArgument,
    numbers: Annotated[
        list[int] | None,
        typer.Argument(metavar="N", help="Numbers of items, counted from 0; the first item unless given."),
    ] = None,
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of a training set: train, validation or test.")
    ] = None,
) -> None:
    """Print items of an output, or rows of a training set."""
    from job.output.folder import open_any
    from job.output.training_set.plan import SetPlan
    from job.show.items import item_lines
    from job.show.training_set import row_lines

    _, plan = open_any(out)
    if isinstance(plan, SetPlan):
        lines = row_lines(out, split, numbers or [0], terminal_width())
    elif split is not None:
        raise UsageError(f"--split is for training sets, and {out} holds items: curate show {quoted(out)} 0")
    else:
        lines = item_lines(out, numbers or [0], terminal_width())
    for line in lines:
        typer.echo(line)


def report(out: OutputArgument) -> None:
    """Make a page to look at: the funnel, prices, lengths, why rows were dropped.

    Count all items, and write OUT/report.html, which needs no network, and
    the same numbers as OUT/report.json. Of a training set: each stage,
    duplicates, leaks, label conflicts, and the error that a model must beat.
    """
    from job.output.folder import open_any
    from job.output.training_set.plan import SetPlan
    from job.report.make import make_report

    what = "training set" if isinstance(open_any(out)[1], SetPlan) else "items"
    print_line(f"to look at the {what}, open {make_report(out, print_notice)}")


def status(
    out: Annotated[str | None, typer.Argument(metavar="OUT", help="Output folder or address.")] = None,
    address: Annotated[
        str | None, typer.Option(metavar="URL", help="Address of a cluster's dashboard, to list its jobs instead.")
    ] = None,
    job_id: Annotated[str | None, typer.Option(metavar="ID", help="Show only this job of the cluster.")] = None,
    follow: Annotated[bool, typer.Option("--follow", metavar="", help="Follow that job until it ends.")] = False,
) -> None:
    """Show the progress of an output, or the jobs of a Ray cluster.

    This works while a run is in progress, and needs no Ray.
    """
    if (out is None) == (address is None) or (job_id is not None and address is None) or (follow and job_id is None):
        raise UsageError(
            "name an output, or a cluster: curate status OUT, or\n"
            "curate status --address http://HEAD:8265 [--job-id ID [--follow]]"
        )
    if out is not None:
        from job.output.status import status_lines

        lines = status_lines(out)
    else:
        from job.cluster.submit.api import connect
        from job.cluster.submit.command import job_lines, to_its_end

        jobs = connect(str(address))
        if follow:
            raise typer.Exit(to_its_end(jobs, str(job_id), print_line, print_notice))
        lines = job_lines(jobs, job_id)
    for line in lines:
        typer.echo(line)


def rejects(out: OutputArgument) -> None:
    """List the malformed rows of an output: file, position, cause.

    Malformed rows are kept aside, exactly as they were read.
    """
    from job.show.items import reject_lines

    for line in reject_lines(out):
        typer.echo(line)


def verify(
    out: Annotated[
        str,
        typer.Argument(metavar="OUT", help="Output folder or address; or what is published: hf://datasets/OWNER/NAME."),
    ],
    source: Annotated[
        bool, typer.Option("--source", metavar="", help="Read the whole source too, and compare it with the records.")
    ] = False,
) -> None:
    """Check every byte of an output against its records.

    Report files that are missing, damaged or do not belong there, and totals
    that do not add up. What is published, and a downloaded copy of it, is
    compared with its manifest.
    """
    from job.output.verify import verify_output
    from job.publish.verify import is_published, verify_published

    if is_published(out):
        if source:
            raise UsageError(f"--source reads what an output was made from, and only its folder says that, not {out}")
        typer.echo(verify_published(out, print_notice))
        return
    if source:
        from job.output.folder import open_output
        from job.plan.unchanged import check_source

        for line in check_source(*open_output(out), print_notice):
            print_line(line)
    typer.echo(verify_output(out))


def leaks(
    out: Annotated[str, typer.Argument(metavar="SET", help="Folder or address of a training set.")],
    near: Annotated[bool, typer.Option("--near", metavar="", help="Look for nearly the same texts, too.")] = False,
    examples: Annotated[int, typer.Option(metavar="N", min=0, help="Number of examples of each kind.")] = 5,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Show which rows of test and validation are in train, too.

    Rows are compared by id, title, text and prompt. Equal prompts with
    different prices are shown as well: no model can answer them all.
    """
    from job.show.leaks import leak_lines, leaks_json, set_leaks

    say = (lambda _: None) if as_json else print_notice
    found = set_leaks(out, near=near, examples=examples, workers=worker_count(workers), say=say, quiet=as_json)
    if as_json:
        typer.echo(json.dumps(leaks_json(found)))
        return
    for line in leak_lines(found):
        print_line(line)


def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="Folder or address of the first output.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Folder or address of the second output.")],
    examples: Annotated[
        int, typer.Option(metavar="N", min=0, help="Number of items to show of each kind of difference.")
    ] = 3,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", metavar="", help="End with exit code 1 unless the outputs are equal.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what is different between two outputs.

    Compare their configs, source files, counts and items; of training sets,
    what they were made of and the rows of each split. A category that is not
    finished is compared without its counts and items.
    """
    from job.output.diff.sets import compare_any
    from job.output.diff.text import difference_lines
    from job.progress.display import counted

    difference = compare_any(first, second, examples, lambda total: counted("items", total))
    if as_json:
        typer.echo(json.dumps(msgspec.json.decode(msgspec.json.encode(difference))))  # NaN is null in JSON
    else:
        for line in difference_lines(difference):
            typer.echo(line)
    if exit_code and not difference.equal:
        raise typer.Exit(1)
