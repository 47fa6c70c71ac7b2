"""Folders of a run for our own Ray's sockets and logs and the like, and how the next run cleans up after a killed one.

A killed run cannot clean up, so every run first looks for such folders, whichever run made them. The owner of a folder
holds a lock on a file in it; the operating system releases the lock when the owner dies.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

from job.cluster.processes import end_all
from job.errors import UsageError, plain_reason

PREFIX = "curate-"
"""Start of the folders' names."""
_OWNED = "owned"
"""Name of the file that the owner has locked."""
_LONGEST_PARENT = 22
"""Characters of the longest parent folder. The path of a socket may have 103 characters on macOS and 107 on Linux, of
which our folder's name takes 16 and what Ray puts below it up to 65."""
_YOUNG_S = 60.0
"""Seconds that a folder may exist without a locked file, since its owner is about to make one."""

_NEEDED_BYTES, _NEEDED_FILES = 4 << 20, 200
"""Bytes and number of files that Ray's logs and sockets may take: a short run makes 80 files of 0.5 MB together."""


def check_folder() -> None:
    """Checks that the folder of a Ray of our own can be made, and has room. Without room Ray hangs.

    Raises:
        UsageError: if it cannot.
    """
    try:
        folder = _parent()
    except OSError as error:  # Python has found no folder for temporary files that can be written
        raise _no_folder(os.environ.get("TMPDIR", "/tmp"), plain_reason(error)) from None  # noqa: S108
    if (why := why_not_writable(folder)) is not None:
        raise _no_folder(folder, why)
    found = os.statvfs(folder)
    free = found.f_bavail * found.f_frsize
    if free < _NEEDED_BYTES:
        raise _no_folder(folder, f"{free >> 10:,} KiB are free, and {_NEEDED_BYTES >> 10:,} are needed")
    if found.f_files > 0 and found.f_favail < _NEEDED_FILES:  # some file systems have no such limit, and say 0
        raise _no_folder(folder, f"it has room for {found.f_favail} more files, and {_NEEDED_FILES} are needed")


def why_not_writable(folder: Path) -> str | None:
    """Returns why no file can be written in a folder, in plain words; None if one can."""
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            file.write(b"1")
    except OSError as error:
        return plain_reason(error)
    return None


def _no_folder(folder: object, why: str) -> UsageError:
    return UsageError(
        f"Ray's logs and sockets cannot be put into {folder}, the folder for temporary files: {why}\n"
        f"make room there, or name another folder in at most {_LONGEST_PARENT} characters: export TMPDIR=/FOLDER"
    )


@contextlib.contextmanager
def owned_folder() -> Generator[str]:
    """Makes a folder for temporary files, and removes it at the end; the next run does if this one is killed."""
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
    try:
        folders = list(_parent().glob(f"{PREFIX}*"))
    except OSError:  # no temporary file can be written, which `check_folder` says
        return
    for folder in folders:
        with contextlib.suppress(OSError):  # it belongs to another user
            _clear(folder)


def _parent() -> Path:
    parent = Path(tempfile.gettempdir())
    return parent if len(str(parent)) <= _LONGEST_PARENT else Path("/tmp")  # noqa: S108


def _clear(folder: Path) -> None:
    """Ends the Ray of a folder and removes the folder, unless its owner is alive."""
    if not (folder / _OWNED).exists():
        is_ours = {path.name for path in folder.iterdir()} <= {f"{_OWNED}-soon"}  # else somebody has called it so
        if is_ours and time.time() - folder.stat().st_mtime > _YOUNG_S:  # its owner died before it made the file
            shutil.rmtree(folder, ignore_errors=True)
        return
    with (folder / _OWNED).open("r+") as owned:
        try:
            fcntl.flock(owned, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        end_all(str(folder))
