"""An object store: each file is put whole under its final name, and folders are only parts of names."""

from __future__ import annotations

import contextlib
import hashlib
import os
import uuid
from collections import deque
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from typing_extensions import override

from job.errors import CurateError, UsageError, write_failed
from job.storage import filesystem
from job.storage.interface import Store

_REQUESTS_AT_ONCE = 24
"""Number of parallel requests. pyarrow's client of S3 has 25 connections; a file that is read takes two requests, so a
thousand records are read in 2 s where a request takes 20 ms."""
_LARGE_AT_ONCE = 4
"""Number of large files, such as shards, that are read in parallel."""


class ObjectStore(Store):
    """A folder in an object store.

    Args:
        root: an address as `job.config.addresses.located` returns it.
    """

    poll_s = 2.0
    listed_at_once = 1000

    def __init__(self, root: str):
        self._root = root

    @property
    @override
    def root(self) -> str:
        return self._root

    @property
    @override
    def scratch(self) -> Path:
        # In the user's cache folder, where the next run on this machine finds it again.
        try:
            cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
        except RuntimeError:
            raise UsageError(
                "there is no folder to unpack files into: HOME is not set, and this user has no home folder\n"
                "name one that can be written: export XDG_CACHE_HOME=/FOLDER, or HOME=/FOLDER"
            ) from None
        return cache / "curate" / hashlib.sha256(self._root.encode()).hexdigest()[:16]

    @override
    def exists(self) -> bool:
        return bool(filesystem.list_folder(self._root))

    @override
    def top(self) -> set[str]:
        found = set(filesystem.list_folder(self._root))
        return found | {"_scratch"} if self.scratch.exists() else found

    @override
    def names(self) -> Iterator[str]:
        found = filesystem.list_folder(self._root, recursive=True)
        return (name for name, size in found.items() if size is not None and not name.startswith("."))

    @override
    def sizes(self, folder: str) -> dict[str, int]:
        found = filesystem.list_folder(self._address(folder))
        return {f"{folder}/{name}".lstrip("/"): size for name, size in found.items() if size is not None}

    @override
    def sizes_of(self, names: Collection[str]) -> dict[str, int]:
        with ThreadPoolExecutor(_REQUESTS_AT_ONCE) as pool:
            found = pool.map(filesystem.file_info, map(self._address, names))
            return {name: info.size or 0 for name, info in zip(names, found, strict=True) if info is not None}

    @override
    def inside(self, folder: str) -> set[str]:
        found = filesystem.list_folder(self._address(folder))
        return {name for name, size in found.items() if size is not None}

    @override
    def has_files(self, folder: str) -> bool:
        above, _, name = folder.rpartition("/")
        return name in filesystem.list_folder(self._address(above))

    @override
    def times(self, folder: str) -> dict[str, float]:
        return filesystem.list_times(self._address(folder))

    @override
    def read(self, name: str) -> bytes | None:
        return filesystem.get(self._address(name))

    @override
    def read_all(self, names: Iterable[str], *, are_large: bool = False) -> Iterator[bytes | None]:
        at_once = _LARGE_AT_ONCE if are_large else _REQUESTS_AT_ONCE
        begun: deque[Future[bytes | None]] = deque()
        pool = ThreadPoolExecutor(at_once)
        try:
            for name in names:  # a few at a time, since whoever takes the contents may be slower
                if len(begun) == (at_once if are_large else 2 * at_once):
                    yield begun.popleft().result()
                begun.append(pool.submit(self.read, name))
            while begun:
                yield begun.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    @override
    def write(self, name: str, content: bytes) -> None:
        filesystem.put(self._address(name), content)

    @contextlib.contextmanager
    @override
    def writing(self, name: str) -> Generator[Path]:
        temporary = self.scratch / uuid.uuid4().hex
        try:
            try:
                self.scratch.mkdir(parents=True, exist_ok=True)
                yield temporary
                filesystem.put(self._address(name), temporary)
            finally:
                temporary.unlink(missing_ok=True)
                with contextlib.suppress(OSError):  # something else is in it
                    self.scratch.rmdir()
        except OSError as error:
            raise write_failed(error, temporary) from None

    @override
    def remove(self, names: Iterable[str]) -> None:
        with ThreadPoolExecutor(_REQUESTS_AT_ONCE) as pool:
            for _ in pool.map(filesystem.remove, map(self._address, names)):
                pass

    @override
    def remove_many(self, names: Sequence[str]) -> None:
        # To remove what is not there takes as many requests as what is.
        present = self.inside(names[0].rpartition("/")[0]) if names else set[str]()
        self.remove(name for name in names if name.rpartition("/")[2] in present)

    @override
    def remove_folder(self, folder: str) -> None:
        with contextlib.suppress(CurateError):
            filesystem.remove_folder(self._address(folder))

    @override
    def remove_empty(self, folder: str) -> None:
        # An empty folder is an object that pyarrow leaves where it has removed a file.
        found = filesystem.list_folder(self._address(folder), recursive=True)
        if not any(size is not None for size in found.values()):
            self.remove_folder(folder)

    @override
    def mark(self, name: str, line: str) -> list[str]:
        try:
            content = (self.read(name) or b"") + f"{line}\n".encode()
            self.write(name, content)
        except CurateError:
            return [line]
        return content.decode().splitlines()

    @override
    def check_plain(self, folders: Iterable[str]) -> None:
        """Does nothing: an object store has no links."""

    @override
    def check_folder(self) -> None:
        """Does nothing: a file of the same name may lie beside the folder."""

    @override
    def check_room(self, needed_bytes: int) -> None:
        # There is always room.
        del needed_bytes
        filesystem.check_usable(self._root)

    @override
    def age_s(self, name: str) -> float:
        return filesystem.age_s(self._address(name))

    def _address(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root
