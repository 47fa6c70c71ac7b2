"""Reads and writes files under addresses: S3 and Google's storage by pyarrow, all others by fsspec's packages.

Credentials, regions and endpoints come from the environment of the process that asks; what travels is the address. The
clients ask again after errors that pass, so what comes out of here as an error has been tried several times.

An upload is one put of all the bytes. When it fails, pyarrow's stream must be neither closed nor let go of: closing
publishes what has been sent of it under the final name, and so does the destructor, which was seen to put an empty
file in the place of 25 MB when the first request had failed. So a stream that has failed is kept alive for good.
"""

from __future__ import annotations

import contextlib
import ctypes
import datetime
import errno
import functools
import math
import os
import re
import time
from collections.abc import Generator
from typing import Any

import pyarrow as pa
from pyarrow import fs

from job.errors import CurateError, UsageError

ATTEMPTS = 6
"""Of one request to S3, which takes some 15 s; the client's default of 3 is through in one or two."""
REQUEST_TIMEOUT_S = 20.0
_CONNECT_TIMEOUT_S = 5.0
_GCS_RETRIES_S = 60
_DENIED = re.compile(r"ACCESS_DENIED|INVALID_ACCESS_KEY|SIGNATURE_DOES_NOT_MATCH|EXPIRED|\b40[13]\b|permission", re.I)
_WORDS = re.compile(r"AWS Error .*", re.DOTALL)

_keep_alive = ctypes.pythonapi.Py_IncRef
_let_go = ctypes.pythonapi.Py_DecRef
for _count in (_keep_alive, _let_go):
    _count.argtypes, _count.restype = [ctypes.py_object], None


def opened(address: str) -> tuple[fs.FileSystem, str]:
    """Returns the file system of an address, and the path in it.

    Args:
        address: as `job.config.models.addresses.located` has it.

    Raises:
        UsageError: when a package is missing, or there is no such kind of storage.
    """
    scheme, _, path = address.partition("://")
    place, _, _ = path.partition("/")
    if scheme in {"s3", "gs", "gcs"}:
        return _native(scheme, place), path
    return _by_fsspec(scheme, place, address)


@functools.cache
def _native(scheme: str, bucket: str) -> fs.FileSystem:
    if scheme != "s3":
        return fs.GcsFileSystem(retry_time_limit=datetime.timedelta(seconds=_GCS_RETRIES_S))
    # The file system reads the keys from the environment by itself, but neither of these.
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if region is None and endpoint is None:
        with contextlib.suppress(OSError):  # what is wrong is seen soon enough
            region = fs.resolve_s3_region(bucket)
    return fs.S3FileSystem(
        endpoint_override=endpoint,
        region=region,
        allow_delayed_open=True,  # a small file is one request then, and not three
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
        request_timeout=REQUEST_TIMEOUT_S,
        connect_timeout=_CONNECT_TIMEOUT_S,
    )


def _by_fsspec(scheme: str, place: str, address: str) -> tuple[fs.FileSystem, str]:
    import fsspec

    try:
        filesystem = _fsspec(scheme, place)
        path: str = filesystem.handler.fs._strip_protocol(address)  # pyright: ignore[reportPrivateUsage]
    except ImportError as error:
        package = re.search(r"[Ii]nstall '?\"?([\w-]+)", str(error)) or re.search(r"named '([\w-]+)", str(error))
        name = package[1] if package else f"the fsspec package for {scheme}"
        raise UsageError(f"{address}: {scheme}:// needs a package that is not there\npip install {name}") from None
    except ValueError as error:
        known = ", ".join(f"{name}://" for name in ("s3", "gs", "abfs", "hf"))
        if scheme in fsspec.available_protocols():
            raise UsageError(f"{address}: {error}") from None
        raise UsageError(f"{address}: no storage is called {scheme}://; such as {known} are") from None
    return filesystem, path


@functools.cache
def _fsspec(scheme: str, place: str) -> Any:
    import fsspec

    filesystem, _ = fsspec.url_to_fs(f"{scheme}://{place}", use_listings_cache=False)
    return fs.PyFileSystem(fs.FSSpecHandler(filesystem))


def _fsspec_of(filesystem: fs.FileSystem) -> Any:
    """Returns what fsspec has for a file system; None where pyarrow has its own."""
    return filesystem.handler.fs if isinstance(filesystem, fs.PyFileSystem) else None


@contextlib.contextmanager
def _asked(address: str) -> Generator[tuple[fs.FileSystem, str]]:
    """Opens an address; says in a sentence what its storage does not do. A file that is not there passes through."""
    filesystem, path = opened(address)
    try:
        yield filesystem, path
    except (FileNotFoundError, NotImplementedError, CurateError):
        raise
    except Exception as error:
        if not isinstance(error, OSError | pa.ArrowException) and _fsspec_of(filesystem) is None:
            raise
        raise _failed(error, address) from None


def _failed(error: Exception, address: str) -> CurateError:
    found = _WORDS.search(str(error))
    words = " ".join((found[0] if found else str(error)).split()).rstrip(".") or type(error).__name__
    if _DENIED.search(words):
        return CurateError(
            f"{address}: access denied: {words}\nwhat was finished is kept; see to the credentials in the environment "
            "(AWS_ACCESS_KEY_ID and so on), on every node, and run the same command again"
        )
    return CurateError(
        f"{address}: the storage cannot be used: {words}\n"
        "what was finished is kept: run the same command again to go on"
    )


def put(address: str, content: bytes) -> None:
    """Writes a file whole, or not at all. Raises CurateError when it cannot be written."""
    with _asked(address) as (filesystem, path):
        if (other := _fsspec_of(filesystem)) is not None:
            try:
                other.pipe_file(path, content)
            except FileNotFoundError:  # where folders are more than a part of names
                other.makedirs(path.rpartition("/")[0], exist_ok=True)
                other.pipe_file(path, content)
            return
        stream = filesystem.open_output_stream(path, compression=None)
        _keep_alive(stream)
        stream.write(content)
        stream.close()
        _let_go(stream)


def get(address: str) -> bytes | None:
    """Reads a file; None when there is none. Raises CurateError when it cannot be read."""
    try:
        with _asked(address) as (filesystem, path):
            if (other := _fsspec_of(filesystem)) is not None:
                return other.cat_file(path)
            with filesystem.open_input_file(path) as file:
                size = file.size()
                content = file.read_at(size, 0) if size else b""
            if len(content) != size:
                raise CurateError(f"{address}: {len(content):,} bytes came of {size:,}; run the same command again")
            return content
    except (FileNotFoundError, IsADirectoryError):
        return None


def get_range(address: str, start: int, end: int) -> bytes:
    """Reads a range of bytes, all of it if the file has so many.

    Raises:
        FileNotFoundError: when there is no such file.
        CurateError: when it cannot be read.
    """
    with _asked(address) as (filesystem, path):
        if (other := _fsspec_of(filesystem)) is not None:
            return other.cat_file(path, start=start, end=end)
        with filesystem.open_input_file(path) as file:
            return file.read_at(end - start, start)


def info(address: str) -> fs.FileInfo | None:
    """Returns what is known of a file; None when there is none. Raises CurateError when that cannot be asked."""
    with _asked(address) as (filesystem, path):
        found = filesystem.get_file_info(path)
    return found if found.type == fs.FileType.File else None


def size_of(address: str) -> int:
    """Returns a file's size in bytes. Raises FileNotFoundError when there is none, CurateError as `info` does."""
    found = info(address)
    if found is None or found.size is None:
        raise FileNotFoundError(errno.ENOENT, "no such file", address)
    return found.size


def age_s(address: str) -> float:
    """Returns how long ago a file was written, by the storage's clock against this one's; endless if it cannot tell."""
    try:
        with _asked(address) as (filesystem, path):
            if (other := _fsspec_of(filesystem)) is not None:
                return time.time() - other.modified(path).timestamp()
            found = filesystem.get_file_info(path)
            return time.time() - found.mtime.timestamp() if found.mtime else math.inf
    except (FileNotFoundError, NotImplementedError):
        return math.inf


def listed(address: str, *, recursive: bool = False) -> dict[str, int | None]:
    """Lists what lies below an address.

    Args:
        address: of a folder; one that is not there has nothing in it.
        recursive: whether also in folders below it.

    Returns:
        Names relative to the address, each with its size in bytes; None for a folder.

    Raises:
        CurateError: when it cannot be listed.
    """
    with _asked(address) as (filesystem, path):
        if (other := _fsspec_of(filesystem)) is not None:
            other.invalidate_cache()
        found = filesystem.get_file_info(fs.FileSelector(path, recursive=recursive, allow_not_found=True))
    root = path.strip("/") + "/"
    return {
        each.path.strip("/").removeprefix(root): each.size if each.type == fs.FileType.File else None for each in found
    }


def remove(address: str) -> None:
    """Removes a file, if it is there. Raises CurateError when it cannot be removed."""
    with contextlib.suppress(FileNotFoundError), _asked(address) as (filesystem, path):
        filesystem.delete_file(path)


def remove_folder(address: str) -> None:
    """Removes all that lies below an address. Raises CurateError when it cannot be removed."""
    with contextlib.suppress(FileNotFoundError), _asked(address) as (filesystem, path):
        if filesystem.get_file_info(path).type == fs.FileType.Directory:
            filesystem.delete_dir(path)


def check_usable(address: str) -> None:
    """Raises UsageError when an address cannot be listed, or is in a bucket that is not there."""
    try:
        found = listed(address)
        filesystem, path = opened(address)
        bucket = path.partition("/")[0]
        if not found and isinstance(filesystem, fs.S3FileSystem):
            with contextlib.suppress(OSError):  # one may be allowed to list it, but not to look at it
                if filesystem.get_file_info(bucket).type == fs.FileType.NotFound:
                    raise UsageError(f"{address}: there is no bucket {bucket}\nmake it, or correct the address")
    except CurateError as error:
        if "access denied" in error.message:
            raise UsageError(error.message.replace("what was finished is kept; ", "")) from None
        raise
