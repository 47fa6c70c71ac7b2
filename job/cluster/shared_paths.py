"""Do all nodes of a cluster see what the job reads and writes? A path that only the driver sees is found before work.

Nothing is asked of the user: each node looks by itself, for the source's files and for a token that the driver has
just written. So a disk that all nodes mount passes, and a folder that only happens to have the same name does not.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from job.errors import UsageError, cannot_be_written
from job.source.files import fingerprint

_ANSWER_S = 120.0
"""A node may have to start a worker first."""

Files = Mapping[Path, tuple[int, str]]
"""Source files, each with its size in bytes and its fingerprint."""


def check_seen_by_all_nodes(files: Files, folders: Mapping[Path, str]) -> None:
    """Has every node that can work look for what the job reads and writes; Ray has to be started.

    Args:
        files: source files on a disk.
        folders: folders on a disk that the job writes to, or reads from on other nodes, each with what it is for.

    Raises:
        UsageError: when a node does not see one of them, or sees another file there.
    """
    if not files and not folders:
        return
    with _tokens(folders) as tokens:
        unseen = _asked(dict(files), tokens)
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
    """Writes a file of a name that was never there into each folder; removes them at the end."""
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


def unseen_here(files: Files, tokens: Mapping[Path, Path]) -> list[Path]:
    """Returns what this machine does not see; run on every node.

    Args:
        files: see `check_seen_by_all_nodes`.
        tokens: by folder, a file in it.
    """
    unseen = [folder for folder, token in tokens.items() if not _is_there(token) or not os.access(folder, os.W_OK)]
    for path, expected in files.items():
        try:
            found = fingerprint(path)
        except OSError:
            found = None
        if found != expected:
            unseen.append(path)
    return unseen


def _is_there(token: Path) -> bool:
    try:
        return token.exists()
    except OSError:  # as on a disk that has gone away
        return False


def _asked(files: Files, tokens: Mapping[Path, Path]) -> dict[str, Sequence[Path]]:
    """Asks every node that has CPUs; returns what they do not see, by node. One that dies meanwhile says nothing."""
    import ray
    from ray.exceptions import RayError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    asked: dict[str, Any] = {}
    for node in ray.nodes():
        if node["Alive"] and node["Resources"].get("CPU"):
            strategy = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            task = ray.remote(num_cpus=0, max_retries=0)(unseen_here).options(scheduling_strategy=strategy)
            asked[f"{node['NodeManagerAddress']} ({node['NodeID'][:8]})"] = task.remote(files, tokens)
    unseen: dict[str, Sequence[Path]] = {}
    for node, answer in asked.items():
        with contextlib.suppress(RayError):
            if paths := ray.get(answer, timeout=_ANSWER_S):
                unseen[node] = paths
    return unseen
