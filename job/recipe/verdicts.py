"""Verdicts that every recipe shares. A drop reason is the recipe's own; these are the program's."""

from __future__ import annotations

KEPT = "kept"
"""Verdict of a row that became an item."""

MALFORMED = "malformed"
"""Verdict of a row that cannot be read as one. The reader gives it, never a recipe."""

END = "end"
"""Marks the last message of a partition, which is no row: its position says how many rows came before it."""

CUT_OFF = "cut-off line"
"""Marks a message, which is no row, before the last one of a partition: the file ends in the middle of a line. Its
position is where that line begins. The rows before it count."""
