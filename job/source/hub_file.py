"""Reads byte ranges of files on the Hub over HTTP, so that none can come short, shifted or mixed up without a word.

huggingface_hub asks again after refused connections and the status codes that pass (`http_stream_backoff`), and waits
as long as a rate limit says. What it leaves is covered here: bodies that break off or are shorter than asked for go on
from where they stopped, and each answer's status, Content-Range and length are compared with what was asked for.
"""

from __future__ import annotations

import io
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from job.errors import CurateError, UsageError

if TYPE_CHECKING:
    import httpx2
    from _typeshed import WriteableBuffer

BLOCK_BYTES = 8 << 20
"""Fetched at once: so much that asking costs little of the time, so little that a worker can hold some of them."""
_BLOCKS_HELD = 4
_OUTSIDE_BYTES = 256 << 10
"""Fetched at once outside what was announced: the end of a line, or a Parquet file's footer."""
_CHUNK_BYTES = 1 << 20
_TRIES = 6
"""In a row that bring nothing, before it is an error."""
_TRIES_OF_IGNORED = 3
"""Of servers that send something else: they hardly change their mind."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 16.0


class _BrokenOffError(Exception):
    """An answer's body did not come to its end."""


class RangeIgnoredError(Exception):
    """The server sent the whole file, or other bytes than those asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HubFile:
    """A file of a data set repository at one commit."""

    url: str
    """Without a token; that is looked up where the file is read."""
    name: str
    """Its path in the repository."""
    size_bytes: int

    def open(self, mode: str = "rb", buffering: int = 0) -> BinaryIO:
        """Opens it for reading, as `Path.open` does."""
        del mode, buffering
        return cast(BinaryIO, io.BufferedReader(RangeStream(self), _CHUNK_BYTES))

    def fetch_range(self, start: int, end: int) -> bytes:
        """Reads a range of bytes: all of it, or there is a CurateError."""
        try:
            return b"".join(fetch(self, start, end))
        except RangeIgnoredError as error:
            raise CurateError(
                f"the server does not send parts of files: {error}\n"
                "it may be a proxy on the way; to fetch whole files first: --set source.stream=false"
            ) from None

    def __str__(self) -> str:
        return f"{self.name} on the Hub"


def announce(stream: BinaryIO, start: int, end: int) -> None:
    """Tells a stream which bytes will be read, so that it fetches those in large blocks and hardly any others.

    Args:
        stream: of a file elsewhere; nothing happens with others.
        start: the first byte.
        end: the byte after the last one.
    """
    raw = getattr(stream, "raw", None)
    if isinstance(raw, RangeStream):
        raw.announce(start, end)


def fetch(file: HubFile, start: int, end: int) -> Iterator[bytes]:
    """Fetches a byte range.

    Args:
        file: of which file.
        start: the first byte.
        end: the byte after the last one.

    Yields:
        Its bytes in order: all of them, or there is an error.

    Raises:
        RangeIgnoredError: when the server keeps sending something else.
        CurateError: when the server does not answer, refuses, or keeps breaking off.
    """
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    tries, wait_s = 0, _FIRST_WAIT_S
    problem: Exception | str = ""
    while start < end:
        before = start
        try:
            for chunk in _answer(file, start, end):
                start += len(chunk)
                yield chunk
            problem = f"the answer ended {end - start:,} bytes early"
        except (RangeIgnoredError, _BrokenOffError) as error:
            problem = error
        except OfflineModeIsEnabled:
            raise offline(file.name) from None
        except UnicodeEncodeError:
            raise odd_token() from None
        except (HfHubHTTPError, httpx2.HTTPError) as error:  # after all the client's own tries
            raise hub_failed(error, file.name) from None
        if start > before:
            tries, wait_s = 0, _FIRST_WAIT_S
        elif start < end:
            tries += 1
            if isinstance(problem, RangeIgnoredError) and tries == _TRIES_OF_IGNORED:
                raise problem
            if tries == _TRIES:
                raise hub_failed(problem, file.name)
            time.sleep(wait_s)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)


def _answer(file: HubFile, start: int, end: int) -> Iterator[bytes]:
    """Asks once, and yields what comes of the range; perhaps not all of it."""
    import httpx2
    from huggingface_hub import constants
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, http_stream_backoff

    headers = build_hf_headers() | {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
    broken = ""
    with http_stream_backoff("GET", file.url, headers=headers, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT) as response:
        hf_raise_for_status(response)
        _check_range(response, file, start, end)
        left = end - start
        # An exception that left this block would be taken for one of the request, which has been answered.
        try:
            for received in response.iter_bytes():  # as they come: what is held back would be lost with the rest
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
            raise RangeIgnoredError(f"{file}: {length or 'nobody knows how many'} bytes instead of {end}")
        return
    given = response.headers.get("Content-Range", "")
    unit, _, rest = given.partition(" ")
    span, _, total = rest.partition("/")
    first = span.partition("-")[0]
    if response.status_code != 206 or unit != "bytes" or first != str(start):
        raise RangeIgnoredError(f"{file}: bytes {start} to {end} were asked for, status {response.status_code} {given}")
    if total not in {"*", str(file.size_bytes)}:
        raise CurateError(
            f"{file} has {total} bytes, and its repository says {file.size_bytes:,}\n"
            "try again later; if it stays so, tell the repository's owners"
        )


class RangedFile(Protocol):
    """A file of which ranges of bytes can be read."""

    @property
    def size_bytes(self) -> int:
        """Its size in bytes."""
        ...

    def fetch_range(self, start: int, end: int) -> bytes:
        """Reads a range of bytes: all of it, or there is an error."""
        ...


class RangeStream(io.RawIOBase):
    """A file elsewhere, open for reading: fetched in blocks when they are asked for, of which it holds a few."""

    def __init__(self, file: RangedFile):
        super().__init__()
        self._file = file
        self._position = 0
        self._start = self._end = 0  # what was announced
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def announce(self, start: int, end: int) -> None:
        """See the function of this name."""
        self._start, self._end = max(0, start), min(end, self._file.size_bytes)
        self._blocks.clear()

    def readable(self) -> bool:
        """See `io.IOBase`."""
        return True

    def seekable(self) -> bool:
        """See `io.IOBase`."""
        return True

    def tell(self) -> int:
        """See `io.IOBase`."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """See `io.IOBase`."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._file.size_bytes}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """See `io.RawIOBase`."""
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), self._file.size_bytes - self._position)
        if wanted <= 0:
            return 0
        piece = self._piece(self._position, wanted)
        view[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def _piece(self, position: int, wanted: int) -> bytes:
        """Returns some of the bytes from a position on: at least one, at most so many as wanted."""
        if self._start <= position < self._end:
            number, offset = divmod(position - self._start, BLOCK_BYTES)
            return self._block(number)[offset : offset + wanted]
        # Not into what was announced, which is fetched in its own blocks.
        stop = self._start if position < self._start else self._file.size_bytes
        return self._file.fetch_range(position, min(position + max(_OUTSIDE_BYTES, 1), stop))[:wanted]

    def _block(self, number: int) -> bytes:
        if number in self._blocks:
            self._blocks.move_to_end(number)
        else:
            start = self._start + number * BLOCK_BYTES
            self._blocks[number] = self._file.fetch_range(start, min(start + BLOCK_BYTES, self._end))
            if len(self._blocks) > _BLOCKS_HELD:
                self._blocks.popitem(last=False)
        return self._blocks[number]


def offline(what: str) -> CurateError:
    """Makes the message for something that is not in the cache while the Hub may not be asked."""
    return CurateError(
        f"{what} is not in the Hugging Face cache, and HF_HUB_OFFLINE is set\n"
        "unset it and run once with a network; what is fetched then stays in the cache"
    )


def odd_token() -> UsageError:
    """Makes the message for a token that cannot be sent."""
    return UsageError(
        "the Hub's token has a character that no token has\nlog in anew: hf auth login (or correct HF_TOKEN)"
    )


def hub_failed(problem: Exception | str, what: str) -> CurateError:
    """Makes the message for a request that failed for good. It has no address in it, since that may be signed.

    Args:
        problem: the client's error, or what was seen.
        what: was asked for.

    Returns:
        What to show.
    """
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    login = "log in: hf auth login (or set HF_TOKEN)"
    if isinstance(problem, GatedRepoError):
        return CurateError(
            f"{what}: its repository is gated\nopen its page on the Hub and accept the terms, then {login}"
        )
    if isinstance(problem, RevisionNotFoundError):
        return CurateError(f"{what}: no such branch, tag or commit")
    if isinstance(problem, RepositoryNotFoundError):
        return CurateError(f"{what}: there is no such data set on the Hub, or it is private\nif it is yours, {login}")
    if isinstance(problem, HfHubHTTPError):
        status = problem.response.status_code
        why = {429: "the Hub has asked to slow down", 401: "its token was refused", 403: "it refuses access"}
        return CurateError(
            f"{what}: the Hub answered with status {status}: {why.get(status, 'something is wrong there')}\n"
            "wait a while, then run the same command again to go on; what is finished and what is in the cache is kept"
        )
    return CurateError(
        f"{what}: the Hub cannot be reached: {problem}\n"
        "run the same command again to go on; what is finished and what is in the cache is kept"
    )
