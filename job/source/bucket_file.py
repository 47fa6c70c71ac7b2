"""A file under an address, read by ranges of bytes; none of them comes short without a word."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import BinaryIO, cast

from job.errors import CurateError
from job.source.hub_file import RangeStream
from job.storage import filesystem

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class BucketFile:
    """A file under an address."""

    address: str
    """Without credentials; those are in the environment of whoever reads it."""
    size_bytes: int

    @property
    def name(self) -> str:
        """The last part of its address."""
        return self.address.rpartition("/")[2]

    def open(self, mode: str = "rb", buffering: int = 0) -> BinaryIO:
        """Opens it for reading, as `Path.open` does."""
        del mode, buffering
        return cast(BinaryIO, io.BufferedReader(RangeStream(self), _CHUNK_BYTES))

    def fetch_range(self, start: int, end: int) -> bytes:
        """Reads a range of bytes: all of it, or there is an error."""
        content = filesystem.get_range(self.address, start, end)
        if len(content) != end - start:
            raise CurateError(
                f"{self.address}: {len(content):,} bytes came from {start:,} on, instead of {end - start:,}: it has "
                "been cut off, or its storage does not send all\n"
                "what was finished is kept: run the same command again to go on"
            )
        return content

    def size_now(self) -> int:
        """Returns its size in bytes. Raises FileNotFoundError when it is gone."""
        return filesystem.size_of(self.address)

    def __str__(self) -> str:
        return self.address
