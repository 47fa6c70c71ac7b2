"""A category's files under an address, such as `s3://bucket/folder`: found by listing the folders they may be in."""

from __future__ import annotations

from collections.abc import Sequence

from job.errors import UsageError, nearest, printable
from job.source.bucket_file import BucketFile
from job.source.files import CategorySource, SourceFile, fingerprint
from job.source.find.layout import JSONL_FOLDER, SUFFIXES, choose_files, is_category_folder, not_a_catalogue_file
from job.storage import filesystem


def find_categories(address: str, wanted: Sequence[str]) -> list[CategorySource]:
    """Finds the files of categories, as `folder.find_categories` does.

    Args:
        address: of a folder, or of one file.
        wanted: the categories' names; none for all that are there, by name.

    Returns:
        The categories with their files, in the order wanted.

    Raises:
        UsageError: when there is nothing, or a file is empty; and see `choose_files`.
        CurateError: when the storage does not answer.
    """
    sizes = _sizes(address)
    base, own = address, is_category_folder(address.rpartition("/")[2]) or ""
    if not sizes and filesystem.info(address) is not None:
        base, _, name = address.rpartition("/")
        if not name.endswith(SUFFIXES):
            raise not_a_catalogue_file(address)
        sizes, own = {name: filesystem.size_of(address)}, ""
    if not sizes:
        filesystem.check_usable(address)
        above, _, name = address.rpartition("/")
        names = map(printable, filesystem.listed(above)) if not above.endswith("/") else ()
        raise UsageError(f"source not found: {address}{nearest(name, names)}")
    return [
        CategorySource(
            category=files.category,
            file_format=files.file_format,
            files=tuple(_source_file(f"{base}/{name}", name, sizes[name]) for name in files.names),
        )
        for files in choose_files(sizes, wanted, address, own_category=own)
    ]


def _sizes(address: str) -> dict[str, int]:
    """Returns the names of all files that may be a category's, each with its size in bytes."""
    top = filesystem.listed(address)
    folders = [name for name, size in top.items() if size is None and is_category_folder(name)]
    if JSONL_FOLDER.partition("/")[0] in top:
        folders.append(JSONL_FOLDER)
    found = dict(top)
    for folder in folders:
        found |= {f"{folder}/{name}": size for name, size in filesystem.listed(f"{address}/{folder}").items()}
    return {name: size for name, size in found.items() if size is not None and "." in name.rpartition("/")[2]}


def _source_file(address: str, name: str, size: int) -> SourceFile:
    if size == 0:
        raise UsageError(f"the file is empty (0 bytes): {address}\nput it there again, or remove it")
    file = BucketFile(address=address, size_bytes=size)
    try:
        size, digest = fingerprint(file)
    except FileNotFoundError:
        raise UsageError(f"it has gone this moment: {address}") from None
    return SourceFile(name=name, path=file, size_bytes=size, fingerprint=digest)
