"""A folder on a disk of this machine, or on one that several machines share."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
import uuid
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from pathlib import Path

from typing_extensions import override

from job.errors import RefusedError, UsageError, cannot_be_written, plain_reason, write_failed
from job.storage.interface import Store


class Folder(Store):
    """A folder on a disk.

    Args:
        root: its path; it does not have to exist yet.
    """

    poll_s = 0.25
    listed_at_once = 4

    def __init__(self, root: Path):
        self._root = root

    @property
    @override
    def root(self) -> Path:
        return self._root

    @property
    @override
    def scratch(self) -> Path:
        return self._root / "_scratch"

    @override
    def exists(self) -> bool:
        return self._root.exists()

    @override
    def top(self) -> set[str]:
        return {path.name for path in self._root.iterdir()} if self._root.is_dir() else set()

    @override
    def names(self) -> Iterator[str]:
        for folder, _, names in os.walk(self._root):
            for name in names:
                path = (Path(folder) / name).relative_to(self._root).as_posix()
                if not path.startswith("."):
                    yield path

    @override
    def sizes(self, folder: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for entry in self._entries(folder):
            with contextlib.suppress(FileNotFoundError):  # it has just been removed
                if folder == "" and not entry.is_file():
                    continue
                found[f"{folder}/{entry.name}".lstrip("/")] = entry.stat().st_size
        return found

    @override
    def sizes_of(self, names: Collection[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for name in names:
            try:
                found[name] = (self._root / name).stat().st_size
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise UsageError(f"cannot be read: {self._root / name}: {plain_reason(error)}") from None
        return found

    @override
    def inside(self, folder: str) -> set[str]:
        return {entry.name for entry in self._entries(folder)}

    @override
    def has_files(self, folder: str) -> bool:
        return next(self._entries(folder), None) is not None

    @override
    def times(self, folder: str) -> dict[str, float]:
        found: dict[str, float] = {}
        for entry in self._entries(folder):
            with contextlib.suppress(FileNotFoundError):  # it has just been removed
                found[entry.name] = entry.stat().st_mtime
        return found

    def _entries(self, folder: str) -> Iterator[os.DirEntry[str]]:
        """Yields what is in one of its folders; nothing if there is no such folder."""
        try:
            with os.scandir(self._root / folder) as entries:
                yield from entries
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise UsageError(f"cannot be read: {self._root / folder}: {plain_reason(error)}") from None

    @override
    def read(self, name: str) -> bytes | None:
        path = self._root / name
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise UsageError(f"cannot be read: {path}: {plain_reason(error)}") from None

    @override
    def read_all(self, names: Iterable[str], *, are_large: bool = False) -> Iterator[bytes | None]:
        del are_large  # one at a time
        return map(self.read, names)

    @override
    def write(self, name: str, content: bytes) -> None:
        with self.writing(name) as temporary, temporary.open("xb") as stream:
            stream.write(content)

    @contextlib.contextmanager
    @override
    def writing(self, name: str) -> Generator[Path]:
        # Under a temporary name, flushed to disk, then renamed.
        path, temporary = self._root / name, self._root / "_tmp" / uuid.uuid4().hex
        try:
            for folder in (temporary.parent, path.parent):
                self._make_below(folder)
            try:
                yield temporary
                with temporary.open("rb") as stream:
                    os.fsync(stream.fileno())
                temporary.rename(path)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            raise write_failed(error, path) from None

    def _make_below(self, folder: Path) -> None:
        """Makes a folder, but never the root: if the root has disappeared, it must not be started again."""
        missing: list[Path] = []
        while folder != self._root and not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for each in reversed(missing):
            with contextlib.suppress(FileExistsError):
                each.mkdir()

    @override
    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            try:
                (self._root / name).unlink(missing_ok=True)
            except OSError as error:
                raise write_failed(error, self._root / name) from None

    @override
    def remove_many(self, names: Sequence[str]) -> None:
        self.remove(names)  # without a listing, which a shared disk may show a minute late

    @override
    def remove_folder(self, folder: str) -> None:
        shutil.rmtree(self._root / folder, ignore_errors=True)

    @override
    def remove_empty(self, folder: str) -> None:
        with contextlib.suppress(OSError):  # it is not empty, or does not exist
            (self._root / folder).rmdir()

    @override
    def age_s(self, name: str) -> float:
        try:
            return time.time() - (self._root / name).stat().st_mtime
        except OSError:
            return float("inf")

    @override
    def mark(self, name: str, line: str) -> list[str]:
        path = self._root / name
        try:
            self._make_below(path.parent)
            with path.open("a+") as mark:
                mark.write(f"{line}\n")
                mark.seek(0)
                return mark.read().splitlines()
        except OSError:
            return [line]

    @override
    def check_plain(self, folders: Iterable[str]) -> None:
        # Files written or removed through a link would be somewhere else.
        for name in folders:
            path = self._root / name
            if path.is_symlink():
                raise RefusedError(
                    f"{path} is a link to {path.readlink()}, and nothing is written through links in an output\n"
                    "nothing was touched; remove the link, or name another folder: --output DIR"
                )

    @override
    def check_folder(self) -> None:
        if self._root.exists() and not self._root.is_dir():
            raise UsageError(f"the output is a file, not a folder: {self._root}\nname another: --output DIR")

    @override
    def check_room(self, needed_bytes: int) -> None:
        folder = self._root
        try:
            while not folder.exists():
                folder = folder.parent
            free = shutil.disk_usage(folder).free
        except OSError as error:
            raise cannot_be_written(error, folder) from None
        if not folder.is_dir():
            raise UsageError(
                f"a part of the output's path is a file, not a folder: {folder}\nname another: --output DIR"
            )
        if not os.access(folder, os.W_OK | os.X_OK):
            why = errno.EROFS if os.statvfs(folder).f_flag & os.ST_RDONLY else errno.EACCES
            raise cannot_be_written(OSError(why, ""), folder)
        if free < needed_bytes:
            raise UsageError(
                f"the disk is too full: {free / 1e6:,.0f} MB free at {folder}, "
                f"about {needed_bytes / 1e6:,.0f} MB needed\n"
                "make room, or name a folder on another disk: --output DIR"
            )
