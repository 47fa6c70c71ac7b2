"""A last line without a newline that is not JSON means that the file was cut off; any other line is a row."""

from __future__ import annotations

import io
import itertools
import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.recipe.verdicts import CUT_OFF, END, MALFORMED
from job.source.location import LocalFile
from job.source.read import last_line
from job.source.read.jsonl import JsonlReader
from job.source.read.last_line import why_cut_off
from tests.generated import examples
from tests.source.hub_form import row_layout

ROW = json.dumps({"title": 'a "long" {lamp} [é] \\', "details": {"a": [1, 2]}}, ensure_ascii=False).encode()
FIRST = b'{"title": "first"}\n'
MAX_ROW_BYTES = 200


def read(path: Path, content: bytes, start: int = 0, end: int | None = None) -> tuple[list[str | None], int | None]:
    """Returns the verdicts of the rows, and where the line begins that the file ends in."""
    path.write_bytes(content)
    reader = JsonlReader(row_layout((), MAX_ROW_BYTES))
    tables = list(reader.read(LocalFile(path), 0, start, len(content) if end is None else end, "Toys.jsonl.gz"))
    *rows, last = pa.concat_tables(tables).to_pylist()
    assert (last["verdict"], last["cause"]) == (END, None)
    cut_off_at = None
    if rows and rows[-1]["verdict"] == CUT_OFF:
        message = rows.pop()
        cut_off_at = message["position"]
        assert message["cause"].startswith(
            f"Toys.jsonl.gz seems to be cut off: its last line, at byte {cut_off_at:,}, has no newline and is not JSON"
        )
    assert last["position"] == len(rows)
    return [row["verdict"] for row in rows], cut_off_at


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("last") / "Toys.jsonl"


@pytest.mark.parametrize("size", range(1, len(ROW)))
def test_a_file_that_ends_anywhere_within_a_row_was_cut_off(path: Path, size: int) -> None:
    """Within a character of two bytes too."""
    assert read(path, FIRST + ROW[:size]) == ([None], len(FIRST))


@pytest.mark.parametrize("end", [b"", b"\r", b"\n", b"\r\n", b"\n\n", b"\n \t", b" ", b"\n\r"])
def test_a_whole_last_row_is_a_row_however_it_ends(path: Path, end: bytes) -> None:
    assert read(path, FIRST + ROW + end) == ([None, None], None)


CUT = {
    "text": b"broken",
    "NUL bytes": b"\0" * 50,
    "many NUL bytes": b"\0" * 5_000,
    "not UTF-8": b'{"title": "\xff"}',
    "within a character": b'{"title": "\xe2\x82',
    "with a carriage return": b'{"title": "cut o\r',
    "a comma too much": b'{"title": "a",}',
    "two objects": b'{"title": "a"} {"title": "b"}',
    "an open list": b"[1, 2",
    "too deep": b"[" * 150,
    "far too deep and too long": b"[" * 100_000,
    "too long": b'{"title": "' + b"x" * 5_000,
    "too long, closed within": b'{"title": "' + b"x" * 5_000 + b'", "details": {"a": [1]}',
    "too long, ends in an escape": b'{"title": "' + b"x" * 5_000 + b'\\"}',
    "one byte too long": b'{"title": "' + b"x" * (MAX_ROW_BYTES - 10),
    "blanks that are too long": b" " * 5_000,
}


@pytest.mark.parametrize("line", CUT.values(), ids=CUT.keys())
def test_a_last_line_that_is_not_json_is_no_reject_but_with_a_newline_it_is(path: Path, line: bytes) -> None:
    assert read(path, FIRST + line) == ([None], len(FIRST))
    assert read(path, FIRST + line + b"\n") == ([None, MALFORMED], None)
    assert read(path, FIRST + line + b"\n" + ROW) == ([None, MALFORMED, None], None)
    assert read(path, line) == ([], 0)


WHOLE = {
    "a list": b"[1, 2]",
    "null": b"null",
    "a title of another type": b'{"title": 7}',
    "too long": b'{"title": "' + b"x" * 5_000 + b'"}',
    "too long, with all marks in its text": b'{"title": "' + b'{[\\"\\\\' * 1_000 + b'"}',
    "too long, with a carriage return": b'{"title": "' + b"x" * 5_000 + b'"}\r',
    "too long, a mark before it": b"\xef\xbb\xbf" + b'{"title": "' + b"x" * 5_000 + b'"}',
    "one byte too long": b'{"title": "' + b"x" * (MAX_ROW_BYTES - 12) + b'"}',
    "far too deep": b"[" * 5_000 + b"]" * 5_000,
}


@pytest.mark.parametrize("line", WHOLE.values(), ids=WHOLE.keys())
def test_a_last_line_that_is_json_and_no_row_is_a_reject_like_any_other(path: Path, line: bytes) -> None:
    assert read(path, FIRST + line) == ([None, MALFORMED], None)


@pytest.mark.parametrize("mark", [b"x", b'\\"', b"\\\\", b"{", b"\\\\\\\\"])
@pytest.mark.parametrize("shift", range(4))
def test_a_long_line_is_looked_at_piece_by_piece(monkeypatch: pytest.MonkeyPatch, mark: bytes, shift: int) -> None:
    monkeypatch.setattr(last_line, "_PIECE_BYTES", 16)
    line = b'{"title": "' + b"-" * shift + mark * 200 + b'"}'
    for content, is_whole in ((line, True), (line[:-1], False), (line[:-2], False)):
        stream = io.BytesIO(content)
        stream.seek(MAX_ROW_BYTES + 2)
        assert (why_cut_off(stream, 0, content[: MAX_ROW_BYTES + 2], MAX_ROW_BYTES) is None) == is_whole
        assert stream.tell() == MAX_ROW_BYTES + 2


@examples(200)
@given(cuts=st.lists(st.integers(0, 10_000), max_size=6), line=st.sampled_from([*CUT.values()]))
def test_exactly_one_range_finds_the_cut_whatever_the_ranges(path: Path, cuts: list[int], line: bytes) -> None:
    content = FIRST + ROW + b"\n" + line
    borders = itertools.pairwise([0, *sorted(cut % (len(content) + 1) for cut in cuts), len(content)])
    found = [read(path, content, start, end) for start, end in borders]
    assert [verdict for verdicts, _ in found for verdict in verdicts] == [None, None]
    assert [at for _, at in found if at is not None] == [len(content) - len(line)]
