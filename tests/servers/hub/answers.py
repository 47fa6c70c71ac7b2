"""Requests and answers of the test Hub, without faults."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Literal

from tests.servers.hub.repositories import PublishedFile, check_unchanged

PIECE_BYTES = 256 * 1024
"""Bytes of a file that are in memory at a time."""

ServerName = Literal["hub", "cdn"]


@dataclass(frozen=True, slots=True)
class Slice:
    """A range of a file's bytes."""

    file: PublishedFile
    start: int
    length: int


@dataclass(slots=True)
class Answer:
    """An answer, and how to send it."""

    status: int
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes | Slice = b""
    document: Any = None
    """What a JSON body is made of, when it is one."""
    stated_bytes: int | None = None
    """Content-Length for a HEAD, when it is not the body's."""
    sizes: bool = False
    """Whether it states the size of files."""
    piece_bytes: int = PIECE_BYTES
    wait_s: float = 0
    flip_at: int | None = None
    drop_after: int | None = None
    reset: bool = False

    @property
    def length(self) -> int:
        """Bytes of the body."""
        return self.body.length if isinstance(self.body, Slice) else len(self.body)


@dataclass(frozen=True, slots=True)
class Call:
    """A request, parsed."""

    server: ServerName
    method: str
    path: str
    parts: list[str]
    query: dict[str, list[str]]
    form: dict[str, list[str]]
    range: str | None
    authorization: str | None
    body: bytes = b""

    def flag(self, name: str) -> bool:
        """Returns whether a parameter of the query or the form is true."""
        return self.query.get(name, self.form.get(name, [""]))[-1].lower() in ("true", "1")


class Refusal(Exception):  # noqa: N818  # an answer, not an error
    """Raised to answer with an error instead."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def json_answer(document: Any, *, sizes: bool = False) -> Answer:
    """Returns a JSON document."""
    headers = {"Content-Type": "application/json; charset=utf-8"}
    return Answer(200, headers, document=document, body=json.dumps(document).encode(), sizes=sizes)


def error_answer(status: int, error_code: str = "", message: str = "") -> Answer:
    """Returns an error in the Hub's format."""
    headers = {"Content-Type": "application/json; charset=utf-8"}
    if error_code:
        headers["X-Error-Code"] = error_code
    if message:
        headers["X-Error-Message"] = message
    shown = message or HTTPStatus(status).phrase
    return Answer(status, headers, json.dumps({"error": shown}).encode())


def xml_error(status: int) -> Answer:
    """Returns an error in the CDN's format."""
    code = HTTPStatus(status).phrase.replace(" ", "")
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code></Error>'
    return Answer(status, {"Content-Type": "application/xml"}, body.encode())


def file_answer(call: Call, file: PublishedFile, etag: str) -> Answer:
    """Returns a file, or the range of it that the request asks for."""
    check_unchanged(file)
    headers = {"ETag": f'"{etag}"', "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
    asked = byte_range(call.range, file.size)
    if asked is None:
        return Answer(200, headers, Slice(file, 0, file.size))
    start, end = asked
    if start >= end:
        return Answer(416, {"Content-Range": f"bytes */{file.size}", "Content-Type": "text/plain"})
    return part_answer(Answer(206, headers), file, start, end)


def part_answer(answer: Answer, file: PublishedFile, start: int, end: int) -> Answer:
    """Returns an answer whose body is part of a file."""
    headers = answer.headers | {"Content-Range": f"bytes {start}-{end - 1}/{file.size}"}
    return replace(answer, status=206, headers=headers, body=Slice(file, start, end - start))


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Returns the start and end of a single range (start >= end: it cannot be served); None for the whole file."""
    match = re.fullmatch(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", header or "", re.IGNORECASE)
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        return max(size - int(last), 0), size
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) + 1, size) if last else size
