"""Where do equal prompts have different prices? No model can do better on them than to guess each group's median.

The sum of absolute errors at the median is the upper half of a group's prices minus the lower half, the middle one of
an odd number left out. So no median is rounded, and `math.fsum` rounds the sum of all groups once: the result depends
neither on the order of the rows nor on the machine.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np


class ConflictExample(msgspec.Struct, frozen=True, kw_only=True):
    """Rows with the same prompt and different prices."""

    rows: int
    """How many rows it has."""
    lowest: float
    """Lowest price."""
    highest: float
    """Highest price."""
    places: list[int]
    """Some of its rows, each by its place among all rows, from the lowest price to the highest."""


class Conflicts(msgspec.Struct, frozen=True, kw_only=True):
    """Groups of rows with the same prompt and different prices."""

    groups: int
    """Prompts that have more than one price."""
    rows: int
    """Rows with one of these prompts."""
    largest_difference: float
    """Dollars from the lowest to the highest price of a group, in the group where they are most."""
    mean_difference: float
    """The same, as the mean of all groups."""
    mean_absolute_error: float
    """Mean error over these rows in dollars, when each group's median is guessed."""
    examples: list[ConflictExample]
    """The largest groups, by rows, then by difference."""


def conflicts(prompt: np.ndarray, price: np.ndarray, *, examples: int = 10, rows_per_example: int = 5) -> Conflicts:
    """Finds equal prompts with more than one price.

    Args:
        prompt: 128-bit hash of each row's prompt, over the rows of all splits; uint64 of shape (rows, 2). (0, 0) is the
            same as no other.
        price: dollars, as they came; float64.
        examples: groups to be told, at most.
        rows_per_example: rows of each of them to be told, at most.

    Returns:
        The groups added up. All figures are 0 where there are none.
    """
    rows = _repeated(prompt)
    rows = rows[np.lexsort((rows, price[rows], prompt[rows, 1], prompt[rows, 0]))]
    is_first = np.ones(len(rows), bool)
    is_first[1:] = (prompt[rows[1:]] != prompt[rows[:-1]]).any(axis=1)
    start = np.flatnonzero(is_first)
    size = np.diff(start, append=len(rows))
    lowest, highest = price[rows[start]], price[rows[start + size - 1]]
    is_conflict = lowest != highest
    rank = np.arange(len(rows)) - np.repeat(start, size)
    in_conflict, half = np.repeat(is_conflict, size), np.repeat(size // 2, size)
    upper = price[rows[in_conflict & (rank >= np.repeat(size - size // 2, size))]]
    lower = price[rows[in_conflict & (rank < half)]]
    start, size, lowest, highest = (values[is_conflict] for values in (start, size, lowest, highest))
    difference = highest - lowest
    num_rows = int(size.sum())
    largest = np.lexsort((rows[start], -difference, -size))[:examples]
    return Conflicts(
        groups=len(start),
        rows=num_rows,
        largest_difference=float(difference.max(initial=0)),
        mean_difference=math.fsum([*highest.tolist(), *(-lowest).tolist()]) / max(len(start), 1),
        mean_absolute_error=math.fsum([*upper.tolist(), *(-lower).tolist()]) / max(num_rows, 1),
        examples=[
            ConflictExample(
                rows=int(size[group]),
                lowest=float(lowest[group]),
                highest=float(highest[group]),
                places=_spread(rows[start[group] : start[group] + size[group]], rows_per_example),
            )
            for group in largest.tolist()
        ],
    )


def _repeated(hashes: np.ndarray) -> np.ndarray:
    """Returns the rows whose hash may occur again: most rows are told by half of it, without sorting whole rows."""
    ordered = np.sort(hashes[:, 0])
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    return np.flatnonzero(np.isin(hashes[:, 0], repeated) & hashes.any(axis=1))


def _spread(rows: np.ndarray, count: int) -> list[int]:
    """Returns the first and the last of some rows, and others at even distances between them."""
    return rows[np.unique(np.arange(count) * (len(rows) - 1) // max(count - 1, 1))].tolist()
