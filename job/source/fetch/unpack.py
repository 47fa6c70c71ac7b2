"""Unpacks compressed JSONL once, so that it can be cut and read in pieces like any other."""

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

from job.errors import CurateError, DamagedFileError
from job.source.bucket_file import BucketFile
from job.source.hub_file import announce

_CHUNK_BYTES = 1 << 20
_MAX_WINDOW_BYTES = 1 << 31
"""The largest that `zstd --long=31` makes; the library's own limit is 128 MiB."""
_HEADER_BYTES = 18
_GZIP_LEAST_BYTES = 18
_CHECK_EVERY_BYTES = 64 << 20
_LEAST_FREE_BYTES = 256 << 20
"""Unpacking stops before less than this is left for everything else on the machine."""


def is_packed(name: str) -> bool:
    """Tells whether a file of this name has to be unpacked before it can be cut."""
    return name.endswith((".gz", ".zst"))


def unpack(path: Path | BucketFile, scratch: Path, report: Callable[[str], None]) -> Path:
    """Unpacks a file, unless that has been done before.

    Args:
        path: a `.gz` or `.zst` file.
        scratch: the folder to unpack into; of this very content, since what has the right name there is taken for it.
        report: told once that it takes a while.

    Returns:
        The unpacked file.

    Raises:
        DamagedFileError: when the file is damaged.
        CurateError: when the disk is too full.
    """
    name = path.name
    target = scratch / name.rpartition(".")[0]
    if target.exists():
        return target
    scratch.mkdir(parents=True, exist_ok=True)
    _check_free(scratch, _plain_bytes(path), path)
    report(f"unpacking {name} ({_size(path) / 1e6:,.0f} MB) once, into {scratch}")
    part = scratch / f"{target.name}.{os.getpid()}.part"
    position = 0
    try:
        with path.open("rb") as packed, part.open("wb") as plain:
            announce(packed, 0, _size(path))
            stream = _open_stream(packed, name.rpartition(".")[2])
            unchecked = 0
            while chunk := stream.read(_CHUNK_BYTES):
                plain.write(chunk)
                position = packed.tell()
                unchecked += len(chunk)
                if unchecked > _CHECK_EVERY_BYTES:
                    _check_free(scratch, 0, path)
                    unchecked = 0
            plain.flush()
            os.fsync(plain.fileno())
        part.rename(target)
    except (EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError) as error:
        raise DamagedFileError(
            f"damaged: {path}, near its byte {position:,}: {error}\n"
            "it may have been cut off on its way here: fetch it again, or go on without: --skip-damaged-files"
        ) from None
    finally:
        part.unlink(missing_ok=True)
    return target


def _plain_bytes(path: Path | BucketFile) -> int:
    """Returns about how large a file will be unpacked."""
    size = _size(path)
    with path.open("rb") as stream:
        if path.name.endswith(".zst"):
            with contextlib.suppress(zstandard.ZstdError):
                declared = zstandard.frame_content_size(stream.read(_HEADER_BYTES))
                return max(declared, size)
        elif size >= _GZIP_LEAST_BYTES:
            stream.seek(-4, os.SEEK_END)  # the size, modulo 2^32, of the last member
            return max(int.from_bytes(stream.read(4), "little"), size)
    return size


def _open_stream(packed: BinaryIO, suffix: str) -> BinaryIO:
    if suffix == "gz":
        return cast(BinaryIO, gzip.GzipFile(fileobj=packed))
    return cast(BinaryIO, _WholeZstd(packed))


class _WholeZstd:
    """A zstandard stream that notices when it ends in the middle of a frame."""

    def __init__(self, packed: BinaryIO):
        self._packed = packed
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES)
        self._frame = self._decompressor.decompressobj()
        self._waiting = b""
        self._begun = False

    def read(self, size: int) -> bytes:
        """Returns some bytes, none at the end; about `size` are read from the packed file at once."""
        while True:
            data = self._waiting or self._packed.read(size // 4)
            self._waiting = b""
            if not data:
                if self._begun:
                    raise EOFError("the compressed stream ends before its end")
                return b""
            plain = self._frame.decompress(data)
            self._begun = not self._frame.eof
            if self._frame.eof:
                self._waiting = self._frame.unused_data
                self._frame = self._decompressor.decompressobj()
            if plain:
                return plain


def _size(path: Path | BucketFile) -> int:
    return path.stat().st_size if isinstance(path, Path) else path.size_bytes


def _check_free(scratch: Path, needed: int, path: Path | BucketFile) -> None:
    free = shutil.disk_usage(scratch).free
    if free < needed + _LEAST_FREE_BYTES:
        raise CurateError(
            f"no room to unpack {path.name}: {free / 1e6:,.0f} MB free at {scratch}, {needed / 1e6:,.0f} MB to unpack, "
            f"and {_LEAST_FREE_BYTES / 1e6:,.0f} MB to be left\n"
            "make room, or unpack it elsewhere yourself and name that folder with --source"
        )
