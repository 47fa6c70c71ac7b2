"""Decides by the method that the settings name: the default one, or that of a course."""

from __future__ import annotations

from job.config.craft import CraftConfig
from job.errors import UsageError
from job.selection import default
from job.selection.decision import SPLITS, Decision
from job.selection.duplicates import NearLinks
from job.selection.index import Index


def decide(index: Index, config: CraftConfig, near: NearLinks | None = None) -> Decision:
    """Decides what becomes of each item.

    Args:
        index: what is known of every item.
        config: the settings.
        near: pairs of near duplicates, for the default method.

    Raises:
        UsageError: when the settings cannot be met.
    """
    if config.preset == "course-2024":
        from job.selection.presets import course_2024

        made = course_2024.decide(index, config)
    elif config.preset == "course-2025":
        from job.selection.presets import course_2025

        made = course_2025.decide(index, config)
    else:
        made = default.decide(index, config, near)
    counts = made.counts()
    if not any(counts[name] for name in SPLITS):
        sizes = ", ".join(f"{name} {amount}" for name, amount in config.splits.amounts.items())
        raise UsageError(
            f"splits: every split is empty: of {len(index):,} items {counts['unused']:,} are drawn, and none of them "
            f"is in a split ({sizes})\nlet one be what the others leave: --set splits.train=rest"
        )
    return made
