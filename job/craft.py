"""Makes a training set of finished items: read the index ► decide ► move each chosen item to its row ► add up.

One process decides on everything, so workers, shards and the order of arrival play no part in it. The plan and
the decision are written before anything is moved, so a resumed run keeps the decision.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from job.cluster.last import stop_standing
from job.cluster.machine import begun_by, versions
from job.cluster.memory import return_memory
from job.cluster.ray_folder import end_orphaned_rays
from job.config.addresses import located
from job.config.craft import CraftConfig
from job.errors import CurateError, RefusedError
from job.gather.checks import (
    check_fits,
    check_memory,
    check_nodes,
    check_place,
    check_room,
    check_same_set,
    identity_of,
)
from job.gather.items import Items, open_items
from job.gather.working import Say, working
from job.output.folder import CARD, MANIFEST, PLAN, OutputFolder
from job.output.lock.ownership import check_owner, sole_owner
from job.output.noting import no_trace_of_mistakes, noted
from job.output.training_set.card import set_cards
from job.output.training_set.decided import Decided, decided_bytes, read_decided
from job.output.training_set.findings import Findings
from job.output.training_set.plan import DECISION, SetIdentity, SetPlan, SetRecord
from job.output.training_set.totals import SetManifest, complete_set
from job.progress.steps import steps
from job.report.of_set import report_again, report_finished_set
from job.selection.decision import Decision
from job.storage.patience import outages_said

if TYPE_CHECKING:
    from job.cluster.workers import Workers
    from job.gather.deciding import Verdict
    from job.gather.narrow import Narrow

Target = tuple[str, int]
"""A shard: its part, and its number."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SetOutcome:
    """How it ended."""

    manifest: SetManifest
    plan: SetPlan
    new_shards: int
    """Shards that this run wrote; 0 when there was nothing to do."""
    was_complete: bool = False
    """Whether the set was complete before, with this very manifest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SetProspect:
    """What would be done."""

    decision: Decision
    items: Items
    done: int
    """Shards that an earlier run has written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Job:
    """A training set that is to be made."""

    config: CraftConfig
    items: Items
    output: OutputFolder
    identity: SetIdentity
    say: Say
    quiet: bool


def craft_set(
    config: CraftConfig, *, fresh: bool = False, quiet: bool = False, say: Say = lambda _: None
) -> SetOutcome:
    """Makes a training set, or resumes it.

    Args:
        config: what to do.
        fresh: replace what the output's own plan names.
        quiet: show no progress.
        say: called with each line that a user should see.

    Raises:
        CurateError: its subclasses say what can go wrong.
    """
    with outages_said(say):
        end_orphaned_rays()
        job, before = _checked(config, fresh=fresh, quiet=quiet, say=say)
        if before is not None and (outcome := _complete_already(job, before)):
            report_again(job.output, before, say)
            return outcome
        with no_trace_of_mistakes(job.output), sole_owner(job.output, say) as owner:
            planned = job.output.set_plan()  # again, now that nobody else can change it
            before = None if fresh else check_same_set(job.output, planned, job.identity)
            job.output.clear_temporary()
            lost_nodes: list[str] = []
            note = begun_by(owner, config.workers)
            with noted(job.output, note, lambda: _rows_done(job), lost_nodes), _workers(job, lost_nodes) as workers:
                plan, decided = _decided(job, planned, before, workers, fresh=fresh)
                new_shards, narrow = _moved(job, plan, decided, owner.run_id, workers)
                check_owner(job.output, owner.run_id)
                outcome = _finished(job, plan, new_shards, narrow, workers)
            stop_standing()  # its workers hold memory, and nothing is left for them to do
            report_finished_set(job.output, plan, say)
            return outcome


def set_prospect(
    config: CraftConfig, *, fresh: bool = False, quiet: bool = False, say: Say = lambda _: None
) -> SetProspect:
    """Finds out what would be drawn, from the index alone, with the same checks; touches nothing.

    Arguments and errors are as for `craft_set`.
    """
    with outages_said(say):
        job, before = _checked(config, fresh=fresh, quiet=quiet, say=say)
        done = sum(map(len, _records(job, before).values())) if before is not None else 0
        decided = read_decided(job.output, before) if before is not None else None
        if decided is None:
            with _workers(job, [], writes=False) as workers:
                decided = _decide(job, workers).decided
        return SetProspect(decision=decided.decision, items=job.items, done=done)


def _checked(config: CraftConfig, *, fresh: bool, quiet: bool, say: Say) -> tuple[_Job, SetPlan | None]:
    """Makes every check that can be made before work starts. Returns the job, and the plan that it resumes, if any."""
    items = open_items(config.items)
    root = located(config.output)
    output = OutputFolder(root.absolute() if isinstance(root, Path) else root)
    check_place(config, items)
    check_fits(config, items)
    for warning in items.warnings:
        say(f"mind: {warning}")
    planned, identity = output.set_plan(), identity_of(config, items)
    before = None if fresh else check_same_set(output, planned, identity)
    if fresh and planned is None and not output.is_untouched():
        raise RefusedError(
            f"--fresh removes only what a plan names, and {output.root} has no plan.json\n"
            "nothing was touched; name another folder: --output DIR"
        )
    sections = planned.sections() if planned is not None else ()
    output.check_links([section.name for section in sections])
    if before is None:
        check_memory(config, items.count)
    check_room(output, items, 1.0 if before is None else 0.1)
    return _Job(config=config, items=items, output=output, identity=identity, say=say, quiet=quiet), before


def _records(job: _Job, plan: SetPlan) -> dict[str, list[SetRecord]]:
    return {part.name: job.output.records(part) for part in plan.sections()}


def _rows_done(job: _Job) -> int:
    """Returns how many rows of the set are written."""
    plan = job.output.set_plan()
    if plan is None or plan.digest != job.identity.digest:
        return 0
    return sum(record.num_rows for records in _records(job, plan).values() for record in records)


def _todo(plan: SetPlan, records: Mapping[str, Sequence[SetRecord]]) -> list[Target]:
    """Returns the shards without a record."""
    done = {(name, record.partition) for name, found in records.items() for record in found}
    every = [(part.name, number) for part in plan.sections() for number in range(part.count)]
    return [target for target in every if target not in done]


def _complete_already(job: _Job, plan: SetPlan) -> SetOutcome | None:
    """Returns the outcome when there is nothing to do."""
    manifest = job.output.set_manifest()
    is_whole = {CARD, DECISION} <= job.output.store.top() and not job.output.has_left_over()
    if manifest is None or not is_whole or _todo(plan, _records(job, plan)):
        return None
    return SetOutcome(manifest=manifest, plan=plan, new_shards=0, was_complete=True)


def _workers(job: _Job, lost_nodes: list[str], *, writes: bool = True) -> contextlib.AbstractContextManager[Workers]:
    """Starts or joins a Ray for a run that writes or does not."""

    def check() -> None:
        check_nodes(job.items.folder, job.output if writes else None)

    return working(job.config.workers, check, job.say, lost_nodes, _import_report if writes else lambda: None)


def _import_report() -> None:
    """Imports what makes the report, whose templates take a while: later nothing else would go on meanwhile."""
    from job.report import make

    del make


def _decide(job: _Job, workers: Workers) -> Verdict:
    from job.gather.deciding import decide_on

    with steps(quiet=job.quiet) as at:
        verdict = decide_on(
            job.items, job.config, workers, job.say, lambda title, unit, total, done: at(title, unit, total, done, 0)
        )
    for remark in verdict.remarks:
        job.say(f"mind: {remark}")
    return_memory()  # what the index took, 130 MB of 2.8 million items
    return verdict


def _decided(
    job: _Job, planned: SetPlan | None, before: SetPlan | None, workers: Workers, *, fresh: bool
) -> tuple[SetPlan, Decided]:
    """Returns the plan and the decision: those that were written down, or new ones, which are written down now."""
    if before is not None and (decided := read_decided(job.output, before)) is not None:
        return before, decided
    verdict = _decide(job, workers)
    decided = verdict.decided
    decision, content = decided.decision, decided_bytes(decided)
    plan = SetPlan(
        config=job.config.model_dump(mode="json"),
        identity=job.identity,
        digest=job.identity.digest,
        recipe=job.items.recipe,
        counts=decision.counts(),
        stages={name: dict(figures) for name, figures in decision.stages.items()},
        decision_sha256=hashlib.sha256(content).hexdigest(),
        warnings=[*job.items.warnings, *verdict.remarks],
        mix=verdict.mix,
        as_published=verdict.as_published,
        program=versions().get("item-curator", ""),
        origin=job.items.origin,
    )
    if before is not None and plan.decision_sha256 != before.decision_sha256:
        job.output.remove_planned(before)  # what was written by another decision does not fit this one
    if fresh and planned is not None:  # this late, since until here anything could be wrong with the new set
        job.output.remove_planned(planned)
    job.output.store.remove([MANIFEST])
    job.output.write_json(PLAN, plan)  # first, since a folder without a plan belongs to somebody else
    job.output.write(DECISION, content)
    return plan, decided


def _moved(job: _Job, plan: SetPlan, decided: Decided, run_id: str, workers: Workers) -> tuple[int, Narrow]:
    """Writes the shards that remain to be written. Returns how many, and the narrow columns of those in splits."""
    from job.gather.deciding import with_fewer
    from job.gather.move import Move, move_items
    from job.gather.narrow import Narrow

    todo, narrow = _todo(plan, _records(job, plan)), Narrow(sum(part.num_rows for part in plan.splits()))
    if not todo:
        return 0, narrow
    job.output.store.remove([MANIFEST])
    moving = Move(items=job.items, plan=plan, output=job.output, run_id=run_id, decided=decided)
    rows = {(part.name, number): part.rows_of(number) for part in plan.sections() for number in range(part.count)}
    already = plan.num_items - sum(rows[target] for target in todo)

    def move(with_these: Workers) -> None:
        left = _todo(plan, _records(job, plan))
        with steps(quiet=job.quiet) as at:

            def show(packed: int, written: int) -> None:
                at("gathering items", "items", plan.num_items, packed, 0)
                if written:
                    at("writing the set", "rows", plan.num_items, already + written, already)

            move_items(moving, left, with_these, narrow, show)

    with_fewer(workers, job.say, move)
    return len(todo), narrow


def _finished(job: _Job, plan: SetPlan, new_shards: int, narrow: Narrow, workers: Workers) -> SetOutcome:
    """Adds up, and writes the card and the manifest."""
    records = _records(job, plan)
    if missing := _todo(plan, records):
        name, number = missing[0]
        raise CurateError(
            f"{len(missing)} shards in {job.output.root} are gone or have changed, such as {number} of {name}\n"
            "no manifest was written; find out who changes files there, then run the same command again"
        )
    manifest = complete_set(plan, records, _found(job, plan, narrow, workers))
    was_complete = not new_shards and job.output.set_manifest() == manifest
    job.output.write(CARD, set_cards(plan, manifest)[0])
    job.output.write_json(MANIFEST, manifest)
    return SetOutcome(manifest=manifest, plan=plan, new_shards=new_shards, was_complete=was_complete)


def _found(job: _Job, plan: SetPlan, narrow: Narrow, workers: Workers) -> Findings:
    """Finds leaks and label conflicts in the set; what an earlier run has written is read back for it.

    In the default no near duplicates that are linked are in two splits, so none is looked for again here. Links that
    bands do not find are found by no other bands; `curate leaks SET --near` compares all texts that share a band.
    """
    from job.gather.deciding import with_fewer
    from job.gather.findings import NO_NEAR, findings
    from job.gather.set_rows import SetRows, read_rows

    rows = SetRows.of_plan(job.output, plan)
    with steps(quiet=job.quiet) as at:

        def show(done: int) -> None:
            at("looking for leaks", "rows", rows.count, done, 0)

        index = with_fewer(workers, job.say, lambda some: read_rows(rows, some, show=show, begun=narrow))
    near = NO_NEAR if job.config.preset is None else None
    return findings(rows, index, near=near, near_threshold=job.config.near_threshold, mix=plan.mix)
