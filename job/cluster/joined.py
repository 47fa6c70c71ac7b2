"""Watches a Ray that was joined: which of its nodes are lost, and whether its head and this machine's node are alive.

Ray itself mentions a lost node nowhere that a user looks. If the head has died, every call to Ray waits, and after a
minute Ray ends the driver without a message; if this machine's own node has died, after 14 s.
"""

from __future__ import annotations

import _thread
import math
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from job.cluster.workers import Workers
from job.errors import CurateError
from job.streams.standard import leave

_POLL_S = 1.0
"""Seconds between two looks."""
_TOLD_S = 6.0
"""Seconds without an answer of the head after which the user is told."""
_PATIENCE_S = 30.0
"""Seconds without an answer of the head after which the run ends, well before Ray would end it."""
_BEGIN_S = 60.0
"""Seconds after which the user is told that no worker has begun to work."""
_NONE_BEGUN = (
    f"no worker of this Ray has begun to work for {_BEGIN_S:.0f} s: waiting. Others may have its CPUs (ray status), or "
    "its worker processes do not start, and their logs say why: /tmp/ray/session_latest/logs on each node"
)
_CONNECT_S = 2.0
"""Seconds that this machine's node has to accept a connection."""
_UNWIND_S = 10.0
"""Seconds that the main thread has to end the run in good order, before the process is ended."""
_KEPT = "what was finished is kept: when Ray is up again, run the same command again to go on"

Node = Mapping[str, Any]
"""A node, as `ray.nodes` describes it."""


class JoinedWatch:
    """Watches the Ray that a run has joined while the context lasts; does nothing for a Ray of our own.

    Args:
        workers: the workers of the run. The number of this Ray's CPUs is kept up to date there.
        say: receives a line for each node that is lost, and when the head does not answer.
        lost: receives the same lines about nodes.
        has_begun: tells whether any task has begun to work.
    """

    def __init__(
        self,
        workers: Workers,
        say: Callable[[str], None],
        lost: list[str],
        has_begun: Callable[[], bool] = lambda: True,
    ) -> None:
        self._reserved = workers.reserved
        self._say = say
        self._lost = lost
        self._has_begun = has_begun
        self._alive: dict[str, Node] = {}
        self._heard = time.monotonic()
        self._death = ""
        self._is_main = threading.current_thread() is threading.main_thread()  # no other thread can be interrupted
        self._ended = threading.Event()

    def __enter__(self) -> JoinedWatch:
        if self._reserved is not None:
            import ray

            mine = ray.get_runtime_context().get_node_id()
            self.see(ray.nodes())
            for work in (self._look, lambda: self._guard(self._alive.get(mine))):
                threading.Thread(target=work, daemon=True).start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._ended.set()
        if self._death and error is not None:
            raise CurateError(f"{self._death}\n{_KEPT}") from None

    def see(self, nodes: list[Node]) -> None:
        """Notes which nodes are alive now, and says which are not any more.

        Args:
            nodes: all nodes, dead ones among them.
        """
        self._heard = time.monotonic()
        alive = {node["NodeID"]: node for node in nodes if node["Alive"]}
        for node_id in self._alive.keys() - alive.keys():
            line = f"lost: node {_name(self._alive[node_id])} of this Ray; others do again what it was working on"
            self._lost.append(line)
            self._say(line)
        self._alive = alive
        if self._reserved is not None:
            self._reserved.cpus_now = int(sum(node["Resources"].get("CPU", 0) for node in alive.values()))

    def _look(self) -> None:
        """Asks the head again and again. If it has died, this waits for an answer, perhaps for ever."""
        import ray

        while not self._ended.wait(_POLL_S):
            try:
                nodes = ray.nodes()
            except Exception:  # noqa: S112  # Ray has many ways to say that nobody answers
                continue
            if not self._ended.is_set():
                self.see(nodes)

    def _guard(self, mine: Node | None) -> None:
        """Ends the run if the head or this machine's node has died."""
        is_told, begun_by = False, time.monotonic() + _BEGIN_S
        while not self._ended.wait(_POLL_S):
            silent_s = time.monotonic() - self._heard
            if mine is not None and not _accepts(mine) and not self._ended.wait(_POLL_S) and not _accepts(mine):
                self._end(f"the node of Ray on this machine, {_name(mine)}, has died")
            elif silent_s > _PATIENCE_S:
                self._end(f"the head of this Ray has not answered for {silent_s:.0f} s: it may have died")
            elif silent_s > _TOLD_S and not is_told:
                self._say(f"the head of this Ray does not answer: waiting for {_PATIENCE_S - silent_s:.0f} s more")
            is_told = silent_s > _TOLD_S
            if not is_told and time.monotonic() > begun_by:
                begun_by = math.inf
                if not self._has_begun():
                    self._say(_NONE_BEGUN)
            if self._death:
                return

    def _end(self, death: str) -> None:
        self._death = death
        if self._reserved is not None:
            self._reserved.give_up()
        if not self._is_main:
            return
        _thread.interrupt_main()
        if not self._ended.wait(_UNWIND_S):
            leave(f"{death}\n{_KEPT}", CurateError.exit_code, f"error: {death}\n{_KEPT}")


def _name(node: Node) -> str:
    return f"{node.get('NodeManagerHostname') or node['NodeManagerAddress']} ({node['NodeID'][:8]})"


def _accepts(node: Node) -> bool:
    """Tells whether a node's own process accepts connections; one that is only slow does, too."""
    try:
        socket.create_connection((node["NodeManagerAddress"], node["NodeManagerPort"]), _CONNECT_S).close()
    except ConnectionRefusedError:
        return False
    except OSError:
        return True
    return True
