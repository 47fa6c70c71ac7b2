"""Runs of their own process over a Hub on loopback, which work while files arrive."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from job.source.sample.catalogue import make_catalogue
from tests.conftest import shards
from tests.paths import ROOT
from tests.servers.hub import Hub, WrongBytes

DATASET = "McAuley-Lab/Amazon-Reviews-2023"
ROWS = 12_000
"""36 MB of JSONL: eight partitions, and nine ranges."""

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


def wait_until(holds: Callable[[], object], run: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 300
    while not holds() and run.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    assert holds()


def held(folder: Path) -> list[Path]:
    return list((folder / "out/_tmp/held").rglob("*.json"))


def records(folder: Path) -> list[Path]:
    return list((folder / "out/_partitions").rglob("*.json"))


def test_work_begins_while_a_file_arrives_and_counts_when_its_hash_is_right(
    served: Hub, expected: dict[str, bytes], tmp_path: Path
) -> None:
    served.pace.line_bytes_per_s = 4_000_000
    run = start(tmp_path, {"HF_ENDPOINT": served.endpoint})
    wait_until(lambda: len(held(tmp_path)) > 3, run)
    assert not records(tmp_path)
    assert run.wait() == 0
    assert shards(tmp_path / "out") == expected
    assert len(records(tmp_path)) == len(expected)
    assert not (tmp_path / "out/_tmp").exists()


@pytest.mark.parametrize("moment", ["held", "there", "released"])
def test_a_run_that_is_killed_after_it_has_begun_goes_on(
    served: Hub, expected: dict[str, bytes], tmp_path: Path, moment: str
) -> None:
    """While records are held back, when the file has its name, and when the first of them count."""
    served.pace.line_bytes_per_s = 8_000_000
    run = start(tmp_path, {"HF_ENDPOINT": served.endpoint})
    is_so = {
        "held": lambda: held(tmp_path),
        "there": lambda: list((tmp_path / "hf/hub").glob("*/snapshots/*/raw/*/*.jsonl")),
        "released": lambda: records(tmp_path),
    }
    wait_until(is_so[moment], run)
    run.kill()
    run.wait()
    assert bool(records(tmp_path)) == (moment == "released")
    served.pace.line_bytes_per_s = None
    assert start(tmp_path, {"HF_ENDPOINT": served.endpoint}).wait() == 0
    assert shards(tmp_path / "out") == expected
    assert len(records(tmp_path)) == len(expected)
    assert not held(tmp_path)


def test_what_was_made_of_wrong_bytes_never_counts_and_the_file_is_fetched_again(
    served: Hub, expected: dict[str, bytes], tmp_path: Path
) -> None:
    served.pace.line_bytes_per_s = 4_000_000
    served.fail(WrongBytes(), server="cdn", after=6)  # some are for the first rows
    run = start(tmp_path, {"HF_ENDPOINT": served.endpoint})
    wait_until(lambda: len(held(tmp_path)) > 3, run)
    wait_until(lambda: not held(tmp_path), run)
    served.pace.line_bytes_per_s = None
    assert run.wait() == 0
    assert shards(tmp_path / "out") == expected
    assert len(records(tmp_path)) == len(expected)


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
