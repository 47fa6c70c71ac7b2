"""Which categories are worked on at once: in the order of the config, each begun before the one before it idles.

A category ends with fewer partitions left than there are workers. So that these find work, the next category begins
when little is left of those before it; and its files are fetched while they are worked on. Each category is a Ray
Dataset of its own, executed from a thread of its own.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib
import itertools
import platform
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from job.cluster.places import check_nodes, places, streams
from job.config.models import JobConfig, RecipeConfig
from job.errors import CurateError, WorkersDiedError, as_curate_error, causes
from job.output.folder import OutputFolder
from job.output.limits import check_malformed
from job.output.records import Record
from job.plan.planning import Task
from job.progress import Face, Fetch, Snapshot, face, watched
from job.source.files import Place

if TYPE_CHECKING:
    from job.cluster.workers import Workers

_T = TypeVar("_T")

_LEFT_PER_WORKER = 2
"""The next category begins when so many partitions are left for each worker: one to work on, and one in reserve."""
_LOOK_S = 0.1
_STOP_S = 2.0
_SEEN_S = 90.0
"""NFS keeps what it knows of a folder for up to 60 s, by its default."""


def curate_categories(
    config: JobConfig,
    output: OutputFolder,
    tasks: Sequence[Task],
    left: Mapping[str, Sequence[int]],
    *,
    run: str,
    quiet: bool,
    say: Callable[[str], None],
) -> None:
    """Does what is left to do, on a Ray that is started or joined for it.

    Args:
        config: the job.
        output: the output folder.
        tasks: the categories' tasks, in the order in which they begin.
        left: the numbers of the partitions to do, by category.
        run: whose output folder it is.
        quiet: show no progress.
        say: told in a line what a user should know.

    Raises:
        CurateError: the first one that a category ended with. What was finished is kept.
    """
    from job.cluster.start import started_ray  # Ray is slow to import, and a complete output needs none

    # Ray Data is imported while Ray starts, which is mostly waiting.
    threading.Thread(target=importlib.import_module, args=("job.pipeline",), daemon=True).start()
    with started_ray(config.workers, say, functools.partial(_prepare, config.recipe)) as workers:
        from job.cluster.actors import without_actors
        from job.pipeline import data_settings

        tasks = [task for task in tasks if left[task.plan.category]]
        if workers.has_other_nodes:
            check_nodes(config, output, tasks)
        if any(streams(config, task, has_other_nodes=workers.has_other_nodes) for task in tasks):
            workers = workers.at_most(config.source.max_hub_readers)
        of_our_own = contextlib.nullcontext() if workers.reserved else without_actors()
        with face(quiet=quiet) as show, data_settings(), of_our_own:
            while True:
                try:
                    _Round(config, output, workers, run, show, say).curate(tasks, left)
                    break
                except WorkersDiedError as error:
                    if workers.by_now() == 1:
                        raise
                    workers = workers.at_most(workers.by_now() // 2)
                    say(f"{error.message.splitlines()[0]}; going on with {workers.count} at once")
                    output.clear_running()
                    left = {task.plan.category: task.left(output) for task in tasks}


def _prepare(settings: RecipeConfig) -> None:
    """Imports and loads in a worker what every task needs."""
    from job.pipeline import make_recipe

    make_recipe(settings)


@dataclass(slots=True)
class _Round:
    """All categories once, with so many workers."""

    config: JobConfig
    output: OutputFolder
    workers: Workers
    run: str
    face: Face
    say: Callable[[str], None]
    _at_work: set[_Thread[None]] = field(default_factory=set["_Thread[None]"])
    _left: dict[str, int] = field(default_factory=dict[str, int])
    """Partitions of each category that has begun, as it was last looked at."""
    _done_lately: dict[str, int] = field(default_factory=dict[str, int])
    """How many were done between the last two looks: as many may have been since."""

    def curate(self, tasks: Sequence[Task], left: Mapping[str, Sequence[int]]) -> None:
        """Curates the categories; raises the first error of one, when the others have been stopped."""
        ahead = _Thread(functools.partial(self._places, tasks[0]))
        try:
            for task, later in itertools.zip_longest(tasks, tasks[1:]):
                self._until(self._has_too_few)
                self._until(ahead.done, ahead)
                found, todo = ahead.result(), left[task.plan.category]
                self._left[task.plan.category] = len(todo)
                self._at_work.add(_Thread(functools.partial(self._category, task, found, todo)))
                if later:
                    ahead = _Thread(functools.partial(self._places, later))
            self._until(lambda: not self._at_work)
        finally:
            begun: set[_Thread[Any]] = {*self._at_work, ahead}
            for thread in begun:
                thread.stop()
            wait(begun, _STOP_S)

    def _places(self, task: Task) -> Sequence[Place]:
        streamed = streams(self.config, task, has_other_nodes=self.workers.has_other_nodes)
        return places(task, streamed=streamed, show=self.face, say=self.say)

    def _has_too_few(self) -> bool:
        enough = _LEFT_PER_WORKER * self.workers.by_now() + sum(self._done_lately.values())
        return sum(self._left.values()) < enough

    def _until(self, holds: Callable[[], bool], *others: Future[Any]) -> None:
        """Waits until something holds, as it may when others are done; raises what a category ends with meanwhile."""
        while not holds():
            for ended in self._at_work & wait({*self._at_work, *others}, _LOOK_S, FIRST_COMPLETED).done:
                self._at_work.remove(ended)
                ended.result()

    def _category(self, task: Task, found: Sequence[Place], todo: Sequence[int]) -> None:
        from job.pipeline import curate_category

        category = task.plan.category
        if todo:  # else an earlier round has done them all, and was stopped before it looked at them
            with watched(self.output, task.plan, self._show), _in_few_words():
                curate_category(
                    plan=task.plan,
                    reader=task.reader(found),
                    file_names=[file.name for file in task.source.files],
                    todo=todo,
                    config=self.config,
                    output=self.output.root,
                    run=self.run,
                    workers=self.workers,
                )
        self._left[category] = 0
        task.check_unchanged()
        check_malformed(self.output, category, self._records(task), self.config.max_malformed)

    def _records(self, task: Task) -> list[Record]:
        """Returns the records of a category that is done: a disk that machines share may show them a minute late."""
        patience = time.monotonic() + _SEEN_S
        while len(records := self.output.records(task.plan)) < len(task.plan.partitions):
            if time.monotonic() > patience:
                missing = len(task.plan.partitions) - len(records)
                raise CurateError(
                    f"{task.plan.category}: {missing} partitions are done, but nothing of that is to be seen in "
                    f"{self.output.root} (by {platform.node()})\n"
                    "when this machine sees what the others have written there, run the same command again"
                )
            time.sleep(self.output.store.poll_s)
        return records

    def _show(self, at: Snapshot | Fetch) -> None:
        self.face(at)
        left = at.total - at.done
        self._done_lately[at.title] = self._left[at.title] - left if left else 0
        self._left[at.title] = left


class _Stopped(BaseException):
    """Ends a thread."""


class _Thread(Future[_T]):
    """Work in a thread that can be stopped, and that nobody waits for when the process ends."""

    def __init__(self, work: Callable[[], _T]) -> None:
        super().__init__()
        self._work = work
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.set_result(self._work())
        except BaseException as error:
            self.set_exception(error)

    def stop(self) -> None:
        """Raises an exception in the thread, as Ctrl-C does in the main one: Ray Data then ends what it has begun."""
        if self._thread.is_alive():  # else its number may be another one's by now
            ident = ctypes.c_ulong(self._thread.ident or 0)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(_Stopped))


@contextlib.contextmanager
def _in_few_words() -> Generator[None]:
    """Raises what a task of Ray's has raised, without what Ray makes of it."""
    try:
        yield
    except Exception as error:
        from ray.exceptions import OutOfMemoryError, RayError, RayTaskError

        if any(isinstance(cause, OutOfMemoryError) for cause in causes(error)):
            raise WorkersDiedError(
                "memory ran out, and Ray has killed a worker\n"
                "what was finished is kept: make memory free, or lower --workers, then run the same command again"
            ) from None
        if friendly := as_curate_error(error):
            raise friendly from None
        for cause in causes(error):
            if isinstance(cause, RayError) and not isinstance(cause, RayTaskError):  # that is of our own code
                raise CurateError(
                    f"Ray failed: {type(cause).__name__}: {str(cause).strip().splitlines()[0]}\n"
                    "what was finished is kept: run the same command again to go on"
                ) from None
        raise
