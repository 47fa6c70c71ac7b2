"""Which tests run: the default lane, `--fast` (seconds) and `--all` (everything), and the marks that decide it.

Marks follow from what a test uses: `ray` and `server` from its fixtures, `hypothesis` from the library of that name. A
test that starts a process is found by doing so. Only `slow` and `seconds` are written by hand, beside the test.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import Any

import pytest

from tests.generated import Lane

RAY_FIXTURES = {"shared_ray"}
SERVER_FIXTURES = {"hub", "s3", "server"}
SECONDS_FIXTURES = {"catalogue", "jsonl_only"}
DEFAULT = "not slow"
FAST = "not (slow or seconds or ray or server or hypothesis)"
PROCESS_EVENTS = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn"}
"""Audit events of Python that say that a process is about to start."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--fast` and `--all`."""
    lanes = parser.getgroup("lanes of this project")
    lanes.addoption(
        "--fast",
        action="store_true",
        help="run only tests without Ray, servers, other processes and generated input: two minutes",
    )
    lanes.addoption("--all", action="store_true", help="run the slow tests too: kills, faults, scale; up to 45 minutes")


def pytest_configure(config: pytest.Config) -> None:
    """Chooses the lane, within what `-m` asks for."""
    Lane.is_whole = config.option.all
    if config.option.fast and config.option.all:
        raise pytest.UsageError("--fast and --all exclude each other")
    asked = config.option.markexpr
    if config.option.fast:
        config.option.markexpr = f"({asked}) and ({FAST})" if asked else FAST
        config.pluginmanager.register(_NoProcesses(), "no-processes")
    elif not config.option.all:
        config.option.markexpr = asked or DEFAULT


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks tests by the fixtures that they use, and puts the files that take long first.

    Two processes take whole files in turns (`--dist loadfile`); a long file that comes last keeps one of them waiting.
    """
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & RAY_FIXTURES:
            item.add_marker("ray")
        if fixtures & SERVER_FIXTURES:
            item.add_marker("server")
        if fixtures & SECONDS_FIXTURES:
            item.add_marker("seconds")
    paths = {
        mark: {item.path for item in items if item.get_closest_marker(mark)} for mark in ("ray", "seconds", "slow")
    }
    with_ray, long = paths["ray"], paths["seconds"] | paths["slow"]
    items.sort(key=lambda item: (item.path not in with_ray, item.path not in long, "whole" not in item.path.parts))


class _NoProcesses:
    """Skips a test at the moment it starts a process or listens on a port."""

    def __init__(self) -> None:
        self.running = False
        self.calling = False
        sys.addaudithook(self.audit)

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Called by Python before each event."""
        if self.running and event in PROCESS_EVENTS:
            pytest.skip("starts a process, which the fast lane does not")
        if self.calling and event == "socket.bind" and isinstance(arguments[1], tuple):
            pytest.skip("starts a server, which the fast lane does not")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        """Watches a test with its fixtures."""
        self.running = True
        try:
            return (yield)
        finally:
            self.running = False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None, object, object]:
        """Watches a test without its fixtures; one of those reserves a port for all tests."""
        self.calling = True
        try:
            return (yield)
        finally:
            self.calling = False
