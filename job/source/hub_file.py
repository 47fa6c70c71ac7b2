"""Reads files on the Hub in byte ranges over HTTP. No range arrives incomplete, shifted or mixed up unnoticed.

huggingface_hub itself retries refused connections and temporary status codes (`http_stream_backoff`), and waits as long
as a rate limit says. This module covers the rest: a response that breaks off or is too short is resumed where it
stopped, and the status, Content-Range and length of each response are compared with the request.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
from typing_extensions import override

from job.errors import CurateError
from job.source.hub_errors import hub_error, invalid_token, not_cached, request_headers
from job.source.ranges import RangedFile

if TYPE_CHECKING:
    import httpx2

_CHUNK_BYTES = 1 << 20
_TRIES = 6
"""Number of requests in a row that may bring nothing before it is an error."""
_TRIES_OF_IGNORED = 3
"""Number of those for a server that sends other bytes, since it rarely changes its behaviour."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 16.0


class _BrokenOffError(Exception):
    """The body of a response ended early."""


class RangeIgnoredError(Exception):
    """The server sent the whole file, or other bytes than requested."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HubFile(RangedFile):
    """A file of a data set repository at one commit. It never changes."""

    url: str
    """Without a token, which is looked up by the process that reads the file."""
    name: str
    """Its path in the repository."""
    size_bytes: int
    content_hash: str
    """Its hash in the repository, in hexadecimal: SHA-256 over all bytes, or git's SHA-1 of a small file."""

    @override
    def fetch_range(self, start: int, end: int) -> bytes:
        try:
            return b"".join(iter_range(self, start, end))
        except RangeIgnoredError as error:
            raise CurateError(
                f"the server does not send parts of files: {error}\n"
                "a proxy may be in between; to download whole files first: --set source.stream=false"
            ) from None

    def size_now(self) -> int:
        """Returns its size in bytes, without a request."""
        return self.size_bytes

    def version(self) -> str:
        """Returns its hash as the commit has it, without a request."""
        return self.content_hash

    def fingerprint(self) -> tuple[int, str]:
        """Returns its size in bytes and its hash as the commit has them, without a request."""
        return self.size_bytes, self.content_hash

    def parquet_metadata(self) -> pq.FileMetaData:
        """Fetches its Parquet metadata, once per process."""
        return _cached_metadata(self)

    def __str__(self) -> str:
        return f"{self.name} on the Hub"


@functools.lru_cache(maxsize=1024)
def _cached_metadata(file: HubFile) -> pq.FileMetaData:
    return file.read_parquet_footer()


def iter_range(file: HubFile, start: int, end: int) -> Iterator[bytes]:
    """Fetches a byte range piece by piece.

    Args:
        file: the file.
        start: the first byte.
        end: the byte after the last one.

    Yields:
        The bytes in order. If they do not all arrive, it raises.

    Raises:
        RangeIgnoredError: if the server keeps sending something else.
        CurateError: if the server does not answer, refuses, or keeps breaking off.
    """
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    tries, wait_s = 0, _FIRST_WAIT_S
    problem: Exception | str = ""
    while start < end:
        before = start
        try:
            for chunk in _request(file, start, end):
                start += len(chunk)
                yield chunk
            problem = f"the response ended {end - start:,} bytes early"
        except (RangeIgnoredError, _BrokenOffError) as error:
            problem = error
        except OfflineModeIsEnabled:
            raise not_cached(file.name) from None
        except UnicodeEncodeError:
            raise invalid_token() from None
        except (HfHubHTTPError, httpx2.HTTPError) as error:  # after all retries of the client
            raise hub_error(error, file.name) from None
        except RuntimeError as error:
            # When another thread cannot connect, the client closes itself for all of them, and then takes a new one.
            if "client has been closed" not in str(error):
                raise
            problem = error
        if start > before:
            tries, wait_s = 0, _FIRST_WAIT_S
        elif start < end:
            tries += 1
            if isinstance(problem, RangeIgnoredError) and tries == _TRIES_OF_IGNORED:
                raise problem
            if tries == _TRIES:
                raise hub_error(problem, file.name)
            time.sleep(wait_s)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)


def _request(file: HubFile, start: int, end: int) -> Iterator[bytes]:
    """Sends one request and yields the bytes of the range that arrive, perhaps not all of them."""
    import httpx2
    from huggingface_hub import constants
    from huggingface_hub.utils import hf_raise_for_status, http_stream_backoff

    headers = request_headers() | {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
    broken = ""
    with http_stream_backoff("GET", file.url, headers=headers, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT) as response:
        hf_raise_for_status(response)
        _check_range(response, file, start, end)
        left = end - start
        # If an exception left this block, the client would take it for one of the request, which has succeeded.
        try:
            for received in response.iter_bytes():  # as they come: bytes held back would be lost if the rest fails
                wanted = received[:left]
                left -= len(wanted)
                yield from (wanted[at : at + _CHUNK_BYTES] for at in range(0, len(wanted), _CHUNK_BYTES))
                if left == 0:
                    break
        except (httpx2.TimeoutException, httpx2.NetworkError, httpx2.RemoteProtocolError) as error:
            broken = str(error) or type(error).__name__
    if broken:
        raise _BrokenOffError(broken)


def _check_range(response: httpx2.Response, file: HubFile, start: int, end: int) -> None:
    if response.status_code == 200 and start == 0 and end == file.size_bytes:
        length = response.headers.get("Content-Length")
        if length != str(end):
            raise RangeIgnoredError(f"{file}: {length or 'an unknown number of'} bytes instead of {end}")
        return
    given = response.headers.get("Content-Range", "")
    unit, _, rest = given.partition(" ")
    span, _, total = rest.partition("/")
    first = span.partition("-")[0]
    if response.status_code != 206 or unit != "bytes" or first != str(start):
        raise RangeIgnoredError(
            f"{file}: requested bytes {start} to {end}, received status {response.status_code} {given}"
        )
    if total not in {"*", str(file.size_bytes)}:
        raise CurateError(
            f"{file} has {total} bytes, and its repository says {file.size_bytes:,}\n"
            "try again later; if this persists, tell the repository's owners"
        )
