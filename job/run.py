"""A run, from config to manifest: plan, refuse or go on, curate what is left, add up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from job.config import JobConfig
from job.errors import MalformedBudgetError, RefusedError
from job.manifest import CategoryTotals, Manifest, OutputFolder, Plan, Record, add_up, complete
from job.plan import Task, check_room, check_same_work, find_sources, make_task, sole_owner
from job.progress import face, watched
from job.recipe.verdict import MALFORMED

_LEAST_BUDGET_ROWS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a run ended."""

    manifest: Manifest
    new_partitions: int
    """How many this run did; 0 when the output was complete."""
    workers: int | None
    """How many cores worked; None when none had to."""


def plan_run(config: JobConfig, *, fresh: bool = False) -> tuple[OutputFolder, Plan | None, list[Task]]:
    """Finds out what a run would do, and touches nothing: packed files are left as they are.

    Returns:
        The output folder, its plan if it has one, and each category's task; packed categories are left out.
    """
    from job.source.unpack import is_packed

    output = OutputFolder(Path(config.output).expanduser())
    sources = find_sources(config)
    plan = None if fresh else check_same_work(output, config, sources)
    known = plan.categories if plan else {}
    plain = [source for source in sources if not any(is_packed(file.path) for file in source.files)]
    return (
        output,
        plan,
        [make_task(config, source, known.get(source.category), output.scratch, str) for source in plain],
    )


def run_job(config: JobConfig, *, fresh: bool = False, quiet: bool = False, say: Callable[[str], None] = str) -> Outcome:
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
    output = OutputFolder(Path(config.output).expanduser())
    sources = find_sources(config)
    if not fresh:
        check_same_work(output, config, sources)
    elif output.root.is_dir() and output.plan() is None and any(output.root.iterdir()):
        raise RefusedError(f"--fresh removes only what a plan names, and {output.root} has no plan.json")
    check_room(output, sources)
    with sole_owner(output):
        before = output.plan()
        if before is not None and fresh:
            output.remove_planned(before)
            before = None
        output.clear_temporary()
        known = dict(before.categories) if before else {}
        tasks = [make_task(config, source, known.get(source.category), output.scratch, say) for source in sources]
        todo = {task.plan.category: _unfinished(output, task) for task in tasks}
        count = sum(map(len, todo.values()))
        categories = {**known, **{task.plan.category: task.plan for task in tasks}}
        if before is None or before.categories != categories:
            output.manifest_path.unlink(missing_ok=True)
            output.write_json(output.plan_path, Plan(config=config.model_dump(mode="json"), categories=categories))
        workers = _curate(config, output, tasks, todo, quiet=quiet, say=say) if count else None
        _check_budgets(config, output, tasks)
        manifest = _finish(output, categories, [task.plan.category for task in tasks])
    return Outcome(manifest=manifest, new_partitions=count, workers=workers)


def _unfinished(output: OutputFolder, task: Task) -> list[int]:
    done = {record.partition for record in output.records(task.plan)}
    return [index for index in range(len(task.plan.partitions)) if index not in done]


def _curate(
    config: JobConfig,
    output: OutputFolder,
    tasks: Sequence[Task],
    todo: dict[str, list[int]],
    *,
    quiet: bool,
    say: Callable[[str], None],
) -> int:
    from job.cluster import started_ray, usable_cores

    if isinstance(config.workers, int) and config.workers > usable_cores():
        say(f"{config.workers} workers on {usable_cores()} cores: more than one will share a core")
    with started_ray(config.workers) as workers, face(quiet=quiet) as show:
        from job.pipeline import curate_category, make_recipe

        make_recipe(config.recipe)  # a vocabulary that is not right is found before the first task
        for task in tasks:
            unfinished = todo[task.plan.category]
            if not unfinished:
                continue
            with watched(output, task.plan, show):
                curate_category(
                    plan=task.plan,
                    reader=task.reader,
                    file_names=[file.name for file in task.source.files],
                    todo=unfinished,
                    recipe=config.recipe,
                    output=output.root.absolute(),
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


def _finish(output: OutputFolder, categories: dict[str, object], mine: Sequence[str]) -> Manifest:
    """Adds up, and writes the manifest when every category of the folder is complete."""
    from job.card import write_card

    plan = output.plan()
    assert plan is not None
    records: dict[str, list[Record]] = {name: output.records(plan.categories[name]) for name in categories}
    whole = {name: found for name, found in records.items() if len(found) == len(plan.categories[name].partitions)}
    totals: dict[str, CategoryTotals] = {name: add_up(plan.categories[name], found) for name, found in whole.items()}
    manifest = complete({name: totals[name] for name in (mine if len(whole) < len(categories) else categories)})
    if len(whole) == len(categories) and output.manifest() != manifest:
        write_card(output, manifest)
        output.write_json(output.manifest_path, manifest)
    output.clear_temporary()
    import shutil

    shutil.rmtree(output.scratch, ignore_errors=True)
    return manifest
