"""A Hub that takes writes, a user who is logged in, clocks that do not wait, and outputs without a run."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub.utils import _http as client_http  # pyright: ignore[reportPrivateUsage]

from job.publish import answers
from tests.output.made import MadeOutput, item
from tests.servers.hub import Hub

NAME = "someone/kettles"
TOKEN = "hf_SecretOfSomeone"


@pytest.fixture
def writable(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The Hub, which stores Parquet and nothing else as large files, and a user who may write."""
    hub.lfs_bytes = 1_900
    hub.token(TOKEN, "write")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    return hub


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary folders."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


class Clock:
    """A clock that goes on only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def monotonic(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for module in (client_http, answers):
        monkeypatch.setattr(module, "time", SimpleNamespace(sleep=made.sleep, monotonic=made.monotonic))
    return made


def made_output(root: Path, shards: Sequence[int] = (40, 30, 20), config: dict[str, object] | None = None) -> Path:
    """Writes an output of one category with so many items in each shard."""
    output = MadeOutput(root, config)
    numbers = iter(range(10_000))
    output.add(
        "Kettles", [[item(f"K{next(numbers):05}", f"kettle {n} of {size}") for n in range(size)] for size in shards]
    )
    return output.close()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return made_output(tmp_path / "out")
