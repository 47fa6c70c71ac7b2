"""A run, from config to manifest: plan, refuse or go on, curate what is left, add up."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from job.cluster.processes import clear_dead_sessions
from job.config.addresses import located
from job.config.models import JobConfig
from job.errors import CurateError, RefusedError, as_curate_error
from job.output.card import card
from job.output.folder import CARD, LAST_RUN, MANIFEST, PLAN, OutputFolder
from job.output.limits import check_damage, check_malformed
from job.output.lock.owner import Owner
from job.output.lock.ownership import check_owner, sole_owner
from job.output.records import CategoryPlan, LastRun, Manifest, Plan, add_up, complete
from job.plan.checks import check_room, check_same_work
from job.plan.planning import Task, find_sources, make_task, moved
from job.schedule import curate_categories
from job.source.fetch.cache import check_cache_room, missing_bytes
from job.source.files import CategorySource


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a run ended."""

    manifest: Manifest
    """Of the whole output; of this run's categories where others of it are not complete."""
    new_partitions: int
    """How many this run did; 0 when there was nothing to do."""
    unfinished: tuple[str, ...]
    """Other categories of the output that are not complete."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prospect:
    """What a run would do for one category."""

    source: CategorySource
    partitions: int | None
    """How many there are; None when that is only known once its files are unpacked."""
    done: int
    """How many of them an earlier run has done."""


def run_job(
    config: JobConfig,
    *,
    fresh: bool = False,
    quiet: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Runs a job, or goes on with it.

    Args:
        config: what to do.
        fresh: replace what the output's own plan names.
        quiet: show no progress.
        say: told in a line what a user should know.

    Returns:
        The totals, and what this run did for them.

    Raises:
        CurateError: see its kinds.
    """
    if quiet:
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it would say each time that it waits
        os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
    clear_dead_sessions()  # here, since a job that was killed at its very end needs no Ray to end
    output = _output(config)
    sources = _check(config, output, fresh=fresh)
    if not fresh and (outcome := _complete_already(config, output, sources)):
        return outcome
    check_room(output, [])
    with sole_owner(output, say) as owner:
        before = output.plan()
        if not fresh:
            check_same_work(output, config, sources)  # again, now that nobody else can change it
            if sentence := moved(config, before):
                say(sentence)
        output.clear_temporary()
        known = {} if fresh or before is None else dict(before.categories)
        tasks = [make_task(config, source, known.get(source.category), output, say) for source in sources]
        check_room(output, tasks)
        if (config.source.stream is None and config.limit is None) or config.source.stream is False:
            check_cache_room(sum(missing_bytes(task.source) for task in tasks if fresh or task.left(output)))
        if fresh and before is not None:  # as late as this: until here anything may have been wrong with the new job
            output.remove_planned(before)
        if added := [task.plan.category for task in tasks if known and task.plan.category not in known]:
            say(f"{', '.join(added)} will be added to {output.root}, which has {', '.join(known)}")
        categories = {**known, **{task.plan.category: task.plan for task in tasks}}
        left = {task.plan.category: task.left(output) for task in tasks}
        if categories != known or any(left.values()):
            output.store.remove([MANIFEST])
        if categories != known:
            output.write_json(PLAN, Plan(config=config.model_dump(mode="json"), categories=categories))
        _give_back_memory()
        with _noted(config, output, owner, tasks):
            if any(left.values()):
                curate_categories(config, output, tasks, left, run=owner.run, quiet=quiet, say=say)
                check_owner(output, owner.run)
            count = sum(map(len, left.values()))
            return _finish(config, output, categories, [task.plan.category for task in tasks], count)


def _give_back_memory() -> None:
    """Gives back to the system what the sources' footers took, 45 KB for each row group; glibc alone would keep it."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def prospects(config: JobConfig, *, fresh: bool = False) -> list[Prospect]:
    """Finds out what a run would do, checks as it would, and touches nothing.

    Raises:
        CurateError: what `run_job` would raise before work starts.
    """
    output = _output(config)
    sources = _check(config, output, fresh=fresh)
    before = None if fresh else output.plan()
    known = before.categories if before else {}
    found: list[Prospect] = []
    tasks: list[Task] = []
    for source in sources:
        category = known.get(source.category)
        if category is None and source.is_packed:
            found.append(Prospect(source=source, partitions=None, done=0))
            continue
        tasks.append(make_task(config, source, category, output, lambda _: None))
        partitions = len(tasks[-1].plan.partitions)
        done = 0 if fresh else partitions - len(tasks[-1].left(output))
        found.append(Prospect(source=source, partitions=partitions, done=done))
    check_room(output, tasks)
    return found


def _output(config: JobConfig) -> OutputFolder:
    root = located(config.output)
    return OutputFolder(root.absolute() if isinstance(root, Path) else root)


def _check(config: JobConfig, output: OutputFolder, *, fresh: bool) -> list[CategorySource]:
    """Finds whatever is wrong that can be found before work starts; returns the sources."""
    before = output.plan()
    sources = find_sources(config, None if fresh else before)
    known = before.categories if before else ()
    output.check_links({*known, *[source.category for source in sources]})
    if not fresh:
        check_same_work(output, config, sources)
    elif before is None and not output.is_untouched():
        raise RefusedError(
            f"--fresh removes only what a plan names, and {output.root} has no plan.json\n"
            "nothing was touched; name another folder: --output DIR"
        )
    return sources


def _complete_already(config: JobConfig, output: OutputFolder, sources: Sequence[CategorySource]) -> Outcome | None:
    """Returns the outcome when there is nothing to do: then nothing is written, and the folder may be read-only."""
    plan, manifest = output.plan(), output.manifest()
    if (
        plan is None
        or manifest is None
        or output.has_left_over()
        or any(source.category not in plan.categories for source in sources)
    ):
        return None
    for category in plan.categories.values():
        records = output.records(category)
        if len(records) < len(category.partitions):
            return None
        if category.damage(records) and not config.skip_damaged_files:
            return None
        check_malformed(output, category.category, records, config.max_malformed)
    return Outcome(manifest=manifest, new_partitions=0, unfinished=())


@contextlib.contextmanager
def _noted(config: JobConfig, output: OutputFolder, owner: Owner, tasks: Sequence[Task]) -> Generator[None]:
    """Notes in the output folder that a run began and how it ended, for `curate status`."""
    rows_before = sum(record.num_rows for task in tasks for record in output.records(task.plan))
    note = LastRun(owner=str(owner), began=time.time(), workers=config.workers, rows_before=rows_before)
    output.write_json(LAST_RUN, note)
    error: str | None = None
    try:
        yield
    except BaseException as raised:
        if isinstance(raised, KeyboardInterrupt):
            error = "it was interrupted"
        else:
            error = str(as_curate_error(raised) or f"{type(raised).__name__}: {raised}".removesuffix(": "))
        raise
    finally:
        ended = msgspec.structs.replace(note, ended=time.time(), error=error)
        with contextlib.suppress(CurateError):  # of the disk, that may be full
            output.write_json(LAST_RUN, ended)
        output.clear_temporary()


def _finish(
    config: JobConfig,
    output: OutputFolder,
    categories: Mapping[str, CategoryPlan],
    mine: Sequence[str],
    new_partitions: int,
) -> Outcome:
    """Adds up, and writes the manifest when every category of the folder is complete."""
    records = {name: output.records(plan) for name, plan in categories.items()}
    unfinished = tuple(name for name, found in records.items() if len(found) < len(categories[name].partitions))
    for name, found in records.items():
        if name not in unfinished:
            check_malformed(output, name, found, config.max_malformed)
    names = mine if unfinished else list(categories)
    manifest = complete({name: add_up(categories[name], records[name]) for name in names})
    check_damage(config, manifest.damaged)
    if not unfinished:
        if output.manifest() != manifest:
            output.write(CARD, card(manifest))
            output.write_json(MANIFEST, manifest)
        output.clear_scratch()
    return Outcome(manifest=manifest, new_partitions=new_partitions, unfinished=unfinished)
