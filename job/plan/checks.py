"""May the job work on this output folder? It must be for the same work, and have room for what is left to do."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from job.config.models import JobConfig
from job.errors import RefusedError
from job.output.folder import OutputFolder
from job.plan.planning import Task, determinants
from job.source.files import CategorySource


def check_same_work(output: OutputFolder, config: JobConfig, sources: Sequence[CategorySource]) -> None:
    """Compares the job with what the output folder is for.

    Raises:
        RefusedError: when a category's work has changed since, or the folder holds something else.
        UsageError: when the output is no folder, or cannot be written.
    """
    root = output.root
    output.store.check_folder()
    plan = output.plan()
    if plan is None:
        if not output.is_untouched():
            names = sorted(output.store.top())
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
    # Items are about a third of the rows, and a prompt is a quarter of a row; packed by half or more.
    shares = (len(task.left(output)) / len(task.plan.partitions) * task.source.size_bytes for task in tasks)
    needed = int(sum(shares)) // 10 + (16 << 20)
    output.store.check_room(needed)
