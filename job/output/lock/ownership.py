"""One run at a time works on an output folder, whichever machine it is on.

On one machine the system's own lock tells: it is taken back when its owner dies. Between machines that share a disk
such locks are often not seen, so the file is a lease too: its owner writes a new number into it every few seconds,
and whoever finds the lock of another machine watches for a while whether the number changes. No clock is compared.
What a run writes is checked against the lock as well: a run that was asleep, and lost its lease, writes no more.
In an object store the lease is all there is.

A job that was submitted to Ray waits for the other one to end: when a cluster has lost its head, the next try begins
while the lock of the last one still looks alive.
"""

from __future__ import annotations

import contextlib
import os
import platform
import threading
import time
import uuid
from collections.abc import Callable, Generator
from datetime import UTC, datetime

from job.errors import CurateError, RefusedError
from job.output.folder import LOCK, PLAN, OutputFolder
from job.output.lock.disk import FileLock
from job.output.lock.lease import Lease
from job.output.lock.owner import Owner, content, machine, owner_in
from job.storage.bucket import ObjectStore

BEAT_S = 5.0
_WAIT_S = 2.0
SUBMITTED = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""A variable of this very name, which Ray sets for what was submitted to it."""


def _kind(output: OutputFolder) -> type[FileLock] | type[Lease]:
    return Lease if isinstance(output.store, ObjectStore) else FileLock


def live_owner(output: OutputFolder) -> Owner | None:
    """Returns who is working on an output folder at this moment; None when nobody is, or it cannot be told."""
    return _kind(output).live_owner(output)


def check_owner(output: OutputFolder, run: str) -> None:
    """Raises unless a run still has its output folder, as it must before it writes.

    Raises:
        CurateError: when the folder is gone.
        RefusedError: when another run has taken it over.
    """
    owner = owner_in(content(output))
    if owner is not None and owner.run == run:
        return
    if output.store.read(PLAN) is None:
        raise CurateError(
            f"the output is gone: {output.root} (as {platform.node()} sees it)\n"
            "put it back, or the disk it is on, and run the same command again"
        )
    raise RefusedError(
        f"another run has taken over {output.root}{f': {owner}' if owner else ''}\n"
        "this one was asleep, or cut off from the disk, for too long; what it finished is kept"
    )


@contextlib.contextmanager
def sole_owner(output: OutputFolder, say: Callable[[str], None] = lambda _: None) -> Generator[Owner]:
    """Keeps other runs off an output folder while the context lasts.

    Args:
        output: the folder.
        say: told in a line what takes a while.

    Yields:
        The owner, which is this run.

    Raises:
        RefusedError: when another live run has it.
        UsageError: when the folder cannot be written.
    """
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    me = Owner(run=uuid.uuid4().hex, process=os.getpid(), host=platform.node(), machine=machine(), since=now)
    lock = _waited_for(output, me, say)
    ended = threading.Event()

    def beat() -> None:
        count = 0
        while not ended.wait(BEAT_S):
            count += 1
            with contextlib.suppress(OSError, CurateError):  # the disk may be full or away for a moment
                lock.beat(count)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield me
    finally:
        ended.set()
        thread.join()
        with contextlib.suppress(OSError, CurateError):
            if owner_in(content(output)) == me:
                output.store.remove([LOCK])
        lock.close()


def _waited_for(output: OutputFolder, me: Owner, say: Callable[[str], None]) -> FileLock | Lease:
    """Takes the lock; where a try of this very job may still have it, as soon as that is over."""
    while True:
        try:
            return _kind(output).take(output, me, say)
        except RefusedError as refusal:
            if SUBMITTED not in os.environ:
                raise
            say(f"{refusal.message.splitlines()[0]}; this is a submitted job, so it waits until that has ended")
            say = _say_nothing
            time.sleep(_WAIT_S)


def _say_nothing(line: str) -> None:
    """Once is enough."""
