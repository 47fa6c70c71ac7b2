"""A run, from config to manifest: plan, refuse or go on, curate what is left, add up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from job.card import write_card
from job.config import JobConfig
from job.errors import MalformedBudgetError, RefusedError
from job.manifest import CategoryPlan, Manifest, OutputFolder, Plan, add_up, complete
from job.plan import Task, check_room, check_same_work, find_sources, make_task, sole_owner
from job.progress import face, watched
from job.recipe.verdict import MALFORMED
from job.source.folder import CategorySource

_LEAST_BUDGET_ROWS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a run ended."""

    manifest: Manifest
    new_partitions: int
    """How many this run did; 0 when the output was complete."""
    workers: int | None
    """How many cores worked; None when none had to."""


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
        fresh: remove what the output's own plan names, and begin anew.
        quiet: show no progress.
        say: told in a line what a user should know.

    Returns:
        The totals, and what this run did for them.

    Raises:
        CurateError: see its kinds.
    """
    output = OutputFolder(Path(config.output).expanduser().absolute())
    sources = _check(config, output, fresh=fresh)
    with sole_owner(output):
        before = output.plan()
        if before is not None and fresh:
            output.remove_planned(before)
            before = None
        elif before is not None:
            check_same_work(output, config, sources)  # again, now that nobody else can change it
        output.clear_temporary()
        known = dict(before.categories) if before else {}
        tasks = [make_task(config, source, known.get(source.category), output, say) for source in sources]
        categories = {**known, **{task.plan.category: task.plan for task in tasks}}
        if categories != known:
            output.manifest_path.unlink(missing_ok=True)
            output.write_json(output.plan_path, Plan(config=config.model_dump(mode="json"), categories=categories))
        count = sum(len(task.todo) for task in tasks)
        workers = _curate(config, output, tasks, quiet=quiet, say=say) if count else None
        _check_budgets(config, output, tasks)
        manifest = _finish(output, categories, [task.plan.category for task in tasks])
    return Outcome(manifest=manifest, new_partitions=count, workers=workers)


def prospects(config: JobConfig, *, fresh: bool = False) -> list[Prospect]:
    """Finds out what a run would do, checks as it would, and touches nothing.

    Raises:
        CurateError: what `run_job` would raise before work starts.
    """
    output = OutputFolder(Path(config.output).expanduser().absolute())
    sources = _check(config, output, fresh=fresh)
    before = None if fresh else output.plan()
    known = before.categories if before else {}
    found: list[Prospect] = []
    for source in sources:
        category = known.get(source.category)
        if category is None and source.is_packed:
            found.append(Prospect(source=source, partitions=None, done=0))
            continue
        task = make_task(config, source, category, output, lambda _: None)
        partitions = len(task.plan.partitions)
        found.append(Prospect(source=source, partitions=partitions, done=0 if fresh else partitions - len(task.todo)))
    return found


def _check(config: JobConfig, output: OutputFolder, *, fresh: bool) -> list[CategorySource]:
    """Finds whatever is wrong that can be found before work starts; returns the sources."""
    sources = find_sources(config)
    if not fresh:
        check_same_work(output, config, sources)
    elif output.root.is_dir() and output.plan() is None and any(output.root.iterdir()):
        raise RefusedError(
            f"--fresh removes only what a plan names, and {output.root} has no plan.json\n"
            "nothing was touched; name another folder: --output DIR"
        )
    check_room(output, sources)
    return sources


def _curate(
    config: JobConfig, output: OutputFolder, tasks: Sequence[Task], *, quiet: bool, say: Callable[[str], None]
) -> int:
    """Does what is left to do; returns how many workers did it."""
    from job.cluster import started_ray, usable_cores  # Ray is slow to import, and a complete output needs none

    if isinstance(config.workers, int) and config.workers > usable_cores():
        say(f"{config.workers} workers on {usable_cores()} cores: some will share a core")
    with started_ray(config.workers) as workers, face(quiet=quiet) as show:
        from job.pipeline import curate_category

        for task in tasks:
            if not task.todo:
                continue
            with watched(output, task.plan, show):
                curate_category(
                    plan=task.plan,
                    reader=task.reader(),
                    file_names=[file.name for file in task.source.files],
                    todo=task.todo,
                    recipe=config.recipe,
                    output=output.root,
                    workers=workers,
                    batch_size=config.batch_size,
                )
            _check_budgets(config, output, [task])
    return workers


def _check_budgets(config: JobConfig, output: OutputFolder, tasks: Sequence[Task]) -> None:
    """Raises MalformedBudgetError when a category has more malformed rows than are put up with."""
    for task in tasks:
        records = output.records(task.plan)
        malformed = sum(record.funnel.get(MALFORMED, 0) for record in records)
        rows = sum(record.num_rows for record in records)
        budget = config.max_malformed
        allowed = budget if isinstance(budget, int) else max(_LEAST_BUDGET_ROWS, int(budget * rows))
        if malformed > allowed:
            raise MalformedBudgetError(
                f"{task.plan.category}: {malformed:,} of {rows:,} rows are malformed, and max_malformed allows "
                f"{allowed:,}\nall that was done is kept; to see them: curate rejects {output.root}\n"
                f"to put up with them, run the same command again with --set max_malformed={malformed}"
            )


def _finish(output: OutputFolder, categories: Mapping[str, CategoryPlan], mine: Sequence[str]) -> Manifest:
    """Adds up, and writes the manifest when every category of the folder is complete.

    Returns:
        The manifest of all categories when the folder is complete, else of those that this run was about.
    """
    records = {name: output.records(plan) for name, plan in categories.items()}
    is_complete = all(len(found) == len(categories[name].partitions) for name, found in records.items())
    names = list(categories) if is_complete else mine
    manifest = complete({name: add_up(categories[name], records[name]) for name in names})
    if is_complete and output.manifest() != manifest:
        write_card(output, manifest)
        output.write_json(output.manifest_path, manifest)
        output.clear_scratch()
    output.clear_temporary()
    return manifest
