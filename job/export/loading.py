"""What to type in Python to read what was written."""

from __future__ import annotations

import glob
from collections.abc import Mapping
from pathlib import Path

from job.errors import printable


def load_dataset_files(kind: str, root: Path | str, files: Mapping[str, str]) -> str:
    """Returns the call of `load_dataset` that opens files, whatever signs are in their path.

    Args:
        kind: `parquet` or `json`.
        root: the folder.
        files: name of a file in it by split.
    """
    folder = glob.escape(str(root)) if isinstance(root, Path) else root
    named = ", ".join(f"{split!r}: {f'{folder}/{name}'!r}" for split, name in files.items())
    return f'load_dataset("{kind}", data_files={{{printable(named)}}})'
