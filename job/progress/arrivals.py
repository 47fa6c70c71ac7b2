"""The files of categories on their way to this machine, one category at a time, and how much of them is there.

A category on the Hub is worked on while its files arrive, on a Ray of our own. Their hashes are only known when they
are complete, so what was made of them may turn out to be made of wrong bytes. Then it is forgotten when that Ray has
ended, since no task of it can write any more, and the files are fetched again before any work.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, field, replace

from job.cluster.stoppable import StoppableThread
from job.output.records import Record
from job.plan.unchanged import changed_partitions
from job.plan.work import CategoryWork, Run
from job.progress.display import ShowProgress
from job.progress.snapshots import Download, Snapshot
from job.source.fetch.cache import arriving_files, fetch_files
from job.source.fetch.download import MAX_CONNECTIONS, TRIES
from job.source.fetch.entries import Entry
from job.source.fetch.local_copies import is_streamed, local_copies
from job.source.fetch.verified import WrongContentError
from job.source.location import FileLocation, LocalFile

_LOOK_S = 0.1
"""Seconds between two looks at whether files are there; a thread that waits for longer could not be stopped."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """The files of one category."""

    early: Sequence[FileLocation] | None
    """Where they can be read while they arrive; None if they cannot."""
    fetched: StoppableThread[Sequence[FileLocation]]
    """Where they are read in the end."""

    def can_begin(self) -> bool:
        """Whether work on them can begin."""
        return self.early is not None or self.fetched.done()

    def locations(self) -> Sequence[FileLocation]:
        """Returns where they are read. Raises what has ended their download."""
        return self.early if self.early is not None and not self.fetched.done() else self.fetched.result()

    def wait(self) -> None:
        """Waits until all of them are there and verified. Raises what has ended their download."""
        while not self.fetched.done():
            wait([self.fetched], _LOOK_S)
        self.fetched.result()


@dataclass(slots=True)
class Arrivals:
    """Brings the files of categories to this machine."""

    run: Run
    say: Callable[[str], None]
    is_second_try: bool = False
    """Whether a file was fetched before and had the wrong hash: then work begins when they are all there."""
    _display: ShowProgress = lambda _: None
    _fetched: dict[str, Download] = field(default_factory=dict[str, Download])
    _at_work: set[str] = field(default_factory=set[str])
    _threads: list[StoppableThread[Sequence[FileLocation]]] = field(
        default_factory=list["StoppableThread[Sequence[FileLocation]]"]
    )

    def show_on(self, display: ShowProgress) -> None:
        """Shows how far the downloads are from now on, since before there is Ray there is no display."""
        self._display = display
        for at in list(self._fetched.values()):
            display(at)

    def begin(self, work: CategoryWork, *, has_other_nodes: bool, is_own_ray: bool) -> Arrival:
        """Begins to bring the files of a category.

        Args:
            work: the work on it; its records are those of earlier runs.
            has_other_nodes: whether other machines read it too.
            is_own_ray: whether the Ray that works on it ends with this run.
        """
        early: Sequence[FileLocation] | None = None
        if streamed(work, has_other_nodes=has_other_nodes):
            found: Callable[[], Sequence[FileLocation]] = functools.partial(_in_place, work)
        else:
            can_arrive = work.source.repository is not None and not work.source.is_packed
            if is_own_ray and not has_other_nodes and not self.is_second_try and can_arrive:
                early = arriving_files(work.source)
            found = functools.partial(self._copies, work, None if early is None else work.in_order)
        arrival = Arrival(early, StoppableThread(found))
        self._threads.append(arrival.fetched)
        return arrival

    def with_fetched(self, at: Snapshot) -> Snapshot:
        """Adds to the progress of a category how much of its files has arrived."""
        self._at_work.add(at.category)
        found = self._fetched.get(at.category)
        return at if found is None or found.done == found.total else replace(at, arriving=found)

    def stop(self, patience_s: float) -> None:
        """Ends what is still under way; what has arrived is kept."""
        for thread in self._threads:
            thread.stop()
        wait(self._threads, patience_s)

    def _copies(self, work: CategoryWork, earlier: Sequence[Record] | None) -> Sequence[FileLocation]:
        """Downloads and unpacks files. `earlier` are records from before, None if nobody reads what arrives."""
        source, connections = work.source, min(MAX_CONNECTIONS, self.run.config.source.max_hub_readers)
        report = functools.partial(self._report, source.category, source.size_bytes)
        if earlier is not None and source.repository is not None:
            accept = functools.partial(_check_earlier, work, earlier)
            return fetch_files(source.repository, source.files, report, connections=connections, accept=accept)
        return local_copies(
            source,
            self.run.output.scratch,
            self.say,
            report,
            work.plan.damaged_files,
            connections=connections,
            tries=1 if self.is_second_try else TRIES,
        )

    def _report(self, category: str, total: int, done: int) -> None:
        at = Download(category, total, done)
        self._fetched[category] = at
        if category not in self._at_work or done == total:
            self._display(at)


def streamed(work: CategoryWork, *, has_other_nodes: bool) -> bool:
    """Tells whether a category is read from the Hub in place."""
    config = work.config
    return is_streamed(work.source, stream=config.source.stream, limit=config.limit, has_other_nodes=has_other_nodes)


def forget(run: Run, works: Sequence[CategoryWork], error: WrongContentError) -> None:
    """Removes what was made of a file that has turned out to be wrong, and then the file.

    Args:
        run: the run, whose Ray has ended.
        works: the work on its categories.
        error: what has turned out.
    """
    for work in works:
        of_file = [index for index, file in enumerate(work.source.files) if file == error.entry.file]
        numbers = [number for number, part in enumerate(work.plan.partitions) if part.file in of_file]
        run.output.remove_records(work.plan.category, numbers)
        for number in numbers:
            work.records.pop(number, None)
    error.entry.discard()  # last: until then, the next run finds the same


def _in_place(work: CategoryWork) -> Sequence[FileLocation]:
    return [file.location for file in work.source.files]


def _check_earlier(work: CategoryWork, records: Sequence[Record], entry: Entry) -> None:
    """Compares what earlier runs have read of a file, perhaps while it arrived, with the file that has its hash."""
    path = LocalFile(entry.part if entry.part.exists() else entry.blob)
    of_file = [index for index, file in enumerate(work.source.files) if file == entry.file]
    read = [record for record in records if work.plan.partitions[record.partition].file in of_file]
    if read and changed_partitions(work.plan, [path] * len(work.source.files), read):
        raise WrongContentError(entry, f"{entry.file.name} was read with other content before")
