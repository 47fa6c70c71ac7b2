"""One S3 server for all tests of storage; each of them has its bucket empty, and no faults."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.storage.server import S3, s3_server


@pytest.fixture(scope="session")
def server(s3_socket: socket.socket) -> Iterator[S3]:
    """The server."""
    with s3_server(s3_socket) as s3:
        yield s3


@pytest.fixture
def s3(server: S3) -> Iterator[S3]:
    """The server, its bucket `bucket` empty."""
    server.bucket("bucket")
    server.requests.clear()
    yield server
    server.fault = lambda _: None
