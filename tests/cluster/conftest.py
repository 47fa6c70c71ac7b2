"""What the tests of this room share: stand-ins for a cluster's dashboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.servers.dashboard import Dashboard


@pytest.fixture
def dashboard() -> Iterator[Callable[..., Dashboard]]:
    """Starts dashboards with the answers given, by the part of the path after `/api/`."""
    started: list[Dashboard] = []

    def start(**answers: object) -> Dashboard:
        started.append(Dashboard({f"/api/{path}": answer for path, answer in answers.items()}))
        return started[-1]

    yield start
    for each in started:
        each.server.shutdown()
        each.server.server_close()
