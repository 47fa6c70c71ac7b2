"""The folder of our own Ray's sockets and logs, and how the next run cleans up after a run that was killed.

A killed run cannot clean up, so every run first looks for such folders, whichever run made them. The owner of a folder
holds a lock on a file in it; the operating system releases the lock when the owner dies.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

from job.cluster.processes import end_all

PREFIX = "curate-"
"""Start of the folders' names."""
_OWNED = "owned"
"""Name of the file that the owner has locked."""
_LONGEST_PARENT = 22
"""Characters of the longest parent folder. The path of a socket may have 103 characters on macOS and 107 on Linux, of
which our folder's name takes 16 and what Ray puts below it up to 65."""
_YOUNG_S = 60.0
"""Seconds that a folder may exist without a locked file, since its owner is about to make one."""


@contextlib.contextmanager
def ray_folder() -> Generator[str]:
    """Makes the folder of a Ray of our own, and removes it at the end."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=_parent()))
    with (folder / f"{_OWNED}-soon").open("x") as owned:
        fcntl.flock(owned, fcntl.LOCK_EX)
        Path(owned.name).rename(folder / _OWNED)  # so the file that others look for is never there unlocked
        try:
            yield str(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def end_orphaned_rays() -> None:
    """Ends the Rays of runs that were killed, and removes their folders."""
    for folder in _parent().glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # it belongs to another user
            _clear(folder)


def _parent() -> Path:
    parent = Path(tempfile.gettempdir())
    return parent if len(str(parent)) <= _LONGEST_PARENT else Path("/tmp")  # noqa: S108


def _clear(folder: Path) -> None:
    """Ends the Ray of a folder and removes the folder, unless its owner is alive."""
    if not (folder / _OWNED).exists():
        if time.time() - folder.stat().st_mtime > _YOUNG_S:  # its owner died before it made the file
            shutil.rmtree(folder, ignore_errors=True)
        return
    with (folder / _OWNED).open("r+") as owned:
        try:
            fcntl.flock(owned, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        end_all(str(folder))
