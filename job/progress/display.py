"""Shows how far a run is: with a live bar on a terminal, plain lines elsewhere, or not at all."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import sys
import time
from collections.abc import Callable, Generator, Iterable, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text
from typing_extensions import override

from job.progress.snapshots import Download, Snapshot, Step
from job.streams.standard import tolerant

_LINE_EVERY_S = 10.0
"""Seconds between two lines on the same category."""
_BAR_CELLS = 8
"""Columns of the screen that a bar has at least."""
_TIME_CELLS = 7
"""Columns of the screen that the time left has, as `0:00:30`."""


Progressing = Snapshot | Download | Step
"""Anything that is shown."""

ShowProgress = Callable[[Progressing], None]
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

        def show(at: Progressing) -> None:
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

    def show(at: Progressing) -> None:
        now = time.monotonic()
        if at.title not in ended and (at.done == at.total or now - last.get(at.title, began) >= _LINE_EVERY_S):
            last[at.title] = now
            if at.done == at.total:
                ended.add(at.title)
            tolerant(sys.stderr).write(at.line() + "\n")

    return show
