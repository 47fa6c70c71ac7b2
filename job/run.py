"""A run, from config to manifest: find the source, lock the output, plan, work on what remains, add up."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from job.cluster.machine import begun_by, versions
from job.cluster.memory import return_memory
from job.cluster.ray_folder import end_orphaned_rays
from job.config.addresses import located
from job.config.models import JobConfig
from job.copies import check_before_unpacking
from job.errors import CurateError, RefusedError, quoted
from job.output.folder import CARD, MANIFEST, PLAN, OutputFolder
from job.output.full_card import cards
from job.output.limits import check_damage, check_malformed
from job.output.lock.ownership import check_owner, sole_owner
from job.output.noting import noted
from job.output.records import CategoryPlan, Plan, Record
from job.output.report_files import remove_stale_report
from job.output.totals import Manifest, add_up, complete
from job.plan.checks import binding_plan, check_room, check_same_content, check_same_work
from job.plan.first_rows import check_first_rows
from job.plan.sources import find_sources, newer_commit
from job.plan.unchanged import has_other_version
from job.plan.work import CategoryWork, Run, plan_work
from job.recipe.protocol import describe
from job.schedule import curate_categories
from job.source.fetch.cache import check_cache_room, check_cache_writable, missing_bytes
from job.source.files import CategorySource
from job.source.find.passed_over import PassedOver
from job.source.hub_waits import hub_waits_said
from job.storage.patience import outages_said


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a run ended."""

    manifest: Manifest
    """Totals of the whole output; of this run's categories where others of the output are not complete."""
    plan: Plan
    """What the output folder is for."""
    new_partitions: int
    """Partitions that this run did; 0 when there was nothing to do."""
    unfinished: tuple[str, ...]
    """Other categories of the output that are not complete."""
    was_complete: bool = False
    """Whether the output was complete before, with this very manifest."""
    passed_over: PassedOver = field(default_factory=PassedOver)
    """What the source has that is not read."""
    lost_nodes: tuple[str, ...] = ()
    """A line about each node of a joined Ray that was lost meanwhile."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prospect:
    """What a run would do for one category."""

    source: CategorySource
    partitions: int | None
    """Number of partitions; None when it is only known once the files are unpacked."""
    done: int
    """How many of them an earlier run has done."""


def run_job(
    config: JobConfig,
    *,
    fresh: bool = False,
    quiet: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Runs a job, or resumes it.

    Args:
        config: what to do.
        fresh: replace what the output's own plan names.
        quiet: show no progress.
        say: called with each line that a user should see.

    Returns:
        The totals, and what this run did for them.

    Raises:
        CurateError: its subclasses say what can go wrong.
    """
    if quiet:
        os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
    with hub_waits_said(say), outages_said(say):
        return _run(config, fresh=fresh, quiet=quiet, say=say)


def _run(config: JobConfig, *, fresh: bool, quiet: bool, say: Callable[[str], None]) -> Outcome:
    end_orphaned_rays()  # here, since a job that was killed at its very end needs no Ray to finish
    output = _output(config)
    before, passed_over = output.plan(), PassedOver()
    sources = _checked_sources(config, output, before, passed_over, fresh=fresh, say=say)
    begun = None if fresh else binding_plan(output, before)
    if begun is not None and (outcome := _complete_already(config, output, begun, sources, say)):
        return replace(outcome, passed_over=passed_over)
    check_room(output, [])
    with sole_owner(output, say) as owner:
        before = output.plan()  # again, now that nobody else can change it
        begun, planned = None, dict[str, CategoryPlan]()
        if not fresh:
            planned = check_same_work(output, before, config, sources)
            begun = binding_plan(output, before)
            if sentence := newer_commit(config, begun):
                say(sentence)
        output.clear_temporary()
        check_before_unpacking(output, [source for source in sources if source.category not in planned], say)
        works = [plan_work(config, source, planned.get(source.category), output.scratch, say) for source in sources]
        if planned:
            for work in works:
                work.look(output)
            check_same_content(output, [work for work in works if work.plan.category in planned], say)
        check_room(output, works)
        if (config.source.stream is None and config.limit is None) or config.source.stream is False:
            missing = sum(missing_bytes(work.source) for work in works if work.remaining())
            if "RAY_ADDRESS" not in os.environ:  # otherwise other nodes may read from the Hub directly
                check_cache_writable(missing)
            check_cache_room(missing)
        if fresh and before is not None:  # this late, since until here anything could be wrong with the new job
            output.remove_planned(before)
        if added := [work.plan.category for work in works if planned and work.plan.category not in planned]:
            say(f"{', '.join(added)} will be added to {output.root}, which has {', '.join(planned)}")
        plan = _written_plan(config, output, begun, works)
        remaining = {work.plan.category: work.remaining() for work in works}
        run = Run(config=config, output=output, run_id=owner.run_id, recipe=plan.description)
        return_memory()  # that of the sources' footers, 45 KB for each row group

        def num_rows() -> int:
            return sum(work.tally.num_rows for work in works)

        with noted(output, begun_by(owner, config.workers), num_rows, run.lost_nodes):
            if any(remaining.values()):
                curate_categories(run, works, remaining, quiet=quiet, say=say)
                check_owner(output, owner.run_id)
            outcome = _finish(run, plan, works, sum(map(len, remaining.values())), say)
            return replace(outcome, passed_over=passed_over)


def _written_plan(config: JobConfig, output: OutputFolder, before: Plan | None, works: Sequence[CategoryWork]) -> Plan:
    """Writes the plan, unless the output has it already; an output with work to do is not complete any more."""
    planned = before.categories if before else {}
    categories = {**planned, **{work.plan.category: work.plan for work in works}}
    digests = {name: category.digest for name, category in categories.items()}
    is_same = before is not None and digests == {name: category.digest for name, category in planned.items()}
    if not is_same or any(work.remaining() for work in works):
        output.store.remove([MANIFEST])
    if before is not None and categories == planned:
        return before
    if before is not None and is_same:  # files were touched or copied
        plan = msgspec.structs.replace(before, categories=categories)
        output.write_json(PLAN, plan)
        return plan
    recipe = describe(config.recipe.recipe_type())
    plan = Plan(
        config=config.model_dump(mode="json"),
        categories=categories,
        recipe=recipe,
        program=versions().get("item-curator", ""),
    )
    output.write_json(PLAN, plan)
    return plan


def prospects(
    config: JobConfig,
    *,
    fresh: bool = False,
    passed_over: PassedOver | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> list[Prospect]:
    """Finds out what a run would do, with the same checks, and touches nothing.

    Args:
        config: the job.
        fresh: whether the run would replace what the output's own plan names.
        passed_over: is told what is not read.
        say: called with each line that a user should see.

    Raises:
        CurateError: what `run_job` would raise before work starts.
    """
    output = _output(config)
    before = output.plan()
    with hub_waits_said(say), outages_said(say):
        sources = _checked_sources(config, output, before, passed_over, fresh=fresh, say=say)
    planned = {} if fresh else check_same_work(output, before, config, sources)
    found: list[Prospect] = []
    works: list[CategoryWork] = []
    for source in sources:
        category = planned.get(source.category)
        if category is None and source.is_packed:
            found.append(Prospect(source=source, partitions=None, done=0))
            continue
        work = plan_work(config, source, category, output.scratch, lambda _: None)
        if category is not None:
            work.look(output)
            if not source.is_packed:  # it would have to be unpacked
                check_same_content(output, [work], say)
        works.append(work)
        partitions = len(work.plan.partitions)
        found.append(Prospect(source=source, partitions=partitions, done=partitions - len(work.remaining())))
    check_room(output, works)
    return found


def _output(config: JobConfig) -> OutputFolder:
    root = located(config.output)
    return OutputFolder(root.absolute() if isinstance(root, Path) else root)


def _checked_sources(
    config: JobConfig,
    output: OutputFolder,
    before: Plan | None,
    passed_over: PassedOver | None,
    *,
    fresh: bool,
    say: Callable[[str], None],
) -> list[CategorySource]:
    """Finds the sources, and makes every check that can be made before work starts."""
    sources = find_sources(config, None if fresh else binding_plan(output, before), passed_over)
    output.check_links({*(before.categories if before else ()), *[source.category for source in sources]})
    planned: Mapping[str, CategoryPlan] = {}
    if not fresh:
        planned = check_same_work(output, before, config, sources)
    elif before is None and not output.is_untouched():
        raise RefusedError(
            f"--fresh removes only what a plan names, and {output.root} has no plan.json\n"
            "nothing was touched; name another folder: --output DIR"
        )
    check_first_rows(config, sources, planned, say)
    return sources


def _complete_already(
    config: JobConfig,
    output: OutputFolder,
    plan: Plan,
    sources: Sequence[CategorySource],
    say: Callable[[str], None],
) -> Outcome | None:
    """Returns the outcome when there is nothing to do. The folder may be read-only then.

    Nothing is written, but for the versions of source files that were copied or touched and have the same content.
    """
    manifest = output.manifest()
    is_planned = all(source.category in plan.categories for source in sources)
    if manifest is None or output.has_left_over() or not is_planned:
        return None
    read: dict[str, list[Record]] = {}
    for category in plan.categories.values():
        records = read[category.category] = output.records(category)
        if len(records) < len(category.partitions):
            return None
        if category.damage(records) and not config.skip_damaged_files:
            return None
        check_malformed(output, category.category, records, config.max_malformed)
    works = [plan_work(config, source, plan.categories[source.category], output.scratch, say) for source in sources]
    touched = [work for work in works if has_other_version(work.plan, work.source)]
    for work in touched:
        work.know(read[work.plan.category])
    check_same_content(output, touched, say)
    if touched:
        with contextlib.suppress(CurateError), sole_owner(output, lambda _: None):
            if output.plan() == plan:
                _written_plan(config, output, plan, works)
            output.clear_temporary()
        output.clear_scratch()
    return Outcome(manifest=manifest, plan=plan, new_partitions=0, unfinished=(), was_complete=True)


def _finish(
    run: Run, plan: Plan, works: Sequence[CategoryWork], new_partitions: int, say: Callable[[str], None]
) -> Outcome:
    """Adds up, and writes the manifest when every category of the output is complete."""
    output, mine = run.output, {work.plan.category: work.in_order for work in works}
    records: dict[str, list[Record]] = {
        name: mine[name] if name in mine else output.records(category) for name, category in plan.categories.items()
    }
    for work in works:
        work.copy(output, growth=0)
    for name, found in mine.items():
        if lost := output.lost(plan.categories[name], found):
            raise CurateError(
                f"{name}: {len(lost)} of its files in {output.root} are gone or have changed, such as {lost[0].shard}\n"
                "no manifest was written; find out who changes files there, then run the same command again"
            )
    unfinished = tuple(name for name, found in records.items() if len(found) < len(plan.categories[name].partitions))
    for name, found in records.items():
        if name not in unfinished:
            check_malformed(output, name, found, run.config.max_malformed)
    names = list(mine) if unfinished else list(plan.categories)
    totals = {name: add_up(plan.categories[name], records[name], plan.description) for name in names}
    manifest = complete(plan, totals)
    check_damage(run.config, manifest.damaged)
    was_complete = not unfinished and not new_partitions and output.manifest() == manifest
    if not unfinished:
        if not was_complete:
            output.write(CARD, cards(plan, manifest)[0])
            output.write_json(MANIFEST, manifest)
            if remove_stale_report(output, manifest.content_digest):
                say(f"the report was of other items, and is gone; to make it anew: curate report {quoted(output.root)}")
        output.clear_scratch()
    return Outcome(
        manifest=manifest,
        plan=plan,
        new_partitions=new_partitions,
        unfinished=unfinished,
        was_complete=was_complete,
        lost_nodes=tuple(run.lost_nodes),
    )
