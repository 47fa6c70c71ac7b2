"""Commands that start and stop jobs: `run`, `submit`, `stop`."""

from __future__ import annotations

import json
from typing import Annotated

import msgspec
import typer

from job.cli.crafting import is_craft, read_craft
from job.cli.options import (
    AsJson,
    Assign,
    Category,
    ClusterAddress,
    ConfigArgument,
    Fresh,
    Limit,
    Output,
    Quiet,
    SkipDamagedFiles,
    Source,
    Workers,
    check_one_form,
    read_job,
)
from job.cli.printing import print_line, print_notice, screen_width
from job.config.craft import CraftConfig
from job.config.models import JobConfig
from job.errors import UsageError


def run(
    config: ConfigArgument = None,
    source: Source = None,
    category: Category = None,
    output: Output = None,
    workers: Workers = None,
    limit: Limit = None,
    assign: Assign = None,
    fresh: Fresh = False,
    skip_damaged_files: SkipDamagedFiles = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar="", help="Show what would be done, and change nothing.")
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Curate a catalogue, or resume an interrupted run.

    Read each category of the source, turn the rows that the recipe keeps into
    items, and write these as sharded Parquet. Finished work is not repeated:
    the same command resumes an interrupted run, and does nothing when the
    output is complete.
    """
    check_one_form(quiet=quiet, as_json=as_json)
    job = read_job(config, source, category, output, workers, limit, assign, skip_damaged_files=skip_damaged_files)

    from job.cluster.last import ray_stopped_last
    from job.run import prospects, run_job
    from job.show.items import funnel_table, outcome_lines, prospect_lines, prospects_json
    from job.source.find.passed_over import PassedOver

    silent = quiet or as_json
    say = (lambda _: None) if silent else print_notice
    if dry_run:
        passed_over = PassedOver()
        found = prospects(job, fresh=fresh, passed_over=passed_over, say=say)
        if as_json:
            typer.echo(json.dumps(prospects_json(job, found, passed_over)))
        elif not quiet:
            for line in prospect_lines(job, found, passed_over):
                typer.echo(line)
        return
    with ray_stopped_last():
        outcome = run_job(job, fresh=fresh, quiet=silent, say=say)
        if as_json:
            result = msgspec.to_builtins(outcome.manifest)
            more: dict[str, object] = {"new_partitions": outcome.new_partitions, "not_read": outcome.passed_over.names}
            if outcome.lost_nodes:
                more["lost_nodes"] = outcome.lost_nodes
            typer.echo(json.dumps({**result, "output": job.output, **more}))
        elif not quiet:
            typer.echo(funnel_table(outcome.manifest, screen_width()))
            for line in outcome_lines(job, outcome, screen_width()):
                typer.echo(line)


def submit(
    address: ClusterAddress,
    config: ConfigArgument = None,
    source: Source = None,
    category: Category = None,
    output: Output = None,
    workers: Workers = None,
    limit: Limit = None,
    assign: Assign = None,
    fresh: Fresh = False,
    skip_damaged_files: SkipDamagedFiles = False,
    job_id: Annotated[
        str | None, typer.Option(metavar="ID", help="Name for the job; a random one unless given.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", metavar="", help="Follow the job until it ends, or return at once.")
    ] = True,
    install: Annotated[
        bool,
        typer.Option(
            "--install",
            metavar="",
            help="Install the locked packages on the nodes first; otherwise their image must have them.",
        ),
    ] = False,
) -> None:
    """Run a job on a Ray cluster: curate a catalogue, or craft a training set.

    Send this program's code and the config to the cluster, and follow the job
    until it ends. A config that names `items` is one of a training set.
    Source, items and output are addresses, or paths that all nodes of the
    cluster share. Ctrl-C leaves the job running.
    """
    job: JobConfig | CraftConfig
    if is_craft(config, assign):
        if source is not None or category or limit is not None or skip_damaged_files:
            raise UsageError(
                "a training set is made of items, so it has no --source, --category, --limit or --skip-damaged-files\n"
                "give these to the run that makes the items"
            )
        job = read_craft(config, None, output, None, workers, assign)
    else:
        job = read_job(config, source, category, output, workers, limit, assign, skip_damaged_files=skip_damaged_files)
    from job.cluster.submit.command import submit_job, to_its_end

    jobs, name = submit_job(job, address, job_id=job_id, fresh=fresh, install=install, say=print_notice)
    if wait:
        raise typer.Exit(to_its_end(jobs, name, print_line, print_notice))


def stop(
    job_id: Annotated[str, typer.Argument(metavar="ID", help="Name of the job, as `curate status` lists it.")],
    address: ClusterAddress,
) -> None:
    """Stop a job on a Ray cluster.

    What the job has finished is kept. To resume it, submit it again.
    """
    from job.cluster.submit.command import stop_job

    typer.echo(stop_job(address, job_id))
