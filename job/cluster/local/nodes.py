"""A real Ray cluster on one machine. Each node is started by `ray start`, and has its own processes, folder and log.

`cluster.json` says where everything is, so that another process can kill, add or stop nodes. The nodes listen on the
network, like those of any cluster, so each cluster has its own token.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

_NUMBER = "number"
"""Label by which the head tells the nodes apart."""
_OBJECT_STORE_BYTES = 100 << 20
"""Size of each node's object store, in bytes."""
_STARTED_S = 120.0
"""Seconds to wait for a node to start."""
_ENDED_S = 5.0
"""Seconds to wait until killed processes are gone."""
_POLL_S = 0.1
"""Seconds between two looks."""
_NOTICES_LOST_NODES = {
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "3000",
    "RAY_health_check_failure_threshold": "5",
}
"""Settings by which the head notices a killed node within 5 s, and a silent one within 23 s. Ray's defaults, which are
for busy networks, take up to 15 s and 65 s."""


@dataclass
class Node:
    """One node, known by its `ray start --block` process. The node's other processes are in that process's session."""

    number: int
    process: int
    """The process id."""
    since: float
    """Unix time at which the process was created, in seconds."""


@dataclass
class Cluster:
    """A cluster. Node 1 is its head."""

    folder: Path
    """The folder of sockets and logs; its path must be short."""
    address: str = ""
    """`HOST:PORT` where nodes and drivers join it."""
    dashboard: str = ""
    """The address of its dashboard, `http://HOST:PORT`."""
    nodes: list[Node] = field(default_factory=list[Node])

    @classmethod
    def started(cls, nodes: int = 3, cpus: int = 1, port: int = 0) -> Cluster:
        """Starts a cluster.

        Args:
            nodes: the number of nodes.
            cpus: the number of CPUs that each node claims to have.
            port: the port of the dashboard; any free port if it is 0 or taken.

        Raises:
            RuntimeError: if a node does not start. The message has its log.
        """
        cluster = cls(Path(tempfile.mkdtemp(prefix="nodes-", dir="/tmp")))
        try:
            (cluster.folder / "token").write_text(secrets.token_hex(32))
            cluster._start_head(cpus, port)
            for _ in range(nodes - 1):
                cluster.start_node(cpus)
            cluster.wait()
        except BaseException:
            cluster.stop()
            raise
        return cluster

    @classmethod
    def at(cls, folder: Path) -> Cluster:
        """Returns the cluster that was started in a folder."""
        values = json.loads((folder / "cluster.json").read_text())
        return cls(folder, values["address"], values["dashboard"], [Node(**node) for node in values["nodes"]])

    @property
    def environment(self) -> dict[str, str]:
        """The environment for processes of the cluster, and for those that talk to it."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "PYTHONPATH"))}
        return {
            **inherited,
            **_NOTICES_LOST_NODES,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{inherited.get('PATH', '')}",  # a job is `python ...`
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.folder / "token"),
            "RAY_USAGE_STATS_ENABLED": "0",
        }

    def _start_head(self, cpus: int, port: int) -> None:
        port = _free_port(port)
        self.dashboard = f"http://127.0.0.1:{port}"
        ports = ["--port", "0", "--dashboard-port", str(port), "--ray-client-server-port", str(_free_port())]
        self._start(cpus, "--head", *ports)
        address = self.folder / "1" / "ray_current_cluster"
        self._until(address.exists, "the head to start")
        self.address = address.read_text().strip()
        self._save()

    def start_node(self, cpus: int = 1) -> int:
        """Starts one more node, without waiting for it.

        Args:
            cpus: the number of CPUs that it claims to have.

        Returns:
            The node's number.
        """
        self._start(cpus, "--address", self.address)
        return self.nodes[-1].number

    def _start(self, cpus: int, *options: str) -> None:
        number = len(list(self.folder.glob("node-*.log"))) + 1  # counts dead nodes too
        with (self.folder / f"node-{number}.log").open("w") as log:
            started = subprocess.Popen(
                [
                    *[sys.executable, "-c", "from ray.scripts.scripts import main; main()", "start", "--block"],
                    *["--num-cpus", str(cpus), "--object-store-memory", str(_OBJECT_STORE_BYTES)],
                    *["--temp-dir", str(self.folder / str(number)), "--dashboard-agent-listen-port", "0"],
                    *["--min-worker-port", "0", "--max-worker-port", "0", "--labels", f"{_NUMBER}={number}", *options],
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                cwd=self.folder,
                env=self.environment,
            )
        self.nodes.append(Node(number, started.pid, psutil.Process(started.pid).create_time()))
        self._save()

    def wait(self) -> None:
        """Waits until the head accepts jobs and considers exactly the live nodes alive."""
        numbers = {node.number for node in self.nodes}
        self._until(lambda: self.alive() == numbers, f"nodes {sorted(numbers)} to be alive, and no other")

    def alive(self) -> set[int]:
        """Returns the numbers of the nodes that the head considers alive."""
        with contextlib.suppress(OSError, ValueError, KeyError):
            nodes = self.asked("/api/v0/nodes?detail=true")["data"]["result"]["result"]
            return {int(node["labels"][_NUMBER]) for node in nodes if node["state"] == "ALIVE"}
        return set()

    def kill_node(self, number: int) -> None:
        """Kills all processes of a node at once, as a power cut would."""
        node = next(node for node in self.nodes if node.number == number)
        _kill(list(_processes_of(node)))
        self.nodes.remove(node)
        self._save()

    def stop(self) -> None:
        """Kills all nodes, and removes the cluster's folder."""
        _kill([process for node in self.nodes for process in _processes_of(node)])
        shutil.rmtree(self.folder, ignore_errors=True)

    def asked(self, path: str) -> Any:
        """Returns the JSON that the dashboard has at a path."""
        token = (self.folder / "token").read_text()
        request = urllib.request.Request(self.dashboard + path, headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def _until(self, is_so: Any, what: str) -> None:
        until = time.monotonic() + _STARTED_S
        while not is_so():
            dead = [node for node in self.nodes if not any(_processes_of(node))]
            if dead or time.monotonic() > until:
                log = (self.folder / f"node-{(dead or self.nodes)[-1].number}.log").read_text()
                raise RuntimeError(f"waited in vain for {what}:\n{log}")
            time.sleep(_POLL_S)

    def _save(self) -> None:
        values = {"address": self.address, "dashboard": self.dashboard, "nodes": [asdict(node) for node in self.nodes]}
        (self.folder / "cluster.json").write_text(json.dumps(values))


def _processes_of(node: Node) -> Iterator[psutil.Process]:
    """Yields a node's processes: those of its session, and their children in other sessions."""
    with contextlib.suppress(psutil.Error):
        if psutil.Process(node.process).create_time() != node.since:
            return
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getsid(process.pid) == node.process:
                yield process
                yield from (each for each in process.children() if os.getsid(each.pid) != node.process)


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=_ENDED_S)


def _free_port(wanted: int = 0) -> int:
    for port in (wanted, 0):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise OSError("no port is free")
