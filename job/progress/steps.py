"""Shows the steps that all of a training set goes through at once."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator

from job.progress.display import progress_display
from job.progress.snapshots import Step


@contextlib.contextmanager
def steps(*, quiet: bool) -> Generator[Callable[[str, str, int, int, int], None]]:
    """Shows steps while the context lasts. Yields a function to call with title, unit, total, done, and done before."""
    began: dict[str, float] = {}
    with progress_display(quiet=quiet) as show:

        def at(title: str, unit: str, total: int, done: int, already: int) -> None:
            elapsed_s = time.monotonic() - began.setdefault(title, time.monotonic())
            show(Step(title, unit, total, done, elapsed_s, already))

        yield at
