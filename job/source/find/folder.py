"""A category's files in a local folder: the Hub's layout, or the files flat in it; links are followed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from job.errors import UsageError, nearest, plain_reason, printable, quoted
from job.source.files import CategorySource, SourceFile, fingerprint
from job.source.find.layout import (
    JSONL_FOLDER,
    SUFFIXES,
    CategoryFiles,
    choose_files,
    is_category_folder,
    not_a_catalogue_file,
)


def find_categories(root: Path, wanted: Sequence[str]) -> list[CategorySource]:
    """Finds the files of categories.

    Args:
        root: a folder, or one file.
        wanted: the categories' names; none for all that are there, by name.

    Returns:
        The categories with their files, in the order wanted.

    Raises:
        UsageError: when the folder is not there, a file is empty or cannot be read; and see `choose_files`.
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
    own = is_category_folder(root.resolve().name) or ""
    return [_source(files, root) for files in choose_files(_names(root), wanted, str(root), own_category=own)]


def _names(root: Path) -> Iterator[str]:
    """Yields the names of all files that may be a category's."""
    folders = [root, *[path for path in root.iterdir() if is_category_folder(path.name)], root / JSONL_FOLDER]
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
    try:
        size, digest = fingerprint(path)
    except FileNotFoundError:
        raise UsageError(f"a link that leads nowhere: {path}") from None
    if size == 0:
        raise UsageError(f"the file is empty (0 bytes): {path}\nfetch it again, or remove it")
    return SourceFile(name=name, path=path, size_bytes=size, fingerprint=digest)
