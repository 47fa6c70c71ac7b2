"""Every command block of the README is run, in its order, in a folder of its own."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from job.output.folder import OutputFolder
from job.source.sample.catalogue import make_catalogue
from tests.conftest import Curate
from tests.paths import README, ROOT
from tests.servers.hub import Hub

pytestmark = pytest.mark.usefixtures("shared_ray")


def blocks(language: str) -> Iterator[str]:
    yield from re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like the project's after `scripts/run` has made its sample catalogue, and with somebody's own."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "configs").symlink_to(ROOT / "configs")
    make_catalogue(folder / "out/catalogue", rows=5_000)
    (folder / "out/mine").mkdir()
    own = {"name": ["kettle"] * 20, "cost": [12.5] * 20, "blurb": [LONG_TEXT] * 20}
    pq.write_table(pa.table(own), folder / "out/mine/Mine.parquet")
    return folder


LONG_TEXT = " ".join(f"A steel kettle that boils {number} cups of water in a minute." for number in range(60))


@pytest.fixture
def listings(hub: Hub, tmp_path: Path) -> None:
    """Stands in for the Hub: a catalogue of few rows."""
    make_catalogue(tmp_path / "tree", rows=2_000, categories=["Appliances", "Clothing_Shoes_and_Jewelry"])
    hub.put("McAuley-Lab/Amazon-Reviews-2023", tmp_path / "tree")


@pytest.mark.usefixtures("listings")
def test_the_commands(workspace: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace)
    run: list[str] = []
    walked = [block for block in blocks("sh") if "scripts/cluster" in block]  # by tests/test_nodes.py
    for line in "".join(block for block in blocks("sh") if block not in walked).splitlines():
        program, *arguments = shlex.split(line)
        if program in {"scripts/test", "."} or arguments[:1] == ["bench"]:
            continue  # this test runs in it; the folder's commands are called by their names here; see tests/bench
        if program == "scripts/run":
            program, arguments = "curate", ["run", *(arguments or ["configs/sample.yaml"])]
        assert program == "curate"
        result = curate(*arguments)
        assert result.exit_code == 0, f"{line}\n{result.err}"
        run.append(arguments[0])
    assert set(run) == {"run", "show", "rejects", "status", "verify", "config", "doctor", "sample"}
    for output in ("my-items", "my-loaded"):
        manifest = OutputFolder(workspace / "out" / output).manifest()
        assert manifest is not None
        assert manifest.num_items == 20


def test_the_lines_of_python_load_the_items(workspace: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace)
    assert curate("run", "configs/sample.yaml", "--quiet").exit_code == 0
    readers, notebook = blocks("python")
    code = readers + "\nprint(len(items.fetchall()))\n" + notebook
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert printed.returncode == 0, printed.stderr
    count, *_ = [line for line in printed.stdout.splitlines() if line.isdigit()]
    assert int(count) > 1_000
    assert printed.stdout.rstrip().endswith("Price is $")


def test_every_command_and_exit_code_is_in_it() -> None:
    for word in ("run", "sample", "show", "status", "rejects", "verify", "config", "doctor", "bench", "submit", "stop"):
        assert f"curate {word}" in README
    for code in (0, 1, 2, 3, 4, 130):
        assert f"| {code} |" in README
