"""A real S3 server on loopback (moto, in a process of its own) behind a proxy that can fail as networks do.

All requests go through the proxy, which records each of them and applies the faults that a test asks for.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "a-key-that-nobody-may-see"

Fault = int | str | None
"""A status code, or `cut` (the connection breaks while the request is sent), `half` (of the response arrives), `late`
(by 1 s), `lost` (the request is done, and the response is cut), `silent` (no answer for a minute); or None."""

_HOP_BY_HOP = {"transfer-encoding", "connection", "date", "server", "content-length", "expect"}


@dataclass(frozen=True)
class Request:
    """A request of a client."""

    method: str
    path: str
    """With the query."""

    @property
    def key(self) -> str:
        """The key of the object, without its bucket."""
        return self.path.partition("?")[0].lstrip("/").partition("/")[2]


@dataclass
class S3:
    """The server, as tests use it."""

    port: int
    requests: list[Request] = field(default_factory=list)
    fault: Callable[[Request], Fault] = lambda _: None

    @functools.cached_property
    def client(self) -> Any:
        """A client that bypasses the proxy, independent of the one under test."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id="key",
            aws_secret_access_key=SECRET,
        )

    def bucket(self, name: str) -> None:
        """Makes a bucket, or empties it."""
        with contextlib.suppress(self.client.exceptions.BucketAlreadyOwnedByYou):
            self.client.create_bucket(Bucket=name)
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=name):
            for each in page.get("Contents", []):
                self.client.delete_object(Bucket=name, Key=each["Key"])

    def tree(self, bucket: str, prefix: str = "") -> dict[str, bytes]:
        """Returns the content of each object below a prefix, except objects that only stand for folders."""
        client, found = self.client, dict[str, bytes]()
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for each in page.get("Contents", []):
                if not each["Key"].endswith("/"):
                    with contextlib.suppress(client.exceptions.NoSuchKey):  # it has just been removed
                        body = client.get_object(Bucket=bucket, Key=each["Key"])["Body"]
                        found[each["Key"].removeprefix(prefix)] = body.read()
        return found

    def times(self, count: int, fault: Fault, matches: Callable[[Request], bool]) -> None:
        """Applies a fault to the first `count` requests that match."""
        left = [None] * count
        lock = threading.Lock()

        def act(request: Request) -> Fault:
            with lock:
                if not matches(request) or not left:
                    return None
                left.pop()
                return fault

        self.fault = act


def reserved() -> socket.socket:
    """Returns a socket bound to a free port. Nothing answers there until `s3_server` takes it over."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held


def environment(held: socket.socket) -> dict[str, str]:
    """Returns the environment variables with which a process uses that server, and never another one."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{held.getsockname()[1]}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextlib.contextmanager
def s3_server(held: socket.socket) -> Generator[S3]:
    """Starts the server and the proxy, with a bucket called `bucket`."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for(port)
            s3 = S3(port)
            with _proxy(s3, held):
                yield s3
        finally:
            server.kill()


def _wait_for(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise TimeoutError("moto's server does not answer after 60 s")


@contextlib.contextmanager
def _proxy(s3: S3, held: socket.socket) -> Generator[None]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Logs nothing."""

        def do(self) -> None:
            request = Request(self.command, self.path)
            s3.requests.append(request)
            fault = s3.fault(request)
            if fault == "cut":
                if self.headers.get("Transfer-Encoding") or self.headers.get("Content-Length", "0") != "0":
                    self.rfile.read(1)
                self._hang_up()
                return
            body = self._body()
            if fault in {"late", "silent"}:
                time.sleep(1 if fault == "late" else 60)
            if isinstance(fault, int):
                self._send(fault, [], b"")
                return
            status, headers, content = self._forwarded(body)
            if fault == "lost":
                self._hang_up()
                return
            self._send(status, headers, content, half=fault == "half")

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do  # noqa: N815

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            pieces: list[bytes] = []
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)

        def _forwarded(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
            connection = http.client.HTTPConnection("127.0.0.1", s3.port)
            try:
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
                content = answer.read()
                given = [(name, value) for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP]
                if self.command == "HEAD":
                    given.append(("Content-Length", answer.getheader("Content-Length") or "0"))
                return answer.status, given, content
            finally:
                connection.close()

        def _send(self, status: int, headers: list[tuple[str, str]], content: bytes, *, half: bool = False) -> None:
            with contextlib.suppress(OSError):  # the client has hung up
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                if not any(name == "Content-Length" for name, _ in headers):
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if half else content)
                if half:
                    self._hang_up()

        def _hang_up(self) -> None:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False) as proxy:
        proxy.socket.close()
        proxy.socket = held
        proxy.server_activate()
        thread = threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        s3.bucket("bucket")
        try:
            yield
        finally:
            proxy.shutdown()
