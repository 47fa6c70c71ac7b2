"""What a source has besides the files that are read, so that nothing is left out in silence."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from job.errors import printable
from job.source.find.shard_names import READ_SUFFIXES

_SHOWN = 20
"""Number of names that a line shows; the others are counted."""

_COMPANION = re.compile(
    r"[._].*|(?:README|LICENSE|LICENCE|NOTICE|CITATION)(?:\..*)?|.*\.(?:md|crc|md5|sha1|sha256|sha512)"
    r"|dataset_infos?\.json|dataset_dict\.json",
    re.IGNORECASE,
)
"""Files that accompany data and have none, such as Spark's `_SUCCESS`."""


@dataclass(slots=True)
class PassedOver:
    """What is not read of a source. Filled while its files are found."""

    unread: list[str] = field(default_factory=list[str])
    """Files and folders that nothing reads, relative to the source; folders end with a slash."""
    twice: dict[str, tuple[str, list[str]]] = field(default_factory=dict[str, tuple[str, list[str]]])
    """By category: what is read, and the files that are not, since they have the category again."""
    tables: dict[str, str] = field(default_factory=dict[str, str])
    """Table format by category, where a log says which of its files count, and that log is not read."""
    notes: list[str] = field(default_factory=list[str])
    """Sentences about what is read."""

    @property
    def names(self) -> list[str]:
        """Every file and folder that is not read."""
        return [*self.unread, *(name for _, names in self.twice.values() for name in names)]

    def lines(self) -> Iterator[str]:
        """Yields what a user should know, a line for each kind."""
        if self.unread:
            yield f"not read: {listed(self.unread)}; what is read: {READ_SUFFIXES}"
        found: list[str] = []
        in_hub_layout: list[str] = []
        for category, (read, names) in self.twice.items():
            if read.startswith("raw_meta_") and names == [f"raw/meta_categories/meta_{category}.jsonl"]:
                in_hub_layout.append(printable(category))
            else:
                found.append(f"{printable(category)} (read: {printable(read)}; not read: {listed(names)})")
        if in_hub_layout:
            yield f"read as Parquet, which is there beside the same in JSONL: {_some(in_hub_layout)}"
        if found:
            yield f"there more than once: {_some(found)}"
        yield from self.notes


def table_format(files: Iterable[str], names: Collection[str]) -> str | None:
    """Returns the table format that Parquet files belong to, if their folder or one above it has the log of one.

    Args:
        files: the files of a category.
        names: all files and folders that were seen; folders end with a slash.
    """
    folders = {file[: at.start()] for file in files for at in re.finditer(r"(?:^|/)[^/]*", file)}
    for marker, kind in (("_delta_log/", "Delta"), (".hoodie/", "Hudi")):
        if any(f"{folder}/{marker}".lstrip("/") in names for folder in folders):
            return kind
    return None


def is_companion(name: str) -> bool:
    """Tells whether a file or folder only accompanies data, so that nobody misses it."""
    return _COMPANION.fullmatch(name.rstrip("/").rpartition("/")[2]) is not None


def listed(names: Sequence[str]) -> str:
    """Returns the first names, and how many more there are."""
    return _some([printable(name) for name in names])


def _some(texts: Sequence[str]) -> str:
    more = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN]) + (f" and {more:,} more" if more > 0 else "")
