"""How far the job is: one interface, with three faces: a live bar, a plain line every 10 s, nothing.

What is done is read off the commit records, so it costs the workers nothing and is the same on a cluster.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from job.manifest import CategoryPlan
from job.output import OutputFolder
from job.recipe.verdict import KEPT

_LINE_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How far a category is."""

    category: str
    partitions: int
    done: int = 0
    num_rows: int = 0
    num_items: int = 0
    new_rows: int = 0
    """Rows of this run, without those that an earlier one had done."""
    elapsed_s: float = 0.0

    @property
    def rows_per_s(self) -> float:
        """This run's pace."""
        return self.new_rows / self.elapsed_s if self.elapsed_s else 0.0

    def line(self) -> str:
        """Says it in one plain line."""
        share = f"{self.num_items / self.num_rows:.0%}" if self.num_rows else "0%"
        left = ""
        if self.rows_per_s and self.done:
            rows_left = self.num_rows / self.done * (self.partitions - self.done)
            left = f" · {rows_left / self.rows_per_s:,.0f} s left"
        return (
            f"{self.category}: {self.done} of {self.partitions} partitions · {self.num_rows:,} rows · "
            f"{self.rows_per_s:,.0f} rows/s · {share} kept{left}"
        )


Face = Callable[[Snapshot], None]


def _console() -> Console:
    """Standard error; in a notebook the cell."""
    return Console(stderr=not Console().is_jupyter)


def _is_live() -> bool:
    """Tells whether a bar can move where it would be shown."""
    return Console().is_jupyter or sys.stderr.isatty()


@contextlib.contextmanager
def face(*, quiet: bool) -> Generator[Face]:
    """Chooses how progress shows: a bar on a terminal, plain lines elsewhere, nothing when quiet."""
    if quiet:
        yield lambda _: None
    elif _is_live():
        with _bar() as show:
            yield show
    else:
        yield _lines()


@contextlib.contextmanager
def _bar() -> Generator[Face]:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[pace]}", markup=False),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_console()) as bar:
        tasks = {}

        def show(at: Snapshot) -> None:
            if at.category not in tasks:
                tasks[at.category] = bar.add_task(at.category, total=at.partitions, pace="")
            share = f" · {at.num_items / at.num_rows:.0%} kept" if at.num_rows else ""
            pace = f"{at.done} of {at.partitions} · {at.num_rows:,} rows · {at.rows_per_s:,.0f} rows/s{share}"
            bar.update(tasks[at.category], completed=at.done, pace=pace)

        yield show


@contextlib.contextmanager
def counted(what: str, total: int) -> Generator[Callable[[int], None]]:
    """Shows on a terminal how many things are done; yields what is to be told that.

    Args:
        what: the things.
        total: how many there will be.
    """
    if not _is_live():
        yield lambda _: None
        return
    with Progress(console=_console()) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


@contextlib.contextmanager
def fetching(what: str, total_bytes: int, *, quiet: bool) -> Generator[Callable[[int], None]]:
    """Shows how far files are fetched; yields what is to be told how many bytes are there.

    Args:
        what: is fetched.
        total_bytes: how large it is.
        quiet: show nothing.
    """
    if quiet:
        yield lambda _: None
    elif _is_live():
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn())
        with Progress(*columns, TransferSpeedColumn(), TimeRemainingColumn(), console=_console()) as bar:
            task = bar.add_task(f"fetching {what}", total=total_bytes)
            yield lambda done: bar.update(task, completed=done)
    else:
        last = time.monotonic()

        shown = -1

        def report(done: int) -> None:
            nonlocal last, shown
            if done != shown and (done == total_bytes or time.monotonic() - last >= _LINE_EVERY_S):
                last, shown = time.monotonic(), done
                sys.stderr.write(f"fetching {what}: {done / 1e6:,.0f} of {total_bytes / 1e6:,.0f} MB\n")
                sys.stderr.flush()

        yield report


def _lines() -> Face:
    last = time.monotonic()

    def show(at: Snapshot) -> None:
        nonlocal last
        if at.done == at.partitions or time.monotonic() - last >= _LINE_EVERY_S:
            last = time.monotonic()
            sys.stderr.write(at.line() + "\n")
            sys.stderr.flush()

    return show


@contextlib.contextmanager
def watched(output: OutputFolder, plan: CategoryPlan, show: Face) -> Generator[None]:
    """Shows a category's progress while the context lasts.

    Args:
        output: the output folder.
        plan: the category's plan.
        show: the face to show it on.
    """
    seen: set[int] = set()
    at = Snapshot(plan.category, len(plan.partitions))
    began = time.monotonic()

    def look(at: Snapshot) -> Snapshot:
        for record in output.records(plan, seen):
            seen.add(record.partition)
            at = replace(
                at,
                done=at.done + 1,
                num_rows=at.num_rows + record.num_rows,
                num_items=at.num_items + record.funnel.get(KEPT, 0),
                new_rows=at.new_rows + record.num_rows,
            )
        return replace(at, elapsed_s=time.monotonic() - began)

    at = replace(look(at), new_rows=0)
    finished = threading.Event()

    def poll() -> None:
        nonlocal at
        while not finished.wait(output.store.poll_s):
            at = look(at)
            if at.done < at.partitions:
                show(at)

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()
    show(look(at))
