"""Downloads files of the Hub's repositories into the Hugging Face cache, which other programs share.

The layout is the one that huggingface_hub documents: `blobs/<hash>` has the contents, `snapshots/<commit>/<name>` links
to them, and `refs/<revision>` has the last known commit of a revision. huggingface_hub's own download starts a file
again after an interruption, which is too slow for one file of 18 GB. So this module downloads the blob itself, resumes
where it stopped, and gives the blob its name only after its hash is verified.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from job.errors import CurateError, write_failed
from job.source.files import CategorySource, FileIdentity, Repository, SourceFile
from job.source.hub_errors import REFUSALS, cache_refused, not_cached, without_home
from job.source.hub_file import HubFile, RangeIgnoredError, iter_range
from job.source.location import LocalFile

_ROOM_BYTES = 64 << 20
"""Bytes that have to stay free on the disk."""
_GIT_SHA1_CHARS = 40


def cached_commit(dataset: str, revision: str) -> str | None:
    """Returns the last known commit of a revision; None if the cache has none."""
    path = _repository_folder(dataset) / "refs" / revision
    try:
        return (path.read_text(encoding="utf-8").strip() if path.is_file() else "") or None
    except OSError as error:
        raise cache_refused(error, path) from None


def remember_revision(dataset: str, revision: str, commit: str) -> None:
    """Stores the commit of a revision for offline use. A cache that cannot be written is not an error."""
    path = _repository_folder(dataset) / "refs" / revision
    if _is_without_home():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(commit, encoding="utf-8")
    except OSError:
        return


def cached_files(repository: Repository) -> list[FileIdentity]:
    """Returns the files of a commit that are in the cache."""
    snapshot = _repository_folder(repository.dataset) / "snapshots" / repository.commit
    found = {path.relative_to(snapshot).as_posix(): path for path in snapshot.rglob("*") if path.is_file()}
    return [FileIdentity(name, path.stat().st_size, _hash_of(repository.dataset, path)) for name, path in found.items()]


def _hash_of(dataset: str, snapshot_file: Path) -> str:
    """Returns the hash of a cached file: the name of its blob. On a file system without links, the file is a copy."""
    if snapshot_file.is_symlink():
        return snapshot_file.resolve().name
    size = snapshot_file.stat().st_size
    same = [blob.name for blob in (_repository_folder(dataset) / "blobs").glob("*") if blob.stat().st_size == size]
    if len(same) == 1:
        return same[0]
    with snapshot_file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def cached_file(repository: Repository, file: SourceFile) -> LocalFile | None:
    """Returns a file's copy in the cache; None if there is none, or not a complete one. Its hash is not checked."""
    path = _snapshot_file(repository, file)
    return LocalFile(path) if _size(path) == file.size_bytes else None


def missing_bytes(source: CategorySource) -> int:
    """Returns how many bytes of a category's files are still to be downloaded; 0 if they are not on the Hub."""
    total = 0
    if source.repository is None:
        return total
    for file in source.files:
        sizes = (_size(_snapshot_file(source.repository, file)), _size(_blob(source.repository, file)))
        if file.size_bytes not in sizes:
            there = _size(_part(source.repository, file)) or 0
            total += file.size_bytes - (there if there <= file.size_bytes else 0)
    return total


def check_cache_writable(needed_bytes: int) -> None:
    """Raises UsageError if something is to be downloaded and the cache, as far as it is there, cannot be written."""
    if not needed_bytes:
        return
    if _is_without_home():
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


def fetch_files(repository: Repository, files: Sequence[SourceFile], report: Callable[[int], None]) -> list[LocalFile]:
    """Downloads files that are not in the cache, and verifies the hash of every file.

    Args:
        repository: the repository at one commit.
        files: files of that repository.
        report: called with the number of the files' bytes that are in the cache so far.

    Returns:
        The files' copies in the cache, in order.

    Raises:
        CurateError: if the Hub does not answer, the disk is full, or the bytes do not have the repository's hash.
    """
    done = 0
    copies: list[LocalFile] = []
    for file in files:
        before = done

        def report_file(size: int, before: int = before) -> None:
            report(before + size)

        copies.append(LocalFile(_fetch_file(repository, file, report_file)))
        done += file.size_bytes
        report(done)
    return copies


def _fetch_file(repository: Repository, file: SourceFile, report: Callable[[int], None]) -> Path:
    from filelock import FileLock
    from huggingface_hub import constants

    path = _snapshot_file(repository, file)
    blob = _blob(repository, file)
    try:
        if path.exists() and _has_hash(path, file):
            return path
        if constants.is_offline_mode():
            raise not_cached(file.name)
        if _is_without_home():
            raise without_home()
        lock = cache_folder() / ".locks" / _repository_folder(repository.dataset).name / f"{file.fingerprint}.lock"
        for folder in (lock.parent, blob.parent, path.parent):
            folder.mkdir(parents=True, exist_ok=True)
        with FileLock(lock):
            if not (blob.exists() and _has_hash(blob, file)):
                part = _part(repository, file)
                _download(file, part, report)
                part.replace(blob)
            _link(blob, path)
    except OSError as error:
        if error.errno in REFUSALS:
            raise CurateError(str(cache_refused(error, path))) from None
        raise write_failed(error, error.filename or path) from None
    return path


def _download(file: SourceFile, part: Path, report: Callable[[int], None]) -> None:
    """Downloads a file, or the rest of it, and verifies its hash. If the hash differs, it starts again once."""
    location = cast(HubFile, file.location)
    for _ in range(2):
        try:
            _append(location, part, report)
        except RangeIgnoredError:  # the server sends whole files only
            part.unlink()
            try:
                _append(location, part, report)
            except RangeIgnoredError as error:
                raise CurateError(f"the server does not send the requested bytes: {error}\ntry again later") from None
        if _has_hash(part, file):
            return
        part.unlink()
    raise CurateError(
        f"{file.name} does not have the hash that its repository says, fetched twice\n"
        "try again later; if this persists, something in between changes it, or the repository is damaged"
    )


def _append(location: HubFile, part: Path, report: Callable[[int], None]) -> None:
    with part.open("ab") as stream:
        size = stream.tell()
        if size > location.size_bytes:
            stream.truncate(0)
            size = 0
        for chunk in iter_range(location, size, location.size_bytes):
            stream.write(chunk)
            size += len(chunk)
            report(size)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError as error:
        raise cache_refused(error, path) from None


def _has_hash(path: Path, file: SourceFile) -> bool:
    if path.stat().st_size != file.size_bytes:
        return False
    with path.open("rb") as stream:
        if len(file.fingerprint) == _GIT_SHA1_CHARS:  # a file outside large file storage
            start = hashlib.sha1(b"blob %d\0" % file.size_bytes, usedforsecurity=False)
            return hashlib.file_digest(stream, start.copy).hexdigest() == file.fingerprint
        return hashlib.file_digest(stream, "sha256").hexdigest() == file.fingerprint


def _link(blob: Path, path: Path) -> None:
    path.unlink(missing_ok=True)
    try:
        path.symlink_to(os.path.relpath(blob, path.parent))
    except OSError:  # a file system without links
        shutil.copyfile(blob, path)


def cache_folder() -> Path:
    """Returns the folder of the Hugging Face cache."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _is_without_home() -> bool:
    """Tells whether the cache would be in the home folder, and there is none: its path then still begins with `~`."""
    return str(cache_folder()).startswith("~")


def _repository_folder(dataset: str) -> Path:
    from huggingface_hub.file_download import repo_folder_name

    return cache_folder() / repo_folder_name(repo_id=dataset, repo_type="dataset")


def _snapshot_file(repository: Repository, file: SourceFile) -> Path:
    return _repository_folder(repository.dataset) / "snapshots" / repository.commit / file.name


def _blob(repository: Repository, file: SourceFile) -> Path:
    return _repository_folder(repository.dataset) / "blobs" / file.fingerprint


def _part(repository: Repository, file: SourceFile) -> Path:
    """Returns the path of an incomplete download; huggingface_hub's own tools recognise such names as leftovers."""
    return _blob(repository, file).with_name(f"{file.fingerprint}.curate.incomplete")
