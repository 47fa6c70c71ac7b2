"""Of a row group that is cut into partitions, a process reads each row once; and never one of another file."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from job.errors import DamagedPartError
from job.source.location import LocalFile
from job.source.read import row_groups
from job.source.read.parquet import ParquetReader
from job.source.read.row_groups import read_rows
from tests.source.hub_form import listings, row_layout, write_groups

ROWS = 20_000
PIECES = list(itertools.pairwise(range(0, ROWS + 1, ROWS // 20)))


@pytest.fixture(autouse=True)
def held(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The row group that is held, if there is one. A batch has more rows than some pieces."""
    found: list[Any] = []
    monkeypatch.setattr(row_groups, "ROWS_AT_ONCE", 4_000)
    monkeypatch.setattr(row_groups, "_held", found)
    return found


@pytest.fixture
def num_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows of each batch that was decoded."""
    counts: list[int] = []
    batches = vars(row_groups)["_batches"]

    def counted(*given: Any) -> Iterator[Any]:
        for batch in batches(*given):
            counts.append(batch.num_rows)
            yield batch

    monkeypatch.setattr(row_groups, "_batches", counted)
    return counts


def titles(path: Path, start: int, end: int) -> list[str]:
    location = LocalFile(path)
    found = list(read_rows(location, location.parquet_metadata(), ["title"], start, end))
    assert [first for first, _ in found] == [
        start + sum(batch.num_rows for _, batch in found[:index]) for index in range(len(found))
    ]
    return [title for _, batch in found for title in batch["title"].to_pylist()]


def expected(start: int, end: int) -> list[str]:
    return [f"title {number}" for number in range(start, end)]


def test_the_pieces_of_a_row_group_in_order_are_read_once(tmp_path: Path, num_read: list[int], held: list[Any]) -> None:
    path = write_groups(tmp_path / "a.parquet", listings(ROWS), [ROWS])
    for start, end in PIECES:
        assert titles(path, start, end) == expected(start, end)
    assert sum(num_read) == ROWS
    assert held == []


def test_every_second_piece_is_read_in_one_pass_too(tmp_path: Path, num_read: list[int]) -> None:
    path = write_groups(tmp_path / "a.parquet", listings(ROWS), [ROWS])
    for start, end in PIECES[1::2]:
        assert titles(path, start, end) == expected(start, end)
    assert sum(num_read) == ROWS


def test_an_earlier_piece_is_read_from_the_beginning(tmp_path: Path, num_read: list[int]) -> None:
    path = write_groups(tmp_path / "a.parquet", listings(ROWS), [ROWS])
    for start, end in [(9_000, 10_000), (10_000, 11_000), (3_000, 4_000), (3_000, 4_000)]:
        assert titles(path, start, end) == expected(start, end)
    assert num_read == [4_000] * 5


def test_nothing_is_held_at_the_end_of_a_row_group(tmp_path: Path, num_read: list[int], held: list[Any]) -> None:
    path = write_groups(tmp_path / "a.parquet", listings(ROWS), [ROWS // 2] * 2)
    assert titles(path, 0, ROWS // 2) == expected(0, ROWS // 2)
    assert held == []
    assert titles(path, ROWS // 2, ROWS) == expected(ROWS // 2, ROWS)
    assert held == []
    assert sum(num_read) == ROWS


def test_other_columns_and_other_files_are_read_anew(tmp_path: Path, num_read: list[int]) -> None:
    path = write_groups(tmp_path / "a.parquet", listings(ROWS), [ROWS])
    other = write_groups(tmp_path / "b.parquet", listings(ROWS), [ROWS])
    assert titles(path, 0, 1_000) == expected(0, 1_000)
    assert titles(other, 1_000, 2_000) == expected(1_000, 2_000)
    location = LocalFile(other)
    ((first, batch),) = read_rows(location, location.parquet_metadata(), ["price"], 2_000, 3_000)
    assert (first, batch.schema.names, batch["price"][0].as_py()) == (2_000, ["price"], "2000.5")
    assert num_read == [4_000] * 3


def test_a_file_that_was_replaced_is_read_anew(tmp_path: Path, num_read: list[int]) -> None:
    path = write_groups(tmp_path / "a.parquet", listings(ROWS), [ROWS])
    assert titles(path, 0, 1_000) == expected(0, 1_000)
    write_groups(path, listings(ROWS).set_column(0, "title", listings(ROWS)["parent_asin"]), [ROWS])
    assert titles(path, 1_000, 1_002) == ["B000001000", "B000001001"]
    assert num_read == [4_000] * 2


def test_what_was_left_in_the_middle_is_not_gone_on_with(tmp_path: Path, held: list[Any]) -> None:
    path = write_groups(tmp_path / "a.parquet", listings(ROWS), [ROWS])
    location = LocalFile(path)
    rows = read_rows(location, location.parquet_metadata(), ["title"], 0, 10_000)
    next(rows)
    rows.close()  # pyright: ignore[reportAttributeAccessIssue]  # it is a generator
    assert held == []
    assert titles(path, 10_000, 11_000) == expected(10_000, 11_000)


def test_damage_is_found_again_by_each_piece_that_needs_it(tmp_path: Path, held: list[Any]) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(
        listings(ROWS), path, compression="none", use_dictionary=False, data_page_size=10_000, write_page_checksum=True
    )
    data = bytearray(path.read_bytes())
    at = data.index(b"title 19000")
    data[at : at + 5] = b"TITLE"
    path.write_bytes(data)
    reader = ParquetReader(row_layout())
    assert sum(table.num_rows for table in reader.read(LocalFile(path), 0, 0, 5_000)) == 5_001
    for _ in range(2):
        with pytest.raises(DamagedPartError, match=r"somewhere in rows 18,000 to 20,000"):
            list(reader.read(LocalFile(path), 1, 18_000, 20_000))
    assert held == []
