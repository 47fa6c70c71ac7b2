"""Which files a category has in a local folder.

The folder has the Hub's layout, or the files lie flat in it. A complete set of Parquet shards is preferred over JSONL,
since it is smaller and faster to read; half a set is an error, because the other half's rows would be lost in silence.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from job.errors import UsageError, nearest
from job.source.unpack import is_packed

Form = Literal["jsonl", "parquet"]

_JSONL = re.compile(r"(?:meta_)?(?P<category>[^/]+?)\.jsonl(?P<packing>\.gz|\.zst)?")
_SHARD = re.compile(r"(?P<stem>[^/]+?)-(?P<index>\d{5})-of-(?P<count>\d{5})\.parquet")
_PARQUET = re.compile(r"(?:raw_meta_|meta_)?(?P<category>[^/]+?)\.parquet")
_CATEGORY_FOLDER = re.compile(r"raw_meta_(?P<category>[^/]+)")

_FINGERPRINT_BYTES = 1 << 16


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceFile:
    """One file of a category."""

    name: str
    """Relative to the source, with forward slashes."""
    path: Path
    """Where it lies now."""
    size_bytes: int
    fingerprint: str
    """SHA-256, in hexadecimal, over its first and last 64 KiB."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CategorySource:
    """All files of a category, in the order of their rows."""

    category: str
    form: Form
    files: tuple[SourceFile, ...]

    @property
    def size_bytes(self) -> int:
        """The files' size as they lie there."""
        return sum(file.size_bytes for file in self.files)

    @property
    def is_packed(self) -> bool:
        """Tells whether the files have to be unpacked before they can be cut."""
        return any(is_packed(file.path) for file in self.files)


@dataclass(slots=True)
class _Found:
    """What a folder has of one category."""

    jsonl: list[Path] = field(default_factory=list)
    parquet: list[Path] = field(default_factory=list)
    shards: dict[int, dict[int, Path]] = field(default_factory=dict)
    """By the number of shards in the set, then by the shard's own number."""


def find_categories(root: Path, wanted: Sequence[str]) -> list[CategorySource]:
    """Finds the files of categories.

    Args:
        root: a folder, or one file.
        wanted: the categories' names; none for all that are there, by name.

    Returns:
        The categories with their files, in the order wanted.

    Raises:
        UsageError: when the folder or a category is not there, a set of shards is not complete, or a file is empty
            or cannot be read.
    """
    found = _scan(root)
    if not found:
        raise UsageError(
            f"{root} has no catalogue files: looked for raw/meta_categories/meta_<Category>.jsonl, "
            "raw_meta_<Category>/full-00000-of-0000N.parquet, and in the folder itself for <Category>.jsonl, "
            ".jsonl.gz, .jsonl.zst and .parquet\nto make a sample catalogue: curate sample DIR"
        )
    if "" in found:  # shards that do not say whose they are
        if len(wanted) == 1 and wanted[0] not in found:
            found[wanted[0]] = found.pop("")
        elif len(found) == 1:
            raise UsageError(f"{root}: the files' names do not say which category they are\nname it: --category NAME")
        else:
            found.pop("")
    for name in wanted:
        if name not in found:
            hint = nearest(name, found) or f"; it has: {', '.join(sorted(found))}"
            raise UsageError(f"no category {name!r} in {root}{hint}")
    return [_choose(name, found[name], root) for name in wanted or sorted(found)]


def _scan(root: Path) -> dict[str, _Found]:
    if not root.exists():
        parent = root.parent
        names = [path.name for path in parent.iterdir()] if parent.is_dir() else []
        raise UsageError(f"source not found: {root}{nearest(root.name, names)}\nto make a sample: curate sample {root}")
    found: dict[str, _Found] = {}
    try:
        if not root.is_dir():
            _sort_in(root, "", found)
            if not found:
                raise UsageError(f"{root} is neither JSONL (.jsonl, .jsonl.gz, .jsonl.zst) nor Parquet (.parquet)")
            return found
        own = _CATEGORY_FOLDER.fullmatch(root.resolve().name)
        for path in _files(root):
            _sort_in(path, own["category"] if own else "", found)
        hub_jsonl = root / "raw" / "meta_categories"
        if hub_jsonl.is_dir():
            for path in _files(hub_jsonl):
                _sort_in(path, "", found)
        for folder in sorted(root.iterdir()):
            if (match := _CATEGORY_FOLDER.fullmatch(folder.name)) and folder.is_dir():
                for path in _files(folder):
                    _sort_in(path, match["category"], found)
    except PermissionError as error:
        raise UsageError(f"cannot be read: {error.filename}: permission denied") from None
    return found


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix and not path.is_dir())


def _sort_in(path: Path, category: str, found: dict[str, _Found]) -> None:
    name = path.name
    if match := _SHARD.fullmatch(name):
        stem = match["stem"].removeprefix("raw_meta_").removeprefix("meta_")
        owner = category or ("" if stem in {"full", "train", "data"} else stem)
        sets = found.setdefault(owner, _Found()).shards
        sets.setdefault(int(match["count"]), {})[int(match["index"])] = path
    elif match := _PARQUET.fullmatch(name):
        found.setdefault(category or match["category"], _Found()).parquet.append(path)
    elif match := _JSONL.fullmatch(name):
        found.setdefault(match["category"], _Found()).jsonl.append(path)


def _choose(category: str, found: _Found, root: Path) -> CategorySource:
    """Decides which of a category's files are read."""
    if len(found.shards) > 1:
        counts = ", ".join(f"-of-{count:05d}" for count in sorted(found.shards))
        raise UsageError(
            f"{category}: shards of more than one set ({counts}) in {root}\nremove the set that is not wanted"
        )
    for count, shards in found.shards.items():
        if missing := [index for index in range(count) if index not in shards]:
            folder = next(iter(shards.values())).parent
            names = ", ".join(f"{index:05d}-of-{count:05d}" for index in missing[:5])
            more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            raise UsageError(
                f"{category}: the set of Parquet shards in {folder} is not complete: {len(missing)} of {count} "
                f"missing: {names}{more}\nfetch what is missing, or remove the set to read JSONL"
            )
        if extra := [index for index in shards if index >= count]:
            raise UsageError(f"{category}: shard {extra[0]:05d} of a set of {count}: {shards[extra[0]]}")
        return _source(category, "parquet", [shards[index] for index in range(count)], root)
    if len(found.parquet) > 1:
        raise UsageError(f"{category}: more than one Parquet file: {', '.join(map(str, found.parquet))}")
    if found.parquet:
        return _source(category, "parquet", found.parquet, root)
    plain = [path for path in found.jsonl if path.suffix == ".jsonl"] or found.jsonl
    if len(plain) > 1:
        raise UsageError(f"{category}: more than one file: {', '.join(map(str, plain))}\nkeep the one to read")
    return _source(category, "jsonl", plain, root)


def _source(category: str, form: Form, paths: Sequence[Path], root: Path) -> CategorySource:
    base = root if root.is_dir() else root.parent
    return CategorySource(
        category=category,
        form=form,
        files=tuple(_source_file(path, path.relative_to(base)) for path in paths),
    )


def _source_file(path: Path, name: Path) -> SourceFile:
    try:
        size = path.stat().st_size
        if size == 0:
            raise UsageError(f"the file is empty (0 bytes): {path}\nfetch it again, or remove it")
        with path.open("rb") as stream:
            digest = hashlib.sha256(stream.read(_FINGERPRINT_BYTES))
            stream.seek(-min(size, _FINGERPRINT_BYTES), os.SEEK_END)
            digest.update(stream.read())
    except FileNotFoundError:
        raise UsageError(f"a link that leads nowhere: {path}") from None
    except OSError as error:
        raise UsageError(f"cannot be read: {path}: {(error.strerror or str(error)).lower()}") from None
    return SourceFile(name=name.as_posix(), path=path, size_bytes=size, fingerprint=digest.hexdigest())
