"""`scripts/cluster`: starts a cluster on this machine, and says how it is."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import typer

from job.cluster.local.nodes import Cluster

LINK = Path("out/cluster")
"""Leads to the folder of the cluster that is running."""
ROOT = Path(__file__).parents[3]
USAGE = """usage: scripts/cluster start [NODES]     nodes with a CPU each; 3 unless told
       scripts/cluster submit ARGS       curate submit, to this cluster
       scripts/cluster run ARGS          curate run, which joins this cluster
       scripts/cluster status [ARGS]     its nodes and jobs; curate status, of this cluster
       scripts/cluster kill-node N       as a power cut would; 1 is the head, and stays
       scripts/cluster add-node
       scripts/cluster stop [JOB]        a job, or the cluster, with all that is left of it"""
_PORT = 8265


def main(arguments: list[str]) -> None:
    """Does what the first argument says; the others are for it."""
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
    """Returns the cluster that is running."""
    if not LINK.exists():
        LINK.unlink(missing_ok=True)
        sys.exit("error: no cluster is running\nto start one: scripts/cluster start")
    return Cluster.at(LINK.resolve())


def start(nodes: int = 3) -> None:
    """Starts a cluster of so many nodes with one CPU each."""
    if LINK.exists():
        sys.exit("error: a cluster is running already\nto stop it: scripts/cluster stop")
    cluster = Cluster.started(nodes, port=_PORT)
    LINK.parent.mkdir(exist_ok=True)
    LINK.unlink(missing_ok=True)
    LINK.symlink_to(cluster.folder)
    typer.echo(f"{nodes} nodes are up: {cluster.dashboard} · drivers join at {cluster.address}")
    typer.echo("to try it: scripts/cluster submit --source $PWD/out/catalogue --output $PWD/out/on-cluster")


def kill(number: int) -> None:
    """Kills a node; not the head, without which there is no cluster."""
    cluster = running()
    if number not in {node.number for node in cluster.nodes[1:]}:
        left = ", ".join(str(node.number) for node in cluster.nodes[1:])
        sys.exit(f"error: no node {number} to kill; there are: {left or 'none'} (1 is the head)")
    cluster.kill_node(number)
    typer.echo(f"node {number} is dead")


def curate(*arguments: str) -> None:
    """Becomes `curate ARGUMENTS`, in the cluster's environment."""
    cluster = running()
    environment = {**cluster.environment, "PYTHONPATH": str(ROOT), "RAY_ADDRESS": cluster.address}
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-m", "job", *arguments], environment)


if __name__ == "__main__":
    main(sys.argv[1:])
