"""What the name of a file says: its format, its category, and which piece it is of a set of shards.

Every writer numbers its shards in a way of its own. These are known, each with any of the suffixes that are read:

- `Toys-00000-of-00003`, and `train-00000-of-00003-0a1b2c3d4e5f6071` by older versions of `datasets`;
- `part-00000-<job>-c000.snappy` by Spark, `part-r-00000` by Hadoop, with or without a name in front;
- `0000.parquet` on the Hub's converted branch.

Names such as `Toys_1` are no shards: they may be catalogues of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

FileFormat = Literal["jsonl", "parquet"]

READ_SUFFIXES = ".jsonl, .ndjson and .json (an object on each line), each also .gz or .zst, and .parquet"
"""The suffixes that are read, for messages."""

_SUFFIX = re.compile(r"\.(?:(?P<lines>jsonl|ndjson|json)(?P<packing>\.gz|\.zst)?|parquet)$", re.IGNORECASE)
_FIRST_SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")
"""Suffixes that every version of the program has read. What lies beside such a file never replaces it."""

_CODEC = r"(?:\.(?:snappy|gz|gzip|zstd|lz4|lz4raw|brotli|lzo|none|uncompressed))?"
"""What Parquet writers put in front of the suffix: how the pages within the file are compressed."""
_OF_COUNT = re.compile(
    r"(?:(?P<stem>.+?)[-_.])??(?P<index>\d{1,6})[-_]of[-_](?P<count>\d{1,6})(?P<hash>-[0-9a-f]{8,}(?:-[0-9a-f]+)*)?"
    + _CODEC,
    re.IGNORECASE,
)
_PART = re.compile(r"(?:(?P<stem>.+?)[-_.])??part-(?:[rm]-)?(?P<index>\d{4,6})(?P<rest>[-.].+)?", re.IGNORECASE)
_JOB = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_PIECE = re.compile(r"[-.]c(\d{3,})(?![0-9a-z])", re.IGNORECASE)
"""Spark's number of a file within a partition: more than one if it limits the rows of a file."""
_NUMBER = re.compile(r"\d{4}")
_GENERIC = re.compile(r"full|train|data|default|test|validation|partial-.*", re.IGNORECASE)
_NUMBERED = re.compile(r"(?P<stem>.*?)[-_. (]*\d+\)?")

LINES, JSON = 3, 4
"""Ranks of files with other suffixes than the first ones: lines of JSON, and what may be something else than lines."""


@dataclass(frozen=True, slots=True)
class ShardSet:
    """What the shards of one set have in common."""

    folder: str
    style: Literal["count", "part", "number"]
    stem: str
    """The part of their names before the number; empty if there is none."""
    count: int | None
    """Number of shards in the set, if their names say it."""
    job: str
    """What tells sets of the same stem apart: Spark's name of the job that wrote them, or that they have a hash."""
    file_format: FileFormat

    def __str__(self) -> str:
        stem = f"{self.stem}-" if self.stem else ""
        match self.style:
            case "count":
                name = f"{stem}*-of-{self.count:05d}{'-*' if self.job else ''}"
            case "part":
                name = f"{stem}part-*{'-' + self.job if self.job else ''}"
            case "number":
                name = "*"
        return f"{self.folder}/{name}.{self.file_format}".removeprefix("/")


@dataclass(frozen=True, slots=True)
class CatalogueName:
    """What the name of a file that may be read says."""

    name: str
    """The whole name, relative to the source, with forward slashes."""
    stem: str
    """The last part of the name without suffixes."""
    file_format: FileFormat
    rank: int
    """Which is read if a category has several: the lowest."""
    is_packed: bool
    shards: ShardSet | None
    """The set that the file belongs to; None if it is no shard."""
    index: tuple[int, int] = (0, 0)
    """Its number in the set, and its number within that number."""

    @property
    def folder(self) -> str:
        """The folder that it is in, relative to the source."""
        return self.name.rpartition("/")[0]


def parse_name(name: str) -> CatalogueName | None:
    """Returns what a name says; None if no file of this name is read.

    Args:
        name: relative to the source, with forward slashes.
    """
    folder, _, base = name.rpartition("/")
    suffix = _SUFFIX.search(base)
    if suffix is None or suffix.start() == 0:
        return None
    stem = base[: suffix.start()]
    file_format: FileFormat = "jsonl" if suffix["lines"] else "parquet"
    if suffix[0] in _FIRST_SUFFIXES:
        rank = 1 if suffix["lines"] else 0
    elif suffix["lines"]:
        rank = JSON if suffix["lines"].lower() == "json" else LINES
    else:
        rank = 2
    shards, index = _shard(folder, stem, file_format)
    return CatalogueName(
        name=name,
        stem=stem,
        file_format=file_format,
        rank=rank,
        is_packed=suffix["packing"] is not None,
        shards=shards,
        index=index,
    )


def _shard(folder: str, stem: str, file_format: FileFormat) -> tuple[ShardSet | None, tuple[int, int]]:
    """Returns the set that a file belongs to, if it is a shard, and its number."""
    if found := _OF_COUNT.fullmatch(stem):
        job = "hash" if found["hash"] else ""
        count = ShardSet(folder, "count", found["stem"] or "", int(found["count"]), job, file_format)
        return count, (int(found["index"]), 0)
    if found := _PART.fullmatch(stem):
        rest = found["rest"] or ""
        job, piece = _JOB.search(rest), _PIECE.search(rest)
        part = ShardSet(folder, "part", found["stem"] or "", None, job[0] if job else "", file_format)
        return part, (int(found["index"]), int(piece[1]) if piece else 0)
    if file_format == "parquet" and _NUMBER.fullmatch(stem):
        return ShardSet(folder, "number", "", None, "", file_format), (int(stem), 0)
    return None, (0, 0)


def counted_from_zero(files: Iterable[CatalogueName]) -> set[ShardSet]:
    """Returns the sets of shards whose names are only numbers, and count from 0000, unlike 2023.parquet."""
    return {file.shards for file in files if file.shards and file.shards.style == "number" and file.stem[0] == "0"}


def is_generic(name: str) -> bool:
    """Tells whether a shard or a folder of this name does not say which category it belongs to, such as `train`."""
    return _GENERIC.fullmatch(name) is not None


def without_prefix(stem: str, file_format: FileFormat = "parquet") -> str:
    """Returns a stem without what the Hub's layout puts in front of a category."""
    return re.sub(r"^meta_(?=.)" if file_format == "jsonl" else r"^(?:raw_meta_|meta_)(?=.)", "", stem)


def category_of_any(name: str) -> str:
    """Returns the category that a file of any kind seems to belong to: its name up to the first suffix."""
    base = name.rstrip("/").rpartition("/")[2]
    while (shorter := re.sub(r"(?<=.)\.[A-Za-z][A-Za-z0-9]{0,8}$", "", base)) != base:
        base = shorter
    return without_prefix(base)


def numbered_stem(category: str) -> str | None:
    """Returns what comes before the number at the end of a category's name, such as `Toys` of `Toys_1`; else None."""
    found = _NUMBERED.fullmatch(category)
    return found["stem"] or None if found else None
