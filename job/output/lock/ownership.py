"""Lets one run at a time work on an output folder, whichever machine it runs on.

On one machine the file system's own lock decides: the system releases it when its owner dies. Machines that share a
disk often do not see each other's locks, so the lock file is a lease too: its owner writes a new number into it every
few seconds, and a run that finds another machine's lock watches for a while whether the number changes. No clocks are
compared. A run also checks the lock before each write, so a run that was suspended and lost its lease writes nothing
more. In an object store there is only the lease.

A job that was submitted to Ray waits for the other run to end: when a cluster loses its head node, the next attempt
starts while the lock of the last one still looks alive.
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
from job.output.lock.owner import Owner, machine_id, owner_in, read_lock
from job.storage.bucket import ObjectStore
from job.storage.patience import end_patience

BEAT_S = 5.0
"""Seconds between two heartbeats."""
_LAST_BEAT_S = 5.0
"""Seconds to wait for a heartbeat that is being written when the run ends."""
_RETRY_S = 2.0
"""Seconds before a submitted job tries again to take the lock."""
SUBMITTED = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""The environment variable that Ray sets for submitted jobs. This is its literal name."""


def _lock_type(output: OutputFolder) -> type[FileLock] | type[Lease]:
    return Lease if isinstance(output.store, ObjectStore) else FileLock


def live_owner(output: OutputFolder) -> Owner | None:
    """Returns the run that is working on an output folder; None when there is none, or when it cannot be determined."""
    return _lock_type(output).live_owner(output)


def check_owner(output: OutputFolder, run_id: str) -> None:
    """Checks that a run still owns its output folder, as it must before it writes.

    Args:
        output: the output folder.
        run_id: the run's id, from its `Owner`.

    Raises:
        CurateError: when the folder is gone.
        RefusedError: when another run has taken it over.
    """
    owner = owner_in(read_lock(output))
    if owner is not None and owner.run_id == run_id:
        return
    if output.store.read(PLAN) is None:
        raise CurateError(
            f"the output is gone: {output.root} (as {platform.node()} sees it)\n"
            "restore it, or reconnect its disk, and run the same command again"
        )
    raise RefusedError(
        f"another run has taken over {output.root}{f': {owner}' if owner else ''}\n"
        "this run was suspended, or cut off from the disk, for too long; what it finished is kept"
    )


@contextlib.contextmanager
def sole_owner(output: OutputFolder, say: Callable[[str], None] = lambda _: None) -> Generator[Owner]:
    """Locks an output folder, so that no other run works on it.

    Args:
        output: the output folder.
        say: called with one line before a wait.

    Yields:
        The owner, which is this run.

    Raises:
        RefusedError: when another live run owns the folder.
        UsageError: when the folder cannot be written.
    """
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    me = Owner(run_id=uuid.uuid4().hex, process=os.getpid(), host=platform.node(), machine=machine_id(), since=now)
    lock = _take(output, me, say)
    ended = threading.Event()

    def beat() -> None:
        count = 0
        while not ended.wait(BEAT_S):
            count += 1
            with contextlib.suppress(OSError, CurateError):  # the disk may be full or gone for a moment
                lock.beat(count)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield me
    except BaseException:
        end_patience()
        raise
    finally:
        ended.set()
        thread.join(_LAST_BEAT_S)
        with contextlib.suppress(OSError, CurateError):
            if owner_in(read_lock(output)) == me:
                output.store.remove([LOCK])
        lock.close()


def _take(output: OutputFolder, me: Owner, say: Callable[[str], None]) -> FileLock | Lease:
    """Takes the lock. A submitted job retries until it can, since an earlier attempt of the same job may hold it."""
    while True:
        try:
            return _lock_type(output).take(output, me, say)
        except RefusedError as refused:
            if SUBMITTED not in os.environ:
                raise
            say(f"{refused.message.splitlines()[0]}; this is a submitted job, so it waits until that has ended")
            say = _say_nothing
            time.sleep(_RETRY_S)


def _say_nothing(line: str) -> None:
    """Replaces `say` after the first message, so that each retry does not repeat it."""
