"""What a form is: what a trainer reads, as a pure function of the rows of a training set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """A form. Its files are `SPLIT.jsonl` or `SPLIT.parquet`, and whatever `other_files` makes."""

    name: str
    summary: str
    """Who reads it."""
    columns: tuple[str, ...]
    """Columns of the training set that it needs."""
    loading: Callable[[Path | str, Sequence[str]], str]
    """Says how its reader opens it: called with the folder, and the names of the splits that are there."""
    lines: Callable[[str, pa.Table], Rows] | None = None
    """For JSON Lines: makes the objects of a split's name and some of its rows, in their order; None for Parquet."""
    table: Callable[[str, pa.Table], pa.Table] | None = None
    """For Parquet: makes a table of the same; None for JSON Lines."""
    schema: pa.Schema | None = None
    """Schema of the Parquet files."""
    recipe: str | None = None
    """The recipe whose sets it takes; None for every set."""
    other_files: Callable[[Sequence[str]], Mapping[str, bytes]] = lambda _: {}
    """Makes further files of the names of the splits: content by name."""

    def file_name(self, split: str) -> str:
        """Returns the name of a split's file."""
        return f"{split}.{'jsonl' if self.lines is not None else 'parquet'}"
