"""What the Hugging Face cache has, which other programs share, and how files of the Hub get into it.

huggingface_hub's own download starts a file again after an interruption, and takes one connection, which is too slow
for one file of 18 GB. So `download.py` fetches the contents itself, and gives them their name once their hash is right.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from job.errors import CurateError, write_failed
from job.source.fetch.arriving import Arrival, ArrivingFile
from job.source.fetch.download import MAX_CONNECTIONS, Downloads
from job.source.fetch.entries import Entry, cache_folder, is_without_home, link, repository_folder
from job.source.fetch.parts import bytes_there
from job.source.fetch.verified import is_verified, note_verified
from job.source.files import CategorySource, FileIdentity, Repository, SourceFile
from job.source.hub_errors import REFUSALS, cache_refused, not_cached, without_home
from job.source.location import LocalFile

_ROOM_BYTES = 64 << 20
"""Bytes that have to stay free on the disk."""


def cached_commit(dataset: str, revision: str) -> str | None:
    """Returns the last known commit of a revision; None if the cache has none."""
    path = repository_folder(dataset) / "refs" / revision
    try:
        return (path.read_text(encoding="utf-8").strip() if path.is_file() else "") or None
    except OSError as error:
        raise cache_refused(error, path) from None


def remember_revision(dataset: str, revision: str, commit: str) -> None:
    """Stores the commit of a revision for offline use. A cache that cannot be written is not an error."""
    path = repository_folder(dataset) / "refs" / revision
    if is_without_home():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(commit, encoding="utf-8")
    except OSError:
        return


def cached_files(repository: Repository) -> list[FileIdentity]:
    """Returns the files of a commit that are in the cache."""
    snapshot = repository_folder(repository.dataset) / "snapshots" / repository.commit
    found = {path.relative_to(snapshot).as_posix(): path for path in snapshot.rglob("*") if path.is_file()}
    return [FileIdentity(name, path.stat().st_size, _hash_of(repository.dataset, path)) for name, path in found.items()]


def _hash_of(dataset: str, snapshot_file: Path) -> str:
    """Returns the hash of a cached file: the name of its blob. On a file system without links, the file is a copy."""
    if snapshot_file.is_symlink():
        return snapshot_file.resolve().name
    size = snapshot_file.stat().st_size
    same = [blob.name for blob in (repository_folder(dataset) / "blobs").glob("*") if blob.stat().st_size == size]
    if len(same) == 1:
        return same[0]
    with snapshot_file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def cached_file(repository: Repository, file: SourceFile) -> LocalFile | None:
    """Returns a file's copy in the cache; None if there is none, or not a complete one. Its hash is not checked."""
    path = Entry.of(repository, file).snapshot
    return LocalFile(path) if _size(path) == file.size_bytes else None


def arriving_files(repository: Repository, files: Sequence[SourceFile], told: Path) -> list[ArrivingFile]:
    """Returns where files can be read while they are downloaded.

    Args:
        repository: the repository at one commit.
        files: files of that repository.
        told: a folder for what the downloads tell, on this machine, which stays while anybody reads.

    Returns:
        The location of each file; nothing when the cache has one of them, or two have the same content.
    """
    entries = [Entry.of(repository, file) for file in files]
    blobs = {entry.blob for entry in entries}
    if len(blobs) < len(entries) or any(os.path.lexists(path) for e in entries for path in (e.blob, e.snapshot)):
        return []
    folder = Path(tempfile.mkdtemp(dir=told))  # of these downloads alone
    return [ArrivingFile(entry, Arrival(folder / entry.blob.name)) for entry in entries]


def missing_bytes(source: CategorySource) -> int:
    """Returns how many bytes of a category's files are still to be downloaded; 0 if they are not on the Hub."""
    total = 0
    if source.repository is None:
        return total
    for file in source.files:
        entry = Entry.of(source.repository, file)
        if file.size_bytes not in (_size(entry.snapshot), _size(entry.blob)):
            total += file.size_bytes - bytes_there(entry)
    return total


def check_cache_writable(needed_bytes: int) -> None:
    """Raises UsageError if something is to be downloaded and the cache, as far as it is there, cannot be written."""
    if not needed_bytes:
        return
    if is_without_home():
        raise without_home()
    folder = cache_folder()
    try:
        while not folder.exists():
            folder = folder.parent
        number = 0
        if not folder.is_dir():
            number = errno.ENOTDIR
        elif not os.access(folder, os.W_OK | os.X_OK):
            number = errno.EROFS if os.statvfs(folder).f_flag & os.ST_RDONLY else errno.EACCES
    except OSError as error:
        raise cache_refused(error, folder) from None
    if number:
        raise cache_refused(OSError(number, ""), folder)


def check_cache_room(needed_bytes: int) -> None:
    """Raises CurateError if the cache's disk has no room for so many bytes."""
    if not needed_bytes:
        return
    folder = cache_folder()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < needed_bytes + _ROOM_BYTES:
        raise CurateError(
            f"the disk of the Hugging Face cache is too full: {free / 1e9:.1f} GB free at {folder}, "
            f"{needed_bytes / 1e9:.1f} GB to download\n"
            "make room, name a larger disk with HF_HOME, or keep nothing on disk: --set source.stream=true"
        )


def fetch_files(
    repository: Repository,
    files: Sequence[SourceFile],
    report: Callable[[int], None],
    *,
    connections: int = MAX_CONNECTIONS,
    read_again: bool = False,
    arriving: Sequence[ArrivingFile] = (),
) -> list[LocalFile]:
    """Downloads files that are not in the cache, and verifies the hash of every file that has changed since it was.

    Args:
        repository: the repository at one commit.
        files: files of that repository.
        report: called with the number of the files' bytes that are in the cache so far, from any thread.
        connections: how many ranges may be fetched at once, at most.
        read_again: verify the hash of every file.
        arriving: those of the files that are read meanwhile.

    Returns:
        The files' copies in the cache, in order.

    Raises:
        CurateError: if the Hub does not answer, the disk is full, or the bytes do not have the repository's hash.
    """
    entries = [Entry.of(repository, file) for file in files]
    done = 0
    missing: list[Entry] = []
    at = repository_folder(repository.dataset)
    try:
        with _given_up_on_failure(arriving):
            for entry in entries:
                at = entry.snapshot
                if entry.snapshot.exists() and is_verified(entry.snapshot, entry, read_again=read_again):
                    done += entry.file.size_bytes
                    report(done)
                else:
                    missing.append(entry)
            if missing:
                _check_may_fetch(missing[0])
                at = missing[0].snapshot
                alone = {entry.blob: entry for entry in missing}  # several may have the same content
                done += sum(entry.file.size_bytes for entry in missing) - sum(e.file.size_bytes for e in alone.values())
                told = {each.entry.blob: each.arrival for each in arriving}
                Downloads([*alone.values()], connections, lambda size: report(done + size), told).run()
                for entry in missing:
                    if not entry.snapshot.exists():
                        entry.snapshot.parent.mkdir(parents=True, exist_ok=True)
                        link(entry.blob, entry.snapshot)
                note_verified([(path, entry) for entry in missing for path in (entry.blob, entry.snapshot)])
            for each in arriving:
                if each.entry not in missing:  # somebody else has fetched it meanwhile
                    each.arrival.end()
    except OSError as error:
        if error.errno in REFUSALS:
            raise CurateError(str(cache_refused(error, at))) from None
        raise write_failed(error, error.filename or at) from None
    return [LocalFile(entry.snapshot) for entry in entries]


@contextlib.contextmanager
def _given_up_on_failure(arriving: Sequence[ArrivingFile]) -> Generator[None]:
    try:
        yield
    except BaseException:
        for each in arriving:
            with contextlib.suppress(OSError):
                each.arrival.give_up()
        raise


def _check_may_fetch(entry: Entry) -> None:
    from huggingface_hub import constants

    if constants.is_offline_mode():
        raise not_cached(entry.file.name)
    if is_without_home():
        raise without_home()


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError as error:
        raise cache_refused(error, path) from None
