"""Watches a category at work: its records as they are written, and how far the partitions without one are.

What is done is read from records, so it is true however often a partition is begun, and works the same on a cluster.
What is being worked on is told by the tasks themselves, and only a display depends on it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace

from job.cluster.counting import Inside
from job.errors import CurateError, NoAnswerError
from job.output.folder import OutputFolder
from job.plan.work import CategoryWork, size_of
from job.progress.snapshots import Snapshot

_LOOK_S = 0.25
"""Seconds between two looks at the rows inside partitions."""
_PAUSE = 10
"""Number by which the time that a look at the records took is multiplied for the pause until the next one: listing
100,000 records takes 0.1 s of a disk, and 100 requests of a bucket."""
_LONGEST_PAUSE_S = 20.0
"""Seconds of that pause at most."""


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
        looked, pause_s = time.monotonic(), output.store.poll_s
        while not finished.wait(_LOOK_S):
            showing = show_between
            if (began := time.monotonic()) - looked >= pause_s:
                showing, pause_s = show, output.store.poll_s
                try:
                    work.look(output, failed)
                    pause_s = min(max(pause_s, _PAUSE * (time.monotonic() - began)), _LONGEST_PAUSE_S)
                    if not failed.is_set():
                        work.copy(output)
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
    """Returns what the records of a category add up to, and what is known of the partitions without one."""
    partitions, tally = work.plan.partitions, work.tally
    only_inside = {number: at for number, at in inside.items() if number not in work.records}
    rows_inside = sum(at.num_rows for at in only_inside.values())
    size_done = tally.size
    for number, at in only_inside.items():
        partition = partitions[number]
        size_done += min(max(at.position - partition.start, 0), size_of(partition))
    return Snapshot(
        work.plan.category,
        len(partitions),
        done=len(work.records),
        num_rows=tally.num_rows + rows_inside,
        rows_inside=rows_inside,
        num_items=tally.num_items,
        num_malformed=tally.num_malformed,
        share=size_done / work.size,
    )
