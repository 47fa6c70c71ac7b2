"""Where the Hugging Face cache has a file, in the layout that huggingface_hub documents.

`blobs/<hash>` has the contents, `snapshots/<commit>/<name>` links to them, and `refs/<revision>` has the last known
commit of a revision. What only this program needs has names of its own, which other programs pass over.
"""

from __future__ import annotations

import os
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

from job.source.files import Repository, SourceFile


def cache_folder() -> Path:
    """Returns the folder of the Hugging Face cache."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def is_without_home() -> bool:
    """Tells whether the cache would be in the home folder, and there is none: its path then still begins with `~`."""
    return str(cache_folder()).startswith("~")


def repository_folder(dataset: str) -> Path:
    """Returns the folder of a data set's repository in the cache."""
    from huggingface_hub.file_download import repo_folder_name

    return cache_folder() / repo_folder_name(repo_id=dataset, repo_type="dataset")


@dataclass(frozen=True, slots=True)
class Entry:
    """The place of one file in the cache."""

    file: SourceFile
    folder: Path
    """The folder of its repository."""
    commit: str

    @classmethod
    def of(cls, repository: Repository, file: SourceFile) -> Entry:
        """Returns the place of a file of a repository."""
        return cls(file, repository_folder(repository.dataset), repository.commit)

    @property
    def snapshot(self) -> Path:
        """The file by its name, a link to the blob; on a file system without links, a copy."""
        return self.folder / "snapshots" / self.commit / self.file.name

    @property
    def blob(self) -> Path:
        """Its contents, complete and verified."""
        return self.folder / "blobs" / self.file.fingerprint

    @property
    def part(self) -> Path:
        """An incomplete download; huggingface_hub's own tools recognise such names as leftovers."""
        return self.blob.with_name(f"{self.file.fingerprint}.curate.incomplete")

    @property
    def ranges(self) -> Path:
        """Which bytes of the incomplete download are there; see `parts.py`."""
        return self.blob.with_name(f"{self.file.fingerprint}.curate.ranges.incomplete")

    @property
    def verified(self) -> Path:
        """The versions whose hash was found right; see `verified.py`."""
        return self.folder / ".curate" / "verified" / self.file.fingerprint

    @property
    def lock(self) -> Path:
        """The lock of who downloads it, where huggingface_hub has its own."""
        return self.folder.parent / ".locks" / self.folder.name / f"{self.file.fingerprint}.lock"


def link(blob: Path, path: Path) -> None:
    """Gives the contents of a file their name, which others may read by at this moment."""
    new = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.incomplete")
    new.unlink(missing_ok=True)
    try:
        new.symlink_to(os.path.relpath(blob, path.parent))
    except OSError:  # a file system without links
        shutil.copyfile(blob, new)
    new.replace(path)
