"""What `curate export` says at its end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from job.config.addresses import located
from job.errors import printable
from job.export.export import Exported


def exported_lines(output: str, done: Exported) -> Iterator[str]:
    """Yields what was written, and what to type to load it.

    Args:
        output: the folder, as the user named it.
        done: how it ended.
    """
    files = done.export.files or []
    rows = ", ".join(
        f"{file.num_rows:,} {split}"
        for split, file in zip(done.splits, (file for file in files if file.num_rows is not None), strict=True)
    )
    began = "complete already" if done.was_complete else "done"
    yield f"{began}: {printable(rows)} in {printable(output)}; to load it:"
    yield done.form.loading(_root(output), done.splits)


def exported_json(output: str, done: Exported) -> dict[str, Any]:
    """Returns what was written, for a program to read. Arguments are as for `exported_lines`."""
    found = done.lengths
    counted = None if found is None or found.longest is None else found
    return {
        "output": output,
        "form": done.export.form,
        "source": done.export.source,
        "files": msgspec.to_builtins(done.export.files),
        "was_complete": done.was_complete,
        "too_long": counted and {name: counted.too_long.get(name, 0) for name in counted.is_too_long},
        "longest": found and found.longest,
        "prompts_apart": found and found.apart,
        "load": done.form.loading(_root(output), done.splits),
    }


def _root(output: str) -> Path | str:
    return located(output)
