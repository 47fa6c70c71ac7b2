"""Decides by the method that the settings name: the default one, or that of a course."""

from __future__ import annotations

from job.config.craft import CraftConfig
from job.selection import default
from job.selection.decision import Decision
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

        return course_2024.decide(index, config)
    if config.preset == "course-2025":
        from job.selection.presets import course_2025

        return course_2025.decide(index, config)
    return default.decide(index, config, near)
