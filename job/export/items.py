"""Items as JSON Lines, a file for each category."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from job.export.form import Form, Rows
from job.export.loading import load_dataset_files


def whole_items(_: str, rows: pa.Table) -> Rows:
    """Returns items with all of their columns. What JSON has no number for, NaN and the infinities, is null there."""
    return rows.to_pylist()


def _load(root: Path | str, _: Sequence[str]) -> str:
    return load_dataset_files("json", root, {"train": "*.jsonl"})


JSONL = Form(name="jsonl", summary="items as JSON Lines", columns=(), lines=whole_items, loading=_load)
