"""Finds a category's files in a local folder, laid out as on the Hub or flat. Symbolic links are followed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from job.config.addresses import on_hub
from job.errors import UsageError, nearest, nearest_path, plain_reason, printable, quoted
from job.source.fetch.first_bytes import has_row
from job.source.files import CategorySource, SourceFile
from job.source.find.assign import DEPTH, JSONL_FOLDER, category_of_folder, is_usual_folder, name_of_source
from job.source.find.layout import CategoryFiles, choose_files, not_a_catalogue_file
from job.source.find.passed_over import PassedOver
from job.source.find.shard_names import JSON, parse_name
from job.source.location import LocalFile


def find_categories(
    root: Path, wanted: Sequence[str], columns: Collection[str] = (), passed_over: PassedOver | None = None
) -> list[CategorySource]:
    """Finds the files of categories.

    Args:
        root: a folder, or one file.
        wanted: the names of the categories; if empty, all that are there, sorted by name.
        columns: the names of the columns that are read; a `.json` file needs one of them on its first line.
        passed_over: is told what is not read.

    Returns:
        The categories with their files, in the order wanted.

    Raises:
        UsageError: if the folder does not exist, or a file is empty or cannot be read; see also `choose_files`.
    """
    try:
        return _find(root, wanted, columns, passed_over)
    except OSError as error:
        raise UsageError(f"cannot be read: {error.filename or root}: {plain_reason(error)}") from None


def category_names(root: Path) -> list[str]:
    """Returns the names of the categories in a folder. No file is looked into.

    Raises:
        UsageError: if a category's files do not fit together; see `choose_files`.
    """
    names = _names(root) if root.is_dir() else ()
    found = choose_files(names, (), str(root), look_further=lambda: _further_names(root), has_rows=lambda _: True)
    return [files.category for files in found]


def _find(
    root: Path, wanted: Sequence[str], columns: Collection[str], passed_over: PassedOver | None
) -> list[CategorySource]:
    if not root.exists():
        found = nearest_path(root)
        if found is None:
            hint, advice = "", f"{on_hub(str(root))}to make a sample: curate sample {quoted(root)}"
        else:  # what was typed is a slip, so no command repeats it
            names = [printable(path.name) for path in root.parent.iterdir()] if root.parent.is_dir() else []
            hint = nearest(root.name, names) or f"; did you mean {printable(str(found))}?"
            advice = f"to read that: --source {quoted(printable(str(found), lines=True))}"
        raise UsageError(f"source not found: {root}{hint}\n{advice}")
    resolved = root.resolve()
    if not root.is_dir():
        _check_is_file(root)
        found = parse_name(root.name)
        if found is None or (found.rank == JSON and not has_row(LocalFile(root), columns)):
            raise not_a_catalogue_file(root)
        chosen = choose_files(
            [root.name],
            wanted,
            str(root),
            source_name=name_of_source(resolved.parent.parts),
            has_rows=lambda _: True,
            passed_over=passed_over,
        )
        return [_source(files, root.parent) for files in chosen]
    chosen = choose_files(
        _names(root),
        wanted,
        str(root),
        own_category=category_of_folder(resolved.name) or "",
        source_name=name_of_source(resolved.parts),
        look_further=lambda: _further_names(root),
        has_rows=lambda name: (root / name).is_file() and has_row(LocalFile(root / name), columns),
        passed_over=passed_over,
    )
    return [_source(files, root) for files in chosen]


def _names(root: Path) -> Iterator[str]:
    """Yields the name of every file where catalogue files usually are, and of the folders that are not looked into."""
    yield from _below(root, root, is_usual_folder)
    jsonl = root / JSONL_FOLDER
    if jsonl.is_dir():
        yield from _below(jsonl, root, lambda _: False)


def _further_names(root: Path) -> Iterator[str]:
    """Yields the name of every file in the other folders."""
    for path in root.iterdir():
        if path.is_dir() and not is_usual_folder(path.name) and not path.name.startswith((".", "_")):
            yield from _below(path, root, is_usual_folder)


def _below(folder: Path, root: Path, is_looked_into: Callable[[str], bool], depth: int = 1) -> Iterator[str]:
    for path in folder.iterdir():
        name = path.relative_to(root).as_posix()
        if not path.is_dir():
            yield name
        elif is_looked_into(path.name) and depth < DEPTH:
            yield from _below(path, root, is_looked_into, depth + 1)
        elif name != JSONL_FOLDER.partition("/")[0] and any(path.iterdir()):
            yield f"{name}/"


def _source(files: CategoryFiles, base: Path) -> CategorySource:
    return CategorySource(
        category=files.category,
        file_format=files.file_format,
        files=tuple(_source_file(base / name, name) for name in files.names),
    )


def _check_is_file(path: Path) -> None:
    """Refuses pipes and devices, which can be read once, and which to open may take for ever."""
    if path.exists() and not path.is_file():
        raise UsageError(
            f"a pipe or a device, and no file: {path}\nwrite what comes out of it to a file on a disk, or remove it"
        )


def _source_file(path: Path, name: str) -> SourceFile:
    _check_is_file(path)
    location = LocalFile(path)
    try:
        size, digest = location.fingerprint()
    except FileNotFoundError:
        raise UsageError(f"a symbolic link that leads nowhere: {path}") from None
    if size == 0:
        raise UsageError(f"the file is empty (0 bytes): {path}\ndownload it again, or remove it")
    return SourceFile(name=name, location=location, size_bytes=size, fingerprint=digest)
