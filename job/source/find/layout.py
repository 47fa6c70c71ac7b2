"""Decides from file names alone which files belong to a category. The rules are the same on the Hub and in folders.

A complete set of Parquet shards is preferred over JSONL, since it is smaller and faster to read. An incomplete set is
an error, because the missing rows would be lost silently. So are two files or sets that both may be the category.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from job.config.names import check_category
from job.errors import UsageError, nearest, printable

FileFormat = Literal["jsonl", "parquet"]

_LOOKED_FOR = (
    "raw/meta_categories/meta_<Category>.jsonl, raw_meta_<Category>/full-00000-of-0000N.parquet, and at the top "
    "<Category>.jsonl, .jsonl.gz, .jsonl.zst and .parquet"
)

_JSONL = re.compile(r"(?:meta_)?(?P<category>[^/]+?)\.jsonl(?P<packing>\.gz|\.zst)?")
_SHARD = re.compile(r"(?P<stem>[^/]+?)-(?P<index>\d{5})-of-(?P<count>\d{5})\.parquet")
_PARQUET = re.compile(r"(?:raw_meta_|meta_)?(?P<category>[^/]+?)\.parquet")
_CATEGORY_FOLDER = re.compile(r"raw_meta_(?P<category>[^/]+)")
JSONL_FOLDER = "raw/meta_categories"

SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")

_GENERIC_STEMS = {"full", "train", "data"}
"""Names of shards that do not say which category they belong to."""


@dataclass(frozen=True, slots=True)
class CategoryFiles:
    """The files of a category, in the order of their rows. Names are relative to the source, with forward slashes."""

    category: str
    file_format: FileFormat
    names: tuple[str, ...]


@dataclass(slots=True)
class _Found:
    """What a source has of one category."""

    jsonl: list[str] = field(default_factory=list)
    parquet: list[str] = field(default_factory=list)
    shards: dict[tuple[str, str, int], dict[int, str]] = field(default_factory=dict)
    """Names of shards: by folder, stem and number of shards in the set, then by the shard's own number."""


def not_a_catalogue_file(where: object) -> UsageError:
    """Returns the error for a file whose name is not that of a catalogue file."""
    return UsageError(f"{where} is neither JSONL (.jsonl, .jsonl.gz, .jsonl.zst) nor Parquet (.parquet)")


def category_of_folder(name: str) -> str | None:
    """Returns the category that a folder of this name belongs to, such as `raw_meta_Toys`; None for other names."""
    match = _CATEGORY_FOLDER.fullmatch(name)
    return match["category"] if match else None


def choose_files(
    names: Iterable[str], wanted: Sequence[str], where: str, *, own_category: str = "", prefer_whole: bool = False
) -> list[CategoryFiles]:
    """Finds the files of categories.

    Args:
        names: the names of all files, relative to the source, with forward slashes.
        wanted: the names of the categories; if empty, all that are there, sorted by name.
        where: the source, for messages.
        own_category: the category of Parquet files at the top, if the source is the folder of one category.
        prefer_whole: if a category has an incomplete set of shards and JSONL, read the JSONL instead of raising.

    Returns:
        The categories with their files, in the order wanted.

    Raises:
        UsageError: if a category is not there, a set of shards is incomplete, or more than one file or set may be
            the category.
    """
    found: dict[str, _Found] = {}
    names = sorted(names)
    for name in names:
        _assign(name, own_category, found)
    if not found:
        others = f"; it has {', '.join(map(printable, names[:5]))}" if names else ""
        raise UsageError(
            f"{where} has no catalogue files: looked for {_LOOKED_FOR}{others}\n"
            "to make a sample catalogue: curate sample DIR"
        )
    if "" in found:  # shards whose names do not say a category
        if len(wanted) == 1 and wanted[0] not in found:
            found[wanted[0]] = found.pop("")
        elif wanted and len(found) > 1:
            found.pop("")
        else:
            (key, *_) = found[""].shards
            raise UsageError(
                f"{where}: the names of {_set_name(key)} do not say which category they are\nname it: --category NAME"
            )
    for name in wanted:
        if name not in found:
            there = [printable(category) for category in sorted(found)]
            hint = nearest(name, there) or f"; it has: {', '.join(there)}"
            raise UsageError(f"no category {name!r} in {where}{hint}")
    chosen = [
        _choose(_checked(name, where), found[name], where, prefer_whole=prefer_whole)
        for name in wanted or sorted(found)
    ]
    for name in (name for category in chosen for name in category.names):
        if name != printable(name):  # it would be written to the plan and to each reject
            raise UsageError(f"a file in {where} has control characters or bytes in its name: {name!r}\nrename it")
    return chosen


def _checked(category: str, where: str) -> str:
    try:
        return check_category(category)
    except ValueError as error:
        raise UsageError(
            f"a file in {where}: {error}\nrename it, or name the categories wanted: --category NAME"
        ) from None


def _assign(name: str, own_category: str, found: dict[str, _Found]) -> None:
    """Adds a file to what is found of its category, if it belongs to one."""
    folder, _, base = name.rpartition("/")
    if base.startswith("."):
        return
    category = category_of_folder(folder) or (own_category if not folder else "")
    if folder not in {"", JSONL_FOLDER} and not category:
        return
    if match := _SHARD.fullmatch(base):
        if folder == JSONL_FOLDER:
            return
        stem = match["stem"].removeprefix("raw_meta_").removeprefix("meta_")
        shard_category = category or ("" if stem in _GENERIC_STEMS else stem)
        sets = found.setdefault(shard_category, _Found()).shards
        sets.setdefault((folder, match["stem"], int(match["count"])), {})[int(match["index"])] = name
    elif match := _PARQUET.fullmatch(base):
        if folder != JSONL_FOLDER:
            found.setdefault(category or match["category"], _Found()).parquet.append(name)
    elif (match := _JSONL.fullmatch(base)) and not category_of_folder(folder):
        found.setdefault(match["category"], _Found()).jsonl.append(name)


def _choose(category: str, found: _Found, where: str, *, prefer_whole: bool) -> CategoryFiles:
    """Decides which files of a category are read."""
    sets = found.shards
    if prefer_whole and found.jsonl:
        sets = {key: shards for key, shards in sets.items() if not _missing(key[2], shards)}
    candidates = [_set_name(key) for key in sets] + [printable(name) for name in found.parquet]
    if len(candidates) > 1:
        raise UsageError(
            f"{category}: more than one file or set of shards in {where}: {', '.join(candidates)}\n"
            "remove what is not wanted"
        )
    for key, shards in sets.items():
        _check_whole(category, key, shards, where)
        return CategoryFiles(category, "parquet", tuple(shards[index] for index in sorted(shards)))
    if found.parquet:
        return CategoryFiles(category, "parquet", tuple(found.parquet))
    plain = [name for name in found.jsonl if name.endswith(".jsonl")] or found.jsonl
    # Toys.jsonl beside meta_Toys.jsonl.gz may be something else, such as the reviews of the same products.
    if len(plain) > 1 or len({name.removesuffix(".gz").removesuffix(".zst") for name in found.jsonl}) > 1:
        raise UsageError(f"{category}: more than one file in {where}: {', '.join(found.jsonl)}\nkeep the one to read")
    return CategoryFiles(category, "jsonl", tuple(plain))


def _set_name(key: tuple[str, str, int]) -> str:
    folder, stem, count = key
    return printable(f"{folder}/{stem}-*-of-{count:05d}.parquet".removeprefix("/"))


def _missing(count: int, shards: Mapping[int, str]) -> list[int]:
    return [index for index in range(count) if index not in shards]


def _check_whole(category: str, key: tuple[str, str, int], shards: Mapping[int, str], where: str) -> None:
    folder, _, count = key
    if missing := _missing(count, shards):
        names = ", ".join(f"{index:05d}-of-{count:05d}" for index in missing[:5])
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise UsageError(
            f"{category}: the set of Parquet shards in {where}{'/' + folder if folder else ''} is not complete: "
            f"{len(missing)} of {count} missing: {names}{more}\n"
            "fetch what is missing, or remove the set to read JSONL"
        )
    if extra := [index for index in shards if index >= count]:
        raise UsageError(f"{category}: shard {extra[0]:05d} of a set of {count}: {where}/{printable(shards[extra[0]])}")
