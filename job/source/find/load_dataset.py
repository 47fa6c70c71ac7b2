"""Any data set that `datasets` opens, as a category: written once as Parquet, and then cut and read like any other."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from job.config.names import check_category
from job.errors import UsageError
from job.source.files import CategorySource, SourceFile, fingerprint

_ROWS_PER_GROUP = 1000


def loaded_category(arguments: Mapping[str, Any], wanted: Sequence[str]) -> CategorySource:
    """Loads a data set, and has its rows as a Parquet file beside its other cached files.

    Args:
        arguments: of `datasets.load_dataset`. Without a split, the data set must have only one.
        wanted: the category's name, if there is one; else the data set's.

    Returns:
        The category.

    Raises:
        UsageError: when `datasets` cannot open it, or there is more than one split or category.
    """
    if len(wanted) > 1:
        raise UsageError(f"a data set from load_dataset is one category, and {len(wanted)} are named")
    name = wanted[0] if wanted else re.sub(r"\W+", "_", str(arguments["path"]).rstrip("/").rpartition("/")[2])
    try:
        check_category(name)
    except ValueError as error:
        raise UsageError(f"{error}\nname the category: --category NAME") from None
    import datasets

    try:
        found = datasets.load_dataset(**arguments)
    except (MemoryError, NotImplementedError):
        raise
    except Exception as error:
        told = error.__cause__ or error
        said = str(told).strip().splitlines() or [type(told).__name__]
        raise UsageError(
            f"load_dataset cannot open {arguments['path']}: {said[0]}\n"
            "try it in Python: datasets.load_dataset(...) with the arguments of source.load_dataset"
        ) from None
    if isinstance(found, datasets.DatasetDict):
        if len(found) > 1:
            splits = ", ".join(map(str, found))
            raise UsageError(
                f"{arguments['path']} has the splits {splits}\nname one: --set source.load_dataset.split=..."
            )
        found = next(iter(found.values()))
    if not isinstance(found, datasets.Dataset):
        raise UsageError("load_dataset with streaming is not read from\nleave streaming out")
    fingerprint_of_rows: str = found._fingerprint  # pyright: ignore[reportPrivateUsage]  # what its own cache goes by
    folder: str = datasets.config.HF_DATASETS_CACHE  # pyright: ignore[reportAttributeAccessIssue]
    path = Path(folder) / "curate" / f"{fingerprint_of_rows}.parquet"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            found.to_parquet(part, batch_size=_ROWS_PER_GROUP)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    size, digest = fingerprint(path)
    file = SourceFile(name=f"{name}.parquet", path=path, size_bytes=size, fingerprint=digest)
    return CategorySource(category=name, file_format="parquet", files=(file,))
