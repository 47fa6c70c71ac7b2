"""Where a category's files are read: in place, or in a copy on this machine; and whether all nodes see that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from job.cluster.shared_paths import check_seen_by_all_nodes
from job.config.models import JobConfig
from job.output.folder import OutputFolder
from job.plan.planning import Task, local_files
from job.progress import Face, Fetch
from job.source.fetch.cache import cache_folder, missing_bytes
from job.source.files import Place


def streams(config: JobConfig, task: Task, *, has_other_nodes: bool) -> bool:
    """Decides whether a category is read from the Hub, without a copy on this machine.

    Args:
        config: the job.
        task: the category's.
        elsewhere: whether other machines than this one read it, or may do so later.
    """
    if task.source.repository is None or task.source.is_packed:
        return False
    if config.source.stream is not None:
        return config.source.stream
    if has_other_nodes:
        return True
    return config.limit is not None and missing_bytes(task.source) > 0  # not 18 GB for 1,000 rows


def places(task: Task, *, streamed: bool, show: Face, say: Callable[[str], None]) -> Sequence[Place]:
    """Returns where a category's files are read; fetches them first if they are to be on this machine.

    Args:
        task: the category's.
        streamed: see `streams`.
        show: where to show how far the fetching is.
        say: told in a line what else takes a while.
    """
    source = task.source
    if streamed:
        return [file.path for file in source.files]

    def report(done: int) -> None:
        show(Fetch(source.category, source.size_bytes, done))

    missing = missing_bytes(source)
    return local_files(source, task.scratch, say, report if missing else lambda _: None, task.plan.damaged_files)


def check_nodes(config: JobConfig, output: OutputFolder, tasks: Sequence[Task]) -> None:
    """Checks that all nodes see what lies on a disk: an output, a source, what is fetched or unpacked.

    Args:
        config: the job.
        output: the output folder.
        tasks: those of the categories that have something left to do.

    Raises:
        UsageError: when one of them does not.
    """
    folders = {output.root: "the output"} if isinstance(output.root, Path) else {}
    files = {
        file.path: (file.size_bytes, file.fingerprint)
        for task in tasks
        for file in task.source.files
        if isinstance(file.path, Path) and not task.source.is_packed
    }
    if any(task.source.is_packed for task in tasks):
        folders[output.scratch] = "where packed source files are unpacked (you can unpack them yourself)"
    if any(task.source.repository and not streams(config, task, has_other_nodes=True) for task in tasks):
        folders[cache_folder()] = "the Hugging Face cache (source.stream=true reads without it)"
    check_seen_by_all_nodes(files, folders)
