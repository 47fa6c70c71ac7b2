"""A Ray that was joined is watched: what is said of lost nodes, and how a head that does not answer ends the run."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import ray

from job.cluster import joined
from job.cluster.joined import JoinedWatch
from job.cluster.workers import Reserved, Workers
from job.errors import CurateError

NodeTable = list[dict[str, Any]]


def node(name: str, port: int, *, alive: bool = True, cpus: float = 2.0) -> dict[str, Any]:
    return {
        "NodeID": name * 8,
        "Alive": alive,
        "NodeManagerAddress": "127.0.0.1",
        "NodeManagerHostname": f"host-{name}",
        "NodeManagerPort": port,
        "Resources": {"CPU": cpus} if alive else {},
    }


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """Stands for the node process of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def nodes(listening: socket.socket, monkeypatch: pytest.MonkeyPatch) -> NodeTable:
    """What Ray says of its nodes: two of them, of which this process is on the first."""
    port = listening.getsockname()[1]
    table = [node("a", port), node("b", port)]
    context: Any = type("Context", (), {"get_node_id": lambda _: "a" * 8})()
    monkeypatch.setattr(ray, "get_runtime_context", lambda: context)
    monkeypatch.setattr(ray, "nodes", lambda: list(table))
    for name in ("_POLL_S", "_TOLD_S", "_PATIENCE_S"):
        monkeypatch.setattr(joined, name, getattr(joined, name) / 50)
    return table


def workers_of(reserved: Reserved | None) -> Workers:
    return Workers(count=2, ray_options={"num_cpus": 1}, has_other_nodes=True, reserved=reserved)


def wait_for(lines: list[str], count: int) -> None:
    until = time.monotonic() + 10
    while len(lines) < count and time.monotonic() < until:
        time.sleep(0.01)
    assert len(lines) == count


def test_each_lost_node_is_said_once_and_the_cpus_are_counted_anew(nodes: NodeTable) -> None:
    said: list[str] = []
    lost: list[str] = []
    reserved = Reserved(said.append)
    workers = workers_of(reserved)
    with JoinedWatch(workers, said.append, lost):
        assert workers.by_now() == 4
        nodes.append(node("c", 1, cpus=8.0))
        nodes[1] = node("b", 1, alive=False)
        wait_for(said, 1)
        assert workers.by_now() == 10
        nodes[2] = node("c", 1, alive=False)
        wait_for(said, 2)
        time.sleep(0.2)
    assert said == lost
    assert said == [
        f"lost: node host-{name} ({name * 8}) of this Ray; others do again what it was working on" for name in "bc"
    ]


def test_a_ray_of_our_own_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "nodes", lambda: pytest.fail("asked"))
    with JoinedWatch(workers_of(None), lambda _: None, []):
        pass


def wait_to_be_ended(said: list[str], reserved: Reserved) -> str:
    """Waits as the main thread of a run does; returns the error of the run."""

    def run() -> None:
        with JoinedWatch(workers_of(reserved), said.append, []):
            for _ in range(1_000):
                time.sleep(0.01)

    with pytest.raises(CurateError) as raised:
        run()
    assert raised.value.exit_code == 1
    first, second = raised.value.message.splitlines()
    assert second == "what was finished is kept: when Ray is up again, run the same command again to go on"
    return first


def test_a_head_that_does_not_answer_any_more_ends_the_run(nodes: NodeTable, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    silent = threading.Event()

    def hangs_later() -> NodeTable:
        asked.append(1)
        if len(asked) > 3:
            silent.wait(20)
        return nodes

    monkeypatch.setattr(ray, "nodes", hangs_later)
    said: list[str] = []
    reserved = Reserved(said.append)
    assert wait_to_be_ended(said, reserved).startswith("the head of this Ray has not answered for ")
    silent.set()
    (line,) = said
    assert line.startswith("the head of this Ray does not answer: waiting for ")
    reserved._group = object()  # pyright: ignore[reportPrivateUsage]
    reserved._release()  # pyright: ignore[reportPrivateUsage]  # to ask Ray now would be to wait


def test_the_node_of_this_machine_that_dies_ends_the_run(nodes: NodeTable, listening: socket.socket) -> None:
    threading.Timer(0.1, listening.close).start()
    assert wait_to_be_ended([], Reserved(print)) == "the node of Ray on this machine, host-a (aaaaaaaa), has died"


@pytest.mark.parametrize("begun", [False, True])
def test_when_no_worker_begins_it_is_said_once_and_the_run_waits(
    nodes: NodeTable, monkeypatch: pytest.MonkeyPatch, *, begun: bool
) -> None:
    assert nodes
    monkeypatch.setattr(joined, "_BEGIN_S", 0.1)
    asked, lines = list[bool](), list[str]()

    def has_begun() -> bool:
        asked.append(begun)
        return begun

    with Reserved(lines.append) as reserved, JoinedWatch(workers_of(reserved), lines.append, [], has_begun):
        until = time.monotonic() + 10
        while not asked and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.2)
    assert asked == [begun]
    assert [line.partition(" has begun")[0] for line in lines] == ([] if begun else ["no worker of this Ray"])
