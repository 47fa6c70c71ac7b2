"""A baseline that loses an item: what the bench has to notice."""

from __future__ import annotations

from pathlib import Path

import msgspec

from job.bench.baselines import process_pool
from job.bench.baselines.child import Done, Spec


def work(spec: Spec, file_format: str, workers: int, output: Path) -> Done:
    done = process_pool.work(spec, file_format, workers, output)
    return msgspec.structs.replace(done, num_items=done.num_items - 1, content_digest="0" * 64)
