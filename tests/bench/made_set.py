"""Stands in for `curate craft`: makes the set by the courses' method, and can be told to swap two rows.

The command line is that of `curate craft`; the variable `SWAPPED` names a split of which to swap the first two rows.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from job.bench.baselines.course_craft import Item2024, Item2025, splits_2024, splits_2025
from job.bench.measure.craft import shards
from job.config.craft import CraftConfig
from job.output.folder import OutputFolder


def main() -> None:
    """Makes a training set."""
    _, config_file, _, output, *_ = sys.argv[1:]
    settings = yaml.safe_load(Path(config_file).read_text(encoding="utf-8"))
    config = CraftConfig.model_validate(settings)
    rows = [row for path in shards(OutputFolder(Path(config.items))) for row in pq.read_table(path).to_pylist()]
    sizes = {**settings["sample"], **settings["splits"]}
    if config.preset == "course-2024":
        splits = splits_2024([Item2024(**row) for row in rows], sizes, config.seed)
    else:
        splits = splits_2025([Item2025(**row) for row in rows], sizes, config.seed)
    folder = Path(output) / "data"
    folder.mkdir(parents=True)
    for name, items in splits.items():
        if name == os.environ.get("SWAPPED"):
            items[:2] = items[1::-1]
        half = len(items) // 2
        for number, part in enumerate((items[:half], items[half:])):
            columns = {"id": [item.parent_asin for item in part], "price": [item.price for item in part]}
            pq.write_table(pa.table(columns), folder / f"{name}-{number:05d}-of-00002.parquet")


if __name__ == "__main__":
    main()
