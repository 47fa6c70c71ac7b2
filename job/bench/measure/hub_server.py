"""A Hugging Face Hub and its CDN on loopback, in a process of their own, whose bytes come at a set speed.

A CDN often limits each connection, a home's line all of them together; this one does either. It serves one data set at
one commit, as far as `curate` and huggingface_hub ask: the revision, the tree, and files that the CDN sends, whole or
in ranges, over as many connections at once as come. It takes no writes.

The process reads a line of JSON (`Served`) from its standard input, writes one (`Addresses`), and ends when its input
does. GET /served on the Hub returns what it has served so far (`Traffic`).
"""

from __future__ import annotations

import hashlib
import re
import socketserver
import sys
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import msgspec

from job.bench.measure.pace import Pace

DATASET = "bench/catalogue"
"""Name of the data set."""
_PIECE_BYTES = 1 << 17


class ServedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the data set."""

    name: str
    """Path in the data set."""
    path: str
    """Path on the disk."""
    size_bytes: int
    sha256: str


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """What to serve, and how fast."""

    files: list[ServedFile]
    connection_bytes_per_s: float | None
    """Speed of each answer of the CDN; None for no limit."""
    line_bytes_per_s: float | None
    """Speed of all answers of the CDN together; None for no limit."""

    @property
    def commit(self) -> str:
        """Hash of the only commit."""
        return hashlib.sha1(msgspec.json.encode(self.files), usedforsecurity=False).hexdigest()


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """Where the two servers listen."""

    hub: str
    cdn: str


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """What the CDN has served."""

    bytes_sent: int
    requests: int
    most_at_once: int
    """Most answers that were under way at the same time."""


def served_file(path: Path, root: Path) -> ServedFile:
    """Describes a file below a folder that is to be served."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return ServedFile(
        name=path.relative_to(root).as_posix(), path=str(path), size_bytes=path.stat().st_size, sha256=digest
    )


class _Counts:
    """What the CDN has served so far."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bytes = self._requests = self._now = self._most = 0

    def began(self) -> None:
        with self._lock:
            self._requests += 1
            self._now += 1
            self._most = max(self._most, self._now)

    def sent(self, size: int) -> None:
        with self._lock:
            self._bytes += size

    def ended(self) -> None:
        with self._lock:
            self._now -= 1

    def traffic(self) -> Traffic:
        with self._lock:
            return Traffic(bytes_sent=self._bytes, requests=self._requests, most_at_once=self._most)


class _Server(ThreadingHTTPServer):
    """A server on a free port, with a thread per connection."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, handler: type[_Handler], served: Served, counts: _Counts) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.served = served
        self.counts = counts
        self.pace = Pace(served.connection_bytes_per_s, served.line_bytes_per_s)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.cdn = self.address
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def server_bind(self) -> None:
        """Binds without a look-up of this machine's name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing: clients close connections when they have enough."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is the base class's
        """Says nothing."""

    def do_GET(self) -> None:
        self.respond()

    def do_HEAD(self) -> None:
        self.respond()

    def do_POST(self) -> None:
        self.respond()

    def respond(self) -> None:
        """Answers a request."""
        raise NotImplementedError

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Sends an answer with a short body."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class _HubHandler(_Handler):
    """The Hub: what the data set has, and where the CDN has its files."""

    def respond(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        served, parts = self.server.served, [unquote(part) for part in urlsplit(self.path).path.split("/")[1:]]
        match parts:
            case ["served"]:
                self._json(self.server.counts.traffic())
            case ["api", "datasets", owner, name, *rest] if f"{owner}/{name}" == DATASET:
                self._api(rest, content)
            case ["datasets", owner, name, "resolve", _, *path] if f"{owner}/{name}" == DATASET:
                found = [number for number, file in enumerate(served.files) if file.name == "/".join(path)]
                if found:
                    self._redirect(found[0], served.files[found[0]])
                else:
                    self.answer(404, X_Error_Code="EntryNotFound", X_Repo_Commit=served.commit)
            case _:
                self.answer(404, X_Error_Code="RepoNotFound")

    def _api(self, rest: list[str], content: bytes) -> None:
        served = self.server.served
        match rest:
            case [] | ["revision", _]:
                siblings = [{"rfilename": file.name} for file in served.files]
                self._json({"_id": served.commit[:24], "id": DATASET, "sha": served.commit, "siblings": siblings})
            case ["tree", _, *folder]:
                prefix = "".join(f"{step}/" for step in folder)
                self._json([_entry(file) for file in served.files if file.name.startswith(prefix)])
            case ["paths-info", _]:
                wanted = parse_qs(content.decode()).get("paths", [])
                self._json([_entry(file) for file in served.files if file.name in wanted])
            case _:
                self.answer(404)

    def _redirect(self, number: int, file: ServedFile) -> None:
        self.answer(
            302,
            Location=f"{self.server.cdn}/{number}/{quote(file.name)}",
            Accept_Ranges="bytes",
            X_Repo_Commit=self.server.served.commit,
            X_Linked_Size=str(file.size_bytes),
            X_Linked_Etag=f'"{file.sha256}"',
        )

    def _json(self, value: object) -> None:
        self.answer(200, msgspec.json.encode(value), Content_Type="application/json")


def _entry(file: ServedFile) -> dict[str, object]:
    """Returns a file's entry in a tree."""
    lfs = {"oid": file.sha256, "size": file.size_bytes, "pointerSize": 134}
    return {"type": "file", "oid": file.sha256[:40], "size": file.size_bytes, "path": file.name, "lfs": lfs}


class _CdnHandler(_Handler):
    """The CDN: the bytes of files, at its pace."""

    def respond(self) -> None:
        number = urlsplit(self.path).path.split("/")[1]
        if not number.isdigit() or int(number) >= len(self.server.served.files):
            self.answer(404)
            return
        file = self.server.served.files[int(number)]
        start, end = 0, file.size_bytes
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if asked and any(asked.groups()):
            first, last = asked.groups()
            start = int(first) if first else max(0, end - int(last))
            end = min(end, int(last) + 1) if first and last else end
            if start >= end:
                self.answer(416, Content_Range=f"bytes */{file.size_bytes}")
                return
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{file.size_bytes}")
        for name, value in {
            "Accept-Ranges": "bytes",
            "ETag": f'"{file.sha256}"',
            "Last-Modified": formatdate(0, usegmt=True),
            "Content-Type": "application/octet-stream",
            "Content-Length": str(end - start),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self._send(Path(file.path), start, end)

    def _send(self, path: Path, start: int, end: int) -> None:
        counts, wait_s = self.server.counts, self.server.pace.of_answer()
        counts.began()
        try:
            with path.open("rb") as stream:
                stream.seek(start)
                while start < end and (piece := stream.read(min(_PIECE_BYTES, end - start))):
                    time.sleep(wait_s(len(piece)))
                    counts.sent(len(piece))  # first, so that whoever has it all finds all of it counted
                    self.wfile.write(piece)
                    start += len(piece)
        finally:
            counts.ended()


def main() -> None:
    """Serves until standard input ends."""
    served, counts = msgspec.json.decode(sys.stdin.readline(), type=Served), _Counts()
    hub, cdn = (_Server(handler, served, counts) for handler in (_HubHandler, _CdnHandler))
    hub.cdn = cdn.address
    sys.stdout.write(msgspec.json.encode(Addresses(hub=hub.address, cdn=cdn.address)).decode() + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
