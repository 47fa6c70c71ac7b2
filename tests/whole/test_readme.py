"""What the READMEs tell readers to type works: each page's command blocks run in order, in a folder of its own."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer

from job.cli.app import app
from job.output.folder import OutputFolder
from job.source.sample.catalogue import make_catalogue
from tests.conftest import Curate
from tests.paths import PACKAGE, ROOT
from tests.servers.hub import Hub
from tests.servers.s3 import S3
from tests.test_rooms import LEVELS

FOLDERS = (".github", "configs", "job", "scripts", "tests")
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted([*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))])
}
README = PAGES["README.md"]
COMMANDS: dict[str, Any] = vars(typer.main.get_command(app))["commands"]
RUN_ELSEWHERE = {
    "scripts/bench": "takes 30 minutes; see tests/bench",
    "scripts/check": "runs this test",
    "scripts/fix": "changes the working copy",
    "scripts/test": "runs this test",
}
LONG_TEXT = " ".join(f"A steel kettle that boils {number} cups of water in a minute." for number in range(60))


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGES[page], flags=re.MULTILINE | re.DOTALL)


def lines(page: str) -> Iterator[list[str]]:
    """Yields the words of each command in a page's blocks, but not in that for a cluster: tests/whole/test_nodes.py."""
    for block in blocks(page, "sh"):
        if "scripts/cluster" not in block:
            for line in block.splitlines():
                if words := shlex.split(line, comments=True):
                    yield words


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample catalogue as `scripts/run` makes it."""
    folder = tmp_path_factory.mktemp("sample")
    make_catalogue(folder, rows=20_000)
    return folder


@pytest.fixture
def workspace(sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like the project's once it has the sample catalogue, and with somebody's own catalogue."""
    folder = tmp_path / "workspace"
    (folder / "out/mine").mkdir(parents=True)
    (folder / "configs").symlink_to(ROOT / "configs")
    (folder / "out/catalogue").symlink_to(sample)
    own = {"name": ["kettle"] * 20, "cost": [12.5] * 20, "blurb": [LONG_TEXT] * 20}
    pq.write_table(pa.table(own), folder / "out/mine/Mine.parquet")
    recipe, _ = blocks("README.md", "python")
    (folder / "shelf.py").write_text(recipe)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def listings(hub: Hub, tmp_path: Path) -> None:
    """Stands in for the Hub: a catalogue of few rows."""
    make_catalogue(tmp_path / "tree", rows=2_000, categories=["Appliances", "Clothing_Shoes_and_Jewelry"])
    hub.put("McAuley-Lab/Amazon-Reviews-2023", tmp_path / "tree")


@pytest.fixture
def bucket(s3: S3) -> None:
    """The bucket that the pages name."""
    s3.bucket("my-bucket")


@pytest.mark.parametrize("page", [page for page in PAGES if list(lines(page))])
@pytest.mark.usefixtures("shared_ray", "listings", "bucket")
def test_the_commands_run(page: str, workspace: Path, curate: Curate) -> None:
    for program, *arguments in lines(page):
        if program in RUN_ELSEWHERE:
            assert os.access(ROOT / program, os.X_OK), program
            continue
        if program == ".":
            continue  # the environment is this test's
        if program == "scripts/run":
            program, arguments = "curate", ["run", *(arguments or ["configs/sample.yaml"])]
        assert program == "curate"
        result = curate(*arguments)
        assert result.exit_code == 0, f"{shlex.join(arguments)}\n{result.err}"
    if page == "README.md":
        check_own_catalogue(workspace)
        check_funnel(workspace)


def check_own_catalogue(workspace: Path) -> None:
    for output in ("my-items", "my-loaded"):
        manifest = OutputFolder(workspace / "out" / output).manifest()
        assert manifest is not None
        assert manifest.num_items == 20


def check_funnel(workspace: Path) -> None:
    """The table in the README is what the sample catalogue gives."""
    manifest = OutputFolder(workspace / "out/sample").manifest()
    assert manifest is not None
    table = dict(re.findall(r"^\| ([a-z ]+) \| ([\d,]+) \|", README, flags=re.MULTILINE))
    assert table == {
        "rows": f"{manifest.num_rows:,}",
        **{verdict.replace("_", " "): f"{count:,}" for verdict, count in manifest.funnel.items()},
    }


@pytest.mark.usefixtures("shared_ray", "workspace")
def test_the_lines_of_python_load_the_items(curate: Curate) -> None:
    assert curate("run", "configs/sample.yaml", "--quiet").exit_code == 0
    assert curate("craft", "--items", "out/sample", "--output", "out/set", "--quiet").exit_code == 0
    _, code = blocks("README.md", "python")
    counted = re.sub(r"^(items = .*)$", r"\1\nprint('items:', count(items))", code, flags=re.MULTILINE)
    assert counted.count("print(") == 6
    counting = "def count(items):\n    return len(items.fetchall() if hasattr(items, 'fetchall') else items)\n\n"
    printed = subprocess.run([sys.executable, "-c", counting + counted], capture_output=True, text=True, check=False)
    assert printed.returncode == 0, printed.stderr
    *readers, loaded = [int(count) for count in re.findall(r"^items: (\d+)$", printed.stdout, flags=re.MULTILINE)]
    assert len(readers) == 4
    assert len({*readers}) == 1
    assert readers[0] > loaded > 1_000  # which is one of the two categories
    assert re.search(r"Price is \$ \{'train': \d", printed.stdout)


@pytest.mark.parametrize("page", PAGES)
def test_the_program_takes_every_command_shown(page: str) -> None:
    shown = [line for language in ("sh", "") for block in blocks(page, language) for line in block.splitlines()]
    for line in shown:
        if line.startswith("curate ") and not {"|", "["} & set(re.sub(r"'[^']*'", "", line)):
            name, *arguments = shlex.split(line, comments=True)[1:]
            COMMANDS[name].make_context(name, arguments)


def test_every_command_and_exit_code_is_documented() -> None:
    first = {"run", "sample", "show", "status", "rejects", "verify", "config", "doctor", "bench", "submit", "stop"}
    assert first <= COMMANDS.keys()
    shown = "\n".join(block for page in PAGES for language in ("sh", "") for block in blocks(page, language))
    for name in COMMANDS:
        assert re.search(rf"^curate {name}\b", shown, flags=re.MULTILINE), name
    for code in (0, 1, 2, 3, 4, 130):
        assert f"| {code} |" in README


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 180


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]):
        if link.startswith(("https://", "http://")):
            continue
        name, _, heading = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        assert target.exists(), link
        if heading:
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", text).lower().replace(" ", "-") for text in headings}, link


def test_the_readmes_figures_are_those_that_were_measured() -> None:
    (claim,) = re.findall(r"^- \*\*Fast\*\*:(.*?)\n\n", README, flags=re.MULTILINE | re.DOTALL)
    figures = re.findall(r"\d[\d,.]*(?:x| s| GB| rows| cores)", claim)
    assert len(figures) >= 4
    for figure in figures:
        assert figure in PAGES["job/bench/README.md"], figure


def test_the_map_has_every_room_in_the_order_of_imports() -> None:
    rooms = re.findall(r"^\| `(\w+)(?:/|\.py)` \|", PAGES["job/README.md"], flags=re.MULTILINE)
    there = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert sorted(rooms) == sorted(there - {"__init__", "__main__"})
    levels = [LEVELS[room] for room in rooms]
    assert levels == sorted(levels)
