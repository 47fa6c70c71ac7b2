"""Uses any data set that `datasets` opens as a category: written once as Parquet, then read like any other."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from job.config.names import check_category
from job.errors import UsageError, quoted, write_failed
from job.source.files import CategorySource, SourceFile
from job.source.hub_errors import REFUSALS, cache_refused, without_home
from job.source.location import LocalFile

_ROWS_PER_GROUP = 1000
_CACHE_VARIABLES = ("HF_DATASETS_CACHE",)
"""Environment variables that name the cache of `datasets` by itself; otherwise it is below `HF_HOME`."""
_OTHER_TYPE = re.compile(r"[Cc]ould(?:n't| not) cast|[Cc]annot cast|[Ff]ailed to parse|changed from \w+ to")
"""What `datasets` and Arrow say of a value that does not fit the type that the first rows gave its column."""


def loaded_category(arguments: Mapping[str, Any], wanted: Sequence[str]) -> CategorySource:
    """Loads a data set and writes its rows to a Parquet file in the cache of `datasets`, unless that file exists.

    Args:
        arguments: the arguments of `datasets.load_dataset`. Without a split, the data set must have only one.
        wanted: the category's name; if empty, it gets the name of the data set.

    Returns:
        The category.

    Raises:
        UsageError: if `datasets` cannot open it, or there is more than one split or category.
    """
    if len(wanted) > 1:
        raise UsageError(f"a data set from load_dataset is one category, and {len(wanted)} are named")
    name = wanted[0] if wanted else re.sub(r"\W+", "_", str(arguments["path"]).rstrip("/").rpartition("/")[2])
    try:
        name = check_category(name)
    except ValueError as error:
        raise UsageError(f"{error}\nname the category: --category NAME") from None
    import datasets

    if str(datasets.config.HF_DATASETS_CACHE).startswith("~"):  # pyright: ignore[reportAttributeAccessIssue]
        raise without_home()
    try:
        found = datasets.load_dataset(**arguments)
    except (MemoryError, NotImplementedError):
        raise
    except Exception as error:
        cause = error.__cause__ or error
        if isinstance(cause, OSError) and cause.errno in REFUSALS and _is_cache(cause.filename):
            raise cache_refused(cause, "", _CACHE_VARIABLES) from None
        lines = str(cause).strip().splitlines() or [type(cause).__name__]
        advice = "try it in Python: datasets.load_dataset(...) with the arguments of source.load_dataset"
        if _OTHER_TYPE.search(lines[0]):
            files = arguments.get("data_files")
            named = quoted(files) if isinstance(files, str) else "FILE"
            advice = (
                "the first 10 MB of a file decide the types of its columns, and later rows have others; often these "
                "10 MB have only null\n"
                f"a JSONL file on this machine is read row by row instead: --source {named}\n{advice}"
            )
        raise UsageError(f"load_dataset cannot open {arguments['path']}: {lines[0]}\n{advice}") from None
    if isinstance(found, datasets.DatasetDict):
        if len(found) > 1:
            splits = ", ".join(map(str, found))
            raise UsageError(
                f"{arguments['path']} has the splits {splits}\nname one: --set source.load_dataset.split=..."
            )
        found = next(iter(found.values()))
    if not isinstance(found, datasets.Dataset):
        raise UsageError("load_dataset with streaming is not supported\nremove streaming from source.load_dataset")
    location = LocalFile(_parquet_copy(found))
    size, digest = location.fingerprint()
    file = SourceFile(name=f"{name}.parquet", location=location, size_bytes=size, fingerprint=digest)
    return CategorySource(category=name, file_format="parquet", files=(file,))


def _parquet_copy(found: Any) -> Path:
    """Returns the Parquet file named after a `datasets.Dataset`'s fingerprint; writes it if it does not exist."""
    import datasets

    key: str = found._fingerprint  # pyright: ignore[reportPrivateUsage]  # the key of the data set's own cache
    folder: str = datasets.config.HF_DATASETS_CACHE  # pyright: ignore[reportAttributeAccessIssue]
    path = Path(folder) / "curate" / f"{key}.parquet"
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                found.to_parquet(part, batch_size=_ROWS_PER_GROUP)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
    except OSError as error:
        if error.errno not in REFUSALS:
            raise write_failed(error, part, "nothing was done") from None
        raise cache_refused(error, part, _CACHE_VARIABLES) from None
    return path


def _is_cache(path: object) -> bool:
    """Tells whether a path lies in the cache of `datasets`, or is a folder that the cache is to be made in."""
    import datasets
    from huggingface_hub import constants

    caches = (datasets.config.HF_DATASETS_CACHE, datasets.config.HF_MODULES_CACHE, constants.HF_HUB_CACHE)  # pyright: ignore[reportAttributeAccessIssue]
    named = Path(str(path))
    return any(named.is_relative_to(each) or each.is_relative_to(named) for each in map(Path, caches))
