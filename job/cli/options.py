"""Options that several commands share, and the job config that they make."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from job.cli import completion
from job.config.load import load_config, parse_assignment
from job.config.models import JobConfig
from job.errors import UsageError


def _output_option(default: str) -> Any:
    about = f"Folder or address to write to; {default} unless the config names one."
    return typer.Option("--output", metavar="PATH", help=about)


def _set_option(example: str) -> Any:
    about = f"Set any key of the config, such as {example}."
    return typer.Option("--set", metavar="KEY=VALUE", help=about, autocompletion=completion.keys)


OutputArgument = Annotated[str, typer.Argument(metavar="OUT", help="Output folder or address.")]
ConfigArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="CONFIG", help="YAML file with settings; see `curate config`.", autocompletion=completion.configs
    ),
]
Source = Annotated[
    str | None,
    typer.Option(metavar="PATH", help="Folder, file or address to read from, such as s3://BUCKET/FOLDER."),
]
Category = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Category to read; repeat the option for more.",
        autocompletion=completion.categories,
    ),
]
Output = Annotated[str | None, _output_option("out/items")]
OutputOfSet = Annotated[str | None, _output_option("out/set")]
Workers = Annotated[str | None, typer.Option(metavar="N", help="Number of CPU cores to use, or `all`.")]
Limit = Annotated[int | None, typer.Option(metavar="N", help="Read only the first N rows of each category.")]
Assign = Annotated[list[str] | None, _set_option("recipe.max_price=50")]
AssignOfSet = Annotated[list[str] | None, _set_option("sample.size=5000")]
Fresh = Annotated[
    bool, typer.Option("--fresh", metavar="", help="Start over: remove the files that the output's own plan lists.")
]
Quiet = Annotated[bool, typer.Option("--quiet", metavar="", help="Print nothing but errors.")]
AsJson = Annotated[bool, typer.Option("--json", metavar="", help="Print one JSON object and nothing else.")]
SkipDamagedFiles = Annotated[
    bool,
    typer.Option(
        "--skip-damaged-files",
        metavar="",
        help="Leave out what cannot be read of damaged source files; the manifest lists it.",
    ),
]
ClusterAddress = Annotated[
    str, typer.Option(metavar="URL", help="Address of the cluster's dashboard, such as http://HEAD:8265.")
]


def read_job(
    config: Path | None,
    source: str | None,
    category: list[str] | None,
    output: str | None,
    workers: str | None,
    limit: int | None,
    assign: list[str] | None,
    *,
    skip_damaged_files: bool,
) -> JobConfig:
    """Reads the config and applies the command line's options to it.

    Args:
        config: the config file; None for the defaults.
        source: `--source`; None when it is not given, as with the following ones.
        category: `--category`, once for each time it is given.
        output: `--output`.
        workers: `--workers`, a number or `all`.
        limit: `--limit`, in rows.
        assign: `--set`, as `KEY=VALUE`. The other options win over it.
        skip_damaged_files: `--skip-damaged-files`.

    Returns:
        The checked config.

    Raises:
        UsageError: when there is nothing to read, or a value is wrong.
    """
    given = {"source.path": source, "categories": category or None, "output": output, "limit": limit}
    overrides = given_overrides(given, assign, workers)
    if skip_damaged_files:
        overrides["skip_damaged_files"] = True
    if config is None and not overrides.keys() & {"source.path", "source.dataset", "source.load_dataset", "categories"}:
        raise UsageError(
            "nothing to read: name a config, --source DIR or --category NAME\n"
            "to try it with invented listings: curate sample DIR"
        )
    return load_config(config, overrides, typed_overrides(assign))


def worker_count(workers: str | None) -> int | Literal["all"]:
    """Reads `--workers` of a command without a config.

    Raises:
        UsageError: when it is neither a number from 1 up nor `all`.
    """
    if workers is None or workers == "all":
        return "all"
    if not re.fullmatch(r"0*[1-9][0-9]*", workers):
        raise UsageError(f"--workers {workers}: must be a whole number from 1 up, or `all` for every core")
    return int(workers)


def read_config(config: Path | None, given: Mapping[str, Any], assign: list[str] | None) -> JobConfig:
    """Reads the config of a command that may go without a source.

    Args:
        config: the config file; None for the defaults.
        given: values of options by key of the config; None where one is not given.
        assign: `--set`, as `KEY=VALUE`. The other options win over it.

    Raises:
        UsageError: when a value is wrong.
    """
    return load_config(config, given_overrides(given, assign), typed_overrides(assign))


def given_overrides(given: Mapping[str, Any], assign: list[str] | None, workers: str | None = None) -> dict[str, Any]:
    """Returns the values that the command line gives, by key of the config.

    Args:
        given: values of options by key of the config; None where one is not given. They win over `--set`.
        assign: `--set`, as `KEY=VALUE`.
        workers: `--workers`, a number or `all`.
    """
    overrides: dict[str, Any] = dict(parse_assignment(text) for text in assign or [])
    overrides |= {key: value for key, value in given.items() if value is not None}
    if workers is not None:
        overrides["workers"] = int(workers) if re.fullmatch(r"-?[0-9]+", workers) else workers
    return overrides


def typed_overrides(assign: list[str] | None) -> dict[str, str]:
    """Returns the values of `--set` as they were typed, by key of the config."""
    return {key: text for key, _, text in (each.partition("=") for each in assign or [])}


def check_one_form(*, quiet: bool, as_json: bool) -> None:
    """Raises UsageError when a command is to print nothing, and a JSON object."""
    if quiet and as_json:
        raise UsageError("--quiet and --json exclude each other: one prints nothing, the other one JSON object")
