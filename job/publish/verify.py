"""Compares what is published, or a folder that was downloaded, with its manifest."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pyarrow as pa
from typing_extensions import override

from job.errors import CurateError, UsageError, printable, quoted
from job.output.folder import CARD, MANIFEST, PLAN, OutputFolder, output_at
from job.output.sealed import unsealed
from job.output.shard import table_in
from job.publish.address import is_on_hub, published_at
from job.publish.contents import OF_THE_HUB, REMOVED, TEXTS, RowsFile, rows_files
from job.publish.repository import content_of
from job.source.find.hub import published_files, resolve
from job.source.hub_waits import hub_waits_said

_AT_ONCE = 8
"""Number of files that are looked at at once; each takes two requests on the Hub."""


class _Part(msgspec.Struct):
    num_rows: int


class _Totals(msgspec.Struct):
    """What a manifest says in all."""

    num_items: int | None = None
    """Of a training set, the items that it was made of."""
    splits: dict[str, _Part] | None = None
    """The splits of a training set; None for items."""

    @property
    def unit(self) -> str:
        """What a row of the files is."""
        return "items" if self.splits is None else "rows"

    @property
    def expected(self) -> int | None:
        """Rows of all files but those of `_removed/`; None when the manifest does not say it."""
        return self.num_items if self.splits is None else sum(each.num_rows for each in self.splits.values())


class _Place(ABC):
    """Where a published output lies."""

    name: str
    sizes: dict[str, int]

    @abstractmethod
    def read(self, file: str) -> bytes:
        """Returns the content of a small file."""

    @abstractmethod
    def look(self, file: RowsFile) -> tuple[str, int]:
        """Returns the SHA-256 of a file of rows, and how many rows it has. Raises what Arrow does if it has none."""


class _OnHub(_Place):
    def __init__(self, name: str, revision: str):
        repository = resolve(name, revision)
        self.name = f"{name} at {repository.commit[:8]}"
        self._files = {file.name: file for file in published_files(repository)}
        self.sizes = {name: file.size_bytes for name, file in self._files.items()}

    @override
    def read(self, file: str) -> bytes:
        return content_of(self._files[file])

    @override
    def look(self, file: RowsFile) -> tuple[str, int]:
        published = self._files[file.name]
        if len(published.fingerprint) == len(file.sha256):  # the Hub has computed it itself
            return published.fingerprint, published.location.parquet_metadata().num_rows
        content = content_of(published)
        return hashlib.sha256(content).hexdigest(), table_in(content, []).num_rows


class _InFolder(_Place):
    def __init__(self, output: OutputFolder):
        self._output = output
        self.name = str(output.root)
        names = sorted(output.store.names())
        folders = sorted({name.rpartition("/")[0] for name in names if "/" in name})
        sizes = {name: size for folder in folders for name, size in output.store.sizes(folder).items()}
        self.sizes = {name: sizes.get(name, 0) for name in names}

    @override
    def read(self, file: str) -> bytes:
        return self._output.store.read(file) or b""

    @override
    def look(self, file: RowsFile) -> tuple[str, int]:
        content = self.read(file.name)
        return hashlib.sha256(content).hexdigest(), table_in(content).num_rows


def is_published(text: str) -> bool:
    """Tells whether text names something published: an address on the Hub, or a folder that only has a manifest.

    Raises:
        UsageError: when it cannot be a path or an address.
    """
    if is_on_hub(text):
        return True
    store = output_at(text).store
    return store.read(PLAN) is None and store.read(MANIFEST) is not None


def verify_published(text: str, say: Callable[[str], None] = lambda _: None) -> str:
    """Compares what is published with its manifest: sizes, SHA-256, rows, missing files and others.

    What the Hub stores as a large file is not downloaded: it has computed the SHA-256 itself.

    Args:
        text: `hf://datasets/OWNER/NAME[@REVISION]`, or the path or address of a copy.
        say: called with a line when the Hub has to be waited for.

    Returns:
        How many files are intact.

    Raises:
        UsageError: when there is no manifest of this program.
        CurateError: naming all that is wrong; or when the Hub does not answer.
    """
    with hub_waits_said(say):
        place = _OnHub(*published_at(text)) if is_on_hub(text) else _InFolder(output_at(text))
        if MANIFEST not in place.sizes:
            raise UsageError(
                f"{place.name} was not published by this program: it has no {MANIFEST}\n"
                "to publish an output: curate push OUT OWNER/NAME"
            )
        content = place.read(MANIFEST)
        try:
            named, totals = rows_files(content), unsealed(content, _Totals)
        except ValueError as error:
            raise CurateError(f"{place.name} is not intact:\n{MANIFEST}: {error}\n{_repair(place)}") from None
        wanted = [
            file
            for file in named
            if not file.name.startswith(REMOVED) or any(name.startswith(REMOVED) for name in place.sizes)
        ]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            wrong = [line for lines in pool.map(lambda file: list(_compared(place, file)), wanted) for line in lines]
    if CARD not in place.sizes:
        wrong.append(f"{CARD}: missing; without it nobody knows which files hold the rows")
    known = {*(file.name for file in wanted), *TEXTS, OF_THE_HUB}
    wrong += [f"{printable(name)}: belongs to nothing" for name in sorted(set(place.sizes) - known)]
    in_splits = [file.num_rows for file in wanted if not file.name.startswith(REMOVED)]
    rows = sum(number or 0 for number in in_splits)
    if totals.expected is not None and None not in in_splits and rows != totals.expected:
        wrong.append(f"{MANIFEST}: {totals.expected:,} {totals.unit} in all, and {rows:,} in its files")
    if wrong:
        raise CurateError(f"{place.name} is not intact:\n" + "\n".join(wrong) + f"\n{_repair(place)}")
    what = f"{rows:,} items"
    if totals.splits is not None:
        what = ", ".join(f"{each.num_rows:,} rows of {name}" for name, each in totals.splits.items())
    return f"intact: {len(set(place.sizes) & known):,} files, {what}"


def _compared(place: _Place, file: RowsFile) -> Iterator[str]:
    """Yields what is wrong with a file of rows."""
    size = place.sizes.get(file.name)
    if size is None:
        yield f"{file.name}: missing"
        return
    if size != file.size_bytes:
        yield f"{file.name}: {size:,} bytes, and {file.size_bytes:,} were written"
        return
    try:
        sha256, num_rows = place.look(file)
    except (OSError, pa.ArrowException):
        yield f"{file.name}: its bytes are not those that were written"
        return
    if sha256 != file.sha256:
        yield f"{file.name}: its bytes are not those that were written"
    elif file.num_rows is not None and num_rows != file.num_rows:
        yield f"{file.name}: {num_rows:,} rows, and the manifest says {file.num_rows:,}"


def _repair(place: _Place) -> str:
    if isinstance(place, _OnHub):
        return "to repair it, publish the output again: curate push OUT OWNER/NAME --replace"
    return f"to repair it, download it again; nothing was touched in {quoted(place.name)}"
