"""When a Ray of our own is stopped: after the result is shown, or at once if its work has failed."""

from __future__ import annotations

import contextlib
import os
import signal
import sys

import pytest

from job.cluster.last import at_work, ray_stopped_last, stop_standing


@pytest.fixture
def order() -> list[str]:
    return []


def work(order: list[str], *, fails: bool = False) -> None:
    with at_work() as stack:
        stack.callback(order.append, "stopped")
        order.append("worked")
        if fails:
            raise ValueError("a disk is full")


def test_a_ray_is_stopped_when_its_work_is_done(order: list[str]) -> None:
    work(order)
    order.append("shown")
    assert order == ["worked", "stopped", "shown"]


def test_it_is_stopped_last_after_the_result_is_shown(order: list[str]) -> None:
    with ray_stopped_last():
        work(order)
        order.append("shown")
    assert order == ["worked", "shown", "stopped"]
    work(order)
    assert order[3:] == ["worked", "stopped"]


def test_it_is_stopped_at_once_if_its_work_fails(order: list[str]) -> None:
    with contextlib.suppress(ValueError), ray_stopped_last(), contextlib.ExitStack() as lock:
        lock.callback(order.append, "lock released")
        work(order, fails=True)
    assert order == ["worked", "stopped", "lock released"]


def test_it_is_stopped_if_its_result_cannot_be_shown(order: list[str]) -> None:
    with contextlib.suppress(SystemExit), ray_stopped_last():
        work(order)
        sys.exit()
    assert order == ["worked", "stopped"]


def test_one_that_stands_is_stopped_before_another_is_started(order: list[str]) -> None:
    with ray_stopped_last():
        work(order)
        stop_standing()
        work(order)
    assert order == ["worked", "stopped", "worked", "stopped"]
    stop_standing()


def test_a_signal_to_end_that_comes_while_it_is_stopped_changes_nothing(order: list[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    with ray_stopped_last(), at_work() as stack:
        stack.callback(order.append, "stopped")
        stack.callback(os.kill, os.getpid(), signal.SIGINT)
    assert order == ["stopped"]
    assert signal.getsignal(signal.SIGINT) is before
