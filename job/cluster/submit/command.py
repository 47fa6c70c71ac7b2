"""`curate submit`, `curate status --address` and `curate stop`: submits, shows and stops jobs on a cluster."""

from __future__ import annotations

import contextlib
import re
import tempfile
import time
import uuid
from collections.abc import Callable, Generator, Iterator
from datetime import datetime
from pathlib import Path

from ray.job_submission import JobDetails, JobStatus

from job.cluster.code_archive import CONFIG_NAME, LOCK_NAME, write_code_archive
from job.cluster.submit.api import Jobs, answering, connect
from job.cluster.submit.follow import commands, ending, follow
from job.config.addresses import is_address
from job.config.craft import CraftConfig
from job.config.models import JobConfig
from job.errors import UsageError, printable

_OUTPUT = "curate_output"
"""Key in a job's metadata, by which jobs of this program are told from others."""
_STOP_WAIT, _STOP_S = "RAY_JOB_STOP_WAIT_TIME_S", 20
"""Environment variable and seconds: how long a job that is stopped may take to end in good order. By default Ray kills
it after 3 s."""
_WORKING_DIR = "${RAY_RUNTIME_ENV_CREATE_WORKING_DIR}"


def check_paths(config: JobConfig | CraftConfig) -> None:
    """Checks that a job names no path that only this machine can resolve.

    Args:
        config: the job config.

    Raises:
        UsageError: if it does.
    """
    is_craft = isinstance(config, CraftConfig)
    named = ("--set items=", config.items) if is_craft else ("--source ", config.source.path)
    for option, path in (named, ("--output ", config.output)):
        if path is not None and not is_address(path) and not Path(path).is_absolute():
            raise UsageError(
                f"{option}{path}: a submitted job has no folder here, so it cannot resolve a relative path\n"
                f"nothing was submitted; name a folder that all nodes of the cluster share, such as {option}"
                f"/shared/{Path(path).name}, or an address such as s3://BUCKET/{Path(path).name}"
            )
    if is_craft:
        return
    for key, value in (config.source.load_dataset or {}).items():
        named = value if isinstance(value, list) else [value]
        here = [text for text in named if isinstance(text, str) and not text.startswith("/") and Path(text).exists()]
        if here and key in {"path", "data_files", "data_dir"}:
            raise UsageError(
                f"source.load_dataset.{key}: {here[0]} is a file of this machine, which the cluster does not have\n"
                "nothing was submitted; name a path that all nodes of the cluster share, or a data set on the Hub"
            )


def submit_job(
    config: JobConfig | CraftConfig,
    address: str,
    *,
    job_id: str | None,
    fresh: bool,
    install: bool,
    say: Callable[[str], None],
) -> tuple[Jobs, str]:
    """Submits a job.

    Args:
        config: the job config.
        address: the address of the cluster's dashboard.
        job_id: the name of the job; None for a random one.
        fresh: whether to replace what the output's own plan names.
        install: whether the nodes install the locked packages; if not, their image has to have them.
        say: receives one line for each step.

    Returns:
        The client for the cluster's jobs, and the job's name.

    Raises:
        UsageError: if the job cannot be submitted as it is.
        CurateError: if the cluster does not answer, or refuses.
    """
    job_id = job_id or f"curate-{uuid.uuid4().hex[:8]}"
    if not re.fullmatch(r"\w[\w.-]{0,99}", job_id, flags=re.ASCII):
        raise UsageError(f"--job-id {job_id}: use letters, digits, _, - and . only, at most 100")
    check_paths(config)
    command = "craft" if isinstance(config, CraftConfig) else "run"
    jobs = connect(address)
    _check_free(jobs, job_id)
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "curate.zip"
        write_code_archive(archive, config, with_lock=install)
        environment: dict[str, object] = {"working_dir": str(archive), "env_vars": {_STOP_WAIT: str(_STOP_S)}}
        if install:
            environment["pip"] = {"packages": [f"-r {_WORKING_DIR}/{LOCK_NAME}"], "pip_check": False}
        say(f"submitting to {jobs.address}: {archive.stat().st_size / 1e3:,.0f} kB of code and config")
        with answering(jobs.address), _told_if_interrupted(jobs, job_id, say):
            jobs.submit_job(
                # `exec` replaces the shell, so that signals reach the program and its exit code is the job's
                entrypoint=f"exec python -m job {command} {CONFIG_NAME}{' --fresh' if fresh else ''}",
                submission_id=job_id,
                runtime_env=environment,
                metadata={_OUTPUT: config.output},
            )
    say(f"submitted as {job_id}\n{commands(jobs.address, job_id)}")
    if install:
        say("first each node installs the packages, which takes a minute or more")
    return jobs, job_id


@contextlib.contextmanager
def _told_if_interrupted(jobs: Jobs, job_id: str, say: Callable[[str], None]) -> Generator[None]:
    """Tells a user who interrupts the submission that the job may have been submitted."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"{job_id} may have been submitted: curate status --address {jobs.address}")
        raise


def to_its_end(jobs: Jobs, job_id: str, show: Callable[[str], None], say: Callable[[str], None]) -> int:
    """Follows a job until it has ended. If this process is interrupted, the job keeps running.

    Args:
        jobs: the client for the cluster's jobs.
        job_id: the job's name.
        show: receives each line of the job's log.
        say: receives one line for everything else.

    Returns:
        The exit code that `curate run` would have.

    Raises:
        UsageError: if there is no such job.
        CurateError: if the cluster stops answering.
    """
    find_job(jobs, job_id)
    try:
        exit_code, sentence = follow(jobs, job_id, show, say)
    except KeyboardInterrupt:
        say(f"{job_id} keeps running on the cluster\n{commands(jobs.address, job_id)}")
        raise
    say(sentence)
    return exit_code


def _check_free(jobs: Jobs, job_id: str) -> None:
    if job_id in {job.submission_id for job in _all_jobs(jobs)}:
        raise UsageError(
            f"--job-id {job_id}: the cluster has a job of this name already\n"
            f"nothing was submitted; name another, or leave it out; to see it: "
            f"curate status --address {jobs.address} --job-id {job_id}"
        )


def _all_jobs(jobs: Jobs) -> list[JobDetails]:
    with answering(jobs.address):
        return jobs.list_jobs()


def find_job(jobs: Jobs, job_id: str) -> JobDetails:
    """Returns what a cluster knows about a job.

    Args:
        jobs: the client for the cluster's jobs.
        job_id: the job's name.

    Raises:
        UsageError: if there is no such job.
    """
    for job in _all_jobs(jobs):
        if job.submission_id == job_id:
            return job
    raise UsageError(
        f"the cluster at {jobs.address} has no job {printable(job_id)}\n"
        f"its jobs: curate status --address {jobs.address}"
    )


def job_lines(jobs: Jobs, job_id: str | None = None) -> Iterator[str]:
    """Yields lines about the state of jobs.

    Args:
        jobs: the client for the cluster's jobs.
        job_id: the job's name; None for one line about each job that this program has submitted, newest first.

    Raises:
        UsageError: if there is no such job.
    """
    if job_id is not None:
        yield from _lines_of(jobs, find_job(jobs, job_id))
        return
    ours = [job for job in _all_jobs(jobs) if _OUTPUT in (job.metadata or {})]
    for job in sorted(ours, key=lambda job: job.start_time or 0, reverse=True):
        yield _line(job)
    if not ours:
        yield f"no job was submitted to {jobs.address} by curate yet"


def _lines_of(jobs: Jobs, job: JobDetails) -> Iterator[str]:
    job_id = str(job.submission_id)
    yield _line(job)
    with answering(jobs.address):
        last = jobs.get_job_logs(job_id).strip().splitlines()[-1:]
    yield from map(printable, last)
    if JobStatus(job.status).is_terminal():
        yield ending(job_id, JobStatus(job.status), job.driver_exit_code, job.message)[1]
    else:
        yield commands(jobs.address, job_id)


def _line(job: JobDetails) -> str:
    began_s = (job.start_time or 0) / 1e3
    ended_s = (job.end_time or 0) / 1e3 or time.time()
    began = f"{datetime.fromtimestamp(began_s).astimezone():%Y-%m-%d %H:%M:%S}"
    output = printable((job.metadata or {}).get(_OUTPUT, ""))
    return f"{job.submission_id}: {job.status.lower()} · since {began} · {ended_s - began_s:,.0f} s · {output}"


def stop_job(address: str, job_id: str) -> str:
    """Stops a job, which then ends in good order.

    Args:
        address: the address of the cluster's dashboard.
        job_id: the job's name.

    Returns:
        A sentence for the user.

    Raises:
        UsageError: if there is no such job.
    """
    jobs = connect(address)
    find_job(jobs, job_id)
    with answering(jobs.address):
        is_stopping = jobs.stop_job(job_id)
    if not is_stopping:
        return f"{job_id} had ended already"
    return f"{job_id} is stopping; what was finished is kept: submit the same again to go on"
