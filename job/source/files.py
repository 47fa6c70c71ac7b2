"""The files of a category: what they are, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from job.source.fetch.packing import is_packed
from job.source.find.layout import FileFormat
from job.source.location import FileLocation


class Repository(msgspec.Struct, frozen=True, array_like=True):
    """A data set repository on the Hub at one commit."""

    dataset: str
    """Its name, such as `McAuley-Lab/Amazon-Reviews-2023`."""
    commit: str
    """The full hash."""


class FileIdentity(msgspec.Struct, frozen=True, array_like=True):
    """What tells a file from every other version of it."""

    name: str
    """Path relative to the source, with forward slashes."""
    size_bytes: int
    fingerprint: str
    """Digest in hexadecimal. In a folder or a bucket: SHA-256 over the first and last 64 KiB. On the Hub: the hash in
    the repository, which is SHA-256 over all bytes, or git's SHA-1 of a small file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceFile:
    """One file of a category."""

    name: str
    """Path relative to the source, with forward slashes."""
    location: FileLocation
    """Where it lies now."""
    size_bytes: int
    fingerprint: str
    """See `FileIdentity`."""

    @property
    def identity(self) -> FileIdentity:
        """What tells this file from every other version of it."""
        return FileIdentity(self.name, self.size_bytes, self.fingerprint)


@dataclass(frozen=True, kw_only=True, slots=True)
class CategorySource:
    """All files of a category, in the order of their rows."""

    category: str
    file_format: FileFormat
    files: tuple[SourceFile, ...]
    repository: Repository | None = None
    """The repository on the Hub; None for files elsewhere."""

    @property
    def size_bytes(self) -> int:
        """Size of the files as they lie there, packed or not."""
        return sum(file.size_bytes for file in self.files)

    @property
    def is_packed(self) -> bool:
        """Whether any file has to be unpacked before it can be cut into partitions."""
        return any(is_packed(file.name) for file in self.files)
