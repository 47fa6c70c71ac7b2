"""The footer of a file with very many row groups is read in parts, and the rows and their cut are as if it were not."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from job.recipe.course_2024.recipe import Course2024
from job.source.location import LocalFile
from job.source.read import footer as module
from job.source.read.footer import Footer, footer_for_tasks, read_footer
from job.source.read.parquet import ParquetReader
from job.source.read.partitions import cut_parquet, row_groups
from tests.source.hub_form import listings, row_layout, write_groups

INPUTS = Course2024.inputs.names
SIZES = [3, 1, 0, 7, 2] * 40
NUM_ROWS = sum(SIZES)
LIKE_A_BEGINNING = "\0\x19\x6c\x26\x08\x1c\x15"
"""What each row group of 6 columns begins with, which is text, too."""


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cuts footers of a few KB, so that row groups lie over the ends of parts and of what is searched at a time."""
    monkeypatch.setattr(module, "SPLIT_BYTES", 5_000)
    monkeypatch.setattr(module, "_PART_BYTES", 4_000)
    monkeypatch.setattr(module, "_WINDOW_BYTES", 5_003)


def with_columns(num_columns: int) -> pa.Table:
    others = {f"other{number}": pa.array(range(NUM_ROWS)) for number in range(num_columns - 6)}
    return listings(NUM_ROWS, **others)


def rows_of(path: Path, start: int, end: int, footer: Footer | None = None) -> list[tuple[int, str]]:
    tables = list(ParquetReader(row_layout()).read(LocalFile(path), 0, start, end, footer))[:-1]
    return [
        pair for table in tables for pair in zip(table["position"].to_pylist(), table["title"].to_pylist(), strict=True)
    ]


def expected(start: int, end: int) -> list[tuple[int, str]]:
    return [(number, f"title {number}") for number in range(start, end)]


@pytest.mark.parametrize("num_columns", [6, 14, 15, 17])
@pytest.mark.usefixtures("small")
def test_any_run_of_rows_is_read_with_a_part_of_the_footer(tmp_path: Path, num_columns: int) -> None:
    path = write_groups(tmp_path / "a.parquet", with_columns(num_columns), SIZES)
    footer = read_footer(LocalFile(path))
    assert footer.whole is None
    assert (footer.num_rows, len(footer.rows)) == (NUM_ROWS, len(SIZES) + 1)
    for start, end in [(0, 1), (0, 520), (2, 5), (3, 4), (4, 11), (100, 140), (511, 520), (519, 520), (520, 520)]:
        assert rows_of(path, start, end) == expected(start, end)
        metadata, _ = footer.around(LocalFile(path), start, end)
        assert metadata.num_row_groups <= (end - start) + 2 + SIZES.count(0) * (end - start) // 10
    parts = list(footer.parts(LocalFile(path)))
    assert len(parts) > 10
    assert [part.row_group(index).num_rows for part in parts for index in range(part.num_row_groups)] == SIZES


@pytest.mark.usefixtures("small")
def test_partitions_are_cut_as_with_the_whole_footer(tmp_path: Path) -> None:
    path = write_groups(tmp_path / "a.parquet", with_columns(17), SIZES)
    footer = read_footer(LocalFile(path))
    groups = [group for part in footer.parts(LocalFile(path)) for group in row_groups(part, INPUTS)]
    assert footer.whole is None
    assert groups == row_groups(pq.read_metadata(path), INPUTS)
    assert [(part.start, part.end) for part in cut_parquet([groups], None)] == [(0, 520)]


@pytest.mark.usefixtures("small")
def test_a_text_that_looks_like_a_row_group_costs_only_memory(tmp_path: Path) -> None:
    titles = [LIKE_A_BEGINNING if number == 100 else f"title {number}" for number in range(NUM_ROWS)]
    path = write_groups(tmp_path / "a.parquet", listings(NUM_ROWS, title=pa.array(titles)), SIZES)
    assert LIKE_A_BEGINNING.encode() in path.read_bytes()[-pq.read_metadata(path).serialized_size :]
    assert read_footer(LocalFile(path)).whole is not None
    assert rows_of(path, 90, 110) == [*expected(90, 100), (100, LIKE_A_BEGINNING), *expected(101, 110)]


@pytest.mark.usefixtures("small")
def test_what_is_no_footer_is_the_same_error_as_in_a_small_file(tmp_path: Path) -> None:
    path = write_groups(tmp_path / "a.parquet", listings(NUM_ROWS), SIZES)
    content = bytearray(path.read_bytes())
    size = pq.read_metadata(path).serialized_size
    content[-size - 8 : -8] = b"\xff" * size
    path.write_bytes(content)
    with pytest.raises(OSError, match="deserialize thrift"):
        read_footer(LocalFile(path))


def test_nobody_holds_the_metadata_of_all_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = with_columns(17).slice(0, 500)
    path = write_groups(tmp_path / "a.parquet", pa.concat_tables([rows] * 3), [1] * 1_500)
    monkeypatch.setattr(module, "SPLIT_BYTES", 1 << 20)
    monkeypatch.setattr(module, "_PART_BYTES", 1 << 18)
    held: list[int] = []
    read = pq.read_metadata

    def counted(where: Any) -> pq.FileMetaData:
        metadata = read(where)
        held.append(metadata.num_row_groups)
        return metadata

    monkeypatch.setattr(pq, "read_metadata", counted)
    footer = read_footer(LocalFile(path))
    assert rows_of(path, 1_000, 1_040) == [(1_000 + number, f"title {number}") for number in range(40)]
    assert max(held) < 300
    assert held[-1] == 40
    assert len(pickle.dumps(footer)) < 30_000
    assert footer_for_tasks(LocalFile(path)) is footer


def test_tasks_read_a_small_footer_by_themselves(tmp_path: Path) -> None:
    path = write_groups(tmp_path / "a.parquet", listings(10), [5, 5])
    assert footer_for_tasks(LocalFile(path)) is None


@pytest.mark.usefixtures("small")
def test_a_file_in_the_place_of_another_has_its_own_footer(tmp_path: Path) -> None:
    path = write_groups(tmp_path / "a.parquet", listings(sum([2] * 100)), [2] * 100)
    assert read_footer(LocalFile(path)).num_rows == 200
    path = write_groups(tmp_path / "a.parquet", listings(sum([3] * 100)), [3] * 100)
    assert read_footer(LocalFile(path)).num_rows == 300
    assert rows_of(path, 299, 300) == expected(299, 300)
