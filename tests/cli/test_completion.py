"""What a shell is offered when a word is completed, by the protocol that its script speaks."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from job.cli import app as cli
from job.source.find.amazon_2023 import CATEGORIES
from tests.paths import ROOT

PROGRAM = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m job "$@"\n'


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue with two categories, and configs here and in a folder."""
    for name in (
        "shop/meta_Books.jsonl",
        "shop/Wine_and_Cheese.parquet",
        "configs/sample.yaml",
        "job.yaml",
        "notes.txt",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "job.yaml").write_text("source: {path: shop}\n")
    (tmp_path / "configs/sample.yaml").write_text("source: {dataset: someone/else}\n")
    monkeypatch.chdir(tmp_path)


def offered(line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Returns what is offered to bash for the last word of a line."""
    words = line.split(" ")
    monkeypatch.setenv("_CURATE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    monkeypatch.setattr(sys, "argv", ["curate"])
    with pytest.raises(SystemExit):
        cli.main()
    out, err = capsys.readouterr()
    assert err == ""
    return out.split()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("curate st", ["status", "stop"]),
        ("curate run --li", ["--limit"]),
        ("curate diff --e", ["--examples", "--exit-code"]),
        ("curate run ", ["configs/sample.yaml", "job.yaml"]),
        ("curate run conf", ["configs/sample.yaml"]),
        ("curate run configs/", ["configs/sample.yaml"]),
        ("curate run ./j", ["./job.yaml"]),
        ("curate run nothing", []),
        ("curate run --category Toy", ["Toys_and_Games"]),
        ("curate run --source shop --category ", ["Books", "Wine_and_Cheese"]),
        ("curate run --source shop --category B", ["Books"]),
        ("curate run job.yaml --category ", ["Books", "Wine_and_Cheese"]),
        ("curate run configs/sample.yaml --category ", []),
        ("curate run --source gone --category ", []),
        ("curate run --source s3://nowhere/shop --category ", []),
        ("curate run --set recipe.max_t", ["recipe.max_tokens="]),
        ("curate craft --set sample.s", ["sample.size=", "sample.slot_cap="]),
        ("curate craft --set recipe.m", []),
        ("curate sample out --form p", ["parquet"]),
        ("curate status sh", []),
    ],
)
def test_a_word_is_completed(
    line: str, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sorted(offered(line, monkeypatch, capsys)) == words


def test_all_categories_of_the_data_set_are_offered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert offered("curate run --category ", monkeypatch, capsys) == list(CATEGORIES)
    assert len({*CATEGORIES}) == 34


def test_bash_completes_with_the_script_that_the_program_prints(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/curate"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    script = (
        'eval "$(_CURATE_COMPLETE=source_bash curate)"\n'
        "COMP_WORDS=(curate run --category Kind) COMP_CWORD=3\n"
        '_curate_completion curate\necho "${COMPREPLY[@]}"\ncomplete -p curate'
    )
    environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        ["bash", "--norc", "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.stdout.splitlines() == ["Kindle_Store", "complete -o default -F _curate_completion curate"]
    assert ended.stderr == ""


def test_to_complete_a_word_nothing_slow_is_imported() -> None:
    code = (
        "import os, sys\nsys.argv = ['curate']\n"
        "os.environ |= dict(_CURATE_COMPLETE='complete_bash', COMP_WORDS='curate run --category B', COMP_CWORD='3')\n"
        "from job.cli.app import main\ntry:\n    main()\nexcept SystemExit:\n    pass\n"
        "sys.exit(', '.join(sorted(set(sys.modules) & {'ray', 'datasets', 'pyarrow', 'huggingface_hub'})) or 0)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.split() == ["Baby_Products", "Beauty_and_Personal_Care", "Books"]
