"""Prints lines to the terminal, with control characters escaped."""

from __future__ import annotations

import shutil
import sys

import typer

from job.errors import printable


def print_line(line: str) -> None:
    """Prints a result to standard output."""
    typer.echo(printable(line, lines=True))


def print_notice(line: str) -> None:
    """Prints a notice to standard error, so that standard output has only results."""
    typer.echo(printable(line, lines=True), err=True)


def screen_width() -> int:
    """Returns the columns of the terminal; 80 where there is none, as in a pipe."""
    return shutil.get_terminal_size().columns


def terminal_width() -> int | None:
    """Returns the columns of the terminal; None where standard output is none, and text is best left as it is."""
    return screen_width() if sys.stdout.isatty() else None
