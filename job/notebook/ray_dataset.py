"""Files of an output as a Ray Dataset."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from job.storage.filesystem import open_filesystem

if TYPE_CHECKING:
    import ray.data


def ray_dataset(root: Path | str, names: Sequence[str], say: Callable[[str], None]) -> ray.data.Dataset:
    """Returns a Ray Dataset that reads files in their order, by the Ray that this Python has, or one that it gets.

    Args:
        root: path or address of the output.
        names: names of Parquet files in it.
        say: called with each line that a user should see.
    """
    import ray.data
    from pyarrow import fs

    from job.cluster.start import ensure_ray

    ensure_ray(say)
    if importlib.util.find_spec("aiohttp") is None:
        # Ray Data imports this in several threads. Without aiohttp one of them finds half a module, which is an
        # error that Ray does not expect; with this, all find none.
        sys.modules.setdefault("fsspec.implementations.http", None)  # pyright: ignore[reportArgumentType]
    if isinstance(root, Path):
        filesystem, folder = None, str(root.absolute())
    else:
        filesystem, folder = open_filesystem(root)
    if filesystem is None and "?" in folder:  # Ray Data takes what follows for the query of an address
        filesystem, folder = fs.SubTreeFileSystem(folder, fs.LocalFileSystem()), ""
    # By default Ray Data makes a column of each folder such as `category=Other` in the path of an output.
    paths = [f"{folder}/{name}" if folder else name for name in names]
    found = ray.data.read_parquet(paths, filesystem=filesystem, partitioning=None)
    found.context.execution_options.preserve_order = True
    return found
