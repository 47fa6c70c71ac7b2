"""A hostile config is one clear error, within seconds."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.conftest import Curate
from tests.whole.trust.hostile import (
    refused,
)

MOST_SECONDS = 10
"""Seconds of CPU time in which a command refuses any of these configs, on a busy machine too."""


def bomb(levels: int) -> str:
    """Returns lists of lists of lists, each nine times the same: 9 levels of 45 bytes stand for 387 million values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, levels)]
    return "\n".join(lines)


NO_CONFIG: dict[str, str] = {
    "python": "output: !!python/object/apply:os.system ['touch MARK']",
    "python name": "output: !!python/name:os.system",
    "python module": "output: !!python/module:os",
    "python object": "output: !!python/object/new:os.system ['touch MARK']",
    "bomb": bomb(9) + "\ncategories: *a8",
    "bomb in a data set's arguments": "source:\n  load_dataset:\n    path: csv\n    " + bomb(9).replace("\n", "\n    "),
    "bomb as a path": bomb(9) + "\nsource: {path: *a8}",
    "bomb as a key": bomb(9) + "\n*a8 : x",
    "wide bomb": "a: &a [" + "x, " * 5_000 + "]\ncategories: [" + "*a, " * 5_000 + "]",
    "wide bomb in a data set's arguments": (
        "a: &a [" + "x, " * 5_000 + "]\nsource: {load_dataset: {path: csv, more: [" + "*a, " * 5_000 + "]}}"
    ),
    "merged bomb": "a: &a {b: 1}\nc: {<<: [*a, *a]}",
    "list in itself": "categories: &a [*a]",
    "object in itself": "source: {load_dataset: &a {path: csv, more: *a}}",
    "deep": "output: " + "[" * 3_000,
    "month": "output: 2024-13-45",
    "long number": "limit: " + "9" * 5_000,
    "no number": "limit: !!int x",
    "no truth": "limit: !!bool x",
    "no time": "limit: !!timestamp x",
    "key that is a list": "{[a, b]: c}",
    "two documents": "output: a\n---\noutput: b",
    "bytes": "output: !!binary aGk=",
    "NUL": "output: a\0b",
}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(text, id=name, marks=[pytest.mark.seconds] if name == "deep" else [])
        for name, text in NO_CONFIG.items()
    ],
)
def test_a_hostile_config_is_one_clear_error(
    tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("job.yaml").write_text(text)
    for command in ("config", "run"):
        began = time.process_time()
        result = curate(command, "job.yaml")
        assert time.process_time() - began < MOST_SECONDS
        refused(result, "job.yaml")
        assert len(result.err) < 1_000
    assert [path.name for path in tmp_path.iterdir()] == ["job.yaml"]


@pytest.mark.parametrize(
    "value",
    [
        "!!python/object/apply:os.system ['touch MARK']",
        "2024-13-45",
        "!!bool x",
        pytest.param("[" * 3_000, id="deep", marks=pytest.mark.seconds),
        "&a [*a]",
    ],
)
def test_a_hostile_assignment_is_one_clear_error(
    tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(curate("run", "--set", f"categories={value}"))
    assert list(tmp_path.iterdir()) == []
