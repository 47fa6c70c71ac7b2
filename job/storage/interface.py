"""What an output needs of the storage it is in, a folder or an object store."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar


class Store(ABC):
    """A folder whose files appear whole or not at all.

    File names are relative to it, with forward slashes. Failures are a `CurateError` that names the path or address.
    """

    poll_s: ClassVar[float]
    """Seconds between two looks for something new."""
    listed_at_once: ClassVar[int]
    """Number of names that are listed at the cost of asking for one file."""

    @property
    @abstractmethod
    def root(self) -> Path | str:
        """The path or the address, for messages and for processes that open it again."""

    @property
    @abstractmethod
    def scratch(self) -> Path:
        """A folder on this machine for temporary files, the same in the next run."""

    @abstractmethod
    def exists(self) -> bool:
        """Returns whether it exists; in an object store, whether anything is in it."""

    @abstractmethod
    def top(self) -> set[str]:
        """Returns the names of the files and folders directly in it."""

    @abstractmethod
    def names(self) -> Iterator[str]:
        """Yields the names of all files in it and in its folders, except those that begin with a dot."""

    @abstractmethod
    def sizes(self, folder: str) -> dict[str, int]:
        """Returns the size in bytes of each file in one of its folders, by name; the empty name is its own."""

    @abstractmethod
    def sizes_of(self, names: Collection[str]) -> dict[str, int]:
        """Returns the size in bytes of each of these files that exists, by name."""

    @abstractmethod
    def inside(self, folder: str) -> set[str]:
        """Returns the names of the files in one of its folders, without the folder."""

    @abstractmethod
    def has_files(self, folder: str) -> bool:
        """Returns whether anything is in one of its folders."""

    @abstractmethod
    def times(self, folder: str) -> dict[str, float]:
        """Returns when each file in one of its folders was written, by its name without the folder.

        Returns:
            Seconds since 1970 by the storage's clock; infinity where it does not say.
        """

    @abstractmethod
    def read(self, name: str) -> bytes | None:
        """Returns the content of a file; None if it does not exist."""

    @abstractmethod
    def read_all(self, names: Iterable[str], *, are_large: bool = False) -> Iterator[bytes | None]:
        """Yields the contents of many files in order, as `read` returns them.

        Args:
            names: their names.
            are_large: whether only a few of them fit into memory at once.
        """

    @abstractmethod
    def write(self, name: str, content: bytes) -> None:
        """Writes a file, whole or not at all."""

    @abstractmethod
    def writing(self, name: str) -> AbstractContextManager[Path]:
        """Gives a path on this machine at which to write a file that is too large for memory.

        At the end of the context the file appears, whole; after an error it never does.
        """

    @abstractmethod
    def remove(self, names: Iterable[str]) -> None:
        """Removes files, as far as they exist."""

    @abstractmethod
    def remove_many(self, names: Sequence[str]) -> None:
        """Removes files of one folder, many of which may not be there."""

    @abstractmethod
    def remove_folder(self, folder: str) -> None:
        """Removes a folder and everything in it. What cannot be removed stays, without an error."""

    @abstractmethod
    def remove_empty(self, folder: str) -> None:
        """Removes a folder if nothing is in it."""

    @abstractmethod
    def age_s(self, name: str) -> float:
        """Returns the seconds since a file was written; infinity if it does not exist."""

    @abstractmethod
    def mark(self, name: str, line: str) -> list[str]:
        """Adds a line to a file and returns all its lines; this line alone if the file cannot be written."""

    @abstractmethod
    def check_plain(self, folders: Iterable[str]) -> None:
        """Raises RefusedError if one of its folders is a symbolic link."""

    @abstractmethod
    def check_folder(self) -> None:
        """Raises UsageError if something other than a folder has its path."""

    @abstractmethod
    def check_room(self, needed_bytes: int) -> None:
        """Raises UsageError if it cannot be written, or has no room for so many bytes."""
