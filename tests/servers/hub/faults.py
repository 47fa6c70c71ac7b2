"""What can go wrong with an answer of the test Hub, and what the answer is then."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tests.servers.hub.answers import Answer, Call, ServerName, Slice, error_answer, json_answer, part_answer, xml_error


@dataclass(frozen=True, slots=True)
class TooManyRequests:
    """429 with the RateLimit header (`ratelimit`), with Retry-After alone, or with neither (`retry_after=None`)."""

    ratelimit: bool = False
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """An answer with this code, and with X-Error-Code and X-Error-Message if given."""

    code: int
    error_code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Drop:
    """The right headers, then the connection ends in mid-body: reset, or closed as if all was well (`reset=False`)."""

    after_bytes: int
    reset: bool = True


@dataclass(frozen=True, slots=True)
class Short:
    """Headers and body that agree with each other, but are of fewer bytes than asked for."""

    missing: int


@dataclass(frozen=True, slots=True)
class WrongRange:
    """206 with the bytes next to those asked for, and a Content-Range that admits it."""


@dataclass(frozen=True, slots=True)
class IgnoreRange:
    """200 and the whole file where a range was asked for."""


@dataclass(frozen=True, slots=True)
class WrongBytes:
    """The right length with one bit of the byte in the middle flipped."""


@dataclass(frozen=True, slots=True)
class WrongSize:
    """Another size in the answer to HEAD, in a redirect, or in a listing (there for files with `file` in the path)."""

    by: int = 1
    file: str = ""


@dataclass(frozen=True, slots=True)
class Slow:
    """A body in small pieces with a wait before each."""

    seconds_per_piece: float
    piece_bytes: int


@dataclass(frozen=True, slots=True)
class Stall:
    """Headers that come after this delay, or never if the server closes first. What is asked for is `done` or not."""

    seconds: float
    done: bool = False


@dataclass(frozen=True, slots=True)
class Refuse:
    """The connection closed without an answer."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A write that is done, and whose answer never arrives: the connection is closed."""


@dataclass(frozen=True, slots=True)
class CommitBetween:
    """Somebody else's commit, made just before this request, which is then answered as that asks for."""


@dataclass(frozen=True, slots=True)
class Html:
    """200 and a page to log in, as a captive portal sends."""


@dataclass(frozen=True, slots=True)
class Longer:
    """206 with more bytes than asked for, and a Content-Range that admits it."""

    by: int


@dataclass(frozen=True, slots=True)
class Json:
    """200 and a JSON document of the test's own."""

    document: Any


Fault = (
    TooManyRequests
    | Status
    | Drop
    | Short
    | WrongRange
    | IgnoreRange
    | WrongBytes
    | WrongSize
    | Slow
    | Stall
    | Refuse
    | Lost
    | CommitBetween
    | Html
    | Longer
    | Json
)


@dataclass(slots=True)
class Rule:
    """Where a fault applies, how often still, and after how many requests that fit."""

    fault: Fault
    path: str
    method: str | None
    server: ServerName | None
    times: int | None
    after: int


def fits(fault: Fault, call: Call, answer: Answer) -> bool:
    """Returns whether a client would see a fault in an answer."""
    has_body = call.method != "HEAD" and answer.status in (200, 206) and answer.length > 0
    match fault:
        case Drop(after_bytes):
            return has_body and after_bytes < answer.length
        case Short(missing):
            return has_body and missing < answer.length
        case WrongBytes() | Slow():
            return has_body
        case WrongRange():
            return has_body and answer.status == 206 and _neighbour(answer) is not None
        case Longer(by):
            return has_body and answer.status == 206 and _longer(answer, by) is not None
        case IgnoreRange():
            return has_body and answer.status == 206
        case WrongSize():
            return answer.sizes
        case _:
            return True


def with_fault(fault: Fault, call: Call, answer: Answer) -> Answer | None:
    """Returns an answer with a fault that fits it, or None for no answer at all."""
    match fault:
        case TooManyRequests(ratelimit, retry_after):
            answer = error_answer(429, message="We had to rate limit you")
            if ratelimit:
                kind = "resolvers" if "/resolve/" in call.path else "api"
                answer.headers["RateLimit"] = f'"{kind}";r=0;t={retry_after or 0}'
                answer.headers["RateLimit-Policy"] = f'"fixed window";"{kind}";q=500;w=300'
            elif retry_after is not None:
                answer.headers["Retry-After"] = str(retry_after)
            return answer
        case Status(code, error_code, message):
            return xml_error(code) if call.server == "cdn" else error_answer(code, error_code, message)
        case Drop(after_bytes, reset):
            return replace(answer, drop_after=after_bytes, reset=reset)
        case Short(missing):
            return _shorter(answer, missing)
        case WrongRange():
            neighbour = _neighbour(answer)
            assert isinstance(answer.body, Slice)
            assert neighbour is not None
            return part_answer(answer, answer.body.file, *neighbour)
        case Longer(by):
            return _longer(answer, by)
        case IgnoreRange():
            assert isinstance(answer.body, Slice)
            headers = {name: value for name, value in answer.headers.items() if name != "Content-Range"}
            file = answer.body.file
            return replace(answer, status=200, headers=headers, body=Slice(file, 0, file.size))
        case WrongBytes():
            return replace(answer, flip_at=answer.length // 2)
        case WrongSize(by, file):
            return _resized(answer, by, file)
        case Slow(seconds_per_piece, piece_bytes):
            return replace(answer, wait_s=seconds_per_piece, piece_bytes=piece_bytes)
        case Stall() | CommitBetween():
            return answer
        case Refuse() | Lost():
            return None
        case Json(document):
            return json_answer(document)
        case Html():
            page = b"<!DOCTYPE html><html><head><title>Log in to the network</title></head><body>Log in</body></html>"
            return Answer(200, {"Content-Type": "text/html; charset=utf-8"}, page)


def _neighbour(answer: Answer) -> tuple[int, int] | None:
    """Returns another range than asked for: one byte later, or earlier, or without its first byte."""
    assert isinstance(answer.body, Slice)
    start, end, size = answer.body.start, answer.body.start + answer.body.length, answer.body.file.size
    if end < size:
        return start + 1, end + 1
    if start > 0:
        return start - 1, end - 1
    return (1, end) if end > 1 else None


def _longer(answer: Answer, by: int) -> Answer | None:
    assert isinstance(answer.body, Slice)
    start, file = answer.body.start, answer.body.file
    end = start + answer.body.length + by
    return part_answer(answer, file, start, end) if end <= file.size else None


def _shorter(answer: Answer, missing: int) -> Answer:
    length = answer.length - missing
    if not isinstance(answer.body, Slice):
        return replace(answer, document=None, body=answer.body[:length])
    start, file = answer.body.start, answer.body.file
    if answer.status == 206:
        return part_answer(answer, file, start, start + length)
    return replace(answer, body=Slice(file, start, length))


def _resized(answer: Answer, by: int, file: str) -> Answer:
    if "X-Linked-Size" in answer.headers:
        size = int(answer.headers["X-Linked-Size"]) + by
        return replace(answer, headers=answer.headers | {"X-Linked-Size": str(size)})
    if answer.document is None:
        return replace(answer, stated_bytes=answer.length + by)
    listed: list[dict[str, Any]] = answer.document["siblings"] if isinstance(answer.document, dict) else answer.document
    for entry in listed:
        if entry.get("type") != "directory" and file in (entry.get("path") or entry["rfilename"]):
            entry["size"] += by
            if "lfs" in entry:
                entry["lfs"]["size"] += by
    return answer
