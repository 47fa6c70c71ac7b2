"""Remembers which files of the cache have the hash that their repository says, so that none is hashed twice.

SHA-256 takes 12 s for the 5 GB of a large category, on each run. So a note beside the blob has the size, inode and
times of what was hashed; whatever writes into a file changes at least the time of its last change. Who wants to know
whether a disk still gives the same bytes reads everything: `curate verify --source`.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from job.source.fetch.entries import Entry
from job.source.files import SourceFile
from job.source.location import LocalFile

_GIT_SHA1_CHARS = 40
_READ_BYTES = 1 << 20
_TICK_S = 0.02
"""Seconds in which a file system may give two changes the same time; the clocks of Linux tick every 1 to 10 ms."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""File with another text after each start of Linux."""
_NOTED = 16
"""Number of versions in a note, at most: a blob, and copies of it where links are not possible."""


class Digest(Protocol):
    """A hash that is taken piece by piece."""

    def update(self, data: bytes, /) -> None:
        """Goes on with bytes."""
        ...

    def hexdigest(self) -> str:
        """Returns what it is so far, in hexadecimal."""
        ...


def new_digest(file: SourceFile) -> Digest:
    """Returns an empty digest of the kind that a file's repository states."""
    if len(file.fingerprint) == _GIT_SHA1_CHARS:  # a file outside large file storage
        return hashlib.sha1(b"blob %d\0" % file.size_bytes, usedforsecurity=False)
    return hashlib.sha256()


def has_hash(path: Path, file: SourceFile) -> bool:
    """Reads a file, and tells whether it has the size and hash that its repository states."""
    if path.stat().st_size != file.size_bytes:
        return False
    digest = new_digest(file)
    with path.open("rb") as stream:
        while data := stream.read(_READ_BYTES):
            digest.update(data)
    return digest.hexdigest() == file.fingerprint


def is_verified(path: Path, entry: Entry, *, read_again: bool = False) -> bool:
    """Tells whether a file of the cache has its hash. It is read unless it is unchanged since that was found.

    Args:
        path: the file: the blob, or the snapshot.
        entry: its place.
        read_again: read it in any case.
    """
    if path.stat().st_size != entry.file.size_bytes:
        return False
    if not read_again and _version(path) in _noted(entry):
        return True
    if not has_hash(path, entry.file):
        with contextlib.suppress(OSError):  # whoever looks next must read it, too
            entry.verified.unlink(missing_ok=True)
        return False
    note_verified([(path, entry)])
    return True


def note_verified(found: Iterable[tuple[Path, Entry]]) -> None:
    """Notes files whose hash was found right just now. A cache that cannot be written is not an error."""
    versions = [(path, entry, _version(path)) for path, entry in found]
    if any(time.time_ns() - path.stat().st_ctime_ns < _TICK_S * 1e9 for path, _, _ in versions):
        time.sleep(_TICK_S)  # from here on, a change would have another time
    for path, entry, version in versions:
        before = _noted(entry)
        if version in before or _version(path) != version:
            continue
        with contextlib.suppress(OSError):
            entry.verified.parent.mkdir(parents=True, exist_ok=True)
            written = entry.verified.with_name(f"{entry.verified.name}.{os.getpid()}.new")
            written.write_text("".join(f"{line}\n" for line in [*before, version][-_NOTED:]), encoding="ascii")
            written.replace(entry.verified)


def _version(path: Path) -> str:
    """Returns what a change of a file changes, and a restart: before one, not all may have reached the disk."""
    return f"{LocalFile(path).version()} {_start_of_system()}"


@functools.cache
def _start_of_system() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:  # not Linux
        return "-"


def _noted(entry: Entry) -> list[str]:
    try:
        return entry.verified.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return []
