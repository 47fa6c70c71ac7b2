"""`scripts/cluster`: starts, shows and stops a Ray cluster on this machine, and passes jobs to it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import typer

from job.cluster.local.nodes import Cluster
from job.streams.standard import claim

LINK = Path("out/cluster")
"""Symbolic link to the folder of the cluster that is running."""
ROOT = Path(__file__).parents[3]
USAGE = """usage: scripts/cluster start [NODES]     start a cluster; each node has one CPU (default: 3 nodes)
       scripts/cluster submit ARGS       run `curate submit ARGS` with this cluster's address
       scripts/cluster run ARGS          run `curate run ARGS`, which joins this cluster
       scripts/cluster status [ARGS]     show the nodes and jobs; with ARGS: `curate status ARGS` for this cluster
       scripts/cluster kill-node N       kill a node, as a power cut would (not node 1, the head)
       scripts/cluster add-node          start one more node
       scripts/cluster stop [JOB]        stop a job; without JOB stop the cluster and remove its files"""
_PORT = 8265


def main(arguments: list[str]) -> None:
    """Runs one command of `scripts/cluster`.

    Args:
        arguments: the command and its own arguments.
    """
    match arguments:
        case ["start", *nodes] if len(nodes) < 2:
            start(*map(int, nodes))
        case ["status", *rest]:
            if not rest:
                typer.echo(f"alive: nodes {', '.join(map(str, sorted(running().alive())))}")
            curate("status", "--address", running().dashboard, *rest)
        case ["submit", *rest]:
            curate("submit", "--address", running().dashboard, *rest)
        case ["stop", job_id]:
            curate("stop", job_id, "--address", running().dashboard)
        case ["run", *rest]:
            curate("run", *rest)
        case ["kill-node", number]:
            kill(int(number))
        case ["add-node"]:
            cluster = running()
            number = cluster.start_node()
            cluster.wait()
            typer.echo(f"node {number} has joined")
        case ["stop"]:
            running().stop()
            LINK.unlink()
            typer.echo("stopped")
        case _:
            sys.exit(USAGE)


def running() -> Cluster:
    """Returns the cluster that is running. Exits with a message if there is none."""
    if not LINK.exists():
        LINK.unlink(missing_ok=True)
        sys.exit("error: no cluster is running\nto start one: scripts/cluster start")
    return Cluster.at(LINK.resolve())


def start(nodes: int = 3) -> None:
    """Starts a cluster.

    Args:
        nodes: the number of nodes, with one CPU each.
    """
    if LINK.exists():
        sys.exit("error: a cluster is running already\nto stop it: scripts/cluster stop")
    cluster = Cluster.started(nodes, port=_PORT)
    LINK.parent.mkdir(exist_ok=True)
    LINK.unlink(missing_ok=True)
    LINK.symlink_to(cluster.folder)
    typer.echo(f"{nodes} nodes are up: {cluster.dashboard} · drivers join at {cluster.address}")
    typer.echo("to try it: scripts/cluster submit --source $PWD/out/catalogue --output $PWD/out/on-cluster")


def kill(number: int) -> None:
    """Kills a node.

    Args:
        number: which node; not the head, without which there is no cluster.
    """
    cluster = running()
    if number not in {node.number for node in cluster.nodes[1:]}:
        left = ", ".join(str(node.number) for node in cluster.nodes[1:])
        sys.exit(f"error: no node {number} to kill; there are: {left or 'none'} (1 is the head)")
    cluster.kill_node(number)
    typer.echo(f"node {number} is dead")


def curate(*arguments: str) -> None:
    """Replaces this process by `curate ARGUMENTS` in the cluster's environment."""
    cluster = running()
    environment = {**cluster.environment, "PYTHONPATH": str(ROOT), "RAY_ADDRESS": cluster.address}
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-m", "job", *arguments], environment)


if __name__ == "__main__":
    claim()
    main(sys.argv[1:])
