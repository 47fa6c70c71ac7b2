"""Decides where a category's files are read, and makes the copies on this machine that this needs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Sequence
from pathlib import Path

from job.source.fetch.arriving import ArrivingFile
from job.source.fetch.cache import arriving_files, cached_file, fetch_files, missing_bytes
from job.source.fetch.download import MAX_CONNECTIONS
from job.source.fetch.packing import is_packed
from job.source.fetch.unpack import unpack
from job.source.files import CategorySource, SourceFile
from job.source.location import FileLocation


def is_streamed(source: CategorySource, *, stream: bool | None, limit: int | None, has_other_nodes: bool) -> bool:
    """Decides whether a category is read from the Hub directly, without a copy on this machine.

    Args:
        source: the category's files.
        stream: the user's wish, `source.stream`; None if there is none.
        limit: the number of rows to read; None for all.
        has_other_nodes: whether other machines read the category too, or may do so later.
    """
    if source.repository is None or source.is_packed:
        return False
    if stream is not None:
        return stream
    if has_other_nodes:
        return True
    return limit is not None and missing_bytes(source) > 0  # rather than 18 GB for 1,000 rows


def nearest_location(source: CategorySource, file: SourceFile) -> FileLocation:
    """Returns where a file can be read now without a download: its cached copy if there is one, else the original."""
    return (source.repository and cached_file(source.repository, file)) or file.location


def shown_as(file: SourceFile) -> str:
    """Returns what messages about its unpacked content call a file."""
    return f"the file packed in {file.location}" if is_packed(file.name) else str(file.location)


def may_arrive(source: CategorySource) -> bool:
    """Tells whether a category can be read while it is downloaded: by lines, from the first byte on."""
    return source.repository is not None and not source.is_packed and source.file_format == "jsonl"


def arriving_copies(source: CategorySource, told: Path) -> list[ArrivingFile]:
    """Returns where a category's files can be read while they are downloaded.

    Args:
        source: the category's files.
        told: a folder for what the downloads tell, on this machine, which stays while anybody reads.

    Returns:
        The location of each file; nothing when the category has to be there before it is read.
    """
    if source.repository is None or not may_arrive(source):
        return []
    return arriving_files(source.repository, source.files, told)


def local_copies(
    source: CategorySource,
    scratch: Path,
    say: Callable[[str], None],
    report: Callable[[int], None],
    left_out: Container[str] = (),
    *,
    connections: int = MAX_CONNECTIONS,
    read_again: bool = False,
    arriving: Sequence[ArrivingFile] = (),
) -> list[FileLocation]:
    """Downloads a category's files if they are on the Hub, and unpacks those that are packed.

    Args:
        source: the category's files.
        scratch: the folder to unpack into.
        say: called with a line of text before something that takes a while.
        report: called with the number of bytes downloaded so far, from any thread; not called if nothing is missing.
        left_out: names of files that the plan leaves out, which stay packed.
        connections: how many ranges may be downloaded at once, at most.
        read_again: read what is in the cache already, to verify its hash once more.
        arriving: where `arriving_copies` lets the files be read meanwhile.

    Returns:
        The location of each file, in order. What lies in a folder or a bucket and is not packed stays where it is.

    Raises:
        DamagedFileError: if a packed file is damaged.
        CurateError: if a download fails, or a disk is too full.
    """
    locations: list[FileLocation] = [file.location for file in source.files]
    if source.repository is not None:
        is_complete = missing_bytes(source) == 0
        told = _ignore if is_complete else report
        locations = [
            *fetch_files(
                source.repository,
                source.files,
                told,
                connections=connections,
                read_again=read_again,
                arriving=arriving,
            )
        ]
    return [
        location if file.name in left_out else _unpacked(source, file, location, scratch, say)
        for file, location in zip(source.files, locations, strict=True)
    ]


def unpacked(source: CategorySource, file: SourceFile, scratch: Path, say: Callable[[str], None]) -> FileLocation:
    """Downloads one file of a category if it is on the Hub, and unpacks it if it is packed.

    Args:
        source: the category.
        file: one of its files.
        scratch: the folder to unpack into.
        say: called with a line of text before something that takes a while.

    Returns:
        The location of the file as it can be cut.

    Raises:
        DamagedFileError: if the file is packed and damaged.
        CurateError: if the download fails, or a disk is too full.
    """
    location = file.location
    if source.repository is not None:
        (location,) = fetch_files(source.repository, [file], _ignore)
    return _unpacked(source, file, location, scratch, say)


def _unpacked(
    source: CategorySource, file: SourceFile, location: FileLocation, scratch: Path, say: Callable[[str], None]
) -> FileLocation:
    if not is_packed(file.name):
        return location
    content = hashlib.sha256(f"{file.fingerprint} {location.version()}".encode()).hexdigest()
    return unpack(location, scratch / source.category / content[:16], say)


def _ignore(num_bytes: int) -> None:
    del num_bytes
