"""Whatever the cuts, each line comes out once, in order, and with the offset where it stands."""

from __future__ import annotations

import io
import itertools
import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from job.recipe.verdicts import CUT_OFF, END, MALFORMED
from job.source.location import LocalFile
from job.source.read.jsonl import JsonlReader, end_of_rows, is_blank, read_lines
from job.source.read.partitions import Partition
from job.source.read.reader import content_digest
from tests.generated import examples
from tests.source.hub_form import row_layout

BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}".encode()
NO_LIMIT = 1 << 20

texts = st.text(st.sampled_from('aé漢😀 ,:{}["\u2028\u0085\u00a0\x00\t'), max_size=8)


def row_line(title: str) -> bytes:
    return json.dumps({"title": title}, ensure_ascii=False).encode()


rows = st.one_of(texts.map(row_line), texts.map(lambda title: b" \t" + row_line(title) + b" "))
blanks = st.text(st.sampled_from(" \t\r\v\f"), max_size=5).map(str.encode)
junk = st.sampled_from([b"nothing", b"[]", b"\xff\xfe", b"\xc2\xa0", b"\x00", b"null", b'{"title": 5}', b'{"title"'])
endings = st.sampled_from([b"\n", b"\r\n"])


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A file of rows, blank lines and junk, each with either line end, the last perhaps without one."""
    lines = [draw(st.one_of(rows, blanks, junk)) + draw(endings) for _ in range(draw(st.integers(0, 7)))]
    if draw(st.booleans()):
        lines.insert(0, BYTE_ORDER_MARK + draw(rows) + draw(endings))
    if draw(st.booleans()):
        lines.append(draw(st.one_of(rows, blanks, junk)))
    return b"".join(lines)


def true_lines(data: bytes) -> list[tuple[int, bytes]]:
    """Every line with its offset, found without looking at ranges."""
    pieces = data.split(b"\n")
    offsets = [0, *itertools.accumulate(len(piece) + 1 for piece in pieces)]
    lines = [(offset, piece.removesuffix(b"\r")) for offset, piece in zip(offsets, pieces, strict=False)]
    return lines if pieces[-1] else lines[:-1]


def is_cut_off(data: bytes) -> bool:
    """Tells whether the last line has no newline and is not JSON."""
    last = data.rpartition(b"\n")[2]
    if not last.strip(b" \t\r\v\f"):
        return False
    try:
        json.loads(last.decode("utf-8-sig"))
    except ValueError:
        return True
    return False


def ranges(size: int, cuts: list[int]) -> list[tuple[int, int]]:
    return list(itertools.pairwise([0, *sorted(cut % (size + 1) for cut in cuts), size]))


cut_points = st.lists(st.integers(0, 10_000), max_size=6)


@examples(400)
@given(data=files(), cuts=cut_points)
@example(data=b"", cuts=[])
@example(data=b"\n\n\n", cuts=[1, 2])
@example(data=b"a\r\nb\r\n", cuts=[1, 2, 3, 4])
def test_consecutive_ranges_yield_each_line_once(data: bytes, cuts: list[int]) -> None:
    found = [read_lines(io.BytesIO(data), start, end, NO_LIMIT) for start, end in ranges(len(data), cuts)]
    assert list(itertools.chain.from_iterable(found)) == true_lines(data)


@examples(200)
@given(data=files())
def test_every_single_byte_may_be_a_cut(data: bytes) -> None:
    found = [read_lines(io.BytesIO(data), start, start + 1, NO_LIMIT) for start in range(len(data))]
    assert list(itertools.chain.from_iterable(found)) == true_lines(data)


@examples(300)
@given(data=files(), cuts=cut_points)
def test_a_line_belongs_to_the_range_of_its_first_byte(data: bytes, cuts: list[int]) -> None:
    for start, end in ranges(len(data), cuts):
        found = list(read_lines(io.BytesIO(data), start, end, NO_LIMIT))
        assert found == [line for line in true_lines(data) if start <= line[0] < end]


@examples(300)
@given(data=files(), cuts=cut_points, max_line_bytes=st.integers(1, 40))
def test_a_line_above_the_limit_comes_out_cut_but_still_above_it(
    data: bytes, cuts: list[int], max_line_bytes: int
) -> None:
    found = [read_lines(io.BytesIO(data), start, end, max_line_bytes) for start, end in ranges(len(data), cuts)]
    for (offset, line), (true_offset, true_line) in zip(
        itertools.chain.from_iterable(found), true_lines(data), strict=True
    ):
        assert offset == true_offset
        if len(true_line) <= max_line_bytes:
            assert line == true_line
        else:
            assert max_line_bytes < len(line) <= max_line_bytes + 2
            assert true_line.startswith(line)


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b""])
@pytest.mark.parametrize("size", [99, 100, 101, 102, 103, 5_000_000])
def test_only_what_is_longer_than_the_limit_is_cut(size: int, line_end: bytes) -> None:
    data = b"first\n" + b"x" * size + line_end
    found = list(read_lines(io.BytesIO(data), 0, len(data), 100))
    assert [offset for offset, _ in found] == [0, 6]
    assert (len(found[1][1]) == size) if size <= 100 else (100 < len(found[1][1]) <= 102)


@pytest.mark.parametrize("cut", [7, 1_048_575, 1_048_576, 1_048_577, 2_500_000, 3_000_006])
def test_a_line_of_megabytes_may_be_cut_anywhere(cut: int) -> None:
    data = b"first\n" + b"x" * 3_000_000 + b"\nlast\n"
    before = list(read_lines(io.BytesIO(data), 0, cut, 1 << 22))
    after = list(read_lines(io.BytesIO(data), cut, len(data), 1 << 22))
    assert [(offset, len(line)) for offset, line in before] == [(0, 5), (6, 3_000_000)]
    assert after == [(3_000_007, b"last")]


@pytest.mark.parametrize("line", [b"", b" ", b"\t", b"\r", b"\v", b"\f", b" \t\r\v\f "])
def test_nothing_but_white_space_is_blank(line: bytes) -> None:
    assert is_blank(line, NO_LIMIT)


@pytest.mark.parametrize("line", [b"{}", b" {}", b"\x00", b"\xc2\xa0", b"\x1c", b"null", b".", b"  x  "])
def test_anything_else_is_a_row(line: bytes) -> None:
    assert not is_blank(line, NO_LIMIT)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("jsonl") / "meta_Test.jsonl"


def read(path: Path, start: int, end: int, max_row_bytes: int = NO_LIMIT) -> tuple[list[dict], dict]:
    """Reads a range as partition 5: its rows, and the message that ends it. See `test_last_line` for the other one."""
    tables = list(JsonlReader(row_layout((), max_row_bytes)).read(LocalFile(path), 5, start, end))
    found = pa.concat_tables(tables).to_pylist()
    assert [row["verdict"] == END for row in found] == [False] * (len(found) - 1) + [True]
    assert {row["partition"] for row in found} == {5}
    return [row for row in found[:-1] if row["verdict"] != CUT_OFF], found[-1]


@examples(200)
@given(data=files(), cuts=cut_points)
def test_the_reader_gives_each_row_once_and_counts_it(path: Path, data: bytes, cuts: list[int]) -> None:
    path.write_bytes(data)
    found: list[dict] = []
    for start, end in ranges(len(data), cuts):
        part, message = read(path, start, end)
        assert message["position"] == len(part)
        given = {name for name, value in message.items() if value is not None}
        assert given == {"partition", "position", "verdict", "raw"}
        cut = Partition(0, start, end)
        assert message["raw"].decode() == content_digest("jsonl", LocalFile(path), cut, (), NO_LIMIT)
        found += part
    expected = [(offset, line) for offset, line in true_lines(data) if line.strip(b" \t\r\v\f")]
    expected = expected[:-1] if is_cut_off(data) else expected
    assert [row["position"] for row in found] == [offset for offset, _ in expected]
    for row, (_, line) in zip(found, expected, strict=True):
        if row["verdict"] == MALFORMED:
            assert row["raw"] == line
            assert row["cause"]
            assert row["title"] is None
        else:
            assert row["verdict"] is None
            assert row["raw"] is None
            assert row["title"] == json.loads(line.decode("utf-8-sig"))["title"]


def test_many_rows_keep_their_order_and_end_in_one_message(tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    path.write_bytes(b"".join(row_line(f"row {number}") + b"\n" for number in range(12_000)))
    found, message = read(path, 0, path.stat().st_size)
    assert [row["title"] for row in found] == [f"row {number}" for number in range(12_000)]
    assert message["position"] == 12_000


def test_a_range_without_rows_still_says_so(tmp_path: Path) -> None:
    path = tmp_path / "blank.jsonl"
    path.write_bytes(b"\n \r\n\t\n")
    assert [read(path, start, end)[0] for start, end in ((0, 6), (2, 2))] == [[], []]
    assert read(path, 0, 6)[1]["position"] == 0


def test_a_row_above_the_limit_is_malformed_and_the_next_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    path.write_bytes(row_line("x" * 3_000_000) + b"\n" + row_line("next") + b"\n")
    (long, next_row), message = read(path, 0, path.stat().st_size, max_row_bytes=2_000_000)
    assert message["position"] == 2
    assert (long["position"], long["verdict"]) == (0, MALFORMED)
    assert "2,000,000" in long["cause"]
    assert path.read_bytes().startswith(long["raw"])
    assert 0 < len(long["raw"]) < 2_000_000
    assert (next_row["verdict"], next_row["title"]) == (None, "next")


def test_a_row_exactly_at_the_limit_is_well_formed(tmp_path: Path) -> None:
    path = tmp_path / "exact.jsonl"
    path.write_bytes(row_line("x" * 100) + b"\r\n")
    size = path.stat().st_size - 2
    assert read(path, 0, size, max_row_bytes=size)[0][0]["title"] == "x" * 100
    assert read(path, 0, size, max_row_bytes=size - 1)[0][0]["verdict"] == MALFORMED


def test_a_row_above_the_limit_is_not_lost_when_it_begins_with_blanks(tmp_path: Path) -> None:
    path = tmp_path / "indented.jsonl"
    path.write_bytes(b" " * 40 + row_line("far to the right") + b"\n" + row_line("next") + b"\n")
    found, _ = read(path, 0, path.stat().st_size, max_row_bytes=30)
    assert [row["verdict"] for row in found] == [MALFORMED, None]
    assert end_of_rows(LocalFile(path), 1, 30) == (found[1]["position"], 1)


@examples(200)
@given(data=files(), limit=st.integers(1, 9))
def test_end_of_rows_leaves_so_many_rows_before_it(path: Path, data: bytes, limit: int) -> None:
    path.write_bytes(data)
    offsets = [offset for offset, line in true_lines(data) if not is_blank(line, NO_LIMIT)]
    end, rows = end_of_rows(LocalFile(path), limit, NO_LIMIT)
    assert sum(offset < end for offset in offsets) == rows == min(limit, len(offsets))
    assert end == len(data) if len(offsets) <= limit else end in offsets


def test_end_of_rows_counts_a_malformed_row_and_an_overlong_one(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b"junk\n" + b"x" * 5_000 + b"\n\n{}\n")
    assert end_of_rows(LocalFile(path), 1, 100) == (5, 1)
    assert end_of_rows(LocalFile(path), 2, 100) == (5 + 5_001 + 1, 2)
    assert end_of_rows(LocalFile(path), 3, 100) == (path.stat().st_size, 3)
