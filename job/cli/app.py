"""The command line: words in, words out."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, NoReturn

import msgspec
import typer

from job.config.addresses import is_address, without_secrets
from job.config.load import dump_config, load_config, parse_assignment
from job.config.models import JobConfig
from job.errors import CurateError, UsageError, as_curate_error, printable, quoted
from job.signals import INTERRUPTED, only_follows

app = typer.Typer(
    help="Turns a big product catalogue into training data for a model that guesses prices.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_Output = Annotated[str, typer.Argument(metavar="OUT", help="An output folder, or its address.")]


_Config = Annotated[Path | None, typer.Argument(help="A YAML file; the defaults hold without one.")]
_Source = Annotated[str | None, typer.Option(help="A folder, one file, or an address, to read from.")]
_Category = Annotated[list[str] | None, typer.Option(help="A category; may be given again.")]
_OutputOption = Annotated[str | None, typer.Option(help="The output folder, or its address.")]
_Workers = Annotated[str | None, typer.Option(help="How many cores work, or `all`.")]
_Limit = Annotated[int | None, typer.Option(help="Only the first so many rows of each category.")]
_Assign = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any key of the config.")]
_Fresh = Annotated[bool, typer.Option("--fresh", help="Replace what the output's own plan names.")]
_Skip = Annotated[
    bool, typer.Option("--skip-damaged-files", help="Go on without what cannot be read of damaged files.")
]
_Address = Annotated[str, typer.Option(metavar="URL", help="Of the cluster's dashboard, such as http://HEAD:8265.")]


@app.command("run")
def run(
    config: _Config = None,
    source: _Source = None,
    category: _Category = None,
    output: _OutputOption = None,
    workers: _Workers = None,
    limit: _Limit = None,
    assign: _Assign = None,
    fresh: _Fresh = False,
    skip_damaged_files: _Skip = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and touch nothing.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show nothing but errors.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Curate a catalogue, or go on with it."""
    if quiet and as_json:
        raise UsageError("--quiet and --json exclude each other: one prints nothing, the other one JSON object")
    job = _job(config, source, category, output, workers, limit, assign, skip_damaged_files=skip_damaged_files)

    from job.run import prospects, run_job
    from job.show import funnel_table, outcome_lines, prospect_lines, prospects_json

    silent = quiet or as_json
    if dry_run:
        found = prospects(job, fresh=fresh)
        if as_json:
            typer.echo(json.dumps(prospects_json(job, found)))
        elif not quiet:
            for line in prospect_lines(job, found):
                typer.echo(line)
        return
    outcome = run_job(job, fresh=fresh, quiet=silent, say=(lambda _: None) if silent else _say)
    if as_json:
        result = msgspec.to_builtins(outcome.manifest)
        typer.echo(json.dumps({**result, "output": job.output, "new_partitions": outcome.new_partitions}))
    elif not quiet:
        typer.echo(funnel_table(outcome.manifest))
        for line in outcome_lines(job, outcome):
            typer.echo(line)


@app.command("submit")
def submit(
    address: _Address,
    config: _Config = None,
    source: _Source = None,
    category: _Category = None,
    output: _OutputOption = None,
    workers: _Workers = None,
    limit: _Limit = None,
    assign: _Assign = None,
    fresh: _Fresh = False,
    skip_damaged_files: _Skip = False,
    job_id: Annotated[str | None, typer.Option(metavar="ID", help="What to call the job.")] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow it to its end.")] = True,
    install: Annotated[
        bool, typer.Option("--install", help="Have the nodes install the locked packages; else their image has them.")
    ] = False,
) -> None:
    """Have a Ray cluster curate a catalogue, or go on with it."""
    job = _job(config, source, category, output, workers, limit, assign, skip_damaged_files=skip_damaged_files)
    from job.cluster.submit.command import submit_job, to_its_end

    jobs, name = submit_job(job, address, job_id=job_id, fresh=fresh, install=install, say=_say)
    if wait:
        raise typer.Exit(to_its_end(jobs, name, _show, _say))


@app.command("stop")
def stop(
    job_id: Annotated[str, typer.Argument(metavar="ID", help="The job's name.")],
    address: _Address,
) -> None:
    """Stop a job on a cluster."""
    from job.cluster.submit.command import stop_job

    typer.echo(stop_job(address, job_id))


@app.command("sample")
def sample(
    place: Annotated[str, typer.Argument(metavar="DIR", help="Where the catalogue goes.")],
    rows: Annotated[int, typer.Option(help="How many rows in all.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 0,
    category: Annotated[list[str] | None, typer.Option(help="A category; may be given again.")] = None,
    file_format: Annotated[str, typer.Option("--form", help="jsonl, parquet or both.")] = "both",
) -> None:
    """Make a sample catalogue in the Hub's layout."""
    from job.progress import counted
    from job.source.sample.catalogue import make_catalogue

    if is_address(place):
        raise UsageError(f"{without_secrets(place)}: a sample is made in a folder; copy it from there to its address")
    folder = Path(place)
    if file_format not in {"jsonl", "parquet", "both"}:
        raise UsageError(f"--form {file_format}: must be jsonl, parquet or both")
    names = {"categories": category} if category else {}
    with counted("rows", rows) as report:
        paths = make_catalogue(folder, rows=rows, seed=seed, file_format=file_format, report=report, **names)  # pyright: ignore[reportArgumentType]
    for path in paths:
        typer.echo(f"{path}  {path.stat().st_size / 1e6:,.1f} MB")
    typer.echo(f"made {rows:,} rows; curate them: curate run --source {quoted(folder)}")


@app.command("show")
def show(
    out: _Output,
    numbers: Annotated[list[int] | None, typer.Argument(metavar="[N]...", help="Which items.")] = None,
) -> None:
    """Print items, with the prompt and the test prompt."""
    from job.recipe.course_2024.recipe import test_prompt
    from job.show import items

    for number, item in items(out, numbers or [0]):
        typer.echo(
            f"item {number}: {item['title']!r} · {item['category']} · ${item['price']} · {item['token_count']} tokens"
        )
        typer.echo(f"\n--- prompt\n{item['prompt']}\n\n--- test prompt\n{test_prompt(item['prompt'])}\n")


@app.command("status")
def status(
    out: Annotated[str | None, typer.Argument(metavar="[OUT]", help="An output folder, or its address.")] = None,
    address: Annotated[str | None, typer.Option(metavar="URL", help="Of a cluster's dashboard, for its jobs.")] = None,
    job_id: Annotated[str | None, typer.Option(metavar="ID", help="One of the cluster's jobs.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Follow that job to its end.")] = False,
) -> None:
    """Say how far an output is, without Ray; or how the jobs of a cluster are."""
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
            raise typer.Exit(to_its_end(jobs, str(job_id), _show, _say))
        lines = job_lines(jobs, job_id)
    for line in lines:
        typer.echo(line)


@app.command("rejects")
def rejects(out: _Output) -> None:
    """List the malformed rows: file, position, cause."""
    from job.show import reject_lines

    for line in reject_lines(out):
        typer.echo(line)


@app.command("verify")
def verify(out: _Output) -> None:
    """Read an output back and compare it with its records."""
    from job.output.verify import verify_output

    typer.echo(verify_output(out))


@app.command("config")
def config(
    path: Annotated[Path | None, typer.Argument(metavar="[CONFIG]", help="A YAML file.")] = None,
) -> None:
    """Print a config with every key, its value and what it means."""
    typer.echo(dump_config(load_config(path)), nl=False)


@app.command("bench")
def bench(
    config: Annotated[Path | None, typer.Argument(help="A YAML file, whose first category is read.")] = None,
    rows: Annotated[int | None, typer.Option(help="So many rows of a sample catalogue.")] = None,
    file_format: Annotated[
        str | None, typer.Option("--form", help="Of the sample catalogue: parquet, jsonl or both.")
    ] = None,
    workers: Annotated[str | None, typer.Option(help="Numbers of workers, such as 1,2,4.")] = None,
    repeat: Annotated[int, typer.Option(help="How many times each run is done.")] = 3,
    baseline: Annotated[
        list[str] | None, typer.Option(help="process-pool, datasets-map or no-ray; may be given again.")
    ] = None,
    output: Annotated[Path, typer.Option(help="The folder for results, and for what is read.")] = Path("out/bench"),
    kernel: Annotated[bool, typer.Option("--kernel", help="Rows/s of each stage on one core.")] = False,
    memory: Annotated[
        str | None, typer.Option(metavar="ROWS", help="Peak memory at numbers of rows, such as 100000,1000000.")
    ] = None,
) -> None:
    """Measure how fast it is, and compare it with other ways to do it."""
    from job.bench.request import read_request

    request = read_request(
        config=config,
        rows=rows,
        file_format=file_format,
        workers=workers,
        repeat=repeat,
        baselines=baseline or [],
        kernel=kernel,
        memory=memory,
        output=output,
    )
    from job.bench.command import run_bench  # which needs packages that the request has looked for

    for line in run_bench(request, _say):
        typer.echo(line)


@app.command("doctor")
def doctor() -> None:
    """Say what this machine has for the job."""
    from job.cluster.start import SHARED_MEMORY, usable_cores

    typer.echo(f"python {platform.python_version()} on {platform.system()} {platform.machine()}")
    for name in ("item-curator", "ray", "pyarrow", "datasets", "huggingface-hub", "tiktoken", "llama-models"):
        typer.echo(f"{name} {version(name)}")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    typer.echo(f"cores: {usable_cores()}")
    typer.echo(f"memory: {memory / 1e9:.1f} GB")
    folders = {"here": Path.cwd(), "temporary files": Path(tempfile.gettempdir()), "shared memory": SHARED_MEMORY}
    for what, folder in folders.items():
        if not folder.is_dir():
            continue
        typer.echo(f"room for {what}: {shutil.disk_usage(folder).free / 1e9:.1f} GB free")


def _job(
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
    """Makes the job out of a config and what the command line lays over it."""
    overrides: dict[str, Any] = dict(parse_assignment(text) for text in assign or [])
    given = {"source.path": source, "categories": category or None, "output": output, "limit": limit}
    overrides |= {key: value for key, value in given.items() if value is not None}
    if skip_damaged_files:
        overrides["skip_damaged_files"] = True
    if workers is not None:
        overrides["workers"] = int(workers) if re.fullmatch(r"-?[0-9]+", workers) else workers
    if config is None and not overrides.keys() & {"source.path", "source.dataset", "source.load_dataset", "categories"}:
        raise UsageError(
            "nothing to read: name a config, --source DIR or --category NAME\nto try it: curate sample DIR"
        )
    return load_config(config, overrides)


def _show(line: str) -> None:
    typer.echo(printable(line, lines=True))


def _say(line: str) -> None:
    typer.echo(printable(line, lines=True), err=True)


def _fail(error: CurateError) -> NoReturn:
    typer.echo(f"error: {printable(str(error), lines=True)}", err=True)
    if "--json" in sys.argv:
        typer.echo(json.dumps({"error": str(error), "exit_code": error.exit_code}))
    sys.exit(error.exit_code)


def _say_version(is_asked: bool) -> None:  # noqa: FBT001 (as typer calls it)
    if is_asked:
        typer.echo(f"curate {version('item-curator')}, ray {version('ray')}")
        raise typer.Exit


@app.callback()
def before(
    is_asked: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_say_version, help="Say which version this is.")
    ] = False,
) -> None:
    """What goes for all commands."""


def main() -> None:
    """Runs the command; a known error ends it with one message, an unknown one with its traceback."""
    try:
        app()
    except SystemExit as ending:
        if ending.code == INTERRUPTED and not only_follows():  # which is how typer ends on Ctrl-C
            kept = "; what was finished is kept: run the same command again to go on" if "run" in sys.argv[1:2] else ""
            typer.echo(f"interrupted{kept}", err=True)
        raise
    except Exception as error:
        friendly = as_curate_error(error)
        if friendly is None:
            raise
        _fail(friendly)
