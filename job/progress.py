"""Progress: one interface with three displays, which are a live bar, a plain line every 10 s, and nothing.

What is done is read from records, so it is true however often a partition is begun, and works the same on a cluster.
What is being worked on is told by the tasks themselves, and only a display depends on it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text
from typing_extensions import override

from job.cluster.counting import Inside
from job.errors import CurateError, NoAnswerError
from job.output.folder import OutputFolder
from job.plan.work import CategoryWork
from job.recipe.verdicts import KEPT, MALFORMED
from job.streams.standard import tolerant

_LINE_EVERY_S = 10.0
"""Seconds between two lines on the same category."""
_LOOK_S = 0.25
"""Seconds between two looks at the rows inside partitions."""
_BAR_CELLS = 8
"""Columns of the screen that a bar has at least."""
_TIME_CELLS = 7
"""Columns of the screen that the time left has, as `0:00:30`."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Progress of a category."""

    category: str
    total: int
    """Partitions in all."""
    done: int = 0
    """Partitions."""
    num_rows: int = 0
    """Rows of these, and those of `rows_inside`."""
    rows_inside: int = 0
    """Rows of partitions that are being worked on."""
    num_items: int = 0
    """Items of the partitions that are done, like the malformed rows."""
    num_malformed: int = 0
    new_rows: int = 0
    """Rows that this run did, without those of earlier runs."""
    share: float = 0.0
    """Part of the category that is done, in its bytes of JSONL or rows of Parquet; 1.0 is all of it."""
    new_share: float = 0.0
    """Part of the category that this run did."""
    elapsed_s: float = 0.0
    """Seconds since the first rows of this run were begun."""

    @property
    def title(self) -> str:
        """Label of the bar."""
        return self.category

    @property
    def has_begun(self) -> bool:
        """Whether this run has done anything."""
        return self.new_share > 0 or self.done == self.total

    @property
    def rows_per_s(self) -> float:
        """Rows per second of this run."""
        return self.new_rows / self.elapsed_s if self.elapsed_s else 0.0

    @property
    def kept(self) -> str | None:
        """Share of the rows that were kept, where any partition is done."""
        rows = self.num_rows - self.rows_inside
        return f"{self.num_items / rows:.0%} kept" if rows else None

    @property
    def states(self) -> list[str]:
        """Texts beside the bar, the most important one first."""
        partitions = f"{self.done} of {self.total}"
        if not self.has_begun:  # the workers are starting, or others have the CPUs
            return [partitions, "waiting for the first rows"]
        states = [partitions, f"{self.num_rows:,} rows", f"{self.rows_per_s:,.0f} rows/s"]
        return [*states, self.kept] if self.kept else states

    def line(self) -> str:
        """Returns it as one line of text."""
        if not self.has_begun:
            return f"{self.category}: {self.done} of {self.total} partitions · waiting for the first rows"
        left = f"{self.elapsed_s / self.new_share * (1 - self.share):,.0f} s left" if self.share < 1 else None
        words = [f"{self.done} of {self.total} partitions", *self.states[1:], left]
        return f"{self.category}: {' · '.join(word for word in words if word)}"


@dataclass(frozen=True, slots=True)
class Download:
    """Progress of bytes that travel: the download of a category's files, or an upload."""

    category: str
    total: int
    """Bytes, as those that are done."""
    done: int
    verb: str = "fetching"

    @property
    def title(self) -> str:
        """Label of the bar."""
        return f"{self.verb} {self.category}"

    @property
    def has_begun(self) -> bool:
        """Whether there is anything to tell."""
        return True

    @property
    def share(self) -> float:
        """Part that is done; 1.0 is all of it."""
        return self.done / self.total if self.total else 1.0

    @property
    def states(self) -> list[str]:
        """Texts beside the bar, the most important one first."""
        return [f"{self.done / 1e6:,.0f} of {self.total / 1e6:,.0f} MB"]

    def line(self) -> str:
        """Returns it as one line of text."""
        return f"{self.title}: {self.states[0]}"


ShowProgress = Callable[[Snapshot | Download], None]
"""Shows a snapshot on a display."""


def _console() -> Console:
    """Returns standard error; in a notebook, the cell."""
    return Console() if Console().is_jupyter else Console(file=tolerant(sys.stderr))


def _is_live() -> bool:
    """Tells whether a bar can move where it is shown. In a notebook, rich needs ipywidgets for that."""
    if Console().is_jupyter:
        return importlib.util.find_spec("ipywidgets") is not None
    return tolerant(sys.stderr).isatty()


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
    console = _console()
    state = _State(console)
    columns = (
        TextColumn(
            "{task.description}",
            markup=False,
            table_column=Column(no_wrap=True, overflow="ellipsis", max_width=_name_cells(console.width)),
        ),
        BarColumn(table_column=Column(min_width=_BAR_CELLS, max_width=40)),
        state,
        TimeRemainingColumn(table_column=Column(no_wrap=True, min_width=_TIME_CELLS)),
    )
    with Progress(*columns, console=console) as bar:
        tasks = {}

        def show(at: Snapshot | Download) -> None:
            total = 1.0 if at.has_begun else None  # without a total the bar pulses, and shows no time left
            state.titles.add(at.title)
            if at.title not in tasks:
                tasks[at.title] = bar.add_task(at.title, total=total, states=at.states)
            bar.update(tasks[at.title], total=total, completed=at.share, states=at.states)
            # On a screen that is too low for all bars, rich would show the first ones.
            shown = [task for task in bar.tasks if task.visible]
            for task in [task for task in shown if task.finished][: max(0, len(shown) - console.height + 2)]:
                bar.update(task.id, visible=False)

        yield show


class _State(ProgressColumn):
    """The text beside a bar, as much of it as there is room for."""

    def __init__(self, console: Console):
        super().__init__(Column(no_wrap=True))
        self._console = console
        self.titles: set[str] = set()
        """The labels of all bars."""

    @override
    def render(self, task: Task) -> Text:
        return Text(fitted(task.fields["states"], self.titles, self._console.width))


def _name_cells(width: int) -> int:
    return width // 3


def fitted(states: Sequence[str], titles: Iterable[str], width: int) -> str:
    """Returns as much of the text beside a bar as a screen has room for.

    Args:
        states: its parts, the most important one first, which is always there.
        titles: the labels of all bars.
        width: the columns of the screen.
    """
    name = min(max(map(cell_len, titles), default=0), _name_cells(width))
    room = width - name - _BAR_CELLS - _TIME_CELLS - len("   ")
    texts = itertools.accumulate(states, "{} · {}".format)
    return [text for number, text in enumerate(texts) if not number or cell_len(text) <= room][-1]


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
            tolerant(sys.stderr).write(at.line() + "\n")

    return show


@contextlib.contextmanager
def watched(
    work: CategoryWork,
    output: OutputFolder,
    show: Callable[[Snapshot], None],
    inside: Callable[[], Mapping[int, Inside]] = dict[int, Inside],
    show_between: Callable[[Snapshot], None] = lambda _: None,
    fail: Callable[[CurateError], object] = lambda _: None,
) -> Generator[None]:
    """Shows the progress of a category while the context lasts.

    Its records are read as they are written, so that the work knows them when it is finished.

    Args:
        work: the work on the category; its records so far are known.
        output: the output folder.
        show: called with a snapshot after each look at the records.
        inside: returns how far the partitions are that are being worked on, by their numbers.
        show_between: called with a snapshot between two looks, which are seconds apart in a bucket.
        fail: called once, with the error, if the output does not answer for so long that the job has to end.
    """
    earlier, began = _snapshot(work, {}), time.monotonic()
    finished, failed = threading.Event(), threading.Event()

    def seen() -> Snapshot:
        nonlocal began
        at, now = _snapshot(work, inside()), time.monotonic()
        new_share = at.share - earlier.share
        if not new_share:
            began = now
        return replace(at, new_rows=at.num_rows - earlier.num_rows, new_share=new_share, elapsed_s=now - began)

    def poll() -> None:
        looked = time.monotonic()
        while not finished.wait(_LOOK_S):
            showing = show_between
            if time.monotonic() - looked >= output.store.poll_s:
                showing = show
                try:
                    work.look(output, failed)
                except NoAnswerError as error:
                    fail(error)
                    return
                except (CurateError, OSError):
                    pass  # the next look may succeed
                looked = time.monotonic()
            at = seen()
            if at.done < at.total and not failed.is_set():
                showing(at)

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
    work.look(output)
    show(seen())


def _snapshot(work: CategoryWork, inside: Mapping[int, Inside]) -> Snapshot:
    """Adds up the records of a category, and what is known of the partitions without one."""
    records, partitions = dict(work.records), work.plan.partitions
    sizes = [max(partition.end - partition.start, 1) for partition in partitions]
    only_inside = {number: at for number, at in inside.items() if number not in records}
    rows_inside = sum(at.num_rows for at in only_inside.values())
    sizes_done = [sizes[number] for number in records]
    for number, at in only_inside.items():
        sizes_done.append(min(max(at.position - partitions[number].start, 0), sizes[number]))
    return Snapshot(
        work.plan.category,
        len(partitions),
        done=len(records),
        num_rows=sum(record.num_rows for record in records.values()) + rows_inside,
        rows_inside=rows_inside,
        num_items=sum(record.funnel.get(KEPT, 0) for record in records.values()),
        num_malformed=sum(record.funnel.get(MALFORMED, 0) for record in records.values()),
        share=sum(sizes_done) / sum(sizes),
    )
