"""Reads and writes files at addresses: S3 and Google Cloud Storage through pyarrow, all others through fsspec.

Credentials, regions and endpoints come from the environment of the process that makes a request; only addresses are
passed around. Requests are repeated after temporary errors, so an error that leaves this module was repeated already.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import functools
import math
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
from pyarrow import fs

from job.errors import CurateError, DeniedError, NoAnswerError, UsageError
from job.storage.aws_profile import about_keys, check_profile
from job.storage.patience import GivenUpError, patiently
from job.storage.putting import put_by_fsspec, put_by_pyarrow

ATTEMPTS = 2
"""Number of attempts that the client makes of one request to S3, or of one part of an upload."""
REQUEST_TIMEOUT_S = 10.0
"""Seconds for which a server may send nothing."""
_CONNECT_TIMEOUT_S = 4.0
_GCS_RETRIES_S = 5
"""Seconds for which Google's client repeats a request."""
_DENIED = re.compile(
    r"ACCESS.?DENIED|INVALID.?ACCESS.?KEY|SIGNATURE.?DOES.?NOT.?MATCH|INVALID.?CLIENT.?TOKEN|INVALID.?TOKEN|EXPIRED|"
    r"UNRECOGNIZED.?CLIENT|MISSING.?AUTHENTICATION|UNAUTHENTICATED|\b40[13]\b|permission|credential",
    re.I,
)
_PASSES = re.compile(
    r"NETWORK_CONNECTION|curlCode|SLOW_?DOWN|SERVICE_UNAVAILABLE|INTERNAL_FAILURE|THROTTLING|REQUEST_TIMEOUT|"
    r"HTTP status (?:408|429|5\d\d)|\bUNAVAILABLE\b|DEADLINE_EXCEEDED|RESOURCE_EXHAUSTED|timed out",
)
"""Errors that may be gone after a while, in the clients' words."""
_AWS_MESSAGE = re.compile(r"AWS Error .*", re.DOTALL)
_NO_REASON = "HTTP status 400"
"""What is known of a refusal if its answer has no body, as that to HEAD."""
_KEPT = "what was finished is kept"

_T = TypeVar("_T")


def open_filesystem(address: str) -> tuple[fs.FileSystem, str]:
    """Returns the file system of an address, and the path in it.

    Args:
        address: an address as `job.config.addresses.located` returns it.

    Raises:
        UsageError: if a package is missing, or there is no such kind of storage.
    """
    scheme, _, path = address.partition("://")
    bucket, _, _ = path.partition("/")
    if scheme in {"s3", "gs", "gcs"}:
        return _native(scheme, bucket), path
    return _by_fsspec(scheme, bucket, address)


@functools.cache
def _native(scheme: str, bucket: str) -> fs.FileSystem:
    if scheme != "s3":
        return fs.GcsFileSystem(retry_time_limit=datetime.timedelta(seconds=_GCS_RETRIES_S))
    check_profile()
    # The file system reads the keys from the environment by itself, but not these two.
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if region is None and endpoint is None:
        with contextlib.suppress(OSError):  # the first request will say what is wrong
            region = fs.resolve_s3_region(bucket)
    return fs.S3FileSystem(
        endpoint_override=endpoint,
        region=region,
        allow_delayed_open=True,  # then a small file is one request instead of three
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
        request_timeout=REQUEST_TIMEOUT_S,
        connect_timeout=_CONNECT_TIMEOUT_S,
    )


def _by_fsspec(scheme: str, bucket: str, address: str) -> tuple[fs.FileSystem, str]:
    import fsspec

    try:
        filesystem = _fsspec(scheme, bucket)
        path: str = filesystem.handler.fs._strip_protocol(address)  # pyright: ignore[reportPrivateUsage]
    except ImportError as error:
        package = re.search(r"[Ii]nstall '?\"?([\w-]+)", str(error)) or re.search(r"named '([\w-]+)", str(error))
        name = package[1] if package else f"the fsspec package for {scheme}"
        raise UsageError(f"{address}: {scheme}:// needs a package that is not there\npip install {name}") from None
    except ValueError as error:
        examples = ", ".join(f"{name}://" for name in ("s3", "gs", "abfs", "hf"))
        if scheme in fsspec.available_protocols():
            raise UsageError(f"{address}: {error}") from None
        raise UsageError(f"{address}: no storage is called {scheme}://; examples are {examples}") from None
    return filesystem, path


@functools.cache
def _fsspec(scheme: str, bucket: str) -> Any:
    import fsspec

    filesystem, _ = fsspec.url_to_fs(f"{scheme}://{bucket}", use_listings_cache=False)
    return fs.PyFileSystem(fs.FSSpecHandler(filesystem))


def _fsspec_of(filesystem: fs.FileSystem) -> Any:
    """Returns the fsspec file system behind a pyarrow one; None if pyarrow has its own."""
    return filesystem.handler.fs if isinstance(filesystem, fs.PyFileSystem) else None


def _asked(address: str, ask: Callable[[fs.FileSystem, str], _T]) -> _T:
    """Makes a request, and turns the storage's errors into a CurateError. FileNotFoundError passes through.

    Args:
        address: where.
        ask: makes the request; called with the file system and the path in it, perhaps several times.
    """
    filesystem, path = open_filesystem(address)
    try:
        return patiently(
            _bucket_of(address), lambda: ask(filesystem, path), lambda: filesystem.get_file_info(path), _passes
        )
    except (FileNotFoundError, NotImplementedError, CurateError):
        raise
    except GivenUpError as error:
        words = _words(error.__cause__ or error)
        raise NoAnswerError(
            f"{address}: the storage cannot be used: {words}\n{_KEPT}: run the same command again to go on"
        ) from None
    except Exception as error:
        if not isinstance(error, OSError | pa.ArrowException) and _fsspec_of(filesystem) is None:
            raise
        raise _storage_error(error, filesystem, address) from None


def _bucket_of(address: str) -> str:
    scheme, _, path = address.partition("://")
    return f"{scheme}://{path.partition('/')[0]}"


def _passes(error: Exception) -> bool:
    if isinstance(error, FileNotFoundError | CurateError | GivenUpError):
        return False
    return isinstance(error, ConnectionError | TimeoutError) or bool(_PASSES.search(str(error)))


def _words(error: BaseException) -> str:
    found = _AWS_MESSAGE.search(str(error))
    return " ".join((found[0] if found else str(error)).split()).rstrip(".") or type(error).__name__


def _storage_error(error: Exception, filesystem: fs.FileSystem, address: str) -> CurateError:
    words = _words(error)
    if _NO_REASON in words and isinstance(filesystem, fs.S3FileSystem):  # such as a token that has expired
        try:
            filesystem.get_file_info(fs.FileSelector(_bucket_of(address).partition("://")[2]))
        except OSError as listing:
            words = _words(listing)
    if _DENIED.search(words):
        lacking = about_keys() if address.startswith("s3://") else ""
        return DeniedError(
            f"{address}: access denied: {words}{lacking}\ncheck the credentials in the environment "
            "(AWS_ACCESS_KEY_ID and so on) on every node, and run the same command again"
        )
    return CurateError(f"{address}: the storage cannot be used: {words}\n{_KEPT}: run the same command again to go on")


def put(address: str, content: bytes | Path) -> None:
    """Writes a file, whole or not at all. Raises CurateError if it cannot be written.

    Args:
        address: where.
        content: all its bytes; or a file on this machine that has them, of which a part at a time is in memory.
    """

    def ask(filesystem: fs.FileSystem, path: str) -> None:
        if (other := _fsspec_of(filesystem)) is not None:
            put_by_fsspec(other, path, content)
        else:
            put_by_pyarrow(filesystem, path, content)

    _asked(address, ask)


def get(address: str) -> bytes | None:
    """Reads a file. Returns None if it does not exist; raises CurateError if it cannot be read."""

    def ask(filesystem: fs.FileSystem, path: str) -> bytes:
        if (other := _fsspec_of(filesystem)) is not None:
            return other.cat_file(path)
        with filesystem.open_input_file(path) as file:
            size = file.size()
            content = file.read_at(size, 0) if size else b""
        if len(content) != size:
            raise CurateError(f"{address}: {len(content):,} of {size:,} bytes came; run the same command again")
        return content

    try:
        return _asked(address, ask)
    except (FileNotFoundError, IsADirectoryError):
        return None


def get_range(address: str, start: int, end: int) -> bytes:
    """Reads the bytes from `start` to `end`, fewer if the file is shorter.

    Raises:
        FileNotFoundError: if the file does not exist.
        CurateError: if it cannot be read.
    """

    def ask(filesystem: fs.FileSystem, path: str) -> bytes:
        if (other := _fsspec_of(filesystem)) is not None:
            return other.cat_file(path, start=start, end=end)
        with filesystem.open_input_file(path) as file:
            return file.read_at(end - start, start)

    return _asked(address, ask)


def file_info(address: str) -> fs.FileInfo | None:
    """Returns what the storage knows of a file, None if it does not exist. Raises CurateError if the request fails."""
    found = _asked(address, lambda filesystem, path: filesystem.get_file_info(path))
    return found if found.type == fs.FileType.File else None


def size_of(address: str) -> int:
    """Returns the size of a file in bytes. Raises FileNotFoundError if it is not there, and what `file_info` raises."""
    found = file_info(address)
    if found is None or found.size is None:
        raise FileNotFoundError(errno.ENOENT, "no such file", address)
    return found.size


def version_of(address: str) -> str:
    """Returns what changes when a file is written again: its ETag, or else what the storage tells of it.

    Raises:
        FileNotFoundError: if the file does not exist.
        CurateError: if the request fails.
    """

    def ask(filesystem: fs.FileSystem, path: str) -> str:
        if (other := _fsspec_of(filesystem)) is not None:
            return other.ukey(path)
        with filesystem.open_input_file(path) as file:
            known = {key.lower(): value for key, value in (file.metadata() or {}).items()}
        return (known.get("etag") or repr(sorted(known.items())).encode()).decode()

    return _asked(address, ask)


def age_s(address: str) -> float:
    """Returns the seconds since a file was written, by the storage's clock and this machine's.

    Returns:
        Infinity if the file does not exist, or the storage does not know.
    """

    def ask(filesystem: fs.FileSystem, path: str) -> float:
        if (other := _fsspec_of(filesystem)) is not None:
            return time.time() - other.modified(path).timestamp()
        found = filesystem.get_file_info(path)
        return time.time() - found.mtime.timestamp() if found.mtime else math.inf

    try:
        return _asked(address, ask)
    except (FileNotFoundError, NotImplementedError):
        return math.inf


def list_folder(address: str, *, recursive: bool = False) -> dict[str, int | None]:
    """Lists the files and folders below an address.

    Args:
        address: the address of a folder; one that does not exist is empty.
        recursive: whether to list the folders below it, too.

    Returns:
        Names relative to the address, each with its size in bytes; None for a folder.

    Raises:
        CurateError: if it cannot be listed.
    """
    found = _listed(address, recursive=recursive)
    return {name: each.size if each.type == fs.FileType.File else None for name, each in found.items()}


def list_times(address: str) -> dict[str, float]:
    """Lists when the files in a folder were written, in seconds since 1970 by the storage's clock.

    Returns:
        The times by name relative to the address; infinity where the storage does not say. Errors are as for
        `list_folder`.
    """
    files = {name: each for name, each in _listed(address).items() if each.type == fs.FileType.File}
    return {name: each.mtime.timestamp() if each.mtime else math.inf for name, each in files.items()}


def _listed(address: str, *, recursive: bool = False) -> dict[str, fs.FileInfo]:
    def ask(filesystem: fs.FileSystem, path: str) -> dict[str, fs.FileInfo]:
        if (other := _fsspec_of(filesystem)) is not None:
            other.invalidate_cache()
        found = filesystem.get_file_info(fs.FileSelector(path, recursive=recursive, allow_not_found=True))
        root = path.strip("/") + "/"
        return {each.path.strip("/").removeprefix(root): each for each in found}

    return _asked(address, ask)


def remove(address: str) -> None:
    """Removes a file if it exists. Raises CurateError if it cannot be removed."""
    with contextlib.suppress(FileNotFoundError):
        _asked(address, lambda filesystem, path: filesystem.delete_file(path))


def remove_folder(address: str) -> None:
    """Removes everything below an address. Raises CurateError if it cannot be removed."""

    def ask(filesystem: fs.FileSystem, path: str) -> None:
        if filesystem.get_file_info(path).type == fs.FileType.Directory:
            filesystem.delete_dir(path)

    with contextlib.suppress(FileNotFoundError):
        _asked(address, ask)


def check_usable(address: str) -> None:
    """Raises UsageError if an address cannot be listed, or its bucket does not exist."""
    found = list_folder(address)
    filesystem, path = open_filesystem(address)
    bucket = path.partition("/")[0]
    if not found and isinstance(filesystem, fs.S3FileSystem):
        with contextlib.suppress(OSError):  # some users may list a bucket, but not ask for its properties
            if filesystem.get_file_info(bucket).type == fs.FileType.NotFound:
                raise UsageError(f"{address}: there is no bucket {bucket}\ncreate it, or correct the address")
