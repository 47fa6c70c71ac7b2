"""Makes a training set of finished items: read the index ► decide ► move each chosen item to its row ► add up.

One process decides on everything, so workers, shards and the order of arrival play no part in it. The decision is
written down before anything is moved, and the plan after it: a run that is resumed goes on with the same decision.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec
import numpy as np

from job.cluster.few_words import in_few_words
from job.cluster.ray_folder import end_orphaned_rays
from job.config.addresses import located
from job.config.craft import CraftConfig
from job.errors import CurateError, RefusedError, WorkersDiedError
from job.gather.checks import check_fits, check_memory, check_place, check_room, check_same_set, identity_of
from job.gather.items import Items, open_items
from job.output.folder import CARD, MANIFEST, PLAN, OutputFolder
from job.output.lock.ownership import check_owner, sole_owner
from job.output.noting import noted
from job.output.training_set.card import set_card
from job.output.training_set.decided import Decided, decided_bytes, kept_ids, read_decided
from job.output.training_set.plan import DECISION, SetIdentity, SetPlan, SetRecord
from job.output.training_set.totals import SetManifest, complete_set
from job.progress.display import progress_display
from job.progress.snapshots import Step
from job.selection.decide import decide
from job.selection.decision import FATES, Decision
from job.storage.patience import outages_said

if TYPE_CHECKING:
    from job.cluster.workers import Workers
    from job.selection.duplicates import NearLinks
    from job.selection.index import Index

T = TypeVar("T")
Target = tuple[str, int]
"""A shard: its part, and its number."""
Say = Callable[[str], None]
"""Called with each line that a user should see."""


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


@contextlib.contextmanager
def _steps(job: _Job) -> Generator[Callable[[str, str, int, int, int], None]]:
    """Shows steps while the context lasts. Yields a function to call with title, unit, total, done, and done before."""
    began: dict[str, float] = {}
    with progress_display(quiet=job.quiet) as show:

        def at(title: str, unit: str, total: int, done: int, already: int) -> None:
            elapsed_s = time.monotonic() - began.setdefault(title, time.monotonic())
            show(Step(title, unit, total, done, elapsed_s, already))

        yield at


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
            return outcome
        with sole_owner(job.output, say) as owner:
            planned = job.output.set_plan()  # again, now that nobody else can change it
            before = None if fresh else check_same_set(job.output, planned, job.identity)
            job.output.clear_temporary()
            with noted(job.output, owner, config.workers, 0, lost := []), _workers(job, lost) as workers:
                plan, decided = _decided(job, planned, before, workers, fresh=fresh)
                new_shards = _moved(job, plan, decided, owner.run_id, workers)
                check_owner(job.output, owner.run_id)
                return _finished(job, plan, new_shards)


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
            with _workers(job, []) as workers:
                decided = _decide(job, workers)
        return SetProspect(decision=decided.decision, items=job.items, done=done)


def _checked(config: CraftConfig, *, fresh: bool, quiet: bool, say: Say) -> tuple[_Job, SetPlan | None]:
    """Makes every check that can be made before work starts. Returns the job, and the plan that it goes on with."""
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


def _todo(plan: SetPlan, records: Mapping[str, Sequence[SetRecord]]) -> list[Target]:
    """Returns the shards without a record."""
    done = {(name, record.partition) for name, found in records.items() for record in found}
    every = [(part.name, number) for part in plan.sections() for number in range(part.count)]
    return [target for target in every if target not in done]


def _complete_already(job: _Job, plan: SetPlan) -> SetOutcome | None:
    """Returns the outcome when there is nothing to do."""
    manifest = job.output.set_manifest()
    if manifest is None or job.output.has_left_over() or _todo(plan, _records(job, plan)):
        return None
    return SetOutcome(manifest=manifest, plan=plan, new_shards=0, was_complete=True)


@contextlib.contextmanager
def _workers(job: _Job, lost_nodes: list[str]) -> Generator[Workers]:
    """Starts or joins a Ray, with the settings for Ray Data."""
    from job.cluster.joined import JoinedWatch
    from job.cluster.start import started_ray  # Ray is slow to import, and a complete set needs none

    threading.Thread(target=_import_gather, daemon=True).start()
    with started_ray(job.config.workers, job.say, _import_gather) as workers, JoinedWatch(workers, job.say, lost_nodes):
        from job.cluster.ray_internals import without_actors
        from job.cluster.shared_paths import check_all_nodes_see
        from job.pipeline import data_settings

        if workers.has_other_nodes:
            roots = {job.output.root: "the output", job.items.folder.root: "the items"}
            check_all_nodes_see({}, {root: what for root, what in roots.items() if isinstance(root, Path)})
        settings_of_own_ray = contextlib.nullcontext() if workers.reserved else without_actors()
        with data_settings(), settings_of_own_ray, in_few_words():
            yield workers


def _import_gather() -> None:
    from job.gather import index, move

    del index, move


def _with_fewer(workers: Workers, say: Say, work: Callable[[Workers], T]) -> T:
    """Does work, and again with half of the workers each time that some die for want of memory."""
    while True:
        try:
            with in_few_words():
                return work(workers)
        except WorkersDiedError as error:
            if workers.by_now() == 1:
                raise
            workers = workers.at_most(workers.by_now() // 2)
            say(f"{error.message.splitlines()[0]}; going on with {workers.count} at once")


def _decide(job: _Job, workers: Workers) -> Decided:
    index = _index(job, workers)
    near = None if index.bands is None else _near(job, workers, index)
    decision = decide(index, job.config, near)
    ids = kept_ids(decision, index.ids)
    keys = index.keys.get("sample") if decision.counts()["not_drawn"] else None
    del index
    return Decided(_with_similarities(job, decision, workers), ids, keys)


def _index(job: _Job, workers: Workers) -> Index:
    from job.gather.index import Wanted, read_index

    wanted = Wanted.of(job.config, job.items.recipe)
    count = job.items.count
    with _steps(job) as at:

        def read(with_these: Workers) -> Index:
            return read_index(job.items, wanted, with_these, lambda done: at("reading items", "items", count, done, 0))

        return _with_fewer(workers, job.say, read)


def _near(job: _Job, workers: Workers, index: Index) -> NearLinks:
    from job.gather.near import Pairs, near_links

    with _steps(job) as at:

        def compared(total: int, done: int) -> None:
            at("comparing texts", "pairs", total, done, 0)

        def find(with_these: Workers) -> NearLinks:
            return near_links(Pairs(rows=job.items, workers=with_these), index, job.config.near_threshold, compared)

        return _with_fewer(workers, job.say, find)


def _with_similarities(job: _Job, decision: Decision, workers: Workers) -> Decision:
    """Returns the decision with the similarity of every near duplicate that is removed with the item that was kept."""
    from job.gather.near import Pairs

    is_unknown = (decision.fate == FATES.index("duplicate_near")) & np.isnan(decision.similarity)
    places = np.flatnonzero(is_unknown)
    if not len(places):
        return decision

    def compare(with_these: Workers) -> np.ndarray:
        return Pairs(rows=job.items, workers=with_these).similarities(places, decision.kept[places], None)

    similarity = decision.similarity.copy()
    similarity[places] = _with_fewer(workers, job.say, compare)
    return replace(decision, similarity=similarity)


def _decided(
    job: _Job, planned: SetPlan | None, before: SetPlan | None, workers: Workers, *, fresh: bool
) -> tuple[SetPlan, Decided]:
    """Returns the plan and the decision: those that were written down, or new ones, which are written down now."""
    if before is not None and (decided := read_decided(job.output, before)) is not None:
        return before, decided
    decided = _decide(job, workers)
    decision, content = decided.decision, decided_bytes(decided)
    plan = SetPlan(
        config=job.config.model_dump(mode="json"),
        identity=job.identity,
        digest=job.identity.digest,
        recipe=job.items.recipe,
        counts=decision.counts(),
        stages={name: dict(figures) for name, figures in decision.stages.items()},
        decision_sha256=hashlib.sha256(content).hexdigest(),
        warnings=list(job.items.warnings),
    )
    if fresh and planned is not None:  # this late, since until here anything could be wrong with the new set
        job.output.remove_planned(planned)
    job.output.store.remove([MANIFEST])
    job.output.write(DECISION, content)
    job.output.write_json(PLAN, plan)
    return plan, decided


def _moved(job: _Job, plan: SetPlan, decided: Decided, run_id: str, workers: Workers) -> int:
    """Writes the shards that remain to be written. Returns how many."""
    from job.gather.move import Move, move_items

    todo = _todo(plan, _records(job, plan))
    if not todo:
        return 0
    job.output.store.remove([MANIFEST])
    moving = Move(items=job.items, plan=plan, output=job.output, run_id=run_id, decided=decided)
    rows = {(part.name, number): part.rows_of(number) for part in plan.sections() for number in range(part.count)}
    already = plan.num_items - sum(rows[target] for target in todo)

    def move(with_these: Workers) -> None:
        left = _todo(plan, _records(job, plan))
        with _steps(job) as at:

            def show(packed: int, written: int) -> None:
                at("gathering items", "items", plan.num_items, packed, 0)
                if written:
                    at("writing the set", "rows", plan.num_items, already + written, already)

            move_items(moving, left, with_these, show)

    _with_fewer(workers, job.say, move)
    return len(todo)


def _finished(job: _Job, plan: SetPlan, new_shards: int) -> SetOutcome:
    """Adds up, and writes the card and the manifest."""
    records = _records(job, plan)
    if missing := _todo(plan, records):
        name, number = missing[0]
        raise CurateError(
            f"{len(missing)} shards in {job.output.root} are gone or have changed, such as {number} of {name}\n"
            "no manifest was written; find out who changes files there, then run the same command again"
        )
    manifest = complete_set(plan, records, msgspec.UNSET)
    was_complete = not new_shards and job.output.set_manifest() == manifest
    if not was_complete:
        job.output.write(CARD, set_card(manifest))
        job.output.write_json(MANIFEST, manifest)
    return SetOutcome(manifest=manifest, plan=plan, new_shards=new_shards, was_complete=was_complete)
