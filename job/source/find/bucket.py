"""Finds a category's files in a bucket, such as `s3://bucket/folder`, by listing the folders that may have them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from job.errors import UsageError, nearest, printable
from job.source.bucket_file import BucketFile
from job.source.fetch.first_bytes import has_row
from job.source.files import CategorySource, SourceFile
from job.source.find.assign import DEPTH, JSONL_FOLDER, category_of_folder, is_usual_folder, name_of_source
from job.source.find.layout import choose_files, not_a_catalogue_file
from job.source.find.passed_over import PassedOver
from job.source.find.shard_names import parse_name
from job.storage import filesystem


def find_categories(
    address: str, wanted: Sequence[str], columns: Collection[str] = (), passed_over: PassedOver | None = None
) -> list[CategorySource]:
    """Finds the files of categories, as `folder.find_categories` does.

    Args:
        address: the address of a folder or of one file.
        wanted: the names of the categories; if empty, all that are there, sorted by name.
        columns: the names of the columns that are read; a `.json` file needs one of them on its first line.
        passed_over: is told what is not read.

    Returns:
        The categories with their files, in the order wanted.

    Raises:
        UsageError: if nothing is there or a file is empty; see also `choose_files`.
        CurateError: if the storage does not answer.
    """
    listing = _Listing(address)
    base, own = address, category_of_folder(address.rpartition("/")[2]) or ""
    names = [*listing.names()]
    if not names and filesystem.file_info(address) is not None:
        base, _, name = address.rpartition("/")
        if parse_name(name) is None:
            raise not_a_catalogue_file(address)
        listing, own, names = _Listing(base, {name: filesystem.size_of(address)}), "", [name]
    if not names:
        filesystem.check_usable(address)
        parent, _, name = address.rpartition("/")
        similar = map(printable, filesystem.list_folder(parent)) if not parent.endswith("/") else ()
        raise UsageError(f"source not found: {address}{nearest(name, similar)}")
    return [
        CategorySource(
            category=files.category,
            file_format=files.file_format,
            files=tuple(_source_file(f"{base}/{name}", name, listing.sizes[name]) for name in files.names),
        )
        for files in choose_files(
            names,
            wanted,
            address,
            own_category=own,
            source_name=name_of_source([*filter(None, base.partition("://")[2].split("/"))]),
            look_further=listing.further_names if base == address else tuple,
            has_rows=lambda name: has_row(_file(f"{base}/{name}", listing.sizes[name]), columns),
            passed_over=passed_over,
        )
    ]


class _Listing:
    """Lists the folders of a source, each at most once and only if it may have catalogue files.

    Attributes:
        sizes: the size in bytes of every file seen so far, by its name relative to the source.
    """

    def __init__(self, address: str, sizes: dict[str, int] | None = None):
        self.sizes = sizes or {}
        self._address = address
        self._top: dict[str, int | None] = {}

    def names(self) -> Iterator[str]:
        """Yields the files where catalogue files usually are, and the folders that are not looked into."""
        self._top = filesystem.list_folder(self._address)
        yield from self._below("", self._top)
        if JSONL_FOLDER.partition("/")[0] in self._top:
            yield from self._below(JSONL_FOLDER, filesystem.list_folder(f"{self._address}/{JSONL_FOLDER}"), depth=DEPTH)

    def further_names(self) -> Iterator[str]:
        """Yields the files in the other folders."""
        for name, size in self._top.items():
            if size is None and not is_usual_folder(name) and not name.startswith((".", "_")):
                yield from self._below(name, filesystem.list_folder(f"{self._address}/{name}"))

    def _below(self, folder: str, listing: Mapping[str, int | None], depth: int = 1) -> Iterator[str]:
        for base, size in listing.items():
            name = f"{folder}/{base}".lstrip("/")
            if size is not None:
                self.sizes[name] = size
                yield name
            elif is_usual_folder(base) and depth < DEPTH:
                yield from self._below(name, filesystem.list_folder(f"{self._address}/{name}"), depth + 1)
            elif name != JSONL_FOLDER.partition("/")[0]:
                yield f"{name}/"


def _file(address: str, size: int) -> BucketFile:
    return BucketFile(address=address, size_bytes=size)


def _source_file(address: str, name: str, size: int) -> SourceFile:
    if size == 0:
        raise UsageError(f"the file is empty (0 bytes): {address}\nupload it again, or remove it")
    location = _file(address, size)
    try:
        size, digest = location.fingerprint()
    except FileNotFoundError:
        raise UsageError(f"it has just been removed: {address}") from None
    return SourceFile(name=name, location=location, size_bytes=size, fingerprint=digest)
