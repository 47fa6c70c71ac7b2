"""What a source finds: the files of a category, wherever they lie."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from job.source.bucket_file import BucketFile
from job.source.fetch.unpack import is_packed
from job.source.find.layout import FileFormat
from job.source.hub_file import HubFile

Place = Path | HubFile | BucketFile
"""Where a file is read: all open with `open("rb")`."""

_FINGERPRINT_BYTES = 1 << 16


def size_of(place: Place) -> int:
    """Returns a file's size in bytes, as it is now."""
    if isinstance(place, HubFile):
        return place.size_bytes
    return place.stat().st_size if isinstance(place, Path) else place.size_now()


def fingerprint(place: Place) -> tuple[int, str]:
    """Returns a file's size in bytes, and the SHA-256 over its first and last 64 KiB in hexadecimal."""
    size = size_of(place)
    with place.open("rb") as stream:
        digest = hashlib.sha256(stream.read(_FINGERPRINT_BYTES))
        stream.seek(-min(size, _FINGERPRINT_BYTES), os.SEEK_END)
        digest.update(stream.read())
    return size, digest.hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceFile:
    """One file of a category."""

    name: str
    """Relative to the source, with forward slashes."""
    path: Place
    """Where it lies now."""
    size_bytes: int
    fingerprint: str
    """In a folder, or under an address, the SHA-256, in hexadecimal, over its first and last 64 KiB; on the Hub its
    hash in the repository, which is the SHA-256 of the whole, or git's SHA-1 of a small file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CategorySource:
    """All files of a category, in the order of their rows."""

    category: str
    file_format: FileFormat
    files: tuple[SourceFile, ...]
    repository: tuple[str, str] | None = None
    """On the Hub: the data set and the commit."""

    @property
    def size_bytes(self) -> int:
        """The files' size as they lie there."""
        return sum(file.size_bytes for file in self.files)

    @property
    def is_packed(self) -> bool:
        """Tells whether the files have to be unpacked before they can be cut."""
        return any(is_packed(file.name) for file in self.files)
