"""What tests share: a home folder of their own, one Ray, one sample catalogue, and the command in this process."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from job.cli import app as cli
from job.cluster.start import started_ray
from job.source.sample.catalogue import make_catalogue
from tests.lanes import pytest_addoption, pytest_collection_modifyitems, pytest_configure
from tests.servers.hub import Hub
from tests.servers.s3 import S3, environment, reserved, s3_server

__all__ = ["pytest_addoption", "pytest_collection_modifyitems", "pytest_configure"]  # pytest takes its hooks from here

RAY_CORES = 4
"""CPUs of the shared Ray, which may be more than the machine's: so 1 to 4 workers can be tried anywhere."""
KEPT_IDLE_MS = 600_000
"""Milliseconds that the shared Ray keeps a worker that has nothing to do. Ray's own 1,000 end one between most tests,
and the next run waits for another that imports Ray Data first."""


@pytest.fixture(scope="session")
def s3_socket() -> Iterator[socket.socket]:
    """A port reserved for the S3 server, which starts only if a test asks for it."""
    with reserved() as held:
        yield held


@pytest.fixture(scope="session")
def server(s3_socket: socket.socket) -> Iterator[S3]:
    """One S3 server for all tests of storage."""
    with s3_server(s3_socket) as s3:
        yield s3


@pytest.fixture
def s3(server: S3) -> Iterator[S3]:
    """The S3 server with one empty bucket, `bucket`, and no faults."""
    server.bucket("bucket")
    server.requests.clear()
    yield server
    server.fault = lambda _: None


@pytest.fixture(scope="session", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, s3_socket: socket.socket) -> Iterator[None]:
    """Keeps tests away from the user's home folder, and from any Ray, Hub or bucket that is not their own."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setenv("HF_HOME", str(home / "huggingface"))
        patch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody answers there: no test reaches the Hub
        for name, value in environment(s3_socket).items():
            patch.setenv(name, value)
        patch.delenv("XDG_CACHE_HOME", raising=False)
        patch.delenv("RAY_ADDRESS", raising=False)
        patch.delenv("HF_TOKEN", raising=False)
        yield


@pytest.fixture(scope="session")
def shared_ray() -> Iterator[int]:
    """One Ray for all tests that can share it; runs in this process join it. Returns its number of workers."""
    with contextlib.ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RAY_idle_worker_killing_time_threshold_ms", str(KEPT_IDLE_MS))
            workers = stack.enter_context(started_ray(RAY_CORES, lambda _: None))
        yield workers.count


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue as JSONL and as Parquet: 7,000 rows of Appliances, which make several partitions in each format."""
    folder = tmp_path_factory.mktemp("catalogue")
    make_catalogue(folder, rows=7_000, categories=["Appliances"])
    return folder


@pytest.fixture(scope="session")
def jsonl_only(catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same catalogue's JSONL, flat in a folder."""
    folder = tmp_path_factory.mktemp("jsonl")
    (folder / "meta_Appliances.jsonl").symlink_to(catalogue / "raw/meta_categories/meta_Appliances.jsonl")
    return folder


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """An empty Hub that stands for the real one in this process, and an empty cache."""
    with Hub() as served:
        monkeypatch.setenv("HF_ENDPOINT", served.endpoint)
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", served.endpoint)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        yield served


@dataclass(frozen=True)
class Result:
    """The exit code and output of a command."""

    exit_code: int
    out: str
    err: str


Curate = Callable[..., Result]


@pytest.fixture
def curate(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Curate:
    """Returns a function that runs `curate ARGS` in this process, through its entry point."""

    def call(*args: object) -> Result:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["curate", *map(str, args)])
        try:
            cli.main()
            code: object = 0
        except SystemExit as exit_:
            code = exit_.code or 0
        out, err = capsys.readouterr()
        assert isinstance(code, int)
        return Result(code, out, err)

    return call


def tree(folder: Path) -> dict[str, bytes]:
    """Returns the bytes of every file below a folder, by relative path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def shards(output: Path) -> dict[str, bytes]:
    """Returns the bytes of an output's shards, by relative path."""
    return tree(output / "data")


def is_root() -> bool:
    """Returns whether this process runs as root, whom file permissions do not stop."""
    return os.geteuid() == 0
