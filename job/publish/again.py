"""What making items again and making a training set again have in common: room, the scratch folder, what is said."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from job.errors import CurateError, UsageError, plain_reason
from job.output.folder import OutputFolder

_SPARE_BYTES = 64 << 20
"""Bytes of room beside the files themselves."""
_SHOWN = 5


@contextlib.contextmanager
def scratch_folder(needed_bytes: int) -> Generator[Path]:
    """Makes a temporary folder, which is removed at the end, whatever happens meanwhile.

    Args:
        needed_bytes: bytes of what is to be written there.

    Yields:
        The folder.

    Raises:
        UsageError: when there is no room for it.
    """
    with tempfile.TemporaryDirectory(prefix="curate-check-", ignore_cleanup_errors=True) as scratch:
        _check_room(Path(scratch), needed_bytes + _SPARE_BYTES)
        yield Path(scratch)


def _check_room(folder: Path, needed: int) -> None:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise UsageError(f"the temporary folder cannot be used: {folder}: {plain_reason(error)}") from None
    if free < needed:
        raise UsageError(
            f"the disk is too full to make it again: {free / 1e6:,.0f} MB free at {folder.parent}, about "
            f"{needed / 1e6:,.0f} MB needed\nmake room, or name a folder on another disk: export TMPDIR=/FOLDER"
        )


def workers_of(config: Mapping[str, Any], given: str | None) -> Any:
    """Returns the value of `workers` for a config.

    Args:
        config: the config in the plan.
        given: number of cores, or `all`, as a user typed it; as in the plan unless given.
    """
    count: Any = config.get("workers", "all") if given is None else given
    return int(count) if isinstance(count, str) and re.fullmatch(r"-?[0-9]+", count) else count


def not_made(output: OutputFolder, error: CurateError) -> CurateError:
    """Returns an error as it is said when an output could not be made again."""
    return type(error)(
        f"{output.root} could not be made again: {str(error).splitlines()[0]}\n"
        "what was made of it is removed, and the output itself was not touched"
    )


def other_bytes(output: OutputFolder, wrong: Sequence[str], advice: str) -> CurateError:
    """Returns the error for an output that has other bytes than what was made again.

    Args:
        output: the output folder.
        wrong: which files differ, a line for each.
        advice: what to do to see more.
    """
    more = [f"and {len(wrong) - _SHOWN:,} more"] if len(wrong) > _SHOWN else []
    lines = "\n".join([*wrong[:_SHOWN], *more])
    return CurateError(f"{output.root} has other bytes than what was made again now:\n{lines}\n{advice}")


def the_same(num_shards: int, parts: Sequence[str], made_from: str) -> str:
    """Returns the line for an output that has the same bytes as what was made again."""
    shards = f"{num_shards:,} {'shard' if num_shards == 1 else 'shards'}"
    return f"the same, byte for byte: {shards} of {', '.join(parts)}, made again from {made_from}"
