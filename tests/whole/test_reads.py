"""How often a run reads the plan and the records, counted in the requests of all its processes to a real S3 server."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from job.config.load import load_config
from job.run import run_job
from tests.servers.s3 import S3

pytestmark = pytest.mark.usefixtures("shared_ray")

NUM_PARTITIONS = 4
OUT = "s3://bucket/out"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Four partitions in Parquet, and one category more in JSONL whose rows are all malformed but one."""
    folder = tmp_path / "source"
    folder.mkdir()
    row = {"title": "a spoon", "price": "5.00", "description": ["good"], "features": [], "details": "{}"}
    for file in range(NUM_PARTITIONS):
        path = folder / f"Toys-{file:05d}-of-{NUM_PARTITIONS:05d}.parquet"
        pq.write_table(pa.Table.from_pylist([{**row, "parent_asin": f"B{file}"}]), path)
    lines = [b"broken", json.dumps(row | {"details": {}}).encode()]
    (folder / "Books.jsonl").write_bytes(b"\n".join([*lines, b""]))
    return folder


def reads(s3: S3, source: Path, **settings: object) -> tuple[int, list[int]]:
    """Runs the job; returns how often plan.json was read, and how often each record was, the rarest first."""
    s3.requests.clear()
    config = load_config(None, {"source.path": str(source), "output": OUT, "max_malformed": 5, **settings})
    run_job(config, quiet=True)
    asked = Counter(request.key for request in s3.requests if request.method == "HEAD")  # before each read
    read = Counter(request.key for request in s3.requests if request.method == "GET" and "?" not in request.path)
    records = [count for key, count in read.items() if key.startswith("out/_partitions/") and key.endswith(".json")]
    return asked["out/plan.json"], sorted(records)


def test_a_run_reads_the_plan_before_and_under_its_lock_and_each_record_once(s3: S3, source: Path) -> None:
    """With a whole number as `max_malformed` too, when partitions have rejects."""
    every_record = [1] * (NUM_PARTITIONS + 1)
    assert reads(s3, source) == (2, every_record)

    for key in ("out/manifest.json", "out/_partitions/Toys/00001.json", "out/_partitions/Toys/00002.json"):
        s3.client.delete_object(Bucket="bucket", Key=key)
    assert reads(s3, source) == (2, every_record)

    assert reads(s3, source) == (1, every_record)
