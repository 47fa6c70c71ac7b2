"""Names and rows that attack, and what a command must look like that meets them."""

from __future__ import annotations

import json
import re
import shlex
import unicodedata
from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.conftest import Result

DESCRIPTION = "A lamp of oak and brass that stands on any desk and gives a warm light for many quiet evenings. " * 9


COMMANDS = "\x1b]0;owned\x07\x1b[2J\x9b31m\x08\x7f"
"""Sequences that a terminal obeys: set its title, clear the screen, change the colour, step back."""


DIRECTIONS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


HOSTILE = f"a{COMMANDS}\u202eb"


def row(title: str = "a lamp") -> str:
    return json.dumps({"title": title, "price": 5, "description": [DESCRIPTION]}) + "\n"


def columns(rows: int = 2) -> dict[str, Any]:
    """Returns the columns of a Parquet file."""
    texts = pa.array([[DESCRIPTION]] * rows, pa.list_(pa.string()))
    plain = {"title": "a lamp", "price": "5", "parent_asin": "a", "details": "{}"}
    return {**{name: pa.array([text] * rows) for name, text in plain.items()}, "description": texts, "features": texts}


def shown_only(text: str) -> bool:
    """Returns whether a text has nothing that a terminal would obey, apart from newlines."""
    return not any(
        unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} or character in DIRECTIONS
        for character in text.replace("\n", "")
    )


def refused(result: Result, *words: str, codes: tuple[int, ...] = (2,)) -> None:
    """Checks that a command ended with one clear error that is safe to print."""
    assert result.exit_code in codes, result
    assert result.err.count("error: ") == 1
    assert result.err.startswith("error: ")
    assert "Traceback" not in result.err
    assert shown_only(result.err), result.err
    assert result.out == ""
    for word in words:
        assert word in result.err, result.err


def name_id(name: str) -> str:
    return ascii(name)[:24]


def outside(tmp_path: Path) -> Path:
    """Makes a user's own folder, with files that are named as an output's are."""
    folder = tmp_path / "outside"
    folder.mkdir()
    for name in ("items-00000-of-00001.parquet", "00000.parquet", "00000.json", "thesis.txt"):
        (folder / name).write_text("years of work")
    return folder


def typed(text: str) -> list[list[str]]:
    """Returns the commands that a run prints, split as a shell splits them."""
    found = re.findall(
        r"(?:to see them|look at one): (curate .*?)(?=\n(?:done|complete|load_dataset takes)|\n*\Z)", text, re.DOTALL
    )
    return [shlex.split(command)[1:] for command in found]
