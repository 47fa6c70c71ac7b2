"""The command that looks at a source: `categories`."""

from __future__ import annotations

import json

import typer

from job.cli.options import AsJson, Assign, Category, ConfigArgument, Source, read_config
from job.cli.printing import print_line, print_notice


def categories(
    config: ConfigArgument = None,
    source: Source = None,
    category: Category = None,
    assign: Assign = None,
    as_json: AsJson = False,
) -> None:
    """List the categories of a source: format, size, and what is cached.

    Without a source, list those of Amazon Reviews 2023 on the Hugging Face
    Hub; without a network, what is known of them.
    """
    job = read_config(config, {"source.path": source, "categories": category or None}, assign)

    from job.plan.listing import list_categories, listing_json, listing_lines
    from job.source.find.passed_over import PassedOver

    passed_over = PassedOver()
    listing = list_categories(job, passed_over)
    if as_json:
        typer.echo(json.dumps(listing_json(listing)))
        return
    for line in listing_lines(listing):
        print_line(line)
    for note in passed_over.notes:
        print_notice(note)
    if count := len(passed_over.unread):
        print_notice(f"{count:,} other files or folders there are not read, such as {passed_over.unread[0]}")
