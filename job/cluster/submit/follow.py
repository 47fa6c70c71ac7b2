"""Follows a job on a cluster: shows its log line by line until the job has ended, and says how it ended.

The log is requested again and again: that works through any proxy, and survives a lost connection.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from ray.job_submission import JobStatus

from job.cluster.submit.api import Jobs, answering
from job.errors import CurateError, MalformedLimitError, RefusedError, UsageError, printable, quoted

STOPPED = 130
_EXIT_CODES = {0, STOPPED, *(kind.exit_code for kind in (CurateError, UsageError, MalformedLimitError, RefusedError))}
_NOT_FOUND = {126, 127}
"""Exit codes of a shell for a command that it cannot start."""
_LOG_BYTES_PER_S = 64_000
"""Bytes of log that may be requested per second, on average: the whole log is sent each time."""
_LONGEST_PAUSE_S = 10.0
"""Seconds between two requests, at most."""
_LOST_S = 120.0
"""Seconds that a cluster which has answered before may stay silent."""
_RAYS_OWN_LINES = re.compile(r"Running entrypoint for job |[\d-]+ [\d:,]+\s+INFO job_manager\.py")


def follow(jobs: Jobs, job_id: str, show: Callable[[str], None], say: Callable[[str], None]) -> tuple[int, str]:
    """Shows a job's log from its beginning until the job has ended.

    Args:
        jobs: the client for the cluster's jobs.
        job_id: the job's name.
        show: receives each line of the log.
        say: receives a line each time that the cluster does not answer.

    Returns:
        The exit code that `curate run` would have, and a sentence that says how the job ended.

    Raises:
        CurateError: if the cluster stops answering.
    """
    shown = 0
    last_answer = time.monotonic()
    while True:
        try:
            with answering(jobs.address):
                details = jobs.get_job_info(job_id)
                log = jobs.get_job_logs(job_id)  # after its state: the log of a job that has ended is complete
        except UsageError:
            raise
        except CurateError:
            if time.monotonic() - last_answer > _LOST_S:
                raise
            say(f"the cluster at {jobs.address} does not answer: trying again")
            time.sleep(_LONGEST_PAUSE_S)
            continue
        last_answer = time.monotonic()
        status = JobStatus(details.status)
        upto = len(log) if status.is_terminal() else log.rfind("\n") + 1
        for line in log[shown:upto].splitlines():
            if not _RAYS_OWN_LINES.match(line):
                show(line)
        shown = max(shown, upto)
        if status.is_terminal():
            return ending(job_id, status, details.driver_exit_code, details.message)
        time.sleep(min(max(0.5, len(log) / _LOG_BYTES_PER_S), _LONGEST_PAUSE_S))


def ending(job_id: str, status: JobStatus, exit_code: int | None, message: str | None) -> tuple[int, str]:
    """Says how a job has ended.

    Args:
        job_id: the job's name.
        status: the state that Ray reports.
        exit_code: the exit code of the job's driver; None if it did not end by itself.
        message: Ray's message about the job.

    Returns:
        The exit code that `curate run` would have, and a sentence.
    """
    again = "what was finished is kept: submit the same again to go on"
    if status == JobStatus.SUCCEEDED:
        return 0, f"{job_id} is done"
    if status == JobStatus.STOPPED:
        return STOPPED, f"{job_id} was stopped; {again}"
    if exit_code in _EXIT_CODES:
        return exit_code, f"{job_id} ended with exit code {exit_code}; its messages above say what to do"
    if exit_code in _NOT_FOUND:
        return CurateError.exit_code, f"{job_id}: the cluster's head has no `python` in its PATH; give its image one"
    if exit_code is not None:
        signal = f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
        return CurateError.exit_code, f"{job_id}: its driver was killed ({signal}); {again}"
    why = printable((message or "Ray does not say why").strip().splitlines()[-1])
    return CurateError.exit_code, f"{job_id} failed: {why}\n{again}"


def commands(address: str, job_id: str) -> str:
    """Returns what to type to follow a job, and to stop it."""
    at = f"--address {quoted(address)}"
    return (
        f"to follow it: curate status {at} --job-id {quoted(job_id)} --follow\n"
        f"to stop it:   curate stop {quoted(job_id)} {at}"
    )
