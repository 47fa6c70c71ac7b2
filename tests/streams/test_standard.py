"""Standard streams that cannot be written: what the command prints then, how it ends, and that its work is done."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from job.config.load import load_config
from job.run import run_job
from job.streams.standard import tolerant
from tests.conftest import Curate
from tests.paths import ROOT

FULL = "/dev/full"

needs_dev_full = pytest.mark.skipif(not Path(FULL).exists(), reason="this system has no /dev/full")


@pytest.fixture
def broken_pipe() -> Iterator[int]:
    """The end of a pipe to write to, whose reader is gone."""
    to_read, to_write = os.pipe()
    os.close(to_read)
    yield to_write
    os.close(to_write)


def shell(redirection: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs `curate ARGUMENTS` with a redirection of a shell's."""
    command = ["sh", "-c", f'"$@" {redirection}', "sh", sys.executable, "-m", "job", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def into(pipe: int, *arguments: object, stream: str = "stdout") -> tuple[int, str]:
    """Runs `curate ARGUMENTS` with one of its streams into a pipe; returns its exit code and the other stream."""
    other = {"stdout": "stderr", "stderr": "stdout"}[stream]
    command = [sys.executable, "-m", "job", *map(str, arguments)]
    streams = {stream: pipe, other: subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, text=True, **streams) as run:  # pyright: ignore[reportCallIssue, reportArgumentType]
        printed = run.communicate()[stream == "stdout"]
    return run.returncode, printed


@pytest.fixture(scope="module")
def complete(shared_ray: int, catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[str]]:
    """Returns the arguments of a run that finds nothing left to do."""
    output = tmp_path_factory.mktemp("complete") / "out"
    run_job(load_config(None, {"source.path": str(catalogue), "limit": 50, "output": str(output)}), quiet=True)
    arguments = ["run", "--source", str(catalogue), "--limit", "50", "--output", str(output)]
    return lambda *more: [*arguments, *more]


PRINTS_ELSEWHERE = """
import sys, threading
from job.streams import standard

standard.claim()
print("a result")
thread = threading.Thread(target=lambda: print("(raylet) A worker died", file=sys.stdout, flush=True))
thread.start()
thread.join()
print("another one")
sys.exit(standard.finished(0))
"""


def test_what_a_library_prints_from_a_thread_of_its_own_is_no_result() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PRINTS_ELSEWHERE], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert (ended.stdout, ended.stderr) == ("a result\nanother one\n", "")


@pytest.mark.parametrize("arguments", [["config"], ["run", "--help"]], ids=" ".join)
def test_a_reader_that_has_seen_enough_is_no_error_for_a_command_that_only_prints(
    arguments: list[str], broken_pipe: int
) -> None:
    assert into(broken_pipe, *arguments) == (0, "")


@needs_dev_full
def test_a_command_that_prints_to_a_full_disk_fails_in_one_line() -> None:
    ended = shell(f">{FULL}", "config")
    assert (ended.returncode, ended.stderr) == (1, "error: standard output cannot be written: the disk is full\n")


def test_a_command_that_prints_to_a_closed_stream_fails_in_one_line() -> None:
    ended = shell(">&-", "config")
    assert (ended.returncode, ended.stderr) == (1, "error: standard output cannot be written: it is closed\n")


@pytest.mark.parametrize("redirection", ["<&- 2>&-", pytest.param(f"2>{FULL}", marks=needs_dev_full)])
def test_an_error_that_cannot_be_printed_keeps_its_exit_code(redirection: str, tmp_path: Path) -> None:
    ended = shell(redirection, "config", tmp_path / "no.yaml")
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", "")


def test_an_error_that_nobody_reads_keeps_its_exit_code(broken_pipe: int, tmp_path: Path) -> None:
    assert into(broken_pipe, "config", tmp_path / "no.yaml", stream="stderr") == (2, "")


@pytest.mark.parametrize("more", [[], ["--json"]], ids=["summary", "json"])
def test_a_run_whose_result_nobody_reads_is_done_and_fails_in_one_line(
    more: list[str], complete: Callable[..., list[str]], broken_pipe: int
) -> None:
    lost = "error: standard output cannot be written: its reader is gone; all else is done\n"
    assert into(broken_pipe, *complete(*more)) == (1, lost)


def test_a_run_without_standard_error_prints_its_result(complete: Callable[..., list[str]]) -> None:
    ended = shell("2>&-", *complete("--json"))
    assert (ended.returncode, json.loads(ended.stdout)["num_rows"]) == (0, 50)


def test_progress_that_nobody_reads_does_not_end_a_run(
    shared_ray: int, catalogue: Path, tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch, broken_pipe: int
) -> None:
    with open(os.dup(broken_pipe), "w", buffering=1, encoding="utf-8") as nobody_reads:  # noqa: PTH123
        monkeypatch.setattr(sys, "stderr", nobody_reads)
        job = load_config(None, {"source.path": str(catalogue), "limit": 50, "output": str(tmp_path / "out")})
        assert run_job(job).manifest.num_rows == 50
    assert (tmp_path / "out/manifest.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("redirection", ["2>&-", pytest.param(f"2>{FULL}", marks=needs_dev_full), "2>&1 >&3 3>&- | :"])
def test_a_whole_run_without_standard_error_is_exit_code_0(redirection: str, catalogue: Path, tmp_path: Path) -> None:
    command = 'exec 3>&1; { "$@"; echo "exit code $?" >"$CODE"; } ' + redirection
    environment = {**os.environ, "CODE": str(tmp_path / "code")}
    arguments = [
        "run",
        "--source",
        str(catalogue),
        "--output",
        str(tmp_path / "out"),
        "--limit",
        "50",
        "--workers",
        "2",
    ]
    ended = subprocess.run(
        ["bash", "-c", command, "sh", sys.executable, "-m", "job", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (tmp_path / "code").read_text() == "exit code 0\n", ended.stderr
    assert "done: " in ended.stdout
    assert (tmp_path / "out/manifest.json").exists()


def test_a_tolerant_stream_drops_what_cannot_be_written_and_keeps_nothing_for_later(broken_pipe: int) -> None:
    with open(os.dup(broken_pipe), "w", buffering=1, encoding="utf-8") as nobody_reads:  # noqa: PTH123
        tolerant(nobody_reads).write("a line\n")
        nobody_reads.flush()  # would raise if the line were still there
    closed = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    closed.close()
    tolerant(closed).write("a line\n")
    tolerant(None).write("a line\n")
    assert not tolerant(None).isatty()
    cell = io.StringIO()
    assert tolerant(cell) is cell


LEAVES = """
import sys
from job.streams.standard import claim, leave
sys.argv = ["curate", "run", *sys.argv[1:]]
claim()
leave("left at once", 130, "left at once")
"""


@pytest.mark.parametrize(
    ("options", "document"), [([], ""), (["--json"], '{"error": "left at once", "exit_code": 130}\n')]
)
def test_a_process_that_is_left_at_once_reports_it_as_other_errors(options: list[str], document: str) -> None:
    command = [sys.executable, "-c", LEAVES, *options]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, document, "left at once\n")
