"""A folder of this machine, or of a disk that several machines share."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from job.errors import RefusedError, UsageError, cannot_be_written, plain_reason, write_failed


class Folder:
    """See `Store`.

    Args:
        root: the folder; it need not be there yet.
    """

    poll_s = 0.25

    def __init__(self, root: Path):
        self.root = root
        self.scratch = root / "_scratch"

    def exists(self) -> bool:
        """See `Store`."""
        return self.root.exists()

    def top(self) -> set[str]:
        """See `Store`."""
        return {path.name for path in self.root.iterdir()} if self.root.is_dir() else set()

    def names(self) -> Iterator[str]:
        """See `Store`."""
        for folder, _, names in os.walk(self.root):
            for name in names:
                path = (Path(folder) / name).relative_to(self.root).as_posix()
                if not path.startswith("."):
                    yield path

    def sizes(self, folder: str) -> dict[str, int]:
        """See `Store`."""
        found: dict[str, int] = {}
        try:
            with os.scandir(self.root / folder) as entries:
                for entry in entries:
                    with contextlib.suppress(FileNotFoundError):  # it has been removed this moment
                        found[f"{folder}/{entry.name}"] = entry.stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            raise UsageError(f"cannot be read: {self.root / folder}: {plain_reason(error)}") from None
        return found

    def read(self, name: str) -> bytes | None:
        """See `Store`."""
        path = self.root / name
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise UsageError(f"cannot be read: {path}: {plain_reason(error)}") from None

    def read_all(self, names: Iterable[str]) -> Iterator[bytes | None]:
        """See `Store`."""
        return map(self.read, names)

    def write(self, name: str, content: bytes) -> None:
        """See `Store`: temporary name, flush to disk, rename."""
        path, temporary = self.root / name, self.root / "_tmp" / uuid.uuid4().hex
        try:
            for folder in (temporary.parent, path.parent):
                self._make_below(folder)
            try:
                with temporary.open("xb") as stream:
                    stream.write(content)
                    stream.flush()
                    os.fsync(stream.fileno())
                temporary.rename(path)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            raise write_failed(error, path) from None

    def _make_below(self, folder: Path) -> None:
        """Makes a folder, but never the root itself: one that has gone away must not be begun anew."""
        missing: list[Path] = []
        while folder != self.root and not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for each in reversed(missing):
            with contextlib.suppress(FileExistsError):
                each.mkdir()

    def remove(self, names: Iterable[str]) -> None:
        """See `Store`."""
        for name in names:
            try:
                (self.root / name).unlink(missing_ok=True)
            except OSError as error:
                raise write_failed(error, self.root / name) from None

    def remove_folder(self, folder: str) -> None:
        """See `Store`."""
        shutil.rmtree(self.root / folder, ignore_errors=True)

    def remove_empty(self, folder: str) -> None:
        """See `Store`."""
        with contextlib.suppress(OSError):  # it is not empty, or not there
            (self.root / folder).rmdir()

    def age_s(self, name: str) -> float:
        """See `Store`."""
        try:
            return time.time() - (self.root / name).stat().st_mtime
        except OSError:
            return float("inf")

    def mark(self, name: str) -> int:
        """See `Store`."""
        path = self.root / name
        try:
            self._make_below(path.parent)
            with path.open("a") as mark:
                mark.write(".")
                return mark.tell()
        except OSError:
            return 1

    def check_plain(self, folders: Iterable[str]) -> None:
        """See `Store`: what is written or removed in a link would be elsewhere."""
        for name in folders:
            path = self.root / name
            if path.is_symlink():
                raise RefusedError(
                    f"{path} is a link to {path.readlink()}, and nothing is written through links in an output\n"
                    "nothing was touched; remove the link, or name another folder: --output DIR"
                )

    def check_folder(self) -> None:
        """See `Store`."""
        if self.root.exists() and not self.root.is_dir():
            raise UsageError(f"the output is a file, not a folder: {self.root}\nname another: --output DIR")

    def check_room(self, needed_bytes: int) -> None:
        """See `Store`."""
        folder = self.root
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
