"""The command that makes training sets: `craft`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from job.cli import completion
from job.cli.options import (
    AsJson,
    AssignOfSet,
    Fresh,
    OutputOfSet,
    Quiet,
    Workers,
    check_one_form,
    given_overrides,
    typed_overrides,
)
from job.cli.printing import print_notice, screen_width
from job.config.craft import CraftConfig
from job.config.load import load_craft_config
from job.config.yaml_file import read_settings
from job.errors import UsageError, printable, quoted

CraftConfigArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="CONFIG",
        help="YAML file with settings; see `curate config --craft`.",
        autocompletion=completion.configs,
    ),
]
Items = Annotated[
    str | None, typer.Option(metavar="PATH", help="Finished output of `curate run` that the set is made of.")
]
Preset = Annotated[
    str | None, typer.Option(metavar="NAME", help="Make the set of a course: course-2024 or course-2025.")
]


def craft(
    config: CraftConfigArgument = None,
    items: Items = None,
    output: OutputOfSet = None,
    preset: Preset = None,
    workers: Workers = None,
    assign: AssignOfSet = None,
    fresh: Fresh = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar="", help="Show what would be drawn, and change nothing.")
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Craft a training set of finished items, or resume one.

    Remove duplicates, draw a sample, divide it into train, validation and
    test, and write these as sharded Parquet with a prompt and a completion in
    each row. The same items and settings give the same bytes.
    """
    check_one_form(quiet=quiet, as_json=as_json)
    settings = read_craft(config, items, output, preset, workers, assign)

    from job.cluster.last import ray_stopped_last
    from job.craft import craft_set, set_prospect
    from job.show.training_set import set_lines, set_prospect_json, set_prospect_lines, set_table

    silent = quiet or as_json
    say = (lambda _: None) if silent else print_notice
    if dry_run:
        prospect = set_prospect(settings, fresh=fresh, quiet=silent, say=say)
        if as_json:
            typer.echo(json.dumps(set_prospect_json(settings, prospect)))
        elif not quiet:
            for line in set_prospect_lines(settings, prospect, screen_width()):
                typer.echo(line)
        return
    with ray_stopped_last():
        outcome = craft_set(settings, fresh=fresh, quiet=silent, say=say)
        if as_json:
            result = msgspec.to_builtins(outcome.manifest)
            typer.echo(json.dumps({**result, "output": settings.output, "new_shards": outcome.new_shards}))
        elif not quiet:
            typer.echo(set_table(outcome.manifest, screen_width()))
            for line in set_lines(settings, outcome):
                typer.echo(line)


def read_craft(
    config: Path | None,
    items: str | None,
    output: str | None,
    preset: str | None,
    workers: str | None,
    assign: list[str] | None,
) -> CraftConfig:
    """Reads the config of a training set, and applies the command line's options to it.

    Raises:
        UsageError: when no items are named, or a value is wrong.
    """
    if config is not None and config.is_dir():
        raise UsageError(
            f"{printable(str(config))} is a folder, not a config\n"
            f"to make a training set of the items in it: --items {quoted(config)}"
        )
    overrides = given_overrides({"items": items, "output": output, "preset": preset}, assign, workers)
    if config is None and "items" not in overrides:
        raise UsageError(
            "no items to make a set of: name a config, or --items OUT, a finished output of `curate run`\n"
            "to try it: curate craft --items out/first --output out/set"
        )
    return load_craft_config(config, overrides, typed_overrides(assign))


def is_craft(config: Path | None, assign: list[str] | None) -> bool:
    """Tells whether a config is one of a training set: whether it names items.

    Raises:
        UsageError: when it cannot be read.
    """
    keys = set() if config is None else set(read_settings(config))
    return "items" in keys or any(text.startswith("items=") for text in assign or [])
