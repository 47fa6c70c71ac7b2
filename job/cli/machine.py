"""Commands that need no output: `sample`, `config`, `bench`, `doctor`."""

from __future__ import annotations

import platform
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

from job.cli import completion
from job.cli.options import ConfigArgument
from job.cli.printing import print_notice
from job.config.addresses import is_address, without_secrets
from job.config.load import dump_config, is_craft_file, load_config, load_craft_config
from job.errors import UsageError, quoted

_ITEMS = "out/first"
"""Folder that stands for a user's own items in the config with the defaults."""


def sample(
    folder_name: Annotated[str, typer.Argument(metavar="DIR", help="Folder to write the catalogue to.")],
    rows: Annotated[int, typer.Option(metavar="N", help="Number of rows in all.")] = 20_000,
    seed: Annotated[int, typer.Option(metavar="N", help="Random seed: the same seed gives the same rows.")] = 0,
    category: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Category to make; repeat the option for more.",
            autocompletion=completion.categories,
        ),
    ] = None,
    file_format: Annotated[
        str,
        typer.Option(
            "--form",
            metavar="FORMAT",
            help="File format: jsonl, parquet or both.",
            autocompletion=completion.forms,
        ),
    ] = "both",
) -> None:
    """Make a sample catalogue of invented listings.

    Its files have the layout of the Amazon Reviews 2023 data set on the
    Hugging Face Hub, and its words are as varied as real ones. A newer curate
    may make other rows of the same seed.
    """
    from job.progress.display import counted
    from job.source.sample.catalogue import make_catalogue

    if is_address(folder_name):
        raise UsageError(
            f"{without_secrets(folder_name)}: a sample is made in a folder; copy it from there to its address"
        )
    folder = Path(folder_name)
    if file_format not in {"jsonl", "parquet", "both"}:
        raise UsageError(f"--form {file_format}: must be jsonl, parquet or both")
    names = {"categories": category} if category else {}
    with counted("rows", rows) as report:
        paths = make_catalogue(folder, rows=rows, seed=seed, file_format=file_format, report=report, **names)  # pyright: ignore[reportArgumentType]
    for path in paths:
        typer.echo(f"{path}  {path.stat().st_size / 1e6:,.1f} MB")
    typer.echo(f"made {rows:,} rows; curate them: curate run --source {quoted(folder)}")


def config(
    path: ConfigArgument = None,
    craft: Annotated[
        bool, typer.Option("--craft", metavar="", help="Print the config of `curate craft`, with its defaults.")
    ] = False,
) -> None:
    """Print a config with every key, its value and its meaning.

    Without a file, print the defaults: a start for a config of your own. A
    file with the key `items` is a config of `curate craft`.
    """
    if craft and path is None:
        made: BaseModel = load_craft_config(None, {"items": _ITEMS})
    else:
        made = load_craft_config(path) if craft or (path is not None and is_craft_file(path)) else load_config(path)
    typer.echo(dump_config(made), nl=False)


def bench(
    config: Annotated[
        Path | None,
        typer.Argument(
            metavar="CONFIG", help="YAML file whose first category is read.", autocompletion=completion.configs
        ),
    ] = None,
    rows: Annotated[
        int | None, typer.Option(metavar="N", help="Without a config: number of rows of the sample catalogue to read.")
    ] = None,
    file_format: Annotated[
        str | None,
        typer.Option(
            "--form",
            metavar="FORMAT",
            help="Without a config: file format to read: parquet, jsonl or both.",
            autocompletion=completion.forms,
        ),
    ] = None,
    workers: Annotated[
        str | None, typer.Option(metavar="N,N,...", help="Numbers of workers to try, such as 1,2,4.")
    ] = None,
    repeat: Annotated[int, typer.Option(metavar="N", help="Number of runs of each method.")] = 3,
    baseline_repeat: Annotated[
        int | None, typer.Option(metavar="N", help="Number of runs of each baseline, if fewer will do.")
    ] = None,
    baseline: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Method to compare with: process-pool, datasets-map, no-ray, datatrove or ray-data; or another "
            "recipe: course-2025 or row-recipe; repeat the option for more.",
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for the results and the sample catalogue.")
    ] = Path("out/bench"),
    kernel: Annotated[
        bool, typer.Option("--kernel", metavar="", help="Measure the rows/s of each stage on one core instead.")
    ] = False,
    recipe: Annotated[
        str | None, typer.Option(metavar="NAME", help="With --kernel, without a config: recipe, such as course-2025.")
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option(metavar="ROWS", help="Measure peak memory instead, at numbers of rows such as 100000,1000000."),
    ] = None,
    craft: Annotated[
        bool,
        typer.Option("--craft", metavar="", help="Measure `curate craft` against the course's method instead."),
    ] = False,
    items: Annotated[
        str | None, typer.Option(metavar="N,N,...", help="With --craft: numbers of items, such as 400000,2811408.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(metavar="NAME", help="With --craft: preset, such as course-2024; all unless given.")
    ] = None,
    hub: Annotated[
        bool,
        typer.Option("--hub", metavar="", help="Measure a first and a later run from a Hub on this machine instead."),
    ] = False,
    hub_rate: Annotated[
        float | None,
        typer.Option(metavar="MB/S", help="With --hub: speed of a connection, and then of the line. Default: 25."),
    ] = None,
) -> None:
    """Measure the speed on this machine, and compare it with other methods.

    Each run is a process of its own. All outputs are compared before any time
    is reported, and a baseline that makes other items is not called fast.
    """
    from job.bench.request import read_request

    request = read_request(
        config=config,
        rows=rows,
        file_format=file_format,
        workers=workers,
        repeat=repeat,
        baseline_repeat=baseline_repeat,
        baselines=baseline or [],
        kernel=kernel,
        recipe=recipe,
        memory=memory,
        craft=craft,
        items=items,
        preset=preset,
        hub=hub,
        hub_mb_per_s=hub_rate,
        output=output,
    )
    from job.bench.command import run_bench  # imports packages whose presence the request has checked

    for line in run_bench(request, print_notice):
        typer.echo(line)


def doctor() -> None:
    """Show what this machine has: versions, cores, memory and disk space."""
    from job.cluster.allowed import allowed_cpus, allowed_memory, usable_cores
    from job.cluster.own_ray import SHARED_MEMORY

    typer.echo(f"python {platform.python_version()} on {platform.system()} {platform.machine()}")
    for name in ("item-curator", "ray", "pyarrow", "datasets", "huggingface-hub", "splintr-rs", "llama-models"):
        typer.echo(f"{name} {version(name)}")
    cpus, memory = allowed_cpus(), allowed_memory()
    typer.echo(f"cores: {usable_cores()} ({cpus.amount:g} {'CPU' if cpus.amount == 1 else 'CPUs'}: {cpus.source})")
    typer.echo(f"memory: {memory.amount / 1e9:.1f} GB ({memory.source})")
    folders = {
        "disk, current folder": Path.cwd(),
        "disk, temporary files": Path(tempfile.gettempdir()),
        "shared memory": SHARED_MEMORY,
    }
    for name, folder in folders.items():
        if folder.is_dir():
            typer.echo(f"{name}: {shutil.disk_usage(folder).free / 1e9:.1f} GB free")
