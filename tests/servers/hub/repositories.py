"""What the test Hub holds: repositories, their commits and files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A published file: its path on the disk, and its size and time when it was published."""

    path: Path
    size: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of a repository: its files by path."""

    id: str
    number: int
    files: dict[str, PublishedFile]

    @property
    def date(self) -> str:
        return f"2023-09-0{1 + self.number % 9}T00:00:00.000Z"


@dataclass(slots=True)
class Repository:
    """A repository: its commits by hash, and the commit that each branch names."""

    commits: dict[str, Commit] = field(default_factory=dict[str, Commit])
    branches: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Access:
    """What a repository that is not public asks for."""

    token: str
    gated: bool
    listed: bool
    """Whether its information and tree are open to everybody."""


def sha1(text: str) -> str:
    """Returns the SHA-1 of a text, as hexadecimal digits."""
    return hashlib.sha1(text.encode()).hexdigest()


def check_unchanged(file: PublishedFile) -> None:
    """Raises RuntimeError if a file on the disk is no longer what was published."""
    stat = file.path.stat()
    if (stat.st_size, stat.st_mtime_ns) != (file.size, file.modified_ns):
        raise RuntimeError(f"file changed after it was published: {file.path}")
