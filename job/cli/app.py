"""The `curate` command: its subcommands, its help, and how it ends."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated, NoReturn

import typer

from job.cli import catalogue, crafting, exporting, machine, outputs, publishing, recipes, running
from job.cli.unknown import Command
from job.errors import CurateError, as_curate_error, printable
from job.signals import INTERRUPTED, only_follows
from job.streams.standard import error_document

app = typer.Typer(
    help=(
        "Turn a large product catalogue into training data for a model that predicts prices.\n\n"
        "To try it:\n"
        "curate sample out/catalogue\n"
        "curate run --source out/catalogue --output out/first"
    ),
    epilog=(
        "Exit codes: 0 done, 1 failed, 2 wrong usage, config or input, 3 too many malformed rows, "
        "4 refused because the output belongs to another job or run, 130 interrupted\n\n"
        "Example:\n"
        "curate run --source out/catalogue --output out/first"
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

_COMMANDS = {
    "Curate": [running.run, crafting.craft, catalogue.categories, machine.sample, machine.config],
    "Use a training set": [exporting.export, exporting.why],
    "Make a recipe": [recipes.recipes, recipes.try_],
    "Look at an output": [
        *[outputs.report, outputs.show, outputs.status, outputs.rejects, outputs.verify, outputs.leaks, outputs.diff],
    ],
    "Publish, and prove it": [publishing.push, publishing.check],
    "Use a Ray cluster": [running.submit, running.stop],
    "Know your machine": [machine.bench, machine.doctor],
}
_EXAMPLES = {
    "run": [
        "curate run --source out/catalogue --output out/first",
        "curate run configs/appliances.yaml --workers 2",
        "curate run --category Toys_and_Games --limit 1000 --dry-run",
    ],
    "craft": [
        "curate craft --items out/first --output out/set",
        "curate craft configs/pricer-2024.yaml --dry-run",
    ],
    "export": ["curate export out/set --to trl --output out/for-trl"],
    "why": ["curate why out/set B07XXXXXXX"],
    "categories": ["curate categories", "curate categories --source out/catalogue --json"],
    "sample": ["curate sample out/toys --rows 5000 --category Toys --form jsonl"],
    "config": [
        "curate config > my-job.yaml",
        "curate config configs/sample.yaml",
        "curate config --craft > my-set.yaml",
    ],
    "recipes": ["curate recipes", "curate recipes new my_recipe.py"],
    "try": [
        "curate try configs/sample.yaml",
        "curate try --source out/catalogue --category Appliances --row 17",
        "curate try my-job.yaml --id B07XXXXXXX",
    ],
    "report": ["curate report out/first"],
    "show": ["curate show out/first 0 7"],
    "rejects": ["curate rejects out/first"],
    "verify": ["curate verify out/first", "curate verify hf://datasets/OWNER/NAME"],
    "leaks": ["curate leaks out/set", "curate leaks out/set --near --examples 20"],
    "doctor": ["curate doctor"],
    "status": [
        "curate status out/first",
        "curate status --address http://HEAD:8265",
        "curate status --address http://HEAD:8265 --job-id ID --follow",
    ],
    "diff": ["curate diff out/first out/second", "curate diff out/first s3://my-bucket/items --json --exit-code"],
    "push": [
        "curate push out/first OWNER/NAME --dry-run",
        "curate push out/first OWNER/NAME --public",
    ],
    "check": ["curate check out/first --rebuild", "curate check out/first --rebuild --source out/catalogue"],
    "submit": ["curate submit my-job.yaml --address http://HEAD:8265"],
    "stop": ["curate stop ID --address http://HEAD:8265"],
    "bench": [
        "curate bench --workers 1,2 --baseline no-ray",
        "curate bench configs/sample.yaml --repeat 5",
        "curate bench --form both --baseline datatrove --baseline ray-data",
        "curate bench --hub --hub-rate 25",
        "curate bench --craft --items 400000",
    ],
}


def _epilog(name: str) -> str:
    """Returns the examples that end a command's help."""
    examples = _EXAMPLES[name]
    return "\n".join(["Example:" if len(examples) == 1 else "Examples:", *examples])


for _panel, _functions in _COMMANDS.items():
    for _function in _functions:
        _name = _function.__name__.removesuffix("_")  # `try` is a word of Python
        app.command(_name, cls=Command, rich_help_panel=_panel, epilog=_epilog(_name))(_function)


def _print_version(is_asked: bool) -> None:  # noqa: FBT001 (typer passes it by position)
    if is_asked:
        typer.echo(f"curate {version('item-curator')}, ray {version('ray')}")
        raise typer.Exit


@app.callback()
def global_options(
    is_asked: Annotated[
        bool,
        typer.Option(
            "--version", metavar="", is_eager=True, callback=_print_version, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Options that come before the command."""


def _fail(error: CurateError) -> NoReturn:
    typer.echo(f"error: {printable(str(error), lines=True)}", err=True)
    _print_document(str(error), error.exit_code)
    sys.exit(error.exit_code)


def _print_document(error: str, exit_code: int) -> None:
    if document := error_document(error, exit_code):
        typer.echo(document)


def main() -> None:
    """Runs the command. A `CurateError` is printed as one message; an unknown error keeps its traceback."""
    try:
        app(prog_name="curate")
    except SystemExit as ending:
        if ending.code == INTERRUPTED and not only_follows():  # typer's exit code for Ctrl-C
            kept = (
                "; what was finished is kept: run the same command again to go on"
                if sys.argv[1:2] in (["run"], ["craft"], ["push"])
                else ""
            )
            typer.echo(f"interrupted{kept}", err=True)
            _print_document(f"interrupted{kept}", INTERRUPTED)
        raise
    except Exception as error:
        friendly = as_curate_error(error)
        if friendly is None:
            raise
        _fail(friendly)
