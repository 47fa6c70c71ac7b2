"""A run of its own process over a Hub on loopback, which is killed in the middle of a download."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from job.source.sample.catalogue import make_catalogue
from tests.conftest import shards
from tests.paths import ROOT
from tests.servers.hub import Hub

DATASET = "McAuley-Lab/Amazon-Reviews-2023"
ROWS = 12_000
"""36 MB of JSONL: nine partitions, and nine ranges."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def jsonl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    make_catalogue(folder, rows=ROWS, categories=["Appliances"])
    shutil.rmtree(folder / "raw_meta_Appliances")
    return folder


@pytest.fixture(scope="module")
def expected(jsonl: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("expected")
    ended = start(folder, {}, "--source", str(jsonl))
    assert ended.wait() == 0
    return shards(folder / "out")


@pytest.fixture
def served(jsonl: Path) -> Iterator[Hub]:
    with Hub() as hub:
        hub.put(DATASET, jsonl)
        yield hub


def start(folder: Path, environment: dict[str, str], *arguments: str) -> subprocess.Popen[bytes]:
    given = ["--category", "Appliances", "--output", str(folder / "out"), "--workers", "2", *arguments]
    with (folder / "said").open("ab") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "job", "run", *given],
            cwd=ROOT,
            env={**os.environ, "HF_HOME": str(folder / "hf"), **environment},
            stdout=subprocess.DEVNULL,
            stderr=said,
        )


def sent(hub: Hub) -> int:
    return sum(size for path, size in hub.bytes_sent.items() if path.startswith("/repos/"))


def test_a_killed_download_goes_on_with_what_it_has(
    served: Hub, jsonl: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    size = (jsonl / "raw/meta_categories/meta_Appliances.jsonl").stat().st_size
    served.pace.connection_bytes_per_s = 1_000_000
    run = start(tmp_path, {"HF_ENDPOINT": served.endpoint})
    until = time.monotonic() + 300
    while sent(served) < size * 0.6 and run.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    run.kill()
    run.wait()
    (blobs,) = (tmp_path / "hf/hub").glob("*/blobs")
    assert {path.suffix for path in blobs.iterdir()} == {".incomplete"}
    served.pace.connection_bytes_per_s = None
    assert start(tmp_path, {"HF_ENDPOINT": served.endpoint}).wait() == 0
    assert shards(tmp_path / "out") == expected
    assert served.most_at_once == 8
    assert sent(served) < size + 3 * (4 << 20) + (8 << 20)  # the first rows were looked at, and a piece lost with each
    again = start(tmp_path, {"HF_HUB_OFFLINE": "1"})
    assert again.wait() == 0
    assert len(list(blobs.iterdir())) == 1
