"""Disks that are full, read-only, gone or protected: one clear error, no half-written file; the next run resumes."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from job.config.load import load_config
from job.output.folder import OutputFolder
from job.output.section import record_name
from job.output.verify import verify_output
from job.run import run_job
from tests.conftest import Curate, is_root, shards, tree

pytestmark = pytest.mark.usefixtures("shared_ray")


@pytest.fixture(scope="module")
def source(jsonl_only: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    (folder / "Appliances.jsonl").write_bytes((jsonl_only / "meta_Appliances.jsonl").read_bytes() * 2)
    return folder


@pytest.fixture(scope="module")
def expected(shared_ray: int, source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    output = tmp_path_factory.mktemp("expected") / "out"
    run_job(load_config(None, {"source.path": str(source), "output": str(output)}), quiet=True)
    return shards(output)


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    """A real file system of 24 MiB, little more than the free space that a run requires."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", disk], check=False).returncode:
        pytest.skip("only root can mount")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=False)


@contextlib.contextmanager
def once_begun(output: Path, act: Callable[[], object]) -> Generator[None]:
    """Calls `act` as soon as a run has committed its first partition."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.002):
            if any((output / "_partitions").glob("*/*.json")):
                act()
                return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def whole_files(output: Path) -> None:
    """Checks that every record under a final name is one that the output can read."""
    folder = OutputFolder(output)
    planned = folder.plan()
    assert planned is not None
    for category in planned.categories.values():
        done = {record.partition for record in folder.records(category)}
        for partition in range(len(category.partitions)):
            if (output / record_name(category.category, partition)).exists():
                assert partition in done


def test_a_disk_that_fills_up_while_it_runs(
    source: Path, expected: dict[str, bytes], small_disk: Path, curate: Curate
) -> None:
    output = small_disk / "out"
    ballast = small_disk / "ballast"

    def fill() -> None:
        with contextlib.suppress(OSError), ballast.open("wb") as stream:
            while True:
                stream.write(bytes(4096))
                stream.flush()

    command = ("run", "--source", source, "--output", output, "--workers", "1")
    with once_begun(output, fill):
        result = curate(*command)
    assert result.exit_code == 1
    assert result.err.splitlines()[-2].startswith("error: the disk is full: ")
    assert "run the same command again to go on" in result.err
    assert "Traceback" not in result.err
    whole_files(output)
    assert not (output / "manifest.json").exists()
    ballast.unlink()
    assert curate(*command).exit_code == 0
    assert shards(output) == expected
    verify_output(output)


def test_a_disk_that_is_read_only(source: Path, expected: dict[str, bytes], small_disk: Path, curate: Curate) -> None:
    output = small_disk / "out"
    command = ("run", "--source", source, "--output", output, "--workers", "1")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    result = curate(*command)
    assert result.exit_code == 2
    assert result.err.startswith(f"error: the output cannot be written: {small_disk}: the file system is read-only")
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    assert curate(*command).exit_code == 0
    assert shards(output) == expected
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert curate(*command).exit_code == 0  # it is complete already
    assert verify_output(output).startswith("intact")


def test_a_folder_that_forbids_writing_while_it_runs(
    source: Path, expected: dict[str, bytes], tmp_path: Path, curate: Curate
) -> None:
    output = tmp_path / "out"
    frozen = output / "data/Appliances"

    def freeze(sign: str) -> None:
        if subprocess.run(["chattr", f"{sign}i", frozen], stderr=subprocess.DEVNULL, check=False).returncode:
            pytest.skip("only root can freeze a folder, and not on every file system")

    frozen.mkdir(parents=True)
    freeze("+")
    freeze("-")
    shutil.rmtree(output)
    command = ("run", "--source", source, "--output", output, "--workers", "1")
    try:
        with once_begun(output, lambda: freeze("+")):
            result = curate(*command)
    finally:
        freeze("-")
    assert result.exit_code == 1
    assert f"error: permission denied: {frozen}" in result.err
    whole_files(output)
    assert curate(*command).exit_code == 0
    assert shards(output) == expected


def test_a_disk_that_goes_away(source: Path, expected: dict[str, bytes], small_disk: Path, curate: Curate) -> None:
    output = small_disk / "out"
    command = ("run", "--source", source, "--output", output, "--workers", "1")
    with once_begun(output, lambda: subprocess.run(["umount", "--lazy", small_disk], check=True)):
        result = curate(*command)
    assert result.exit_code == 1
    assert f"error: the output is gone: {output}" in result.err
    assert tree(small_disk) == {}  # nothing was started again on the mount point
    assert curate(*command).exit_code == 0
    assert shards(output) == expected


def test_an_output_that_is_removed(source: Path, expected: dict[str, bytes], tmp_path: Path, curate: Curate) -> None:
    output = tmp_path / "out"
    command = ("run", "--source", source, "--output", output, "--workers", "1")
    with once_begun(output, lambda: output.rename(tmp_path / "elsewhere")):
        result = curate(*command)
    assert result.exit_code == 1
    assert f"error: the output is gone: {output}" in result.err
    assert not output.exists()
    (tmp_path / "elsewhere").rename(output)
    assert curate(*command).exit_code == 0
    assert shards(output) == expected
    verify_output(output)


def test_an_output_that_may_not_be_written(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.mkdir()
    output.chmod(0o555)
    command = [sys.executable, "-m", "job", "run", "--source", source, "--output", output, "--quiet"]
    if is_root():  # who could write to the folder in spite of its mode
        command = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", *command]
    ended = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, ""), ended.stderr
    assert ended.stderr.startswith(f"error: the output cannot be written: {output}: permission denied")
    assert tree(output) == {}
