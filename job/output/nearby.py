"""Outputs near a path that is none, for messages: the user has mistyped it, or means a folder above or below it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from job.errors import CurateError, nearest, nearest_path, printable
from job.storage import filesystem

PLAN = "plan.json"
"""Name of the file that every output has."""
REPORTS = ("report.html", "report.json")
"""Names of the files of a report."""

_SHOWN = 5


def similar_output(root: Path | str) -> str:
    """Suggests what an output may be called that does not exist.

    Args:
        root: path or address that the user gave.

    Returns:
        `; did you mean X?`, or which outputs there are instead; empty when nothing is near.
    """
    if isinstance(root, str):
        parent, _, name = root.rpartition("/")
        if parent.endswith("/"):
            return ""
        try:
            there = [name for name, size in filesystem.list_folder(parent).items() if size is None]
        except CurateError:
            return ""
        return nearest(name, map(printable, there))
    found = nearest_path(root.parent) if not root.parent.exists() else root.parent
    if found is not None and (outputs := _outputs_in(found)):
        names = {printable(path.name): path for path in outputs}
        if similar := nearest(root.name, names):
            return similar if found == root.parent else similar.replace("mean ", f"mean {printable(str(found))}/", 1)
    if (path := nearest_path(root)) is not None:
        return f"; did you mean {printable(path.name if path.parent == root.parent else str(path))}?"
    return "" if found is None else _listed(_outputs_in(found))


def outputs_around(root: Path | str) -> str:
    """Suggests which output is meant by a path that exists and is none.

    Args:
        root: path or address that the user gave.

    Returns:
        The output that it is in, or the outputs that are in it; empty when there are none.
    """
    if isinstance(root, str):
        return ""
    around = next((folder for folder in root.absolute().parents if _is_output(folder)), None)
    if around is not None:
        return f"; the output is {printable(str(around))}"
    return _listed(_outputs_in(root))


def _outputs_in(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if _is_output(path))
    except OSError:
        return []


def _is_output(folder: Path) -> bool:
    try:
        return (folder / PLAN).is_file()
    except OSError:
        return False


def _listed(outputs: Iterable[Path]) -> str:
    names = [printable(str(path)) for path in outputs]
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return f"; outputs there: {', '.join(names[:_SHOWN])}{more}" if names else ""
