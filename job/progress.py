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
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from job.errors import CurateError
from job.output.folder import OutputFolder
from job.output.records import CategoryPlan
from job.recipe.verdicts import KEPT

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
    def title(self) -> str:
        """What it is about."""
        return self.category

    @property
    def total(self) -> int:
        """What `done` will be at the end."""
        return self.partitions

    @property
    def rows_per_s(self) -> float:
        """This run's pace."""
        return self.new_rows / self.elapsed_s if self.elapsed_s else 0.0

    @property
    def state(self) -> str:
        """Beside a bar."""
        share = f" · {self.num_items / self.num_rows:.0%} kept" if self.num_rows else ""
        return f"{self.done} of {self.partitions} · {self.num_rows:,} rows · {self.rows_per_s:,.0f} rows/s{share}"

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


@dataclass(frozen=True, slots=True)
class Fetch:
    """How much of a category's files is on this machine."""

    category: str
    total: int
    """Bytes."""
    done: int
    """Bytes."""

    @property
    def title(self) -> str:
        """What it is about."""
        return f"fetching {self.category}"

    @property
    def state(self) -> str:
        """Beside a bar."""
        return f"{self.done / 1e6:,.0f} of {self.total / 1e6:,.0f} MB"

    def line(self) -> str:
        """Says it in one plain line."""
        return f"{self.title}: {self.state}"


Face = Callable[[Snapshot | Fetch], None]


def _console() -> Console:
    """Standard error; in a notebook the cell."""
    return Console(stderr=not Console().is_jupyter)


def _is_live() -> bool:
    """Tells whether a bar can move where it would be shown."""
    return Console().is_jupyter or sys.stderr.isatty()


@contextlib.contextmanager
def face(*, quiet: bool) -> Generator[Face]:
    """Chooses how progress shows: bars on a terminal, plain lines elsewhere, nothing when quiet."""
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
        TextColumn("{task.fields[state]}", markup=False),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_console()) as bar:
        tasks = {}

        def show(at: Snapshot | Fetch) -> None:
            if at.title not in tasks:
                tasks[at.title] = bar.add_task(at.title, total=at.total, state="")
            bar.update(tasks[at.title], completed=at.done, state=at.state)

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


def _lines() -> Face:
    began = time.monotonic()
    last: dict[str, float] = {}
    ended: set[str] = set()

    def show(at: Snapshot | Fetch) -> None:
        now = time.monotonic()
        if at.title not in ended and (at.done == at.total or now - last.get(at.title, began) >= _LINE_EVERY_S):
            last[at.title] = now
            if at.done == at.total:
                ended.add(at.title)
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
            with contextlib.suppress(CurateError, OSError):  # the next look may succeed
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
