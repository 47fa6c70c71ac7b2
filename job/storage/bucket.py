"""An object store: files are put whole under their final names, and folders are but a part of names."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from job.errors import CurateError
from job.storage import filesystem

_AT_ONCE = 16
"""Requests: a thousand records of 20 ms each are read in 3 s."""


class ObjectStore:
    """See `Store`.

    Args:
        root: an address, as `job.config.models.addresses.located` has it.
    """

    poll_s = 2.0

    def __init__(self, root: str):
        self.root = root

    @property
    def scratch(self) -> Path:
        """See `Store`: in the user's cache folder, where the next run on this machine finds it again."""
        cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
        return cache / "curate" / hashlib.sha256(self.root.encode()).hexdigest()[:16]

    def exists(self) -> bool:
        """See `Store`."""
        return bool(filesystem.listed(self.root))

    def top(self) -> set[str]:
        """See `Store`."""
        found = set(filesystem.listed(self.root))
        return found | {"_scratch"} if self.scratch.exists() else found

    def names(self) -> Iterator[str]:
        """See `Store`."""
        found = filesystem.listed(self.root, recursive=True)
        return (name for name, size in found.items() if size is not None and not name.startswith("."))

    def sizes(self, folder: str) -> dict[str, int]:
        """See `Store`."""
        found = filesystem.listed(self._at(folder))
        return {f"{folder}/{name}": size for name, size in found.items() if size is not None}

    def read(self, name: str) -> bytes | None:
        """See `Store`."""
        return filesystem.get(self._at(name))

    def read_all(self, names: Iterable[str]) -> Iterator[bytes | None]:
        """See `Store`."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            yield from pool.map(self.read, names)

    def write(self, name: str, content: bytes) -> None:
        """See `Store`."""
        filesystem.put(self._at(name), content)

    def remove(self, names: Iterable[str]) -> None:
        """See `Store`."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for _ in pool.map(filesystem.remove, map(self._at, names)):
                pass

    def remove_folder(self, folder: str) -> None:
        """See `Store`."""
        with contextlib.suppress(CurateError):
            filesystem.remove_folder(self._at(folder))

    def remove_empty(self, folder: str) -> None:
        """See `Store`: an empty one is an object that pyarrow leaves where it has removed a file."""
        if not any(size is not None for size in filesystem.listed(self._at(folder), recursive=True).values()):
            self.remove_folder(folder)

    def mark(self, name: str) -> int:
        """See `Store`."""
        try:
            content = (self.read(name) or b"") + b"."
            self.write(name, content)
        except CurateError:
            return 1
        return len(content)

    def check_plain(self, folders: Iterable[str]) -> None:
        """See `Store`: there are no links."""

    def check_folder(self) -> None:
        """See `Store`: a file of this name may lie beside it."""

    def check_room(self, needed_bytes: int) -> None:
        """See `Store`: room there is always."""
        del needed_bytes
        filesystem.check_usable(self.root)

    def age_s(self, name: str) -> float:
        """See `Store`: by the storage's clock against this one's."""
        return filesystem.age_s(self._at(name))

    def _at(self, name: str) -> str:
        return f"{self.root}/{name}"
