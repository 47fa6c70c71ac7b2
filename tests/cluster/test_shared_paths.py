"""A path that only some nodes of a cluster see is refused before work starts; one that all nodes see passes."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

import psutil
import pytest

from job.cluster.shared_paths import check_all_nodes_see, unseen_on_this_node
from job.errors import UsageError
from job.source.location import LocalFile
from job.source.sample.catalogue import make_catalogue
from tests.conftest import is_root
from tests.paths import ROOT


def test_a_node_that_sees_everything_passes(shared_ray: int, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"rows")
    check_all_nodes_see({file: LocalFile(file).fingerprint()}, {tmp_path / "out": "the output"})
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_of_other_bytes_on_a_node_is_another_file(shared_ray: int, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"rows")
    size, digest = LocalFile(file).fingerprint()
    with pytest.raises(UsageError, match=rf"{file}, the source, is not the same on node .* as here.*\nnothing was"):
        check_all_nodes_see({file: (size, digest[::-1])}, {})


def test_what_a_node_does_not_see(tmp_path: Path) -> None:
    file, gone = tmp_path / "file", tmp_path / "gone"
    file.write_bytes(b"rows")
    files = {file: LocalFile(file).fingerprint(), gone: LocalFile(file).fingerprint()}
    tokens = {tmp_path: file, tmp_path / "empty": tmp_path / "empty/token"}
    assert unseen_on_this_node(files, tokens) == [tmp_path / "empty", gone]


def test_a_disk_that_has_gone_away_is_not_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(path: Path) -> bool:
        raise OSError(errno.ESTALE, "Stale file handle", str(path))

    monkeypatch.setattr(Path, "exists", gone)
    assert unseen_on_this_node({}, {tmp_path: tmp_path / "token"}) == [tmp_path]


@contextlib.contextmanager
def node(folder: Path, *arguments: str, hidden: Path | None = None) -> Generator[None]:
    """Runs a Ray node with its own processes. A folder may be hidden from it, as on a machine without that disk."""
    command = [
        *[sys.executable, "-c", "from ray.scripts.scripts import main; main()", "start", "--block", "--num-cpus=1"],
        *["--min-worker-port=0", "--max-worker-port=0", "--dashboard-agent-listen-port=0", *arguments],
        *["--object-store-memory=100000000", f"--temp-dir={folder}"],
    ]
    if hidden is not None:
        inner = 'mount -t tmpfs none "$0" && exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", inner, str(hidden), *command]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            yield
        finally:
            for each in psutil.process_iter():
                with contextlib.suppress(psutil.Error, ProcessLookupError):
                    if os.getsid(each.pid) == process.pid or str(folder) in " ".join(each.cmdline()):
                        each.kill()


@pytest.mark.slow
@pytest.mark.skipif(not is_root(), reason="only root can mount")
@pytest.mark.parametrize("hidden", ["source", "output", None])
def test_a_real_node_without_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hidden: str | None) -> None:
    for name in ("source", "output"):
        (tmp_path / name).mkdir()
    make_catalogue(tmp_path / "source", rows=100, categories=["Appliances"])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"127.0.0.1:{port}"
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    command = [sys.executable, "-m", "job", "run", "--source", tmp_path / "source", "--output", tmp_path / "output/out"]
    environment = {**os.environ, "RAY_ADDRESS": address}
    with (
        tempfile.TemporaryDirectory(prefix="s", dir="/tmp") as folder,
        node(Path(folder) / "1", "--head", f"--port={port}", "--include-dashboard=false"),
    ):
        wait_for_nodes(environment, 1)
        hidden_folder = tmp_path / hidden if hidden else None
        with node(Path(folder) / "2", f"--address={address}", hidden=hidden_folder):
            wait_for_nodes(environment, 2)
            ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    if hidden is None:
        assert ended.returncode == 0, ended.stderr
        return
    assert ended.returncode == 2, ended.stderr
    assert f"error: {tmp_path / hidden}" in ended.stderr
    assert "is not the same on node" in ended.stderr
    assert not (tmp_path / "output/out/data").exists()


@pytest.mark.slow
@pytest.mark.skipif(not is_root(), reason="only root can mount")
@pytest.mark.parametrize(("hidden", "words"), [("source", "no such file or folder"), ("output", "the output is gone")])
def test_a_node_that_joins_late_without_the_disk_ends_the_job_and_spoils_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hidden: str, words: str
) -> None:
    for name in ("source", "output"):
        (tmp_path / name).mkdir()
    make_catalogue(tmp_path / "source", rows=100_000, categories=["Appliances"])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"127.0.0.1:{port}"
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    output = tmp_path / "output/out"
    command = [sys.executable, "-m", "job", "run", "--source", tmp_path / "source", "--output", output]
    environment = {**os.environ, "RAY_ADDRESS": address}
    with (
        tempfile.TemporaryDirectory(prefix="s", dir="/tmp") as folder,
        node(Path(folder) / "1", "--head", f"--port={port}", "--include-dashboard=false"),
    ):
        wait_for_nodes(environment, 1)
        slow = [*command, "--set", "batch_size=4"]
        with subprocess.Popen(slow, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
            while not (output / "_partitions").exists():
                assert run.poll() is None, run.communicate()
                time.sleep(0.05)
            with node(Path(folder) / "2", f"--address={address}", hidden=tmp_path / hidden):
                _, err = run.communicate(timeout=180)
        assert run.returncode == 1, err
        assert f"error: {words}: {tmp_path / hidden}" in err
        assert f"(as {platform.node()} sees it)" in err
        assert "Traceback" not in err
        done = {path: path.stat().st_mtime_ns for path in (output / "_partitions").rglob("*.json")}
        assert done
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
        assert ended.returncode == 0, ended.stderr
        assert done == {path: path.stat().st_mtime_ns for path in done}


def wait_for_nodes(environment: dict[str, str], count: int) -> None:
    """Waits until a cluster has this number of live nodes."""
    code = f"""
import ray, sys, time
ray.init(log_to_driver=False)
while sum(node["Alive"] for node in ray.nodes()) != {count}:
    time.sleep(0.2)
"""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        with contextlib.suppress(subprocess.SubprocessError):
            subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True, timeout=60)
            return
    raise TimeoutError(f"no {count} nodes")
