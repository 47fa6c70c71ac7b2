"""Partitions cover every byte and every row once, in order, and their sizes follow from the category's size alone."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import math
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import BinaryIO, ClassVar, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from job.recipe.course_2024.recipe import Course2024
from job.recipe.verdicts import END
from job.source.location import FileLocation, LocalFile
from job.source.read.jsonl import JsonlReader
from job.source.read.parquet import ParquetReader
from job.source.read.parquet_columns import open_checked
from job.source.read.partitions import RULE, RULE_VERSION, Partition, cut_jsonl, cut_parquet, row_groups
from tests.generated import examples
from tests.source.hub_form import listings, row_layout, write_groups

MB = 1_000_000
MAX_ROW_BYTES = 64 * 2**20
CORES = 16
INPUTS = Course2024.inputs.names


@dataclass(frozen=True)
class Column:
    path_in_schema: str
    total_uncompressed_size: int


@dataclass(frozen=True)
class Group:
    """A row group of so many rows, with so many bytes in the needed columns and many more in another."""

    num_rows: int
    size_bytes: int = 0

    num_columns: ClassVar[int] = 3

    def column(self, index: int) -> Column:
        half = self.size_bytes // 2
        if index == 1:
            return Column("images.large.list.element", 10**12)
        return Column("title", half) if index == 0 else Column("features.list.element", self.size_bytes - half)


@dataclass(frozen=True)
class File:
    """What `cut_parquet` looks at in a file's metadata."""

    groups: Sequence[Group]

    @property
    def num_rows(self) -> int:
        return sum(group.num_rows for group in self.groups)

    @property
    def num_row_groups(self) -> int:
        return len(self.groups)

    def row_group(self, index: int) -> Group:
        return self.groups[index]


def cut(files: Sequence[Sequence[Group]], limit: int | None = None) -> list[Partition]:
    return cut_parquet([row_groups(cast(pq.FileMetaData, File(groups)), INPUTS) for groups in files], limit)


def even(num_rows: int, rows_per_group: int, bytes_per_row: int = 0) -> list[Group]:
    starts = range(0, num_rows, rows_per_group)
    sizes = [min(rows_per_group, num_rows - start) for start in starts]
    return [Group(size, size * bytes_per_row) for size in sizes]


def check_cover(partitions: Sequence[Partition], sizes: Sequence[int]) -> None:
    """Checks that each row or byte of each file is in one partition, and that the partitions are in order."""
    assert [part.file for part in partitions] == sorted(part.file for part in partitions)
    for file, size in enumerate(sizes):
        cuts = [(part.start, part.end) for part in partitions if part.file == file]
        assert [cut[0] for cut in cuts] == [0, *(cut[1] for cut in cuts)][: len(cuts)]
        assert (cuts[-1][1] if cuts else 0) == size
    if any(sizes):
        assert all(part.start < part.end for part in partitions)
    else:  # a category without rows has one partition all the same, which makes its shard
        assert partitions == [Partition(0, 0, 0)]


def wanted_rows(total: int) -> int:
    """About a 48th of the rows, between 2,000 and 32,000."""
    return min(max(math.ceil(total / 48), 2_000), 32_000)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("partitions")


def sparse(folder: Path, sizes: Iterable[int]) -> list[FileLocation]:
    """Makes files of these sizes that take no room on the disk."""
    files: list[FileLocation] = []
    for number, size in enumerate(sizes):
        path = folder / f"{number}.jsonl"
        with path.open("wb") as stream:
            stream.truncate(size)
        files.append(LocalFile(path))
    return files


file_sizes = st.one_of(st.integers(1, 10 * MB), st.integers(1, 400 * MB), st.integers(1, 20_000 * MB))


@examples(200)
@given(size=file_sizes)
@example(size=1)
@example(size=4 * MB)
@example(size=8 * MB - 1)
@example(size=192 * MB)
@example(size=48 * 64 * MB)
@example(size=48 * 64 * MB + 1)
def test_a_jsonl_file_is_cut_into_48ths_of_4_to_64_mb(folder: Path, size: int) -> None:
    partitions = cut_jsonl(sparse(folder, [size]), None, MAX_ROW_BYTES)
    check_cover(partitions, [size])
    sizes = [part.end - part.start for part in partitions]
    wanted = min(max(size / 48, 4 * MB), 64 * MB)
    if size < wanted:
        assert sizes == [size]
    else:
        assert all(wanted * 0.97 <= part < 2 * wanted + 1 for part in sizes)
        assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= 64 * MB


@examples(100)
@given(sizes=st.lists(file_sizes, min_size=1, max_size=5))
def test_several_jsonl_files_are_covered_in_their_order(folder: Path, sizes: list[int]) -> None:
    partitions = cut_jsonl(sparse(folder, sizes), None, MAX_ROW_BYTES)
    check_cover(partitions, sizes)
    assert all(min(4 * MB, sizes[part.file]) <= part.end - part.start <= 64 * MB for part in partitions)


@pytest.mark.parametrize(
    ("size", "least"),
    [(285 * MB, 2 * CORES), (633 * MB, 2 * CORES), (5_200 * MB, 2 * CORES), (18_000 * MB, 2 * CORES), (1_400_000, 1)],
)
def test_sixteen_cores_have_two_jsonl_partitions_each(folder: Path, size: int, least: int) -> None:
    found = cut_jsonl(sparse(folder, [size]), None, MAX_ROW_BYTES)
    assert least <= len(found) <= max(48, size / (60 * MB))


def test_sixteen_cores_have_two_partitions_each_of_appliances_in_parquet() -> None:
    partitions = cut([even(94_327, 1_000, 1_200)])
    check_cover(partitions, [94_327])
    assert 2 * CORES <= len(partitions) <= 48
    assert {part.end - part.start for part in partitions[:-1]} == {2_000}


groups = st.builds(
    lambda rows, bytes_per_row: Group(rows, rows * bytes_per_row),
    st.one_of(st.integers(1, 2_500), st.integers(1, 40_000), st.integers(1, 300_000)),
    st.sampled_from([0, 900, 1_300, 9_000, 70_000]),
)
layouts = st.lists(st.lists(groups, max_size=12), min_size=1, max_size=4)
limits = st.one_of(st.none(), st.integers(1, 50_000), st.integers(1, 3_000_000))


@examples(200)
@given(files=layouts, limit=limits)
def test_every_row_up_to_the_limit_is_in_one_partition(files: list[list[Group]], limit: int | None) -> None:
    left = math.inf if limit is None else limit
    expected: list[int] = []
    for file in files:
        expected.append(int(min(File(file).num_rows, left)))
        left -= expected[-1]
    check_cover(cut(files, limit), expected)


@examples(200)
@given(files=layouts)
def test_a_partition_is_whole_row_groups_or_a_piece_of_one_too_big(files: list[list[Group]]) -> None:
    for part in cut(files):
        if part.start == part.end:
            continue  # of a category without rows
        starts = list(itertools.accumulate((group.num_rows for group in files[part.file]), initial=0))
        spans = zip(starts, starts[1:], files[part.file], strict=False)
        touched = [span for span in spans if span[0] < part.end and span[1] > part.start]
        rows, size = part.end - part.start, sum(group.size_bytes for *_, group in touched)
        assert rows <= 32_000
        if (touched[0][0], touched[-1][1]) == (part.start, part.end):
            assert size <= 64 * MB or rows == 1
        else:
            (group,) = (group for *_, group in touched)
            assert group.num_rows > 32_000 or group.size_bytes > 64 * MB
            assert (rows - 1) * group.size_bytes <= 64 * MB * group.num_rows


@examples(100)
@given(data=st.data(), total=st.one_of(st.integers(1, 100_000), st.integers(1, 2_000_000)))
def test_small_row_groups_are_gathered_to_a_48th_of_2_000_to_32_000_rows(data: st.DataObject, total: int) -> None:
    least = max(1, total // 500)
    rows_per_group = data.draw(st.integers(least, least + 1_000))
    file = even(total, rows_per_group, 600)
    sizes = [part.end - part.start for part in cut([file])]
    assert all(size < wanted_rows(total) + rows_per_group for size in sizes)
    assert all(size >= wanted_rows(total) or size + rows_per_group > 32_000 for size in sizes[:-1])


def test_the_limit_decides_how_large_a_48th_is() -> None:
    file = even(2_000_000, 1_000)
    assert {part.end - part.start for part in cut([file])[:-1]} == {32_000}
    assert {part.end - part.start for part in cut([file], 10_000)} == {2_000}
    assert {part.end - part.start for part in cut([file], 480_000)} == {10_000}


@pytest.mark.parametrize(("rows", "pieces"), [(32_000, 1), (32_001, 2), (64_001, 3), (320_000, 10)])
def test_a_row_group_above_the_maximum_is_cut_by_rows_evenly(rows: int, pieces: int) -> None:
    partitions = cut([[Group(10), Group(rows, rows), Group(5)]])
    check_cover(partitions, [rows + 15])
    sizes = [part.end - part.start for part in partitions if 10 <= part.start < 10 + rows]
    assert len(sizes) == pieces
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(("size_bytes", "pieces"), [(64 * MB, 1), (64 * MB + 1, 2), (640 * MB, 10)])
def test_a_row_group_of_too_many_bytes_is_cut_by_rows_too(size_bytes: int, pieces: int) -> None:
    assert len(cut([[Group(1_000, size_bytes)]])) == pieces
    assert len(cut([[Group(1, size_bytes)]])) == 1


def test_row_groups_of_many_bytes_are_not_gathered() -> None:
    heavy = [Group(500, 40 * MB)] * 4
    assert [part.end - part.start for part in cut([heavy])] == [500] * 4
    assert [part.end - part.start for part in cut([[Group(500, 4 * MB)] * 4])] == [2_000]


@pytest.mark.parametrize(("column", "pieces"), [("features", 3), ("details", 3), ("images", 1), ("title_image", 1)])
def test_only_bytes_of_needed_columns_count(
    folder: Path, monkeypatch: pytest.MonkeyPatch, column: str, pieces: int
) -> None:
    monkeypatch.setattr("job.source.read.partitions.MAX_PARQUET_BYTES", 50_000)
    heavy = [Random(number).randbytes(500).hex() for number in range(90)]
    values = pa.array([[text] for text in heavy] if column == "features" else heavy)
    path = write_groups(folder / "heavy.parquet", listings(90, **{column: values}), [30] * 3)
    assert len(cut_parquet([row_groups(pq.read_metadata(path), INPUTS)], None)) == pieces


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (1, [(0, 1)]),
        (2_500, [(0, 2_000), (0, 500)]),
        (5_000, [(0, 2_000), (0, 2_000), (0, 1_000)]),
        (5_001, [(0, 2_000), (0, 2_000), (0, 1_000), (1, 1)]),
        (6_000, [(0, 2_000), (0, 2_000), (0, 1_000), (1, 1_000)]),
        (8_500, [(0, 2_000), (0, 2_000), (0, 1_000), (1, 2_000), (1, 1_000), (2, 500)]),
    ],
)
def test_a_limit_takes_the_first_rows_over_several_files(limit: int, expected: list[tuple[int, int]]) -> None:
    files = [even(5_000, 1_000), even(3_000, 1_000), even(5_000, 1_000)]
    assert [(part.file, part.end - part.start) for part in cut(files, limit)] == expected


def test_a_limit_above_all_rows_changes_nothing() -> None:
    files = [even(5_000, 1_000), even(3_000, 1_000)]
    assert cut(files, 8_000) == cut(files, 10**9) == cut(files)


def test_a_file_without_rows_has_no_partition_but_a_category_without_rows_has_one() -> None:
    assert [part.file for part in cut([[], even(10, 10), []])] == [1]
    assert cut([[]]) == [Partition(0, 0, 0)]


@pytest.fixture
def tiny_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that small files in their true form reach."""
    monkeypatch.setattr("job.source.read.partitions.MIN_JSONL_BYTES", 50)
    monkeypatch.setattr("job.source.read.partitions.MAX_JSONL_BYTES", 400)
    monkeypatch.setattr("job.source.read.partitions.MIN_PARQUET_ROWS", 2)
    monkeypatch.setattr("job.source.read.partitions.MAX_PARQUET_ROWS", 5)


def rows_of(tables: Iterable[pa.Table]) -> list[dict]:
    return [row for table in tables for row in table.to_pylist() if row["verdict"] != END]


@pytest.mark.usefixtures("tiny_bounds")
@pytest.mark.parametrize("limit", [None, 1, 7, 100, 101])
def test_reading_the_partitions_of_a_jsonl_file_gives_its_first_rows(tmp_path: Path, limit: int | None) -> None:
    lines = [json.dumps({"title": f"row {number}"}) + "\r\n" * (1 + number % 3) for number in range(100)]
    path = tmp_path / "Books.jsonl"
    path.write_text("\n \n" + "".join(lines), newline="")
    partitions = cut_jsonl([LocalFile(path)], limit, MAX_ROW_BYTES)
    assert len(partitions) >= (1 if limit in {1, 7} else 5)
    reader = JsonlReader(row_layout())
    found = [
        rows_of(reader.read(LocalFile(path), number, part.start, part.end)) for number, part in enumerate(partitions)
    ]
    titles = [row["title"] for row in itertools.chain.from_iterable(found)]
    assert titles == [f"row {number}" for number in range(100)][:limit]


@pytest.mark.usefixtures("tiny_bounds")
@pytest.mark.parametrize("limit", [None, 1, 12, 13, 30, 31])
def test_reading_the_partitions_of_parquet_files_gives_their_first_rows(tmp_path: Path, limit: int | None) -> None:
    rows = listings(30)
    layouts = [[3, 1, 1, 7], [1], [17]]
    starts = [0, 12, 13]
    files = [
        LocalFile(write_groups(tmp_path / f"{number}.parquet", rows.slice(start, sum(layout)), layout))
        for number, (start, layout) in enumerate(zip(starts, layouts, strict=True))
    ]
    partitions = cut_parquet([row_groups(open_checked(file, row_layout()).summary, INPUTS) for file in files], limit)
    assert max(part.end - part.start for part in partitions) <= 5
    reader = ParquetReader(row_layout())
    found = [
        rows_of(reader.read(files[part.file], number, part.start, part.end)) for number, part in enumerate(partitions)
    ]
    titles = [row["title"] for row in itertools.chain.from_iterable(found)]
    assert titles == rows["title"].to_pylist()[:limit]


def cuts_of(jsonl: Path, parquet: Path) -> list[tuple[list[Partition], list[Partition]]]:
    """Returns the partitions of two files, without a limit and with one."""
    groups = row_groups(pq.read_metadata(parquet), INPUTS)
    return [(cut_jsonl([LocalFile(jsonl)], limit, 500), cut_parquet([groups], limit)) for limit in (None, 20)]


@pytest.mark.usefixtures("tiny_bounds")
def test_partitions_depend_on_the_files_and_the_limit_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "Books.jsonl"
    here.write_text("".join(f'{{"title": "row {number}"}}\n' for number in range(100)))
    groups = write_groups(tmp_path / "Books.parquet", listings(50), [3] * 16 + [2])
    before = cuts_of(here, groups)
    elsewhere = tmp_path / "far/away"
    elsewhere.mkdir(parents=True)
    shutil.copyfile(here, elsewhere / "x.jsonl")
    os.utime(elsewhere / "x.jsonl", (0, 0))
    shutil.copyfile(groups, elsewhere / "x.parquet")
    monkeypatch.setattr(os, "cpu_count", lambda: 96)
    after = cuts_of(elsewhere / "x.jsonl", elsewhere / "x.parquet")
    assert after == before
    assert before[0] != before[1]


def test_an_empty_row_group_does_not_hide_the_rows_after_it(tmp_path: Path) -> None:
    path = write_groups(tmp_path / "a.parquet", listings(30), [10, 0, 20])
    assert sum(part.end - part.start for part in cut_parquet([row_groups(pq.read_metadata(path), INPUTS)], None)) == 30


def test_a_limit_counts_over_several_jsonl_files(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_text(json.dumps({"title": name}) + "\n")
    sizes = [
        part.end - part.start for part in cut_jsonl([LocalFile(tmp_path / "a"), LocalFile(tmp_path / "b")], 1, 100)
    ]
    assert sum(sizes) == 15


# The rule has a version, which is part of the identity of all work: whoever changes the rule has to raise it.

GOLDEN = {1: "89d6024f3cad87177c1e959d3df1f5646b1e0f4ea3a66c7f2a666213224689b0"}
"""Digest of the partitions of `made_files`, by version of the rule."""


@dataclass(frozen=True)
class Made:
    """A JSONL file that exists in memory alone; without rows it has only a size."""

    size_bytes: int
    rows: bytes = b""

    def size_now(self) -> int:
        return self.size_bytes

    def open(self, start: int | None = None, end: int | None = None) -> BinaryIO:
        del start, end
        return io.BytesIO(self.rows)


class Dice:
    """Numbers from a seed, which no machine and no version of Python draws in another way."""

    def __init__(self, seed: int):
        self._random = Random(seed).random

    def number(self, low: int, high: int) -> int:
        """Draws a number below the higher bound. Small ones are as likely as large ones."""
        span = (high - low) >> int(self._random() * (high - low).bit_length())
        return low + int(self._random() * span)

    def one_of(self, *values: int) -> int:
        return values[int(self._random() * len(values))]


def made_jsonl(dice: Dice) -> tuple[list[Made], int | None]:
    return [Made(dice.number(1, 5_000) * MB + dice.number(0, MB)) for _ in range(dice.number(1, 8))], None


def made_limited_jsonl(dice: Dice, rows: bytes) -> tuple[list[Made], int | None]:
    files = [Made(size, rows[:size]) for size in (len(rows) // dice.number(1, 9) for _ in range(dice.number(1, 4)))]
    return files, dice.number(1, 60_000)


def made_parquet(dice: Dice) -> tuple[list[list[Group]], int | None]:
    files: list[list[Group]] = []
    for _ in range(dice.number(1, 8)):
        rows_at_most, bytes_per_row = dice.number(100, 300_000), dice.number(1, 100_000)
        sizes = [dice.number(1, rows_at_most + 1) for _ in range(dice.number(1, 200) - 1)]
        files.append([Group(size, size * bytes_per_row) for size in (size * dice.one_of(0, 1, 1, 1) for size in sizes)])
    return files, dice.one_of(0, dice.number(1, 2_000_000)) or None


def made_partitions() -> Iterable[list[Partition]]:
    """Cuts several hundred categories of made files, many with a limit."""
    dice = Dice(4)
    rows = b"".join(
        b'{"title": "%s"}\n%s' % (b"x" * dice.number(1_000, 4_000), b"\n" * dice.one_of(0, 1)) for _ in range(20_000)
    )
    for _ in range(300):
        files, limit = made_jsonl(dice)
        yield cut_jsonl(cast(list[FileLocation], files), limit, MAX_ROW_BYTES)
    for _ in range(30):
        files, limit = made_limited_jsonl(dice, rows)
        yield cut_jsonl(cast(list[FileLocation], files), limit, 3_000)
    for _ in range(600):
        files, limit = made_parquet(dice)
        yield cut(files, limit)


def test_a_change_of_the_rule_needs_a_new_version_of_it() -> None:
    made = [[(part.file, part.start, part.end) for part in partitions] for partitions in made_partitions()]
    assert len(made) == 930
    assert sum(map(len, made)) > 10_000
    digest = hashlib.sha256(json.dumps(made).encode()).hexdigest()
    assert digest == GOLDEN.get(RULE_VERSION), (
        f"the same files are cut in another way than version {RULE_VERSION} of the rule cuts them; outputs of that "
        f"version would be resumed with other partitions: raise RULE_VERSION, and add its digest to GOLDEN: {digest}"
    )


def test_outputs_of_the_first_version_keep_their_identity() -> None:
    """Its text has no version, as it stands in the plans of that time."""
    if RULE_VERSION == 1:
        assert RULE == "1/48, 4000000-64000000 bytes of JSONL, 2000-32000 rows and 64000000 bytes of Parquet"
    else:
        assert RULE.endswith(f", version {RULE_VERSION}")
