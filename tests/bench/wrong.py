"""A baseline that loses an item, which the bench has to notice."""

from __future__ import annotations

from pathlib import Path

import msgspec

from job.bench.baselines import process_pool
from job.bench.baselines.child import WorkInput, WorkResult


def work(work_input: WorkInput, file_format: str, workers: int, output: Path) -> WorkResult:
    result = process_pool.work(work_input, file_format, workers, output)
    return msgspec.structs.replace(result, num_items=result.num_items - 1, content_digest="0" * 64)
