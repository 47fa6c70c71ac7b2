"""Where a file of a source lies: on a disk, on the Hub or in a bucket. Whoever reads it needs only `FileLocation`."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
from collections.abc import Generator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import pyarrow.parquet as pq

END_BYTES = 1 << 16
"""Bytes at each end of a file that its fingerprint covers."""
_BUFFER_BYTES = 1 << 20


class FileLocation(Protocol):
    """A file that can be read. As text, it is the path or address to show in messages."""

    @property
    def name(self) -> str:
        """The last part of its path or address; on the Hub, its path in the repository."""
        ...

    @property
    def local_path(self) -> Path | None:
        """Its path on a disk. None if it is read over the network."""
        ...

    def open(self, start: int | None = None, end: int | None = None) -> BinaryIO:
        """Opens the file. The stream is buffered and seekable.

        Args:
            start: the first byte that will be read. A network location fetches the bytes from `start` to `end` in
                large blocks, and other bytes in small ones.
            end: the byte after the last one that will be read.

        Raises:
            FileNotFoundError: if it is gone. A network location may raise it at the first read.
        """
        ...

    def size_now(self) -> int:
        """Returns the file's present size in bytes. Raises FileNotFoundError if it is gone."""
        ...

    def version(self) -> str:
        """Returns what an edit would change, without reading the file. A copy, or a touched file, has another one, too.

        Raises:
            FileNotFoundError: if it is gone.
        """
        ...

    def fingerprint(self) -> tuple[int, str]:
        """Returns the file's present size in bytes and its digest as `FileIdentity` defines it.

        Raises:
            FileNotFoundError: if it is gone.
        """
        ...

    def parquet_metadata(self) -> pq.FileMetaData:
        """Reads the metadata at the end of a Parquet file.

        Raises:
            pa.ArrowException: if it is damaged or the file is not Parquet; OSError and others are possible, too.
            FileNotFoundError: if the file is gone.
        """
        ...

    def open_parquet(
        self, metadata: pq.FileMetaData | None = None, start: int | None = None, end: int | None = None
    ) -> AbstractContextManager[pq.ParquetFile]:
        """Opens a Parquet file with page checksums verified.

        Args:
            metadata: the file's metadata; read from the file if None.
            start: see `open`.
            end: see `open`.
        """
        ...


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file on a disk, which may be shared by several machines. Symbolic links are followed."""

    path: Path
    """Made absolute, so that processes with another working directory find the file."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", self.path.absolute())

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.name

    @property
    def local_path(self) -> Path | None:
        """Its path."""
        return self.path

    def open(self, start: int | None = None, end: int | None = None) -> BinaryIO:
        """Opens the file. The operating system reads ahead by itself, so the range makes no difference."""
        del start, end
        return self.path.open("rb", buffering=_BUFFER_BYTES)

    def size_now(self) -> int:
        """Returns its present size in bytes. Raises FileNotFoundError if it is gone."""
        return self.path.stat().st_size

    def version(self) -> str:
        """Returns its size, inode, and times of modification and change. Only the last cannot be set back by a tool."""
        found = self.path.stat()
        return f"{found.st_size}-{found.st_ino}-{found.st_mtime_ns}-{found.st_ctime_ns}"

    def fingerprint(self) -> tuple[int, str]:
        """Returns its present size in bytes, and the SHA-256 over its first and last 64 KiB in hexadecimal."""
        size = self.size_now()
        with self.path.open("rb") as stream:
            head = stream.read(END_BYTES)
            stream.seek(-min(size, END_BYTES), os.SEEK_END)
            return size, digest_of_ends(head, stream.read())

    def parquet_metadata(self) -> pq.FileMetaData:
        """Reads its Parquet metadata as it is now. The last two are cached by path, size and modification time."""
        found = self.path.stat()
        return _local_metadata(self.path, found.st_size, found.st_mtime_ns)

    @contextlib.contextmanager
    def open_parquet(
        self, metadata: pq.FileMetaData | None = None, start: int | None = None, end: int | None = None
    ) -> Generator[pq.ParquetFile]:
        """Opens it as Parquet. Arrow opens the path itself; the range makes no difference."""
        del start, end
        metadata = metadata or self.parquet_metadata()
        with pq.ParquetFile(self.path, metadata=metadata, pre_buffer=False, page_checksum_verification=True) as file:
            yield file

    def __str__(self) -> str:
        return str(self.path)


def digest_of_ends(head: bytes, tail: bytes) -> str:
    """Returns the SHA-256, in hexadecimal, over the first and the last `END_BYTES` of a file, which may overlap."""
    return hashlib.sha256(head + tail).hexdigest()


@functools.lru_cache(maxsize=2)
def _local_metadata(path: Path, size_bytes: int, modified_ns: int) -> pq.FileMetaData:
    """Reads a file's metadata once for many partitions, since that takes half as long as reading a partition's rows.

    The metadata of a file with 100 row groups takes 4.5 MB.
    """
    del size_bytes, modified_ns
    return pq.read_metadata(path)
