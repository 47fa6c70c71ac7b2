"""The Hugging Face cache: files of the Hub's repositories on this machine, fetched once and shared with other programs.

The layout is the one that huggingface_hub documents: `blobs/<hash>` has the contents, `snapshots/<commit>/<name>` links
to them, `refs/<revision>` has the commit that a revision was last. Its own download begins a file anew when it was
interrupted, which with 18 GB in one file is not good enough; so a blob is fetched here, goes on where it stopped, is
compared with its hash, and only then gets its name.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from job.errors import CurateError, write_failed
from job.source.files import CategorySource, SourceFile
from job.source.hub_file import HubFile, RangeIgnoredError, fetch, offline

_ROOM_BYTES = 64 << 20
"""To be left on the disk."""
_GIT_SHA1_CHARS = 40


def cached_commit(dataset: str, revision: str) -> str | None:
    """Returns the commit that a revision was when it was last asked for; None when the cache does not know."""
    path = _repository(dataset) / "refs" / revision
    return (path.read_text(encoding="utf-8").strip() if path.is_file() else "") or None


def remember_revision(dataset: str, revision: str, commit: str) -> None:
    """Notes which commit a revision is, for times without a network. A cache that cannot be written is no error."""
    path = _repository(dataset) / "refs" / revision
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(commit, encoding="utf-8")
    except OSError:
        return


def cached_files(dataset: str, commit: str) -> dict[str, tuple[int, str]]:
    """Returns the files that the cache has of a commit: by name, their size in bytes and their hash."""
    snapshot = _repository(dataset) / "snapshots" / commit
    found = {path.relative_to(snapshot).as_posix(): path for path in snapshot.rglob("*") if path.is_file()}
    return {name: (path.stat().st_size, _hash_of(dataset, path)) for name, path in found.items()}


def _hash_of(dataset: str, pointer: Path) -> str:
    """Returns the hash under which a file lies in the cache; on a file system without links it is a copy."""
    if pointer.is_symlink():
        return pointer.resolve().name
    size = pointer.stat().st_size
    same = [blob.name for blob in (_repository(dataset) / "blobs").glob("*") if blob.stat().st_size == size]
    if len(same) == 1:
        return same[0]
    with pointer.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def cached_path(repository: tuple[str, str], file: SourceFile) -> Path | None:
    """Returns where a file lies in the cache; None when it does not, or not whole."""
    pointer = _pointer(repository, file)
    return pointer if pointer.is_file() and pointer.stat().st_size == file.size_bytes else None


def missing_bytes(source: CategorySource) -> int:
    """Returns how many bytes of a category's files are still to be fetched; 0 where they are not on the Hub."""
    total = 0
    if source.repository is None:
        return total
    for file in source.files:
        if file.size_bytes not in (_size(_pointer(source.repository, file)), _size(_blob(source.repository, file))):
            there = _size(_part(source.repository, file)) or 0
            total += file.size_bytes - (there if there <= file.size_bytes else 0)
    return total


def check_cache_room(needed_bytes: int) -> None:
    """Raises CurateError when the cache's disk has no room for so many bytes."""
    if not needed_bytes:
        return
    folder = cache_folder()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < needed_bytes + _ROOM_BYTES:
        raise CurateError(
            f"the disk of the Hugging Face cache is too full: {free / 1e9:.1f} GB free at {folder}, "
            f"{needed_bytes / 1e9:.1f} GB to fetch\n"
            "make room, name a larger disk with HF_HOME, or keep nothing on disk: --set source.stream=true"
        )


def fetch_files(repository: tuple[str, str], files: Sequence[SourceFile], report: Callable[[int], None]) -> list[Path]:
    """Has files in the cache: those that are not there are fetched, all are compared with their hash.

    Args:
        repository: the data set and the commit.
        files: of that repository.
        report: told how many of the files' bytes are there so far.

    Returns:
        Where they lie in the cache, in their order.

    Raises:
        CurateError: when the Hub does not answer, the disk is full, or the bytes are not those that the repository has.
    """
    done = 0
    paths: list[Path] = []
    for file in files:
        before = done

        def told(size: int, before: int = before) -> None:
            report(before + size)

        paths.append(_fetched(repository, file, told))
        done += file.size_bytes
        report(done)
    return paths


def _fetched(repository: tuple[str, str], file: SourceFile, report: Callable[[int], None]) -> Path:
    from filelock import FileLock
    from huggingface_hub import constants

    pointer = _pointer(repository, file)
    blob = _blob(repository, file)
    try:
        if pointer.exists() and _has_hash(pointer, file):
            return pointer
        if constants.is_offline_mode():
            raise offline(file.name)
        lock = cache_folder() / ".locks" / _repository(repository[0]).name / f"{file.fingerprint}.lock"
        for folder in (lock.parent, blob.parent, pointer.parent):
            folder.mkdir(parents=True, exist_ok=True)
        with FileLock(lock):
            if not (blob.exists() and _has_hash(blob, file)):
                part = _part(repository, file)
                _fetch(file, part, report)
                part.replace(blob)
            _link(blob, pointer)
    except OSError as error:
        raise write_failed(error, error.filename or pointer) from None
    return pointer


def _fetch(file: SourceFile, part: Path, report: Callable[[int], None]) -> None:
    """Fetches a file, or the rest of it, and compares it with its hash; once more from the start if it is another."""
    remote = cast(HubFile, file.path)
    for _ in range(2):
        try:
            _append(remote, part, report)
        except RangeIgnoredError:  # the server sends whole files only
            part.unlink()
            try:
                _append(remote, part, report)
            except RangeIgnoredError as error:
                raise CurateError(f"the server does not send what was asked for: {error}\ntry again later") from None
        if _has_hash(part, file):
            return
        part.unlink()
    raise CurateError(
        f"{file.name} does not have the hash that its repository says, fetched twice\n"
        "try again later; if it stays so, something on the way changes it, or the repository is damaged"
    )


def _append(remote: HubFile, part: Path, report: Callable[[int], None]) -> None:
    with part.open("ab") as stream:
        size = stream.tell()
        if size > remote.size_bytes:
            stream.truncate(0)
            size = 0
        for chunk in fetch(remote, size, remote.size_bytes):
            stream.write(chunk)
            size += len(chunk)
            report(size)


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def _has_hash(path: Path, file: SourceFile) -> bool:
    if path.stat().st_size != file.size_bytes:
        return False
    with path.open("rb") as stream:
        if len(file.fingerprint) == _GIT_SHA1_CHARS:  # a file that is not in large file storage
            start = hashlib.sha1(b"blob %d\0" % file.size_bytes, usedforsecurity=False)
            return hashlib.file_digest(stream, start.copy).hexdigest() == file.fingerprint
        return hashlib.file_digest(stream, "sha256").hexdigest() == file.fingerprint


def _link(blob: Path, pointer: Path) -> None:
    pointer.unlink(missing_ok=True)
    try:
        pointer.symlink_to(os.path.relpath(blob, pointer.parent))
    except OSError:  # a file system without links
        shutil.copyfile(blob, pointer)


def cache_folder() -> Path:
    """Returns the folder of the Hugging Face cache."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _repository(dataset: str) -> Path:
    from huggingface_hub.file_download import repo_folder_name

    return cache_folder() / repo_folder_name(repo_id=dataset, repo_type="dataset")


def _pointer(repository: tuple[str, str], file: SourceFile) -> Path:
    dataset, commit = repository
    return _repository(dataset) / "snapshots" / commit / file.name


def _blob(repository: tuple[str, str], file: SourceFile) -> Path:
    return _repository(repository[0]) / "blobs" / file.fingerprint


def _part(repository: tuple[str, str], file: SourceFile) -> Path:
    """Returns where a file is put until it is whole; huggingface_hub's own tools know such names as leftovers."""
    return _blob(repository, file).with_name(f"{file.fingerprint}.curate.incomplete")
