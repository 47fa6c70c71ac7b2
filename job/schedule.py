"""Decides which categories run at the same time: in the order of the config, each before the last one runs dry.

A category ends with fewer partitions left than there are workers. So that these find work, the next category begins
when little remains of those before it; its files are downloaded while they are worked on, and those of the first one
while Ray starts. On a Ray of our own, JSON Lines are worked on while they arrive; what comes of them counts once the
hash of their files is right. Each category is a Ray Dataset of its own, executed from a thread of its own.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import platform
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from job.cluster.counting import Counter, Counts, Inside, counted_rows
from job.cluster.few_words import in_few_words
from job.cluster.ray_folder import owned_folder
from job.cluster.stoppable import StoppableThread
from job.copies import Coming, Copies, check_nodes, is_streamed_work, settled_when_here
from job.errors import CurateError, WorkersDiedError
from job.output.limits import check_malformed
from job.plan.work import CategoryWork, Run
from job.progress.display import ShowProgress, progress_display
from job.progress.snapshots import Snapshot
from job.progress.watched import watched
from job.recipe.protocol import RecipeSettings
from job.recipe.registry import make_recipe
from job.source.fetch.arriving import check_not_given_up
from job.source.fetch.local_copies import may_arrive
from job.source.location import FileLocation
from job.storage.patience import end_patience

if TYPE_CHECKING:
    from job.cluster.workers import Workers

_LEFT_PER_WORKER = 2
"""Partitions left for each worker when the next category begins: one to work on, and one in reserve."""
_LOOK_S = 0.1
"""Seconds between two looks at what the categories are doing."""
_STOP_S = 2.0
"""Seconds to wait for threads that were told to stop."""
_SHOWN_S = 90.0
"""Seconds to wait until a shared disk shows the last records. NFS caches a folder for up to 60 s by default."""


def curate_categories(
    run: Run,
    works: Sequence[CategoryWork],
    remaining: Mapping[str, Sequence[int]],
    *,
    quiet: bool,
    say: Callable[[str], None],
) -> None:
    """Does what remains to be done, on a Ray that is started or joined for it.

    Args:
        run: the run that works on the output folder.
        works: the work on each category, in the order in which they begin. Their records are complete afterwards.
        remaining: numbers of the partitions to do, by category.
        quiet: show no progress.
        say: called with each line that a user should see.

    Raises:
        CurateError: the first one that ended a category. What was finished is kept.
    """
    from job.cluster.joined import JoinedWatch
    from job.cluster.start import started_ray  # slow to import, and a complete output needs none

    works = [work for work in works if remaining[work.plan.category]]
    config, tasks = run.config, sum(map(len, remaining.values()))
    prepare = functools.partial(_prepare, config.recipe)
    with (
        owned_folder() if any(may_arrive(work.source) for work in works) else contextlib.nullcontext() as told,
        _first_files(copies := Copies(run, say, Path(told) if told else None), works[0]) as first,
        started_ray(config.workers, say, prepare, _import_pipeline, tasks=tasks) as workers,
        JoinedWatch(workers, say, run.lost_nodes, run.output.has_running),
    ):
        from job.cluster.ray_internals import without_actors
        from job.pipeline import data_settings

        if workers.has_other_nodes:
            check_nodes(run, works)
        if any(is_streamed_work(work, has_other_nodes=workers.has_other_nodes) for work in works):
            workers = workers.at_most(config.source.max_hub_readers)
        settings_of_own_ray = contextlib.nullcontext() if workers.reserved else without_actors(say)
        with progress_display(quiet=quiet) as show, data_settings(), settings_of_own_ray:
            copies.display = show
            for work in works:  # not before Ray is there: a record that is removed says what is damaged
                work.retry_damaged(run.output)
            while True:
                try:
                    with _counts(workers, quiet=quiet) as counts:
                        _Round(run, workers, show, copies, counts).curate(works, remaining, first)
                    break
                except WorkersDiedError as error:
                    if workers.by_now() == 1:
                        raise
                    workers = workers.at_most(workers.by_now() // 2)
                    say(f"{error.message.splitlines()[0]}; going on with {workers.count} at once")
                except _ClusterGrewError as error:
                    workers = workers.at_most(config.source.max_hub_readers)
                    say(f"{error}: {workers.count} of them read from the Hub at once, as source.max_hub_readers says")
                remaining, first = _look_again(run, works), None


@contextlib.contextmanager
def _first_files(copies: Copies, work: CategoryWork) -> Generator[Coming | None]:
    """Begins to bring the files of the first category here, while Ray starts: None if there may be other nodes.

    It is stopped at the end with what it is for, such as a Ray that does not start.
    """
    from job.cluster.start import is_ray_given

    first = None if is_ray_given() else copies.begin(work, is_own_ray=True)
    try:
        yield first
    finally:
        if first is not None:
            first.download.stop()


def _look_again(run: Run, works: Sequence[CategoryWork]) -> dict[str, list[int]]:
    """Returns what is left to do after a round that did not end."""
    run.output.clear_running()
    for work in works:
        work.look(run.output)
    remaining = {work.plan.category: work.remaining() for work in works}
    for work in works:
        work.retry_damaged(run.output)
    return remaining


def _counts(workers: Workers, *, quiet: bool) -> contextlib.AbstractContextManager[Counts | None]:
    """Counts rows inside partitions, anew in each round, if anybody looks."""
    return contextlib.nullcontext() if quiet else counted_rows(has_other_nodes=workers.reserved is not None)


def _import_pipeline() -> None:
    from job import pipeline

    del pipeline


def _prepare(settings: RecipeSettings) -> None:
    """Imports and loads in a worker what every task needs."""
    _import_pipeline()
    make_recipe(settings)


class _ClusterGrewError(Exception):
    """A joined Ray has more CPUs by now than may read from the Hub at once."""


@dataclass(slots=True)
class _Round:
    """All categories once, with a given number of workers."""

    run: Run
    workers: Workers
    display: ShowProgress
    copies: Copies
    counts: Counts | None
    """How far the partitions are that are being worked on, as far as anybody wants to know."""
    _at_work: set[StoppableThread[None]] = field(default_factory=set["StoppableThread[None]"])
    _left: dict[str, int] = field(default_factory=dict[str, int])
    """Partitions left of each category that has begun, at the last look."""
    _done_lately: dict[str, int] = field(default_factory=dict[str, int])
    """Partitions that were done between the last two looks; as many may have been done since."""
    _failed: list[CurateError] = field(default_factory=list[CurateError])
    _streams: bool = False
    """Whether any category is read from the Hub in place."""

    def curate(
        self,
        works: Sequence[CategoryWork],
        remaining: Mapping[str, Sequence[int]],
        first: Coming | None,
    ) -> None:
        """Curates the categories, of which the first may be on its way. When one fails the others are stopped."""
        has_other_nodes, is_own_ray = self.workers.has_other_nodes, not self.workers.reserved
        begin = functools.partial(self.copies.begin, is_own_ray=is_own_ray, has_other_nodes=has_other_nodes)
        self._streams = any(is_streamed_work(work, has_other_nodes=has_other_nodes) for work in works)
        ahead = first or begin(works[0])
        try:
            for work, later in itertools.zip_longest(works, works[1:]):
                self._until(self._has_too_few)
                if not ahead.early:
                    self._until(ahead.download.done, ahead.download)
                    ahead.download.result()
                todo = remaining[work.plan.category]
                self._left[work.plan.category] = len(todo)
                self._at_work.add(StoppableThread(functools.partial(self._category, work, ahead, todo)))
                self._until(ahead.download.done, ahead.download)
                ahead.download.result()
                if later:
                    ahead = begin(later)
            self._until(lambda: not self._at_work)
        except BaseException as error:
            if not isinstance(error, WorkersDiedError | _ClusterGrewError):  # after these the run may go on
                end_patience()
            raise
        finally:
            begun: set[StoppableThread[Any]] = {*self._at_work, ahead.download}
            for thread in begun:
                thread.stop()
            wait(begun, _STOP_S)

    def _has_too_few(self) -> bool:
        enough = _LEFT_PER_WORKER * self.workers.by_now() + sum(self._done_lately.values())
        return sum(self._left.values()) < enough

    def _until(self, holds: Callable[[], bool], *others: Future[Any]) -> None:
        """Waits for a condition, checking it when one of `others` ends. Raises the error of a category that fails."""
        while not holds():
            for ended in self._at_work & wait({*self._at_work, *others}, _LOOK_S, FIRST_COMPLETED).done:
                self._at_work.remove(ended)
                ended.result()
            if self._failed:
                raise self._failed[0]
            by_now = self.workers.by_now()
            if by_now > max(self.workers.count, self.run.config.source.max_hub_readers) and self._streams:
                raise _ClusterGrewError(f"this Ray has {by_now} CPUs by now")

    def _category(self, work: CategoryWork, coming: Coming, todo: Sequence[int]) -> None:
        category = work.plan.category
        if todo and coming.early:
            self._work_early(work, coming, todo)
            todo = [number for number in todo if number not in work.records]
        locations = coming.wait()
        if todo:  # else an earlier round finished them all, and was stopped before it noticed
            with self._shown(work) as counter:
                self._work(work, locations, todo, counter)
        self._left[category] = 0
        self._wait_for_records(work)
        work.check_unchanged(self.run.output.scratch, self.copies.say)
        check_malformed(self.run.output, category, work.in_order, self.run.config.max_malformed)

    def _work_early(self, work: CategoryWork, coming: Coming, todo: Sequence[int]) -> None:
        """Works on a category while its files arrive. Its records count from when their hashes are right."""
        run, category = self.run, work.plan.category
        check = functools.partial(check_not_given_up, coming.early)
        run.output.forget_held(run.run_id, category)
        with self._shown(work) as counter:
            try:
                with settled_when_here(coming, run, category):
                    self._work(work, coming.early, todo, counter, check)
            except Exception:
                if not coming.is_given_up():  # else all of it is done again
                    raise
            coming.wait()
            coming.settle(run, category)

    @contextlib.contextmanager
    def _shown(self, work: CategoryWork) -> Generator[Counter | None]:
        """Shows the progress of a category. Yields who counts its rows."""
        category, counts, counter, inside = work.plan.category, self.counts, None, dict[int, Inside]
        if counts is not None:
            counter, inside = counts.counter(category), functools.partial(counts.inside, category, work.records)
        show = functools.partial(self._show, work)
        with watched(work, self.run.output, show, inside, self.display, self._failed.append), in_few_words():
            yield counter

    def _work(
        self,
        work: CategoryWork,
        locations: Sequence[FileLocation],
        todo: Sequence[int],
        counter: Counter | None,
        check: Callable[[], None] | None = None,
    ) -> None:
        from job.pipeline import curate_category

        curate_category(
            run=self.run,
            plan=work.plan,
            reader=work.reader(locations),
            todo=todo,
            workers=self.workers,
            counter=counter,
            check=check,
        )

    def _wait_for_records(self, work: CategoryWork) -> None:
        """Waits until all records of a finished category are seen: a shared disk may show them a minute late."""
        patience = time.monotonic() + _SHOWN_S
        while not work.is_finished:
            if time.monotonic() > patience:
                missing = len(work.plan.partitions) - len(work.records)
                raise CurateError(
                    f"{work.plan.category}: {missing} partitions are done, but their records do not show up in "
                    f"{self.run.output.root} (as {platform.node()} sees it)\n"
                    "when this machine sees what others have written there, run the same command again"
                )
            time.sleep(self.run.output.store.poll_s)
            work.look(self.run.output)

    def _show(self, work: CategoryWork, at: Snapshot) -> None:
        left = at.total - at.done
        self._done_lately[at.title] = self._left[at.title] - left if left else 0
        self._left[at.title] = left
        limit = self.run.config.max_malformed
        # A count can be exceeded before the category is finished, a share cannot.
        if isinstance(limit, int) and at.num_malformed > limit:
            try:
                check_malformed(self.run.output, work.plan.category, work.in_order, limit)
            except CurateError as error:
                self._failed.append(error)
        self.display(at)
