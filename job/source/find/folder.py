"""Finds a category's files in a local folder, laid out as on the Hub or flat. Symbolic links are followed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from job.errors import UsageError, nearest, plain_reason, printable, quoted
from job.source.files import CategorySource, SourceFile
from job.source.find.layout import (
    JSONL_FOLDER,
    SUFFIXES,
    CategoryFiles,
    category_of_folder,
    choose_files,
    not_a_catalogue_file,
)
from job.source.location import LocalFile


def find_categories(root: Path, wanted: Sequence[str]) -> list[CategorySource]:
    """Finds the files of categories.

    Args:
        root: a folder, or one file.
        wanted: the names of the categories; if empty, all that are there, sorted by name.

    Returns:
        The categories with their files, in the order wanted.

    Raises:
        UsageError: if the folder does not exist, or a file is empty or cannot be read; see also `choose_files`.
    """
    try:
        return _find(root, wanted)
    except OSError as error:
        raise UsageError(f"cannot be read: {error.filename or root}: {plain_reason(error)}") from None


def _find(root: Path, wanted: Sequence[str]) -> list[CategorySource]:
    if not root.exists():
        parent = root.parent
        names = [printable(path.name) for path in parent.iterdir()] if parent.is_dir() else []
        raise UsageError(
            f"source not found: {root}{nearest(root.name, names)}\nto make a sample: curate sample {quoted(root)}"
        )
    if not root.is_dir():
        if not root.name.endswith(SUFFIXES):
            raise not_a_catalogue_file(root)
        chosen = choose_files([root.name], wanted, str(root))
        return [_source(files, root.parent) for files in chosen]
    own = category_of_folder(root.resolve().name) or ""
    return [_source(files, root) for files in choose_files(_names(root), wanted, str(root), own_category=own)]


def _names(root: Path) -> Iterator[str]:
    """Yields the name of every file that may belong to a category."""
    folders = [root, *[path for path in root.iterdir() if category_of_folder(path.name)], root / JSONL_FOLDER]
    for folder in folders:
        if folder.is_dir():
            for path in folder.iterdir():
                if path.suffix and not path.is_dir():
                    yield path.relative_to(root).as_posix()


def _source(files: CategoryFiles, base: Path) -> CategorySource:
    return CategorySource(
        category=files.category,
        file_format=files.file_format,
        files=tuple(_source_file(base / name, name) for name in files.names),
    )


def _source_file(path: Path, name: str) -> SourceFile:
    location = LocalFile(path)
    try:
        size, digest = location.fingerprint()
    except FileNotFoundError:
        raise UsageError(f"a symbolic link that leads nowhere: {path}") from None
    if size == 0:
        raise UsageError(f"the file is empty (0 bytes): {path}\ndownload it again, or remove it")
    return SourceFile(name=name, location=location, size_bytes=size, fingerprint=digest)
