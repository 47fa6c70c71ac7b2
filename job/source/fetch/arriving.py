"""A file of the Hub that is read while it is downloaded: whoever needs bytes waits until they are there.

Its hash is known when all of it is there, so what is made of it counts only then. Whoever reads sees what this download
has written and no other: of which bytes are there it tells in a file with a name of its own. When the hash is wrong,
that file says so, and nobody reads on.
"""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow.parquet as pq
from typing_extensions import override

from job.errors import CurateError
from job.source.fetch.entries import Entry
from job.source.ranges import PositionedStream, RangedFile

_LOOK_S = 0.02
"""Seconds between two looks at what has arrived; a line of 25 MB/s brings half a megabyte meanwhile."""
_BUFFER_BYTES = 1 << 20
_IS_HERE, _GIVEN_UP = "is here", "given up"

Range = tuple[int, int]
"""The first byte, and the byte after the last."""


class GivenUpError(CurateError):
    """A download has failed, or begins again: what was read of it may be wrong."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a download tells those who read its file meanwhile.

    Args:
        told: the file in which it does, of this download alone. Its folder has to stay while anybody reads.
    """

    told: Path

    def tell(self, ranges: list[Range]) -> None:
        """Tells which bytes are there."""
        self._write(" ".join(f"{start} {end}" for start, end in ranges))

    def end(self) -> None:
        """Tells that all are there, and have the right hash."""
        self._write(_IS_HERE)

    def give_up(self) -> None:
        """Tells that they may be wrong."""
        self._write(_GIVEN_UP)

    def ranges(self) -> list[Range] | None:
        """Returns which bytes are there; none before the download begins, and None when all are and the hash is right.

        Raises:
            GivenUpError: when they may be wrong.
        """
        try:
            text = self.told.read_text(encoding="ascii")
        except FileNotFoundError:
            return []
        if text == _GIVEN_UP:
            raise GivenUpError("the download failed, or begins again")
        if text == _IS_HERE:
            return None
        bounds = [int(word) for word in text.split()]
        return list(zip(bounds[::2], bounds[1::2], strict=True))

    def _write(self, text: str) -> None:
        new = self.told.with_suffix(".new")
        try:
            new.write_text(text, encoding="ascii")
            new.replace(self.told)
        except OSError as error:  # of a full disk, it does not say which one
            raise OSError(error.errno, error.strerror, str(new)) from None


@dataclass(frozen=True, slots=True)
class ArrivingFile(RangedFile):
    """A file that is on its way into the cache."""

    entry: Entry
    arrival: Arrival
    """Of the one download by which it comes."""

    @property
    def name(self) -> str:
        """Its path in the repository."""
        return self.entry.file.name

    @property
    @override
    def size_bytes(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.entry.file.size_bytes

    @override
    def fetch_range(self, start: int, end: int) -> bytes:
        with self.open() as stream:
            stream.seek(start)
            return stream.read(end - start)

    @override
    def open(self, start: int | None = None, end: int | None = None) -> BinaryIO:
        """Opens it. A read waits for its bytes, so the range makes no difference."""
        del start, end
        return cast(BinaryIO, io.BufferedReader(_ArrivingStream(self), _BUFFER_BYTES))

    def size_now(self) -> int:
        """Returns the size in bytes that it will have."""
        return self.size_bytes

    def version(self) -> str:
        """Returns its hash as the commit has it."""
        return self.entry.file.fingerprint

    def fingerprint(self) -> tuple[int, str]:
        """Returns its size in bytes and its hash as the commit has them."""
        return self.size_bytes, self.version()

    def parquet_metadata(self) -> pq.FileMetaData:
        """Reads its Parquet metadata, once its end is there."""
        return self.read_parquet_footer()

    def wait_for(self, at: int) -> tuple[Path, Range]:
        """Waits for a byte.

        Returns:
            The path of what has it, and the range around it that is there.

        Raises:
            GivenUpError: when what is there may be wrong.
        """
        while (ranges := self.arrival.ranges()) is not None:
            for start, end in ranges:
                if start <= at < end:
                    return self.entry.part, (start, end)
            time.sleep(_LOOK_S)
        return self.entry.blob, (0, self.size_bytes)

    def __str__(self) -> str:
        return str(self.entry.snapshot)


def check_not_given_up(files: Sequence[ArrivingFile]) -> None:
    """Checks that no download of these files was given up so far.

    Raises:
        GivenUpError: when one was.
    """
    for file in files:
        file.arrival.ranges()


class _ArrivingStream(PositionedStream):
    """A stream over a file that arrives. It waits for a byte, and gives what is there from it on."""

    def __init__(self, file: ArrivingFile) -> None:
        super().__init__(file.size_bytes)
        self._file = file
        self._there: Range = (0, 0)
        self._stream: io.FileIO | None = None

    @override
    def read_at(self, position: int, view: memoryview) -> int:
        while self._stream is None or not self._there[0] <= position < self._there[1]:
            path, self._there = self._file.wait_for(position)
            if self._stream is None:
                with contextlib.suppress(FileNotFoundError):  # it has got its name meanwhile
                    self._stream = io.FileIO(path)
        self._stream.seek(position)
        size = self._stream.readinto(view[: self._there[1] - position])
        if not size:  # a reader would take that for the end of the file
            raise CurateError(f"{self._file}: byte {position:,} has arrived, and cannot be read")
        return size

    @override
    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        super().close()
