"""Prints lines to the terminal, with control characters escaped."""

from __future__ import annotations

import typer

from job.errors import printable


def print_line(line: str) -> None:
    """Prints a result to standard output."""
    typer.echo(printable(line, lines=True))


def print_notice(line: str) -> None:
    """Prints a notice to standard error, so that standard output has only results."""
    typer.echo(printable(line, lines=True), err=True)
