"""How busy does scheduling keep many workers? Measured with tasks that sleep, so a few cores are enough.

    python -m job.bench.measure.waiting 8,32,64 > job/bench/measured/waiting.json

The job curates eight categories of 125 partitions with each number of workers, on one node that claims as many CPUs.
Before a task reads the single row of its partition, it sleeps for half to one and a half times the mean. Everything
else is the real job.
"""

from __future__ import annotations

import functools
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from job.source.sample.catalogue import make_catalogue, sample_files

CATEGORIES = 8
PARTITIONS = 125
"""Number of partitions per category."""
MEAN_S = {8: 1.0, 32: 2.0, 64: 4.0}
"""Mean seconds that a task sleeps, by the number of workers.

It grows with the workers, because many take a minute to start on two cores. Their start is not measured.
"""


class WaitingRun(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one number of workers."""

    workers: int
    partitions: int
    mean_s: float
    wall_s: float
    measured_s: float
    """Seconds from when all workers had begun to the end of the last task."""
    idle_share: float
    """Share of the workers' measured time in which they had no task."""
    driver_cpu_s_per_1000_partitions: float
    """CPU seconds of the driver, its start included."""
    driver_peak_mb: float


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of `waiting.json`."""

    cores: int | None
    """Number of cores of the machine."""
    runs: list[WaitingRun]


def make_source(folder: Path) -> None:
    """Writes the categories. Each of their files has one row and becomes one partition."""
    made = folder / "made"
    make_catalogue(made, rows=PARTITIONS, categories=["Appliances"], file_format="parquet")
    rows = pa.concat_tables(map(pq.read_table, sample_files(made, "Appliances", PARTITIONS, "parquet")))
    shutil.rmtree(made)
    for category in range(CATEGORIES):
        for index in range(PARTITIONS):
            pq.write_table(rows.slice(index, 1), folder / f"C{category}-{index:05d}-of-{PARTITIONS:05d}.parquet")


def read_late(named: pa.Table, *, notes: str, mean_s: float, **more: Any) -> Iterator[pa.Table]:
    """Sleeps, writes down from when to when, and then reads as the job does."""
    from job.pipeline import read_partitions

    index = named["partition"][0].as_py()
    began = time.time()
    time.sleep(mean_s * (0.5 + index * 37 % PARTITIONS / (PARTITIONS - 1)))
    note = Path(notes) / f"{more['category']}-{index}"
    note.write_text(json.dumps([os.getpid(), began, time.time()]), encoding="utf-8")
    yield from read_partitions(named, **more)


def measure(workers: int, folder: Path) -> WaitingRun:
    """Runs the job once.

    A worker counts as idle whenever it has no task, from when all workers have begun their first one until the end of
    the last one.

    Args:
        workers: the number of workers, a key of `MEAN_S`.
        folder: a folder whose sub-folder `source` has the categories.
    """
    from job import pipeline
    from job.config.load import load_config
    from job.run import run_job

    notes = folder / f"notes-{workers}"
    notes.mkdir()
    pipeline.read_partitions = functools.partial(read_late, notes=str(notes), mean_s=MEAN_S[workers])
    output = folder / f"out-{workers}"
    config = load_config(None, {"source.path": str(folder / "source"), "output": str(output), "workers": workers})
    began, before = time.time(), resource.getrusage(resource.RUSAGE_SELF)
    manifest = run_job(config, quiet=True).manifest
    ended, after = time.time(), resource.getrusage(resource.RUSAGE_SELF)
    if manifest.num_rows != CATEGORIES * PARTITIONS:
        raise RuntimeError(f"{manifest.num_rows} rows came out of {CATEGORIES * PARTITIONS}")
    spans: list[tuple[int, float, float]] = [
        tuple(json.loads(path.read_text(encoding="utf-8"))) for path in notes.iterdir()
    ]
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    measured_s, idle_share = idle(spans, workers)
    return WaitingRun(
        workers=workers,
        partitions=len(spans),
        mean_s=MEAN_S[workers],
        wall_s=round(ended - began, 1),
        measured_s=round(measured_s, 1),
        idle_share=round(idle_share, 4),
        driver_cpu_s_per_1000_partitions=round(cpu_s / len(spans) * 1000, 1),
        driver_peak_mb=round(after.ru_maxrss * 1024 / 1e6),
    )


def idle(spans: Sequence[tuple[int, float, float]], workers: int) -> tuple[float, float]:
    """Computes how long was measured and which share of the workers' time they were idle.

    Args:
        spans: the process id, begin and end of each task, in seconds.
        workers: the number of workers. Processes that were started later replace others, and are not waited for.

    Returns:
        The seconds from when all workers had begun to the end of the last task, and the idle share.
    """
    first: dict[int, float] = {}
    for pid, begin, _ in sorted(spans, key=lambda span: span[1]):
        first.setdefault(pid, begin)
    all_begun = sorted(first.values())[workers - 1]
    measured_s = max(end for _, _, end in spans) - all_begun
    busy_s = sum(max(0.0, end - max(begin, all_begun)) for _, begin, end in spans)
    return measured_s, 1 - busy_s / (workers * measured_s)


def main() -> None:
    """Measures with each number of workers named on the command line, and prints the figures as JSON."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "source").mkdir()
        make_source(folder / "source")
        runs: list[WaitingRun] = []
        for workers in map(int, sys.argv[1].split(",")):
            runs.append(measure(workers, folder))
            sys.stderr.write(f"{runs[-1]}\n")
    content = msgspec.json.encode(Waiting(cores=os.cpu_count(), runs=runs))
    sys.stdout.write(msgspec.json.format(content, indent=1).decode() + "\n")


if __name__ == "__main__":
    main()
