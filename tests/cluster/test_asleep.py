"""A process that sleeps until somebody connects, and then becomes another one."""

from __future__ import annotations

import socket
import subprocess
import sys
import time

import pytest

from job.cluster import asleep

BECOMES = "import sys; print('awake', sys.stdin.readline().strip())"


@pytest.fixture
def port() -> int:
    with asleep.bound("127.0.0.1") as free:
        return free.getsockname()[1]


def sleeping(port: int) -> subprocess.Popen[str]:
    """Starts one, which ends when its standard input does."""
    command = [sys.executable, "-I", "-S", asleep.__file__, "127.0.0.1", str(port), sys.executable, "-c", BECOMES]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def connect(port: int) -> None:
    """Connects as soon as somebody listens."""
    until = time.monotonic() + 30
    while socket.socket().connect_ex(("127.0.0.1", port)):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_it_becomes_the_other_process_when_somebody_connects_and_leaves_it_the_port(port: int) -> None:
    with sleeping(port) as process:
        connect(port)
        assert process.communicate("with its input\n", timeout=30) == ("awake with its input\n", None)
    with asleep.bound("127.0.0.1", port) as again:
        again.listen()


def test_it_ends_without_a_word_when_who_started_it_has_ended(port: int) -> None:
    with sleeping(port) as process:
        assert process.communicate("", timeout=30) == ("", None)
    assert process.returncode == 0


def test_it_is_cheap(port: int) -> None:
    code = f"import sys; sys.argv = ['', '127.0.0.1', '{port}']; exec(open({asleep.__file__!r}).read()); "
    shown = "print(len(sys.modules), 'asyncio' in sys.modules, 'typing' in sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code + shown], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    number, *heavy = ended.stdout.split()
    assert heavy == ["False", "False"], ended.stderr
    assert int(number) < 80
