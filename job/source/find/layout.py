"""Decides from file names which files belong to a category. The rules are the same on the Hub, in folders and buckets.

A complete set of Parquet shards is preferred over JSONL, since it is smaller and faster to read. An incomplete set is
an error, because the missing rows would be lost silently. So are two files or sets that both may be the category.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from job.config.names import check_category, normal_form
from job.errors import UsageError, nearest, printable
from job.source.find.assign import Found, assigned, assigned_further, is_in_usual_folder
from job.source.find.choose import choose
from job.source.find.passed_over import PassedOver, listed, table_format
from job.source.find.shard_names import (
    JSON,
    FileFormat,
    category_of_any,
    numbered_stem,
    parse_name,
)

_LOOKED_FOR = (
    "raw/meta_categories/meta_<Category>.jsonl, raw_meta_<Category>/full-00000-of-0000N.parquet, and at the top "
    "<Category>.jsonl, .jsonl.gz, .jsonl.zst and .parquet, or their shards"
)


@dataclass(frozen=True, slots=True)
class CategoryFiles:
    """The files of a category, in the order of their rows. Names are relative to the source, with forward slashes."""

    category: str
    file_format: FileFormat
    names: tuple[str, ...]


def not_a_catalogue_file(where: object) -> UsageError:
    """Returns the error for a file whose name is not that of a catalogue file."""
    return UsageError(
        f"{where} is neither JSONL (.jsonl, .jsonl.gz, .jsonl.zst) nor Parquet (.parquet), nor .ndjson or .json with "
        "an object on each line"
    )


def choose_files(
    names: Iterable[str],
    wanted: Sequence[str],
    where: str,
    *,
    own_category: str = "",
    source_name: str = "",
    prefer_whole: bool = False,
    look_further: Callable[[], Iterable[str]] = tuple,
    has_rows: Callable[[str], bool] = lambda _: False,
    passed_over: PassedOver | None = None,
) -> list[CategoryFiles]:
    """Finds the files of categories.

    Args:
        names: the names of all files in the usual folders, relative to the source, with forward slashes. Names of
            folders that were not looked into end with a slash.
        wanted: the names of the categories; if empty, all that are there, sorted by name.
        where: the source, for messages.
        own_category: the category of Parquet files at the top, if the source is the folder of one category.
        source_name: the category of shards whose names and folders say none, see `name_of_source`.
        prefer_whole: if a category has an incomplete set of shards and JSONL, read the JSONL instead of raising.
        look_further: returns the names of the files in the other folders.
        has_rows: tells whether a `.json` file has a row on its first line.
        passed_over: is told what is not read.

    Returns:
        The categories with their files, in the order wanted.

    Raises:
        UsageError: if a category is not there, a set of shards is incomplete, or more than one file or set may be
            the category.
    """
    names, keys = sorted(names), [normal_form(name) for name in wanted]
    seen = {*names}
    found = assigned([name for name in names if is_in_usual_folder(name)], own_category)
    _check_json(found, wanted, has_rows)
    if not found.categories or not all(key in found.categories for key in keys):
        seen |= {*look_further()}
        further = assigned_further({name for name in seen if not is_in_usual_folder(name)})
        _check_json(further, wanted, has_rows)
        found.categories = further.categories | found.categories
        looked_into = {name.partition("/")[0] for name in (*further.unread, *further.names)}
        found.unread = {name: reason for name, reason in found.unread.items() if name.rstrip("/") not in looked_into}
        found.unread |= further.unread
    if not found.categories:
        missing = [name for name in wanted if found.same(name)]
        raise _no_category(missing[0], where, found) if missing else _nothing(where, names, found)
    _name_unnamed(found, keys, wanted, where, source_name)
    for name, key in zip(wanted, keys, strict=True):
        if key not in found.categories:
            raise _no_category(name, where, found)
    passed_over = passed_over if passed_over is not None else PassedOver()
    chosen: list[CategoryFiles] = []
    for key in keys or sorted(found.categories):
        category = _checked(key, where)
        choice = choose(category, found.categories[key], where, prefer_whole=prefer_whole)
        chosen.append(CategoryFiles(category, choice.file_format, tuple(file.name for file in choice.files)))
        if choice.file_format == "parquet" and (kind := table_format([file.name for file in choice.files], seen)):
            passed_over.tables[category] = kind
        if choice.passed_over:
            passed_over.twice[category] = (str(choice), choice.passed_over)
        if partial := sorted({file.folder for file in choice.files if "partial-" in file.folder}):
            passed_over.notes.append(
                f"{category}: {partial[0]} is only the part of the data set that the Hub converted"
            )
    for name in (name for category in chosen for name in category.names):
        if name != printable(name):  # it would be written to the plan and to each reject
            raise UsageError(f"a file in {where} has control characters or bytes in its name: {name!r}\nrename it")
    passed_over.unread += [
        name for name in sorted(found.unread) if not wanted or normal_form(category_of_any(name)) in keys
    ]
    passed_over.notes += _numbered_notes(chosen)
    return chosen


def _checked(category: str, where: str) -> str:
    try:
        return check_category(category)
    except ValueError as error:
        raise UsageError(
            f"a file in {where}: {error}\nrename it, or name the categories wanted: --category NAME"
        ) from None


def _check_json(found: Found, wanted: Sequence[str], has_rows: Callable[[str], bool]) -> None:
    """Takes `.json` files out that are all that a category has, and have no rows."""
    keys = {normal_form(name) for name in wanted}
    for category, files in list(found.categories.items()):
        is_asked = not keys or category in keys or not category
        if any(file.rank < JSON for file in files) or (is_asked and has_rows(files[0].name)):
            continue
        del found.categories[category]
        found.unread |= {file.name: "its first line is not an object with a column that is read" for file in files}


def _name_unnamed(found: Found, keys: Sequence[str], wanted: Sequence[str], where: str, source_name: str) -> None:
    """Names the category of shards whose names say none, or leaves them out where they are not asked for."""
    there, own = found.categories, normal_form(source_name)
    if "" not in there:
        return
    if len(keys) == 1 and keys[0] not in there:
        there[keys[0]] = there.pop("")
    elif own and own not in there and (len(there) == 1 or own in keys):
        there[own] = there.pop("")
    elif wanted and len(there) > 1:
        there.pop("")
    else:
        what = there[""][0].shards
        raise UsageError(f"{where}: the names of {what} do not say which category they are\nname it: --category NAME")


def _nothing(where: str, names: Sequence[str], found: Found) -> UsageError:
    others = [name for name in names if not name.endswith("/")] or names or sorted(found.unread)
    has = f"; it has {', '.join(map(printable, others[:5]))}" if others else ""
    inner = sorted({name.rpartition("/")[0] for name in found.unread if "/" in name.rstrip("/") and parse_name(name)})
    hint = f"the folder {inner[0]} in it has some: name that folder with --source\n" if inner else ""
    return UsageError(
        f"{where} has no catalogue files: looked for {_LOOKED_FOR}{has}\n"
        f"{hint}to make a sample catalogue: curate sample DIR"
    )


def _no_category(name: str, where: str, found: Found) -> UsageError:
    """Returns the error for a category that is not there, or only in a file that is not read."""
    if same := found.same(name):
        return UsageError(
            f"no category {name!r} in {where} that can be read: {listed(same)} is there, but not read: "
            f"{found.unread[same[0]]}\n{_way_to_read(same[0], where)}"
        )
    there = [printable(category) for category in sorted(found.categories) if category]
    hint = nearest(name, there) or f"; it has: {', '.join(there)}"
    return UsageError(f"no category {name!r} in {where}{hint}")


def _way_to_read(name: str, where: str) -> str:
    folder = name.rstrip("/").rpartition("/")[0]
    if name.endswith("/") or (folder and parse_name(name) is not None):
        return f"name its folder: --source {where}/{name.rstrip('/') if name.endswith('/') else folder}"
    if name.lower().endswith((".bz2", ".xz", ".zip", ".7z", ".tar", ".tgz", ".gz", ".zst", ".lz4", ".rar")):
        return "unpack it first, to a file that ends with .jsonl or .parquet"
    return "convert it to JSONL (an object on each line) or Parquet first"


def _numbered_notes(chosen: Sequence[CategoryFiles]) -> list[str]:
    """Returns how to make one category of those that only differ by a number, which may be parts of it."""
    groups: dict[tuple[str, str], list[CategoryFiles]] = {}
    for files in chosen:
        if len(files.names) == 1 and (stem := numbered_stem(files.category)):
            suffix = re.sub(r"^.*?(?=(?:\.jsonl|\.ndjson|\.json|\.parquet)[^/]*$)", "", files.names[0].lower())
            groups.setdefault((stem, suffix), []).append(files)
    return [
        f"{listed([files.category for files in group])} are read as {len(group)} categories; to make them one, rename "
        f"the files {stem}-00000-of-{len(group):05d}{suffix}, {stem}-00001-of-{len(group):05d}{suffix} and so on"
        for (stem, suffix), group in groups.items()
        if len(group) > 1
    ]
