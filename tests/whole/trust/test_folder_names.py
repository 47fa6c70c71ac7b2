"""Sources and outputs may be folders of any name, and the commands that are printed can be typed."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from tests.conftest import Curate
from tests.whole.trust.hostile import (
    refused,
    row,
    typed,
)

FOLDERS = [
    "a b",
    """it's a "b" é漢 😀""",
    "a\nb",
    "a\\nb",
    "$(touch MARK)`touch MARK`",
    "a;touch MARK&b|c<d>",
    "[x]*{a,b}?!c",
    "#%20",
    "--",
    "~",
]


@pytest.mark.parametrize("name", FOLDERS)
def test_folders_of_any_name_work_end_to_end(
    shared_ray: int, tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """As relative paths, with a prefix that lets them be arguments; and the commands that are printed can be typed."""
    monkeypatch.chdir(tmp_path)
    given, out = f"source {name}", f"x{name}"
    Path(given).mkdir()
    Path(given, "Toys.jsonl").write_text(row() + "broken\n")
    first = curate("run", "--source", given, "--output", out)
    again = curate("run", "--source", given, "--output", out)
    assert (first.exit_code, again.exit_code) == (0, 0), first
    for result in (first, again):
        assert typed(result.out) == [["rejects", out], ["show", out, "0"]]
    for command in (["status", out], ["verify", out], *typed(first.out)):
        assert curate(*command).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([given, out])
    misspelt = curate("run", "--source", f"{given}x", "--output", out)
    assert shlex.split(misspelt.err.partition("\nto read that: --source ")[2]) == [given]


@pytest.mark.parametrize("name", ["-x", "--fresh", "-"])
def test_folders_that_begin_with_a_dash_work_and_the_commands_that_are_printed_can_be_typed(
    shared_ray: int, tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(f"{name}source").mkdir()
    Path(f"{name}source", "Toys.jsonl").write_text(row() + "broken\n")
    first = curate("run", f"--source={name}source", f"--output={name}")
    assert first.exit_code == 0
    commands = typed(first.out)
    assert [Path(command[1]) for command in commands] == [Path(name), Path(name)]
    for command in (*commands, *((command, "--", name) for command in ("show", "status", "verify", "rejects"))):
        assert curate(*command).exit_code == 0


def test_an_output_in_the_home_folder_is_named_so_that_it_can_be_typed(
    source: Path, shared_ray: int, tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "job.yaml").write_text(f"source: {{path: {source}}}\noutput: ~/out\n")
    result = curate("run", tmp_path / "job.yaml")
    assert typed(result.out) == [["rejects", f"{tmp_path}/home/out"], ["show", f"{tmp_path}/home/out", "0"]]
    for command in typed(result.out):
        assert curate(*command).exit_code == 0


@pytest.mark.parametrize(
    ("name", "words"), [("a\udcff", "not UTF-8"), ("~nobody-of-this-name/x", "there is no such user")]
)
def test_a_folder_that_cannot_be_named_is_one_clear_error(
    source: Path, tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(curate("run", "--source", source, "--output", name), "output", words)
    refused(curate("run", "--source", name, "--output", "out"), "source.path", words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["s3:out", "gs:out", "http:out", "file:out", "xa:b"])
def test_an_output_called_like_a_place_on_the_network_is_a_folder(
    source: Path, finished: Path, tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(finished, name)
    for command in ("show", "rejects", "status"):
        assert curate(command, name).exit_code == 0
    assert curate("verify", name).out.startswith("intact: ")
    assert curate("run", "--source", source, "--output", name).exit_code == 0
