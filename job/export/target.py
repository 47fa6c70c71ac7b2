"""The folder of an export: what it is for, and whether that is done already."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from job.config.addresses import is_within
from job.errors import RefusedError, UsageError
from job.export.source import Source
from job.output.folder import LEFT_OVER, OutputFolder
from job.output.sealed import intact

NOTE = "_export.json"
"""Name of the file that says what the folder is for. Readers of data sets pass over names that begin like this."""
_ANOTHER = "name another folder: --output DIR"


class ExportedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of an export."""

    path: str
    """Relative to the folder."""
    num_rows: int | None
    """None for a file that has none."""
    size_bytes: int
    sha256: str


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder is for."""

    form: str
    source: str
    """Path or address of what was exported, as it was named."""
    source_digest: str
    """Digest of its rows; see `Source.digest`."""
    dropped_above: int | None
    """Rows of more tokens were left out; None when none were."""
    files: list[ExportedFile] | None = None
    """Its files; None until all of them are there."""
    version: int = 1

    @property
    def job(self) -> tuple[object, ...]:
        """What decides the bytes of the files."""
        return self.form, self.source_digest, self.dropped_above, self.version


def check_apart(output: OutputFolder, source: Source) -> None:
    """Checks that the folder of an export and that of its source are beside each other.

    Raises:
        UsageError: when one is the other, or lies in it.
    """
    mine, theirs = output.root, source.folder.root
    if is_within(mine, theirs) and is_within(theirs, mine):
        raise UsageError(f"nothing can be exported to where the rows come from: {mine}\n{_ANOTHER}")
    if is_within(mine, theirs):
        raise UsageError(f"{mine} lies in {theirs}, which holds what is exported and nothing else\n{_ANOTHER}")
    if is_within(theirs, mine):
        raise UsageError(f"{mine} is around {theirs}, which is to be exported\n{_ANOTHER}")


def earlier_export(output: OutputFolder, wanted: Export) -> Export | None:
    """Compares an export with what is in its folder.

    Args:
        output: the folder.
        wanted: the export that is to be made.

    Returns:
        The complete export that is there, when it is the same; None when there is work to do.

    Raises:
        RefusedError: when the folder holds something else.
        UsageError: when it is a file.
    """
    output.store.check_folder()
    there = output.store.top() - LEFT_OVER
    if not there:
        return None
    before = intact(output.store.read(NOTE), Export)
    if before is None:
        raise RefusedError(
            f"{output.root} holds something else ({', '.join(sorted(there)[:5])})\nnothing was touched; {_ANOTHER}"
        )
    if before.job != wanted.job:
        raise RefusedError(
            f"{output.root} holds another export: {_difference(before, wanted)}\nnothing was touched; {_ANOTHER}"
        )
    if before.files is None or not _are_there(output, before.files):
        return None
    return before


def _difference(before: Export, wanted: Export) -> str:
    if before.form != wanted.form:
        return f"the form {before.form}"
    if before.source_digest != wanted.source_digest:
        return (
            f"of {before.source}, when it had other rows" if before.source == wanted.source else f"of {before.source}"
        )
    if before.dropped_above != wanted.dropped_above:
        return "with all rows" if before.dropped_above is None else f"without rows above {before.dropped_above} tokens"
    return "one of another version of this program"


def _are_there(output: OutputFolder, files: Sequence[ExportedFile]) -> bool:
    sizes = output.store.sizes("")
    return all(sizes.get(file.path) == file.size_bytes for file in files)
