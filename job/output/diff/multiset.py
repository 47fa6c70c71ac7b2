"""The difference of two multisets of items, found in memory that does not grow with them.

The hashes of all items lie in temporary files, parted by the hash of the id, so that all items of an id are in the same
part of both sides. One part after the other is sorted and compared.

Rows that are the same on both sides cancel out, one for one. What is left on both sides under the same id is paired in
the order of the output: it has changed. All else is gone or added. So an id that repeats counts as often as it is
there, and a row without an id is never changed, only gone or added.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from job.output.diff.hashes import row_type

ROWS_PER_PART = 200_000
"""Rows of one side in a part, on average. With nine columns, both sides of a part take 25 MB, and some times that while
they are sorted."""


@dataclass(frozen=True, slots=True)
class PartDifference:
    """What differs in a part. All arrays are of `row_type`."""

    gone: np.ndarray
    added: np.ndarray
    before: np.ndarray
    """Rows that have changed, as they are in the first output."""
    after: np.ndarray
    """The same rows as they are in the second, in the same order."""
    num_repeated: int
    """How many of the changed ones have an id that is left more than once on a side."""


class Parts:
    """The hashes of an output's items in temporary files.

    Args:
        folder: an empty folder for the files.
        num_rows: how many rows the larger side has.
        num_columns: how many columns count.
    """

    def __init__(self, folder: Path, num_rows: int, num_columns: int):
        self.count = max(1, -(-num_rows // ROWS_PER_PART))
        self._folder = folder
        self._type = row_type(num_columns)

    def add(self, side: str, rows: np.ndarray) -> None:
        """Adds rows of `row_type` to one side, `a` or `b`."""
        part = rows["id"] % np.uint64(self.count)
        order = np.argsort(part, kind="stable")
        ends = np.searchsorted(part[order], np.arange(self.count + 1))
        for number in range(self.count):
            if (chosen := order[ends[number] : ends[number + 1]]).size:
                with self._path(side, number).open("ab") as stream:
                    stream.write(rows[chosen].tobytes())

    def differences(self) -> Iterator[PartDifference]:
        """Yields the difference of the two sides, part by part."""
        for number in range(self.count):
            yield difference(self._read("a", number), self._read("b", number))

    def _path(self, side: str, number: int) -> Path:
        return self._folder / f"{side}-{number:04d}"

    def _read(self, side: str, number: int) -> np.ndarray:
        path = self._path(side, number)
        return np.fromfile(path, self._type) if path.exists() else np.zeros(0, self._type)


def difference(a: np.ndarray, b: np.ndarray) -> PartDifference:
    """Compares two arrays of `row_type` as multisets."""
    gone, added = _left(a, b), _left(b, a)
    gone, added = gone[np.lexsort((gone["at"], gone["id"]))], added[np.lexsort((added["at"], added["id"]))]
    ids, other = gone["id"][gone["named"]], added["id"][added["named"]]
    named, named_other = np.flatnonzero(gone["named"]), np.flatnonzero(added["named"])
    rank = np.arange(ids.size) - np.searchsorted(ids, ids)
    first, end = np.searchsorted(other, ids), np.searchsorted(other, ids, side="right")
    is_paired = rank < end - first
    before, after = named[is_paired], named_other[(first + rank)[is_paired]]
    times = np.searchsorted(ids, ids, side="right") - np.searchsorted(ids, ids)
    return PartDifference(
        gone=np.delete(gone, before),
        added=np.delete(added, after),
        before=gone[before],
        after=added[after],
        num_repeated=int(np.count_nonzero(is_paired & ((times > 1) | (end - first > 1)))),
    )


def _left(rows: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Returns the rows that are left when each one in `other` has taken an equal one away."""
    rows = rows[np.lexsort((rows["at"], rows["row"]))]
    keys, others = rows["row"], np.sort(other["row"])
    rank = np.arange(keys.size) - np.searchsorted(keys, keys)
    taken = np.searchsorted(others, keys, side="right") - np.searchsorted(others, keys)
    return rows[rank >= taken]
