"""Errors of Ray tasks, in words for a user."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

from job.errors import CurateError, WorkersDiedError, as_curate_error, causes


@contextlib.contextmanager
def in_few_words() -> Generator[None]:
    """Raises the error of a Ray task without what Ray adds to it."""
    try:
        yield
    except Exception as error:
        from ray.exceptions import OutOfMemoryError, RayError, RayTaskError, WorkerCrashedError

        if any(isinstance(cause, OutOfMemoryError) for cause in causes(error)):
            raise WorkersDiedError(
                "memory ran out, and Ray has killed a worker\n"
                "what was finished is kept: make memory free, or lower --workers, then run the same command again"
            ) from None
        if any(isinstance(cause, WorkerCrashedError) for cause in causes(error)):
            raise WorkersDiedError(
                "a worker died several times at the same work, as it does without memory\n"
                "what was finished is kept: make memory free, or lower --workers, then run the same command again"
            ) from None
        if friendly := as_curate_error(error):
            raise friendly from None
        if any(isinstance(cause, RayTaskError) and not isinstance(cause.cause, RayError) for cause in causes(error)):
            raise  # a bug in our own code keeps its traceback
        for cause in causes(error):
            if isinstance(cause, RayError) and not isinstance(cause, RayTaskError):
                said = (str(cause).strip().splitlines() or ["it does not say why"])[0]
                raise CurateError(
                    f"Ray failed: {type(cause).__name__}: {said}\n"
                    "what was finished is kept: run the same command again to go on"
                ) from None
        raise
