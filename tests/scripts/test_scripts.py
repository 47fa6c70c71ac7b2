"""The developer's scripts: sound shell, hooks that exist, and lanes of tests that run what they promise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SCRIPTS = [path for path in sorted((ROOT / "scripts").iterdir()) if path.suffix != ".lock"] + [ROOT / ".ci/run"]

LANES = """
import subprocess, sys
import hypothesis, pytest

@pytest.fixture
def shared_ray(): ...
@pytest.fixture
def hub(): ...
@pytest.fixture
def needs_hub(hub): ...

def test_plain(): ...
@pytest.mark.slow
def test_slow(): ...
@pytest.mark.seconds
def test_seconds(): ...
def test_ray(shared_ray): ...
def test_server(needs_hub): ...
def test_process(): subprocess.run([sys.executable, "-c", ""], check=True)
@hypothesis.given(hypothesis.strategies.integers())
def test_generated(number): ...
"""


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_sound_and_can_be_run(script: Path) -> None:
    shellcheck = [Path(sys.executable).with_name("shellcheck"), "--external-sources", "--source-path", "SCRIPTDIR"]
    checked = subprocess.run([*shellcheck, script], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    assert os.access(script, os.X_OK) == (script.name != "environment")  # which the others read


def test_the_hooks_before_a_commit_run_programs_that_are_there() -> None:
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert local["repo"] == "local"
    for hook in local["hooks"]:
        program = hook["entry"].split()[0]
        there = Path(sys.executable).parent if program.startswith(".venv-test/bin/") else ROOT / "scripts"
        assert os.access(there / Path(program).name, os.X_OK), program


@pytest.fixture
def lanes(tmp_path: Path) -> Path:
    """A folder of tests, one of each kind."""
    (tmp_path / "conftest.py").write_text(
        "from tests.lanes import pytest_addoption, pytest_collection_modifyitems, pytest_configure\n"
    )
    (tmp_path / "test_lanes.py").write_text(LANES)
    return tmp_path


def outcomes(folder: Path, *options: str) -> tuple[int, set[str], str]:
    """Returns pytest's exit code, the tests that passed, and what it printed."""
    command = [sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml", "--rootdir", folder, "-p", "no:xdist"]
    ended = subprocess.run(
        [*command, "-p", "no:cacheprovider", "-rp", *options, folder],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    passed = {line.rpartition("::test_")[2] for line in ended.stdout.splitlines() if line.startswith("PASSED ")}
    return ended.returncode, passed, ended.stdout + ended.stderr


EVERY = {"plain", "slow", "seconds", "ray", "server", "process", "generated"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), EVERY - {"slow"}),
        (("--all",), EVERY),
        (("--fast", "-m", "not ray"), {"plain"}),
        (("-m", "slow or server"), {"slow", "server"}),
    ],
    ids=["default", "all", "fast", "marks"],
)
def test_a_lane_runs_the_tests_it_promises(lanes: Path, options: tuple[str, ...], expected: set[str]) -> None:
    code, passed, out = outcomes(lanes, *options)
    assert (code, passed) == (0, expected), out


def test_a_lane_that_does_not_exist_is_one_clear_error(lanes: Path) -> None:
    code, passed, out = outcomes(lanes, "--fsat")
    assert (code, passed) == (4, set())
    assert "unrecognized arguments: --fsat" in out
    code, _, out = outcomes(lanes, "--fast", "--all")
    assert (code, out.strip()) == (4, "ERROR: --fast and --all exclude each other")
