"""The two HTTP servers of the test Hub, which send its answers and end when it does."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import socketserver
import struct
import termios
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from tests.servers.hub.answers import Answer, Call, ServerName


class Answering(Protocol):
    """What the servers need of the Hub."""

    def answer(self, call: Call) -> Answer | None:
        """Returns the answer to a request, or None for none."""
        ...

    def pieces(self, call: Call, answer: Answer) -> Iterator[bytes]:
        """Yields the pieces of a body, one at a time."""
        ...

    def failed(self, error: BaseException) -> None:
        """Keeps an error of the test Hub itself."""
        ...

    def wait(self, seconds: float) -> bool:
        """Waits this many seconds, or until the servers close; returns whether they do."""
        ...


class HubServer(ThreadingHTTPServer):
    """One of the two servers: a thread that accepts, and one per connection; `stop` ends them all."""

    request_queue_size = 128
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, hub: Answering, name: ServerName) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub
        self.name: ServerName = name
        self.address = f"http://127.0.0.1:{self.server_port}"
        self._accepting = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.01}, name=f"test-{name}", daemon=True
        )
        self._connections: list[tuple[socket.socket, threading.Thread]] = []
        self._to_reset: set[socket.socket] = set()

    def server_bind(self) -> None:
        """Binds without a look-up of this machine's name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def start(self) -> None:
        """Starts to accept connections."""
        self._accepting.start()

    def stop(self) -> None:
        """Ends all threads, whatever they wait for."""
        if self._accepting.is_alive():
            self.shutdown()
            self._accepting.join()
        self.server_close()
        for connection, thread in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=10)
            if thread.is_alive():
                raise RuntimeError(f"a connection of the test {self.name} does not end")
        self._connections.clear()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serves a connection in a thread that `stop` can end."""
        self._connections = [(other, thread) for other, thread in self._connections if thread.is_alive()]
        thread = threading.Thread(
            target=self.process_request_thread,
            args=(request, client_address),
            name=f"test-{self.name}-connection",
            daemon=True,
        )
        self._connections.append((request, thread))
        thread.start()

    def reset(self, connection: socket.socket) -> None:
        """Makes a connection end with a reset, once the client has everything that was sent."""
        waiting = b"\0" * 4
        while any(fcntl.ioctl(connection, termios.TIOCOUTQ, waiting)) and not self.hub.wait(0.001):
            pass
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._to_reset.add(connection)

    def shutdown_request(self, request: Any) -> None:
        """Closes a connection, and one that is to be reset without the usual end."""
        if request in self._to_reset:
            self._to_reset.discard(request)
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Does nothing: the handler keeps errors."""


class _Handler(BaseHTTPRequestHandler):
    """Reads requests and writes answers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: HubServer  # pyright: ignore[reportIncompatibleVariableOverride]

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is the base class's
        """Keeps the tests' output clean."""

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def _serve(self) -> None:
        try:
            self._exchange()
        except ConnectionError:  # the client went away
            self.close_connection = True
        except Exception as error:
            self.close_connection = True
            self.server.hub.failed(error)

    def _exchange(self) -> None:
        call = self._call()
        answer = self.server.hub.answer(call)
        if answer is None:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        length = answer.length if answer.stated_bytes is None else answer.stated_bytes
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if call.method == "HEAD":
            return
        sent = 0
        for piece in self.server.hub.pieces(call, answer):
            self.wfile.write(piece)
            sent += len(piece)
        if sent < answer.length:
            self.close_connection = True
        if answer.reset:
            self.server.reset(self.connection)

    def _call(self) -> Call:
        address = urlsplit(self.path)
        content = self._content()
        is_form = self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded")
        return Call(
            server=self.server.name,
            method=self.command,
            path=unquote(address.path),
            parts=[unquote(part) for part in address.path.split("/")[1:]],
            query=parse_qs(address.query),
            form=parse_qs(content.decode()) if is_form else {},
            range=self.headers.get("Range"),
            authorization=self.headers.get("Authorization"),
            body=content,
        )

    def _content(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces: list[bytes] = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)
