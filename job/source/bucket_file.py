"""A file in a bucket, read in byte ranges, each of which is checked to be complete."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow.parquet as pq
from typing_extensions import override

from job.errors import CurateError
from job.source.location import END_BYTES, digest_of_ends
from job.source.ranges import RangedFile
from job.storage import filesystem


@dataclass(frozen=True, kw_only=True, slots=True)
class BucketFile(RangedFile):
    """A file in a bucket."""

    address: str
    """Without credentials, which are in the environment of the process that reads it."""
    size_bytes: int
    """Its size when it was found."""

    @property
    def name(self) -> str:
        """The last part of its address."""
        return self.address.rpartition("/")[2]

    @override
    def fetch_range(self, start: int, end: int) -> bytes:
        content = filesystem.get_range(self.address, start, end)
        if len(content) != end - start:
            raise CurateError(
                f"{self.address}: {len(content):,} of {end - start:,} bytes arrived from byte {start:,} on: the file "
                "was cut off, or its storage does not send everything\n"
                "what was finished is kept: run the same command again to go on"
            )
        return content

    def size_now(self) -> int:
        """Asks the storage for its size in bytes. Raises FileNotFoundError if it is gone."""
        return filesystem.size_of(self.address)

    def version(self) -> str:
        """Asks the storage for its ETag, or what else it has. Raises FileNotFoundError if it is gone."""
        return filesystem.version_of(self.address)

    def fingerprint(self) -> tuple[int, str]:
        """Returns its present size in bytes, and the SHA-256 over its first and last 64 KiB in hexadecimal."""
        size = self.size_now()
        if not size:
            return 0, digest_of_ends(b"", b"")
        length = min(size, END_BYTES)
        head = self.fetch_range(0, length)
        return size, digest_of_ends(head, head if length == size else self.fetch_range(size - length, size))

    def parquet_metadata(self) -> pq.FileMetaData:
        """Fetches its Parquet metadata each time, since the file may change."""
        return self.read_parquet_footer()

    def __str__(self) -> str:
        return self.address
