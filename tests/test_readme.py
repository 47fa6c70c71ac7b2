"""Every command block of the README is run, in its order, in a folder of its own."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from job.catalogue.files import make_catalogue
from tests.conftest import Curate

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.usefixtures("shared_ray")


def blocks(language: str) -> Iterator[str]:
    yield from re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like the project's after `scripts/run` has made its sample catalogue."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "configs").symlink_to(ROOT / "configs")
    make_catalogue(folder / "out/catalogue", rows=5_000)
    return folder


def test_the_commands(workspace: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace)
    run: list[str] = []
    for line in "".join(blocks("sh")).splitlines():
        program, *arguments = shlex.split(line)
        if program in {"scripts/test", "."}:
            continue  # this test runs in it; the folder's commands are called by their names here
        if program.endswith("/hf"):
            # Stands in for the download: a catalogue in the Hub's layout, in the folder that the line names.
            make_catalogue(Path(arguments[-1]), rows=1_000, categories=["Appliances"], form="parquet")
            continue
        if program == "scripts/run":
            program, arguments = "curate", ["run", *(arguments or ["configs/sample.yaml"])]
        assert program == "curate"
        result = curate(*arguments)
        assert result.exit_code == 0, f"{line}\n{result.err}"
        run.append(arguments[0])
    assert set(run) == {"run", "show", "rejects", "status", "verify", "config", "doctor", "sample"}


def test_the_lines_of_python_load_the_items(workspace: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace)
    assert curate("run", "configs/sample.yaml", "--quiet").exit_code == 0
    (code,) = blocks("python")
    code += "\nprint(len(items.fetchall()))\n"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert printed.returncode == 0, printed.stderr
    assert int(printed.stdout.split()[-1]) > 1_000


def test_every_command_and_exit_code_is_in_it() -> None:
    for word in ("run", "sample", "show", "status", "rejects", "verify", "config", "doctor"):
        assert f"curate {word}" in README
    for code in (0, 1, 2, 3, 4, 130):
        assert f"| {code} |" in README
