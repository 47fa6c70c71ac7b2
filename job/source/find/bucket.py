"""Finds a category's files in a bucket, such as `s3://bucket/folder`, by listing the folders that may have them."""

from __future__ import annotations

from collections.abc import Sequence

from job.errors import UsageError, nearest, printable
from job.source.bucket_file import BucketFile
from job.source.files import CategorySource, SourceFile
from job.source.find.layout import JSONL_FOLDER, SUFFIXES, category_of_folder, choose_files, not_a_catalogue_file
from job.storage import filesystem


def find_categories(address: str, wanted: Sequence[str]) -> list[CategorySource]:
    """Finds the files of categories, as `folder.find_categories` does.

    Args:
        address: the address of a folder or of one file.
        wanted: the names of the categories; if empty, all that are there, sorted by name.

    Returns:
        The categories with their files, in the order wanted.

    Raises:
        UsageError: if nothing is there or a file is empty; see also `choose_files`.
        CurateError: if the storage does not answer.
    """
    sizes = _sizes(address)
    base, own = address, category_of_folder(address.rpartition("/")[2]) or ""
    if not sizes and filesystem.file_info(address) is not None:
        base, _, name = address.rpartition("/")
        if not name.endswith(SUFFIXES):
            raise not_a_catalogue_file(address)
        sizes, own = {name: filesystem.size_of(address)}, ""
    if not sizes:
        filesystem.check_usable(address)
        parent, _, name = address.rpartition("/")
        names = map(printable, filesystem.list_folder(parent)) if not parent.endswith("/") else ()
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
    """Returns the size in bytes of every file that may belong to a category, by name."""
    top = filesystem.list_folder(address)
    folders = [name for name, size in top.items() if size is None and category_of_folder(name)]
    if JSONL_FOLDER.partition("/")[0] in top:
        folders.append(JSONL_FOLDER)
    found = dict(top)
    for folder in folders:
        listing = filesystem.list_folder(f"{address}/{folder}")
        found |= {f"{folder}/{name}": size for name, size in listing.items()}
    return {name: size for name, size in found.items() if size is not None and "." in name.rpartition("/")[2]}


def _source_file(address: str, name: str, size: int) -> SourceFile:
    if size == 0:
        raise UsageError(f"the file is empty (0 bytes): {address}\nupload it again, or remove it")
    location = BucketFile(address=address, size_bytes=size)
    try:
        size, digest = location.fingerprint()
    except FileNotFoundError:
        raise UsageError(f"it has just been removed: {address}") from None
    return SourceFile(name=name, location=location, size_bytes=size, fingerprint=digest)
