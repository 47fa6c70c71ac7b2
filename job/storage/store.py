"""One interface for the place where an output lies. Names are relative to it, with forward slashes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from job.storage.bucket import ObjectStore
from job.storage.folder import Folder


class Store(Protocol):
    """A place for files that appear whole or not at all.

    What goes wrong is a `CurateError` that names the place.
    """

    @property
    def root(self) -> Path | str:
        """The folder or the address, for messages and for whoever opens it anew."""
        ...

    @property
    def scratch(self) -> Path:
        """A folder of this machine for what is needed meanwhile."""
        ...

    @property
    def poll_s(self) -> float:
        """How often it may be asked what is new."""
        ...

    def exists(self) -> bool:
        """Tells whether there is anything."""
        ...

    def top(self) -> set[str]:
        """Returns the names of files and folders in it."""
        ...

    def names(self) -> Iterator[str]:
        """Yields the names of all files in it and below; none that begins with a dot."""
        ...

    def sizes(self, folder: str) -> dict[str, int]:
        """Returns the files of a folder that is in it, each with its size in bytes."""
        ...

    def read(self, name: str) -> bytes | None:
        """Returns a file's bytes; None when it is not there."""
        ...

    def read_all(self, names: Iterable[str]) -> Iterator[bytes | None]:
        """Yields the bytes of many files in their order, as `read` does."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Puts a file in place, whole or not at all."""
        ...

    def remove(self, names: Iterable[str]) -> None:
        """Removes files, those that are there."""
        ...

    def remove_folder(self, folder: str) -> None:
        """Removes a folder and all that is in it; what cannot be removed stays."""
        ...

    def remove_empty(self, folder: str) -> None:
        """Removes a folder if nothing is in it."""
        ...

    def age_s(self, name: str) -> float:
        """Returns how long ago a file was written; endless when it is not there."""
        ...

    def mark(self, name: str) -> int:
        """Leaves a mark, which is not worth an error; returns how often that was done since it was removed."""
        ...

    def check_plain(self, folders: Iterable[str]) -> None:
        """Raises RefusedError when one of these folders is elsewhere."""
        ...

    def check_folder(self) -> None:
        """Raises UsageError when it is there and something else than a folder."""
        ...

    def check_room(self, needed_bytes: int) -> None:
        """Raises UsageError when it cannot be written, or has no room for so much."""
        ...


def open_store(root: Path | str) -> Store:
    """Returns the store at a path, or at an address."""
    return Folder(root) if isinstance(root, Path) else ObjectStore(root)
