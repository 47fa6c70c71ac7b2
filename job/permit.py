"""May the job work on this output folder? It must be for the same work, and have room for what is left to do."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Generator, Sequence
from typing import Any

from job.config import JobConfig
from job.errors import RefusedError, UsageError, cannot_be_written
from job.output import OutputFolder
from job.plan import Task, determinants
from job.source.files import CategorySource


def check_same_work(output: OutputFolder, config: JobConfig, sources: Sequence[CategorySource]) -> None:
    """Compares the job with what the output folder is for.

    Raises:
        RefusedError: when a category's work has changed since, or the folder holds something else.
        UsageError: when the output is no folder, or cannot be written.
    """
    root = output.root
    if root.exists() and not root.is_dir():
        raise UsageError(f"the output is a file, not a folder: {root}\nname another: --output DIR")
    plan = output.plan()
    if plan is None:
        if not output.is_untouched():
            names = sorted(path.name for path in root.iterdir())
            raise RefusedError(
                f"{root} holds something else ({', '.join(names[:5])}), and no plan of this program\n"
                "nothing was touched; name another folder: --output DIR"
            )
        return
    for source in sources:
        known = plan.categories.get(source.category)
        if known is None:
            continue
        changes = list(_changes("", known.determines, determinants(config, source)))
        if changes:
            raise RefusedError(
                f"{root} has {source.category} from another job; changed since: {'; '.join(changes)}\n"
                "nothing was touched; name another folder with --output DIR, or replace what is there with --fresh"
            )


def _changes(key: str, before: Any, now: Any) -> Generator[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        for name in {**before, **now}:
            yield from _changes(f"{key}.{name}".lstrip("."), before.get(name), now.get(name))
    elif before != now and key == "files":
        then = {file[0]: file[1:] for file in before}
        for name, size, digest in now:
            if name not in then:
                yield f"{name} is new"
            elif then[name] != [size, digest]:
                yield f"{name} was {then[name][0]:,} bytes, is {size:,}" + (" others" if then[name][0] == size else "")
        gone = then.keys() - {file[0] for file in now}
        yield from (f"{name} is gone" for name in sorted(gone))
    elif before != now:
        yield f"{key} was {before}, is {now}"


def check_room(output: OutputFolder, tasks: Sequence[Task]) -> None:
    """Checks that the output folder can be written and its disk is large enough for what is left to do.

    Raises:
        UsageError: when it is not.
    """
    folder = output.root
    try:
        while not folder.exists():
            folder = folder.parent
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise cannot_be_written(error, folder) from None
    if not folder.is_dir():
        raise UsageError(f"a part of the output's path is a file, not a folder: {folder}\nname another: --output DIR")
    if not os.access(folder, os.W_OK | os.X_OK):
        why = errno.EROFS if os.statvfs(folder).f_flag & os.ST_RDONLY else errno.EACCES
        raise cannot_be_written(OSError(why, ""), folder)
    # Items are about a third of the rows, and a prompt is a quarter of a row; packed by half or more.
    shares = (len(task.left(output)) / len(task.plan.partitions) * task.source.size_bytes for task in tasks)
    needed = int(sum(shares)) // 10 + (16 << 20)
    if free < needed:
        raise UsageError(
            f"the disk is too full: {free / 1e6:,.0f} MB free at {folder}, about {needed / 1e6:,.0f} MB needed\n"
            "make room, or name a folder on another disk: --output DIR"
        )
