"""Decides on items: reads the index, finds near duplicates, and decides on both in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from job.cluster.few_words import in_few_words
from job.cluster.workers import Workers
from job.config.craft import CraftConfig
from job.errors import WorkersDiedError
from job.gather.index import Wanted, read_index
from job.gather.items import Items
from job.gather.near import Pairs, near_links
from job.gather.working import Say
from job.output.training_set.decided import Decided, kept_ids
from job.selection.decide import decide
from job.selection.decision import FATES, Decision
from job.selection.duplicates import NearLinks
from job.selection.index import Index
from job.selection.mix import Mix, mix
from job.selection.presets.published import is_as_published, stages_to_compare
from job.selection.remarks import remarks

T = TypeVar("T")
At = Callable[[str, str, int, int], None]
"""Shows how far a step is: its title, its unit, the total, and how much is done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The decision, and what is known of it while the index is at hand."""

    decided: Decided
    mix: Mix
    remarks: list[str]
    """What a user should know."""
    as_published: bool
    """Whether its stages can be compared with what a course has published."""


def with_fewer(workers: Workers, say: Say, work: Callable[[Workers], T]) -> T:
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


def decide_on(items: Items, config: CraftConfig, workers: Workers, say: Say, at: At) -> Verdict:
    """Decides what becomes of each item.

    Args:
        items: the items.
        config: the settings.
        workers: the CPUs that may work.
        say: see `Say`.
        at: see `At`.

    Raises:
        UsageError: when the settings cannot be met, or nothing is left.
        CurateError: when the items cannot be read.
    """
    wanted = Wanted.of(config, items.recipe)

    def read(with_these: Workers) -> Index:
        return read_index(items, wanted, with_these, lambda done: at("reading items", "items", items.count, done))

    index = with_fewer(workers, say, read)
    near = None if index.bands is None else _near(items, config, index, workers, say, at)
    decision = decide(index, config, near)
    del near
    sample_keys = index.keys.get("sample") if decision.counts()["not_drawn"] else None
    index = replace(index, keys={}, bands=None)  # most of its memory
    said = remarks(index, config, decision)
    as_published = config.preset is not None and is_as_published(config) and not items.warnings
    if config.preset is not None and as_published:
        decision = replace(decision, stages=stages_to_compare(config.preset, config.lite, decision, index))
    mixed, ids = mix(index, decision), kept_ids(decision, index.ids)
    del index
    decided = Decided(_with_similarities(items, decision, workers, say), ids, sample_keys)
    return Verdict(decided=decided, mix=mixed, remarks=said, as_published=as_published)


def _near(items: Items, config: CraftConfig, index: Index, workers: Workers, say: Say, at: At) -> NearLinks:
    def find(with_these: Workers) -> NearLinks:
        pairs = Pairs(rows=items, workers=with_these)
        return near_links(
            pairs, index, config.near_threshold, lambda total, done: at("comparing texts", "pairs", total, done)
        )

    return with_fewer(workers, say, find)


def _with_similarities(items: Items, decision: Decision, workers: Workers, say: Say) -> Decision:
    """Returns the decision with the similarity of every near duplicate that is removed with the item that was kept."""
    is_unknown = (decision.fate == FATES.index("duplicate_near")) & np.isnan(decision.similarity)
    places = np.flatnonzero(is_unknown)
    if not len(places):
        return decision

    def compare(with_these: Workers) -> np.ndarray:
        return Pairs(rows=items, workers=with_these).similarities(places, decision.kept[places], None)

    similarity = decision.similarity.copy()
    similarity[places] = with_fewer(workers, say, compare)
    return replace(decision, similarity=similarity)
