"""What messages advise to type, in the words of Python."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import job
from job.cli.app import app
from job.config.python_words import COMMANDS, in_python

PACKAGE = Path(job.__file__).parent
FOR_COMMANDS = {"cli", "bench", "publish", "show/", "signals.py", "__main__.py", "cluster/submit", "cluster/local"}
"""What Python cannot reach."""
OTHER_PROGRAMS = {"--shm-size", "--ulimit", "--pids-limit", "--profile", "--row", "--install", "--block", "--head"}
"""Options of programs such as docker, and those of `curate submit` and `curate try` in their own messages."""


@pytest.mark.parametrize(
    ("shell", "python"),
    [
        ("start again with --fresh", "start again with load(fresh=True)"),
        ("--fresh removes only what a plan names", "load(fresh=True) removes only what a plan names"),
        (
            "name another folder with --output DIR, or replace what is there with --fresh",
            "name another folder with output='DIR', or replace what is there with load(fresh=True)",
        ),
        ("name another: --output DIR\nnothing", "name another: output='DIR'\nnothing"),
        (
            "free, or lower --workers, then run the same command again",
            "free, or lower workers, then make the same call again",
        ),
        ("perhaps with fewer --workers", "perhaps with fewer workers"),
        ("with --workers 2", "with workers=2"),
        ("or go on without: --skip-damaged-files", "or go on without: settings={'skip_damaged_files': True}"),
        ("as --limit 100 has it", "as settings={'limit': 100} has it"),
        ("name it: --category NAME", "name it: category='NAME'"),
        ("name that folder with --source\nor else", "name that folder with source\nor else"),
        ("read it: --source 'my own/cat.parquet'", "read it: source='my own/cat.parquet'"),
        ("read it: --source ./-x", "read it: source='./-x'"),
        ("""read it: --source 'it'"'"'s'""", '''read it: source="it's"'''),
        (
            "accept them, run the same command again with --set max_malformed=7",
            "accept them, make the same call again with settings={'max_malformed': 7}",
        ),
        (
            "or keep nothing on disk: --set source.stream=true",
            "or keep nothing on disk: settings={'source.stream': True}",
        ),
        (
            "say which is which: --set source.fields='{title: NAME, price: NAME}'",
            "say which is which: settings={'source.fields': {'title': 'NAME', 'price': 'NAME'}}",
        ),
        ("name one: --set source.load_dataset.split=...", "name one: settings={'source.load_dataset.split': ...}"),
        (
            "write in place of --source: --set source.dataset=me/my --set source.revision=v1 --category NAME",
            "write in place of source: settings={'source.dataset': 'me/my', 'source.revision': 'v1'}, category='NAME'",
        ),
        ("--set limit.x: limit has no keys below it", "settings={'limit.x': ...}: limit has no keys below it"),
        ("to see them: curate rejects out; then correct", "to see them, in a shell: curate rejects out; then correct"),
        ("all keys: curate config", "all keys, in a shell: curate config"),
        (
            "to make one: curate run --source FOLDER --output 'a; b'",
            "to make one, in a shell: curate run --source FOLDER --output 'a; b'",
        ),
        (
            "curate submit CONFIG --address http://HEAD:8265",
            "in a shell: curate submit CONFIG --address http://HEAD:8265",
        ),
        ("Kettles: 2 of 3 partitions · 20 rows", "Kettles: 2 of 3 partitions · 20 rows"),
        ("no such folder: /data--fresh/x--output", "no such folder: /data--fresh/x--output"),
        ("title: NAME --freshly made", "title: NAME --freshly made"),
    ],
)
def test_advice_for_the_shell_becomes_advice_for_python(shell: str, python: str) -> None:
    assert in_python(shell) == python
    assert in_python(python) == python or "in a shell" in python


def texts(path: Path) -> Iterator[str]:
    """The texts of a module but its docstrings, with `X` for what is filled in."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inner: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            inner.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            inner |= {id(value) for value in ast.walk(node)} - {id(node)}
            if id(node) not in inner:
                yield "".join(str(each.value) if isinstance(each, ast.Constant) else "X" for each in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            yield node.value


def messages() -> list[str]:
    """Everything that Python may be told and that looks like advice for the shell."""
    found: list[str] = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name == "config/python_words.py" or any(name.startswith(each) for each in FOR_COMMANDS):
            continue
        found += [text for text in texts(path) if re.search(r"[\w:,;] --|^--\w+ |curate [a-z]+|same command", text)]
    return found


def test_no_message_tells_python_what_to_type_in_a_shell() -> None:
    found = messages()
    assert len(found) > 50
    for message in found:
        translated = in_python(message)
        assert "command" not in translated, message
        rest = re.sub(r"in a shell: curate [^\n;]*", "", translated)
        assert not re.search(r"\bcurate [a-z]", rest), message
        assert {*re.findall(r"(?<![\w-])--[a-z][a-z-]*", rest)} <= OTHER_PROGRAMS, message


def test_every_command_stays_a_command() -> None:
    names = {str(command.name) for command in app.registered_commands if command.callback}
    assert names <= {*COMMANDS}
