"""The nodes of a Ray: which one this is, and which of them are alive."""

from __future__ import annotations

from collections.abc import Sequence


def this_node() -> str:
    """Returns the id of the node that this process works on."""
    import ray

    return ray.get_runtime_context().get_node_id()


def on_live_nodes(node_ids: Sequence[str]) -> list[str]:
    """Returns those of some ids, each as often as it is there, whose nodes are alive."""
    import ray

    alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
    return [node_id for node_id in node_ids if node_id in alive]
