"""Do all nodes of a cluster see what the job reads and writes? If a node does not, the job stops before work starts.

Each node looks for itself, for the source files and for a token file that the driver has just written, and nothing is
asked of the user. So a disk that all nodes mount passes, and a folder that only has the same name on another machine
does not.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from job.errors import UsageError, cannot_be_written
from job.source.location import LocalFile

_ANSWER_S = 120.0
"""Seconds that a node has to answer. It may have to start a worker first."""

Files = Mapping[Path, tuple[int, str]]
"""Source files, each with its size in bytes and its digest, as `LocalFile.fingerprint` returns them."""


def check_all_nodes_see(files: Files, folders: Mapping[Path, str]) -> None:
    """Checks on every node that can work that it sees what the job reads and writes. Ray has to be started.

    Args:
        files: the source files on a disk.
        folders: folders on a disk that the job writes to, or reads from on other nodes, each with its purpose.

    Raises:
        UsageError: if a node does not see one of them, or sees another file there.
    """
    if not files and not folders:
        return
    with _tokens(folders) as tokens:
        unseen = _unseen_by_node(dict(files), tokens)
    if unseen:
        node, path = next((node, paths[0]) for node, paths in unseen.items())
        others = f" (and {len(unseen) - 1} other nodes)" if len(unseen) > 1 else ""
        what = folders.get(path, "the source")
        raise UsageError(
            f"{path}, {what}, is not the same on node {node}{others} as here: all nodes have to see it\n"
            "nothing was done; use a disk that every node mounts at this path, or an object store such as "
            "s3://BUCKET/FOLDER, or one node alone: unset RAY_ADDRESS"
        )


@contextlib.contextmanager
def _tokens(folders: Iterable[Path]) -> Generator[dict[Path, Path]]:
    """Writes a file with a new random name into each folder, and removes the files at the end."""
    tokens = {folder: folder / f".seen-{uuid.uuid4().hex}" for folder in folders}
    try:
        for folder, token in tokens.items():
            try:
                folder.mkdir(parents=True, exist_ok=True)
                token.write_bytes(b"")
            except OSError as error:
                raise cannot_be_written(error, folder) from None
        yield tokens
    finally:
        for token in tokens.values():
            token.unlink(missing_ok=True)


def unseen_on_this_node(files: Files, tokens: Mapping[Path, Path]) -> list[Path]:
    """Returns the paths that this machine does not see as the driver does. Runs on every node.

    Args:
        files: see `check_all_nodes_see`.
        tokens: for each folder, a file in it.
    """
    unseen = [folder for folder, token in tokens.items() if not _is_there(token) or not os.access(folder, os.W_OK)]
    for path, expected in files.items():
        try:
            found = LocalFile(path).fingerprint()
        except OSError:
            found = None
        if found != expected:
            unseen.append(path)
    return unseen


def _is_there(token: Path) -> bool:
    try:
        return token.exists()
    except OSError:  # for instance, the disk has gone away
        return False


def _unseen_by_node(files: Files, tokens: Mapping[Path, Path]) -> dict[str, Sequence[Path]]:
    """Returns what each node with CPUs does not see. A node that dies meanwhile is left out."""
    import ray
    from ray.exceptions import RayError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    answers: dict[str, Any] = {}
    for node in ray.nodes():
        if node["Alive"] and node["Resources"].get("CPU"):
            strategy = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            look = ray.remote(num_cpus=0, max_retries=0)(unseen_on_this_node).options(scheduling_strategy=strategy)
            answers[f"{node['NodeManagerAddress']} ({node['NodeID'][:8]})"] = look.remote(files, tokens)
    unseen: dict[str, Sequence[Path]] = {}
    for node, answer in answers.items():
        with contextlib.suppress(RayError):
            if paths := ray.get(answer, timeout=_ANSWER_S):
                unseen[node] = paths
    return unseen
