"""The command as a whole: its version, its help, its errors, and how it ends."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from job.cli.app import app
from tests.conftest import Curate


def test_an_unknown_option_gets_the_nearest_one_named(curate: Curate) -> None:
    result = curate("run", "--wrokers", "2")
    assert result.exit_code == 2
    assert "--workers" in result.err


def test_quiet_and_json_exclude_each_other(small: Path, curate: Curate) -> None:
    result = curate("run", "--source", small, "--quiet", "--json")
    assert (result.exit_code, json.loads(result.out)["exit_code"]) == (2, 2)


def test_json_prints_one_object_for_an_error_too(tmp_path: Path, curate: Curate) -> None:
    result = curate("run", "--source", tmp_path / "gone", "--json")
    assert result.exit_code == 2
    assert json.loads(result.out)["error"].startswith("source not found")
    assert result.err.startswith("error: source not found")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGTERM])
def test_a_signal_ends_the_command_even_when_nobody_reads_its_output(number: signal.Signals) -> None:
    code = (
        "import signal, time\nfrom job.signals import answer_signals\n"
        f"signal.signal({int(number)}, signal.SIG_DFL)\n"  # it may be ignored here, as by `nohup`
        "answer_signals()\n"
        "try:\n print(flush=True)\n time.sleep(60)\nexcept KeyboardInterrupt:\n raise SystemExit(130)"
    )
    reads, writes = os.pipe()
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=writes) as process:
        os.close(writes)
        os.close(reads)
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        assert process.wait(20) == 130


def test_version_prints_the_versions_of_curate_and_ray(curate: Curate) -> None:
    assert re.fullmatch(r"curate \d+\.\d+\.\d+, ray 2\.\d+\.\d+\n", curate("--version").out)


COMMANDS: dict[str, Any] = vars(typer.main.get_command(app))["commands"]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_explains_each_of_its_options(name: str, curate: Curate) -> None:
    result = curate(name, "--help")
    assert result.exit_code == 0
    assert f"curate {name} " in result.out.partition("Usage: ")[2]
    for param in COMMANDS[name].params:
        assert param.help, param.name
        assert param.opts[0] in result.out or param.metavar in result.out


def test_the_help_names_every_command_and_exit_code(curate: Curate) -> None:
    result = curate("--help")
    assert all(f"│ {name} " in result.out for name in COMMANDS)
    codes = " ".join(result.out.partition("Exit codes: ")[2].split())
    assert re.findall(r"(?:^|, )(\d+) ", codes) == ["0", "1", "2", "3", "4", "130"]


@pytest.mark.parametrize("options", [[], ["--dry-run"]], ids=["run", "dry run"])
def test_ctrl_c_prints_a_json_document_as_other_errors_do(
    options: list[str], tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("job.run.run_job", interrupted)
    monkeypatch.setattr("job.run.prospects", interrupted)
    result = curate("run", "--source", tmp_path, "--output", tmp_path / "out", "--json", *options)
    said = "interrupted; what was finished is kept: run the same command again to go on"
    assert (result.exit_code, json.loads(result.out)) == (130, {"error": said, "exit_code": 130})
    assert result.err.strip() == said
    assert curate("run", "--source", tmp_path, "--output", tmp_path / "out", *options).out == ""


def examples_in(text: str) -> list[list[str]]:
    """Returns the words of each command shown in a help, without `curate`."""
    shown = [line for line in text.splitlines() if line.strip().startswith("curate ")]
    return [shlex.split(line.partition(" > ")[0])[1:] for line in shown]


@pytest.mark.parametrize("name", [None, *COMMANDS])
def test_each_help_ends_with_an_example_that_the_program_takes(name: str | None, curate: Curate) -> None:
    result = curate(*([] if name is None else [name]), "--help")
    last = result.out.rstrip().splitlines()[-1]
    (words,) = examples_in(last)
    assert words[0] in COMMANDS
    assert name in (None, words[0])
    for command, *arguments in examples_in(str(vars(typer.main.get_command(app))["help"]) + "\n" + result.out):
        if "--help" not in arguments:
            COMMANDS[command].make_context(command, arguments)
