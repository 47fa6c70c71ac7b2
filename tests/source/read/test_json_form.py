"""JSON that is not one object in each line is named before work starts; a malformed first line is just a row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from job.errors import UsageError
from job.source.location import LocalFile
from job.source.read.json_form import check_lines

ROWS = [{"title": f"Chair {number}", "details": {"Parts": [number]}} for number in range(40)]
LONG = [{"title": "Chair", "text": "x" * 300_000}, {"title": "Table"}]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)
ARRAY = "it is one JSON array"
SPREAD = "its objects are spread over several lines"
CR = "its lines end with a carriage return alone"

WRONG = {
    "in one line": (json.dumps(ROWS), ARRAY),
    "a row in each line": ("[\n" + ",\n".join(map(json.dumps, ROWS)) + "\n]\n", ARRAY),
    "commas first": ("[" + "\n,".join(map(json.dumps, ROWS)) + "]", ARRAY),
    "indented": (json.dumps(ROWS, indent=2), ARRAY),
    "indented by tabs, CRLF": (json.dumps(ROWS, indent="\t").replace("\n", "\r\n"), ARRAY),
    "with a byte-order mark": ("\N{ZERO WIDTH NO-BREAK SPACE}" + json.dumps(ROWS), ARRAY),
    "after blank lines": (" \n\n" + json.dumps(ROWS), ARRAY),
    "of one row": (json.dumps(ROWS[:1]), ARRAY),
    "of one row in a line of its own": ("[\n" + json.dumps(ROWS[0]) + "\n]\n", ARRAY),
    "empty": ("[]\n", ARRAY),
    "of numbers": ("[1, 2,\n3]", ARRAY),
    "cut off": (json.dumps(ROWS)[:-200], ARRAY),
    "larger than what is looked at": (json.dumps(ROWS * 10_000), ARRAY),
    "its first row larger than that": (json.dumps(LONG), ARRAY),
    "its first row larger than that, cut in a list": (json.dumps([{"ranks": [-1.5] * 90_000}]), ARRAY),
    "its first row larger than that, cut in a word": (json.dumps([{"ranks": [float("-inf")] * 90_000}]), ARRAY),
    "objects over several lines": ("\n".join(json.dumps(row, indent=4) for row in ROWS), SPREAD),
    "lines of old Macs": (LINES.replace("\n", "\r"), CR),
    "lines of old Macs, and a newline at the end": (LINES.replace("\n", "\r") + "\n", CR),
    "long lines of old Macs": (LINES.replace("\n", "\r") * 300, CR),
    "one object over several lines": (json.dumps({"rows": ROWS}, indent=1), SPREAD),
}


@pytest.mark.parametrize(("content", "name"), WRONG.values(), ids=WRONG.keys())
def test_what_is_not_one_object_in_each_line_is_named(content: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / "Toys.jsonl"
    path.write_bytes(content.encode())
    with pytest.raises(UsageError) as raised:
        check_lines(LocalFile(path))
    filter_ = "'.[]'" if name == ARRAY else "."
    assert str(raised.value) == (
        f"{path}: {name}, not JSON Lines (one object in each line)\n"
        f"make it so in another folder, and read that: jq -c {filter_} {path} > FOLDER/NAME.jsonl"
    )


RIGHT = {
    "rows": LINES,
    "nothing": "",
    "blank lines": "\n \n",
    "one row without a newline": LINES.splitlines()[0],
    "one row that was cut off": LINES[:30],
    "a long row": "".join(json.dumps(row) + "\n" for row in LONG),
    "a list first": "[1, 2]\n" + LINES,
    "a list of rows first": json.dumps(ROWS[:2]) + "\n" + LINES,
    "a list in each line": "[1]\n[2]\n",
    "a list that was cut off first": "[1, 2\n" + LINES,
    "a list of rows that was cut off first": '[{"title": "cut o\n' + LINES,
    "the same, and a long file": '[{"title": "cut o\n' + LINES * 200,
    "a row that was cut off first": '{"title": "cut o\n' + LINES,
    "a brace first": "{\n" + LINES,
    "lines of Windows": LINES.replace("\n", "\r\n"),
    "a carriage return too many": LINES.replace("\n", "\r\r\n"),
    "a carriage return between keys": LINES.replace(", ", ",\r"),
    "a table": "title,price\nspoon,5\n",
    "too deep": "[" * 100_000 + "\n" + LINES,
    "too deep in objects": '[{"a":' * 100_000,
}


@pytest.mark.parametrize("content", RIGHT.values(), ids=RIGHT.keys())
def test_a_malformed_first_line_is_only_a_row(content: str, tmp_path: Path) -> None:
    path = tmp_path / "Toys.jsonl"
    path.write_bytes(content.encode())
    check_lines(LocalFile(path))
