"""How many generated inputs a test tries."""

from __future__ import annotations

from hypothesis import settings

SHARE = 3
FEWEST = 50


class Lane:
    """The lane that runs."""

    is_whole = False
    """Whether everything runs; set by tests/lanes.py before tests are collected."""


def examples(count: int) -> settings:
    """Returns the settings of a test of generated inputs, however long one of them takes.

    Args:
        count: how many inputs `--all` tries; the default lane tries a third of them, and others each time.
    """
    return settings(max_examples=count if Lane.is_whole else min(count, max(FEWEST, count // SHARE)), deadline=None)
