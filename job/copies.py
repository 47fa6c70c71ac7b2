"""Brings the files of categories to this machine, as far as they have to be here, before they are read or meanwhile."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from job.cluster.stoppable import StoppableThread
from job.errors import CurateError
from job.output.folder import OutputFolder
from job.output.lock.ownership import check_owner
from job.plan.work import CategoryWork, Run
from job.progress.display import ShowProgress
from job.progress.snapshots import Download
from job.source.fetch.arriving import ArrivingFile, GivenUpError, check_not_given_up
from job.source.fetch.download import MAX_CONNECTIONS
from job.source.fetch.entries import cache_folder
from job.source.fetch.local_copies import arriving_copies, is_streamed, local_copies
from job.source.files import CategorySource
from job.source.location import FileLocation

_LOOK_S = 0.1
"""Seconds between two looks at whether files are here."""
_SETTLE_S = 0.2
"""Seconds between two looks at records that were held back."""

_UNPACKED = "where packed source files are unpacked (you can unpack them yourself)"


def is_streamed_work(work: CategoryWork, *, has_other_nodes: bool) -> bool:
    """Tells whether a category is read from the Hub in place."""
    config = work.config
    return is_streamed(work.source, stream=config.source.stream, limit=config.limit, has_other_nodes=has_other_nodes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Coming:
    """The files of a category, which are brought to this machine as far as they have to be here."""

    download: StoppableThread[Sequence[FileLocation]]
    """Returns where they are read when they are here."""
    early: Sequence[ArrivingFile]
    """Where they can be read until then; empty if they cannot."""

    def wait(self) -> Sequence[FileLocation]:
        """Waits until they are here, in a thread that may be stopped."""
        while not self.download.done():
            time.sleep(_LOOK_S)
        return self.download.result()

    def is_given_up(self) -> bool:
        """Tells whether what was read early may be wrong, as far as is known by now."""
        try:
            check_not_given_up(self.early)
        except GivenUpError:
            return True
        return False

    def settle(self, run: Run, category: str) -> None:
        """Lets the records count that were held back. They are forgotten if a download was given up.

        Args:
            run: the run that holds them back, and has to own its output still.
            category: the category, whose files are here.
        """
        check_owner(run.output, run.run_id)
        settled = run.output.forget_held if self.is_given_up() else run.output.release_held
        settled(run.run_id, category)


@dataclass(slots=True)
class Copies:
    """Brings the files of categories to this machine, as far as they have to be here."""

    run: Run
    say: Callable[[str], None]
    told: Path | None
    """A folder on this machine for what downloads tell those who read meanwhile; None if nobody will."""
    display: ShowProgress = lambda _: None

    def begin(self, work: CategoryWork, *, is_own_ray: bool, has_other_nodes: bool = False) -> Coming:
        """Begins to download and unpack the files of a category."""
        source, output = work.source, self.run.output
        early: Sequence[ArrivingFile] = []
        streams = is_streamed_work(work, has_other_nodes=has_other_nodes)
        may_be_early = is_own_ray and not streams and isinstance(output.root, Path)
        if self.told is not None and may_be_early:
            early = arriving_copies(source, self.told)

        def report(done: int) -> None:
            self.display(Download(source.category, source.size_bytes, done))

        def locations() -> Sequence[FileLocation]:
            if streams:
                return [file.location for file in source.files]
            connections = min(MAX_CONNECTIONS, self.run.config.source.max_hub_readers)
            return local_copies(
                source,
                output.scratch,
                self.say,
                report,
                work.plan.damaged_files,
                connections=connections,
                arriving=early,
            )

        return Coming(download=StoppableThread(locations), early=early)


@contextlib.contextmanager
def settled_when_here(coming: Coming, run: Run, category: str) -> Generator[None]:
    """Settles records that are held back from when the files are here: a run that is killed then keeps them."""
    is_over = threading.Event()

    def settle() -> None:
        while not is_over.wait(_SETTLE_S):
            if coming.download.done() and coming.download.exception() is None:
                with contextlib.suppress(CurateError, OSError):  # the next time may succeed
                    coming.settle(run, category)

    thread = threading.Thread(target=settle, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def check_nodes(run: Run, works: Sequence[CategoryWork]) -> None:
    """Checks that all nodes see what lies on a disk: the output, the source, and what is downloaded or unpacked.

    Raises:
        UsageError: when one of them does not.
    """
    from job.cluster.shared_paths import check_all_nodes_see

    output = run.output
    folders = {output.root: "the output"} if isinstance(output.root, Path) else {}
    files = {
        path: (file.size_bytes, file.fingerprint)
        for work in works
        for file in work.source.files
        if (path := file.location.local_path) is not None and not work.source.is_packed
    }
    if any(work.source.is_packed for work in works):
        folders[output.scratch] = _UNPACKED
    if any(work.source.repository and not is_streamed_work(work, has_other_nodes=True) for work in works):
        folders[cache_folder()] = "the Hugging Face cache (source.stream=true reads without it)"
    check_all_nodes_see(files, folders)


def check_before_unpacking(output: OutputFolder, sources: Sequence[CategorySource], say: Callable[[str], None]) -> None:
    """Checks that all nodes of a Ray that was given will see what is unpacked here, before that takes its time.

    Args:
        output: the output folder.
        sources: categories that are not planned yet.
        say: called with each line that a user should see.

    Raises:
        UsageError: when a node does not see it, or no Ray answers.
    """
    if not any(source.is_packed for source in sources):
        return
    from job.cluster.shared_paths import check_all_nodes_see
    from job.cluster.start import is_ray_given, join_given_ray

    if is_ray_given() and join_given_ray(say):
        check_all_nodes_see({}, {output.scratch: _UNPACKED})
