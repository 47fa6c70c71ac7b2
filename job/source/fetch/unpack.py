"""Decompresses gzip and zstd files once, so that they can be cut into partitions like any other."""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

from job.errors import CurateError, DamagedFileError, UsageError, plain_reason
from job.source.location import FileLocation, LocalFile

_CHUNK_BYTES = 1 << 20
_MAX_WINDOW_BYTES = 1 << 31
"""Bytes of the largest window that `zstd --long=31` makes; the library's own limit is 128 MiB."""
_ZSTD_HEADER_BYTES = 18
_GZIP_LEAST_BYTES = 18
_CHECK_EVERY_BYTES = 64 << 20
"""Bytes that are unpacked between two looks at the free space."""
_LEAST_FREE_BYTES = 256 << 20
"""Bytes that stay free on the disk for everything else; unpacking stops before."""


def unpack(location: FileLocation, scratch: Path, report: Callable[[str], None]) -> LocalFile:
    """Unpacks a file, unless that was done before.

    Args:
        location: a `.gz` or `.zst` file.
        scratch: the folder to unpack into. It must belong to this content, since a file of the right name in it is
            used as it is.
        report: called once with a line of text before it starts.

    Returns:
        The unpacked file.

    Raises:
        DamagedFileError: if the file is damaged.
        CurateError: if the disk is too full.
    """
    name = location.name.rpartition("/")[2]
    target = scratch / name.rpartition(".")[0]
    if target.exists():
        return LocalFile(target)
    try:
        scratch.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{name} cannot be unpacked into {scratch}: {plain_reason(error)}\n"
            "unpack it elsewhere yourself and name that folder with --source; or, for the output in a bucket, name a "
            "folder to unpack into: export XDG_CACHE_HOME=/FOLDER"
        ) from None
    size = location.size_now()
    _check_free(scratch, _unpacked_bytes(location, size), name)
    report(f"unpacking {name} ({size / 1e6:,.0f} MB) once, into {scratch}")
    part = scratch / f"{target.name}.{os.getpid()}.part"
    position = 0
    try:
        with location.open(0, size) as packed, part.open("wb") as plain:
            stream = open_stream(packed, name.rpartition(".")[2].lower())
            unchecked = 0
            while chunk := stream.read(_CHUNK_BYTES):
                plain.write(chunk)
                position = packed.tell()
                unchecked += len(chunk)
                if unchecked > _CHECK_EVERY_BYTES:
                    _check_free(scratch, 0, name)
                    unchecked = 0
            plain.flush()
            os.fsync(plain.fileno())
        part.rename(target)
    except (EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError) as error:
        raise DamagedFileError(
            f"damaged: {location}, near its byte {position:,}: {error}\n"
            "it may have been cut off in transfer: fetch it again, or go on without: --skip-damaged-files"
        ) from None
    finally:
        part.unlink(missing_ok=True)
    return LocalFile(target)


def _unpacked_bytes(location: FileLocation, size: int) -> int:
    """Returns about how many bytes a file will have unpacked, at least its packed size."""
    with location.open() as stream:
        if location.name.lower().endswith(".zst"):
            with contextlib.suppress(zstandard.ZstdError):
                declared = zstandard.frame_content_size(stream.read(_ZSTD_HEADER_BYTES))
                return max(declared, size)
        elif size >= _GZIP_LEAST_BYTES:
            stream.seek(-4, os.SEEK_END)  # the size of the last member, modulo 2^32
            return max(int.from_bytes(stream.read(4), "little"), size)
    return size


def open_stream(packed: BinaryIO, suffix: str) -> BinaryIO:
    """Returns the unpacked content of a file that is packed as `gz` or `zst`, to be read piece by piece."""
    if suffix == "gz":
        return cast(BinaryIO, gzip.GzipFile(fileobj=packed))
    return cast(BinaryIO, _WholeZstd(packed))


class _WholeZstd:
    """A zstandard stream that raises EOFError if it ends in the middle of a frame."""

    def __init__(self, packed: BinaryIO):
        self._packed = packed
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES)
        self._frame = self._decompressor.decompressobj()
        self._waiting = b""
        self._in_frame = False

    def read(self, size: int) -> bytes:
        """Returns some bytes, none at the end. Reads a quarter of `size` from the packed file at a time."""
        while True:
            data = self._waiting or self._packed.read(size // 4)
            self._waiting = b""
            if not data:
                if self._in_frame:
                    raise EOFError("the compressed stream ends before its end")
                return b""
            plain = self._frame.decompress(data)
            self._in_frame = not self._frame.eof
            if self._frame.eof:
                self._waiting = self._frame.unused_data
                self._frame = self._decompressor.decompressobj()
            if plain:
                return plain


def _check_free(scratch: Path, needed: int, name: str) -> None:
    free = shutil.disk_usage(scratch).free
    if free < needed + _LEAST_FREE_BYTES:
        raise CurateError(
            f"no room to unpack {name}: {free / 1e6:,.0f} MB free at {scratch}, {needed / 1e6:,.0f} MB to unpack, "
            f"and {_LEAST_FREE_BYTES / 1e6:,.0f} MB to stay free\n"
            "make room, or unpack it elsewhere yourself and name that folder with --source"
        )
