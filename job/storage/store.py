"""Chooses the storage for a path or an address."""

from __future__ import annotations

from pathlib import Path

from job.storage.bucket import ObjectStore
from job.storage.folder import Folder
from job.storage.interface import Store


def open_store(root: Path | str) -> Store:
    """Returns the folder at a path, or the object store at an address. Nothing is read or made."""
    return Folder(root) if isinstance(root, Path) else ObjectStore(root)
