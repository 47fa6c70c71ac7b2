"""Joining a Ray: what answers at its address is looked at first, since Ray would try for minutes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import pytest

from job.cluster.join import join
from job.errors import UsageError
from tests.servers.dashboard import Dashboard


def test_a_web_server_in_place_of_a_ray_is_said(dashboard: Callable[..., Dashboard]) -> None:
    address = dashboard().address.removeprefix("http://")
    with pytest.raises(UsageError) as raised:
        join(address, lambda _: None)
    assert f"no Ray answers at RAY_ADDRESS={address}: something else does, with '" in raised.value.message
    assert "at its head's port, 6379 unless its owner chose another" in raised.value.message


def test_a_server_of_another_protocol_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")
                connection.recv(100)

        threading.Thread(target=greet, daemon=True).start()
        with pytest.raises(UsageError, match=r"something else does, with 'SSH-2\.0-OpenSSH_9\.6'"):
            join(f"127.0.0.1:{server.getsockname()[1]}", lambda _: None)
