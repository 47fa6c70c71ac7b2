"""Progress: one interface with three displays, which are a live bar, a plain line every 10 s, and nothing.

What is done is read from the partitions' records, so it costs the workers nothing and works the same on a cluster.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from job.errors import CurateError, NoAnswerError
from job.output.folder import OutputFolder
from job.plan.work import CategoryWork
from job.recipe.verdicts import KEPT, MALFORMED

_LINE_EVERY_S = 10.0
"""Seconds between two lines on the same category."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Progress of a category."""

    category: str
    total: int
    """Partitions in all."""
    done: int = 0
    """Partitions."""
    num_rows: int = 0
    num_items: int = 0
    num_malformed: int = 0
    new_rows: int = 0
    """Rows that this run did, without those of earlier runs."""
    elapsed_s: float = 0.0

    @property
    def title(self) -> str:
        """Label of the bar."""
        return self.category

    @property
    def rows_per_s(self) -> float:
        """Rows per second of this run."""
        return self.new_rows / self.elapsed_s if self.elapsed_s else 0.0

    @property
    def state(self) -> str:
        """Text beside the bar."""
        share = f" · {self.num_items / self.num_rows:.0%} kept" if self.num_rows else ""
        return f"{self.done} of {self.total} · {self.num_rows:,} rows · {self.rows_per_s:,.0f} rows/s{share}"

    def line(self) -> str:
        """Returns it as one line of text."""
        share = f"{self.num_items / self.num_rows:.0%}" if self.num_rows else "0%"
        left = ""
        if self.rows_per_s and self.done:
            rows_left = self.num_rows / self.done * (self.total - self.done)
            left = f" · {rows_left / self.rows_per_s:,.0f} s left"
        return (
            f"{self.category}: {self.done} of {self.total} partitions · {self.num_rows:,} rows · "
            f"{self.rows_per_s:,.0f} rows/s · {share} kept{left}"
        )


@dataclass(frozen=True, slots=True)
class Download:
    """Progress of the download of a category's files."""

    category: str
    total: int
    """Bytes."""
    done: int
    """Bytes."""

    @property
    def title(self) -> str:
        """Label of the bar."""
        return f"fetching {self.category}"

    @property
    def state(self) -> str:
        """Text beside the bar."""
        return f"{self.done / 1e6:,.0f} of {self.total / 1e6:,.0f} MB"

    def line(self) -> str:
        """Returns it as one line of text."""
        return f"{self.title}: {self.state}"


ShowProgress = Callable[[Snapshot | Download], None]
"""Shows a snapshot on a display."""


def _console() -> Console:
    """Returns standard error; in a notebook, the cell."""
    return Console(stderr=not Console().is_jupyter)


def _is_live() -> bool:
    """Tells whether a bar can move where it is shown."""
    return Console().is_jupyter or sys.stderr.isatty()


@contextlib.contextmanager
def progress_display(*, quiet: bool) -> Generator[ShowProgress]:
    """Chooses a display: bars on a terminal, plain lines elsewhere, nothing when quiet."""
    if quiet:
        yield lambda _: None
    elif _is_live():
        with _bar() as show:
            yield show
    else:
        yield _lines()


@contextlib.contextmanager
def _bar() -> Generator[ShowProgress]:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[state]}", markup=False),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_console()) as bar:
        tasks = {}

        def show(at: Snapshot | Download) -> None:
            if at.title not in tasks:
                tasks[at.title] = bar.add_task(at.title, total=at.total, state="")
            bar.update(tasks[at.title], completed=at.done, state=at.state)

        yield show


@contextlib.contextmanager
def counted(what: str, total: int) -> Generator[Callable[[int], None]]:
    """Shows a count on a terminal.

    Args:
        what: the things that are counted.
        total: how many there will be.

    Yields:
        A function to call with how many are done.
    """
    if not _is_live():
        yield lambda _: None
        return
    with Progress(console=_console()) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def _lines() -> ShowProgress:
    began = time.monotonic()
    last: dict[str, float] = {}
    ended: set[str] = set()

    def show(at: Snapshot | Download) -> None:
        now = time.monotonic()
        if at.title not in ended and (at.done == at.total or now - last.get(at.title, began) >= _LINE_EVERY_S):
            last[at.title] = now
            if at.done == at.total:
                ended.add(at.title)
            sys.stderr.write(at.line() + "\n")
            sys.stderr.flush()

    return show


@contextlib.contextmanager
def watched(
    work: CategoryWork,
    output: OutputFolder,
    show: Callable[[Snapshot], None],
    fail: Callable[[CurateError], object] = lambda _: None,
) -> Generator[None]:
    """Shows the progress of a category while the context lasts.

    Its records are read as they are written, so that the work knows them when it is finished.

    Args:
        work: the work on the category; its records so far are known.
        output: the output folder.
        show: called with each snapshot.
        fail: called once, with the error, if the output does not answer for so long that the job has to end.
    """
    records = list(work.records.values())
    at = Snapshot(
        work.plan.category,
        len(work.plan.partitions),
        done=len(records),
        num_rows=sum(record.num_rows for record in records),
        num_items=sum(record.funnel.get(KEPT, 0) for record in records),
        num_malformed=sum(record.funnel.get(MALFORMED, 0) for record in records),
    )
    began = time.monotonic()

    finished, failed = threading.Event(), threading.Event()

    def look(at: Snapshot) -> Snapshot:
        for record in work.look(output, failed):
            at = replace(
                at,
                done=at.done + 1,
                num_rows=at.num_rows + record.num_rows,
                num_items=at.num_items + record.funnel.get(KEPT, 0),
                num_malformed=at.num_malformed + record.funnel.get(MALFORMED, 0),
                new_rows=at.new_rows + record.num_rows,
            )
        return replace(at, elapsed_s=time.monotonic() - began)

    def poll() -> None:
        nonlocal at
        while not finished.wait(output.store.poll_s):
            try:
                at = look(at)
            except NoAnswerError as error:
                fail(error)
                return
            except (CurateError, OSError):
                pass  # the next look may succeed
            if at.done < at.total and not failed.is_set():
                with contextlib.suppress(OSError):  # nobody may read standard error any more
                    show(at)

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield
    except BaseException:
        failed.set()  # a look that is still being taken changes and shows nothing any more
        raise
    finally:
        finished.set()
        if not failed.is_set():
            thread.join()
    show(look(at))
