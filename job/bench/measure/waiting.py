"""How well does scheduling keep many workers busy? Measured with work that waits, so that few cores are enough.

    python -m job.bench.measure.waiting 8,32,64 > job/bench/measured/waiting.json

Eight categories of 125 partitions are curated by so many workers, on one node that claims as many CPUs. Before a
partition's one row is read, its task sleeps, between half the mean and one and a half times it. All else is the job.
"""

from __future__ import annotations

import functools
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from job import pipeline
from job.config.load import load_config
from job.run import run_job

CATEGORIES = 8
PARTITIONS = 125
MEAN_S = {8: 1.0, 32: 2.0, 64: 4.0}
"""Longer with more workers, for these take a minute to start on two cores, which is not measured."""
read = pipeline.read_partitions


def make_source(folder: Path) -> None:
    """Writes the categories: each of their files has one row, and becomes one partition."""
    row = {"title": "a spoon", "price": "5.00", "description": ["good"], "features": [], "details": "{}"}
    for category in range(CATEGORIES):
        for file in range(PARTITIONS):
            rows = pa.Table.from_pylist([{**row, "parent_asin": f"{category}-{file}"}])
            pq.write_table(rows, folder / f"C{category}-{file:05d}-of-{PARTITIONS:05d}.parquet")


def waiting(named: pa.Table, *, notes: str, mean_s: float, **more: Any) -> Iterator[pa.Table]:
    """Sleeps, notes from when to when, and goes on as the job does."""
    index = named["partition"][0].as_py()
    began = time.time()
    time.sleep(mean_s * (0.5 + index * 37 % PARTITIONS / (PARTITIONS - 1)))
    note = Path(notes) / f"{more['category']}-{index}"
    note.write_text(json.dumps([os.getpid(), began, time.time()]), encoding="utf-8")
    yield from read(named, **more)


def measure(workers: int, folder: Path) -> dict[str, float]:
    """Runs the job once.

    Returns:
        What is said of it. A worker counts as idle between its first task's begin, or all workers', and the job's end.
    """
    notes = folder / f"notes-{workers}"
    notes.mkdir()
    pipeline.read_partitions = functools.partial(waiting, notes=str(notes), mean_s=MEAN_S[workers])
    output = folder / f"out-{workers}"
    config = load_config(None, {"source.path": str(folder / "source"), "output": str(output), "workers": workers})
    began, before = time.time(), resource.getrusage(resource.RUSAGE_SELF)
    manifest = run_job(config, quiet=True).manifest
    ended, after = time.time(), resource.getrusage(resource.RUSAGE_SELF)
    if manifest.num_rows != CATEGORIES * PARTITIONS:
        raise RuntimeError(f"{manifest.num_rows} rows came out of {CATEGORIES * PARTITIONS}")
    spans = [json.loads(path.read_text(encoding="utf-8")) for path in notes.iterdir()]
    first: dict[int, float] = {}
    for pid, start, _ in sorted(spans, key=lambda span: span[1]):
        first.setdefault(pid, start)
    all_up = sorted(first.values())[workers - 1]
    last = max(end for _, _, end in spans)
    busy = sum(max(0.0, end - max(start, all_up)) for _, start, end in spans)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "workers": workers,
        "partitions": len(spans),
        "mean_s": MEAN_S[workers],
        "wall_s": round(ended - began, 1),
        "measured_s": round(last - all_up, 1),
        "idle_share": round(1 - busy / (workers * (last - all_up)), 4),
        "driver_cpu_s_per_1000_partitions": round(cpu_s / len(spans) * 1000, 1),
        "driver_peak_mb": round(after.ru_maxrss * 1024 / 1e6),
    }


def main() -> None:
    """Measures with each number of workers named on the command line, and prints JSON."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "source").mkdir()
        make_source(Path(folder) / "source")
        runs: list[dict[str, float]] = []
        for workers in map(int, sys.argv[1].split(",")):
            runs.append(measure(workers, Path(folder)))
            sys.stderr.write(f"{runs[-1]}\n")
        sys.stdout.write(json.dumps({"cores": os.cpu_count(), "runs": runs}, indent=1) + "\n")


if __name__ == "__main__":
    main()
