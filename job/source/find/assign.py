"""Which category a file belongs to, told from its name and its folder.

Folders are looked into in two steps: first the usual ones (the Hub's layout, Spark's `Toys.parquet/`, and those whose
names say nothing, such as `data/train/`); and only if that does not give what is wanted, shards in any other folder,
which then names the category.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from job.config.names import check_category, normal_form
from job.source.find.passed_over import is_companion
from job.source.find.shard_names import (
    CatalogueName,
    ShardSet,
    category_of_any,
    counted_from_zero,
    is_generic,
    parse_name,
    without_prefix,
)

_CATEGORY_FOLDER = re.compile(r"raw_meta_(?P<category>[^/]+)")
_FILE_FOLDER = re.compile(r"(?P<category>[^/]+?)\.(?:parquet|jsonl|ndjson|json)(?:\.gz|\.zst)?", re.IGNORECASE)
"""A folder that is named as a file is, as Spark names its output."""
JSONL_FOLDER = "raw/meta_categories"
DEPTH = 4
"""Number of folders below each other that are looked into: Toys/default/partial-train has three."""

_IN_FOLDER = "it is in a folder of its own"


@dataclass(slots=True)
class Found:
    """What a source has, by category in normal form. The key "" has shards whose names do not say a category."""

    categories: dict[str, list[CatalogueName]] = field(default_factory=dict[str, list[CatalogueName]])
    unread: dict[str, str] = field(default_factory=dict[str, str])
    """Files and folders that are not read, with the reason."""

    def add(self, category: str, name: CatalogueName) -> None:
        """Adds a file to a category."""
        self.categories.setdefault(normal_form(category), []).append(name)

    @property
    def names(self) -> list[str]:
        """The files of all categories."""
        return [file.name for files in self.categories.values() for file in files]

    def same(self, category: str) -> list[str]:
        """Returns what is not read and seems to belong to a category."""
        return [name for name in sorted(self.unread) if normal_form(category_of_any(name)) == normal_form(category)]


def category_of_folder(name: str) -> str | None:
    """Returns the category that a folder of this name belongs to, such as `raw_meta_Toys`; None for other names."""
    match = _CATEGORY_FOLDER.fullmatch(name)
    return match["category"] if match else None


def is_usual_folder(name: str) -> bool:
    """Tells whether a folder is always looked into.

    Args:
        name: the folder's own name.
    """
    return is_generic(name) or category_of_folder(name) is not None or _FILE_FOLDER.fullmatch(name) is not None


def name_of_source(parts: Sequence[str]) -> str:
    """Returns the category that the folder of a source stands for.

    Args:
        parts: the parts of its path or address, outermost first.

    Returns:
        The name of the innermost folder that says something, where no category may have it an empty string.
    """
    for part in reversed(parts):
        if is_generic(part):
            continue
        name = _named_by(part)
        try:
            return check_category(name)
        except ValueError:
            return ""
    return ""


def is_in_usual_folder(name: str) -> bool:
    """Tells whether a file is where catalogue files usually are; a folder that was not looked into counts as a file."""
    folder = name.rstrip("/").rpartition("/")[0]
    return folder == JSONL_FOLDER or _context(folder) is not None


def _context(folder: str) -> str | None:
    """Returns the category that a usual folder names, empty if it names none; None for any other folder."""
    parts = [part for part in folder.split("/") if not is_generic(part)] if folder else []
    if not parts:
        return ""
    return _named_by(parts[0]) if len(parts) == 1 and is_usual_folder(parts[0]) else None


def _named_by(folder: str) -> str:
    """Returns the category that a folder's own name says."""
    match = _FILE_FOLDER.fullmatch(folder)
    return (match["category"] if match else folder).removeprefix("raw_meta_").removeprefix("meta_")


def _no_such_file(base: str) -> str:
    stem = category_of_any(base)
    return f"no {base[base.index(stem) + len(stem) :] or 'file without a suffix'} is read"


def _is_named_by(shards: ShardSet, folder: str) -> bool:
    """Tells whether shards have their category from their folder: their own names say none, or the same."""
    stem = without_prefix(shards.stem)
    return not stem or is_generic(stem) or normal_form(stem) == normal_form(_named_by(folder))


def assigned(names: Sequence[str], own_category: str) -> Found:
    """Assigns the files in usual folders to categories."""
    found = Found()
    for name, file in _parsed(names):
        folder, _, base = name.rstrip("/").rpartition("/")
        context = _context(folder) or ""
        if base.startswith("."):
            continue
        if file is None or (folder == JSONL_FOLDER and file.file_format == "parquet"):
            if not is_companion(name):
                found.unread[name] = "a folder that is not looked into" if name.endswith("/") else _no_such_file(base)
        elif file.shards is not None:
            category = context or (own_category if not folder and file.file_format == "parquet" else "")
            stem = without_prefix(file.shards.stem)
            found.add(category or ("" if is_generic(stem) else stem), file)
        elif _FILE_FOLDER.fullmatch(folder):
            found.add(context, file)
        elif folder not in {"", JSONL_FOLDER} and not category_of_folder(folder):
            found.unread[name] = _IN_FOLDER
        elif file.file_format == "parquet":
            found.add(context or own_category or without_prefix(file.stem), file)
        elif context:
            found.unread[name] = "JSONL in a folder of Parquet"
        else:
            found.add(without_prefix(file.stem, "jsonl"), file)
    return found


def assigned_further(names: Iterable[str]) -> Found:
    """Assigns the files in other folders to categories: only shards, since a single file may be anything."""
    found = Found()
    for name, file in _parsed(sorted(names)):
        folder = name.rstrip("/").rpartition("/")[0]
        if any(part.startswith((".", "_")) for part in name.split("/")):
            continue
        parts = [part for part in folder.split("/") if not is_generic(part)]
        if file is not None and file.shards is not None and len(parts) == 1 and _is_named_by(file.shards, parts[0]):
            found.add(_named_by(parts[0]), file)
        elif not is_companion(name):
            found.unread[name] = _IN_FOLDER
    return found


def _parsed(names: Sequence[str]) -> Iterator[tuple[str, CatalogueName | None]]:
    """Yields names with what they say. Four digits are no number of a shard unless shards are counted from 0000."""
    parsed = {name: None if name.endswith("/") else parse_name(name) for name in names}
    counted = counted_from_zero(file for file in parsed.values() if file)
    for name, file in parsed.items():
        is_number = file is not None and file.shards is not None and file.shards.style == "number"
        yield name, replace(file, shards=None) if file and is_number and file.shards not in counted else file
