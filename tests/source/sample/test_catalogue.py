"""A sample catalogue depends on its seed alone, resembles the real data, and is written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import re
import statistics
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from job.errors import CurateError, UsageError
from job.source.find.folder import find_categories
from job.source.location import LocalFile
from job.source.read.jsonl import JsonlReader
from job.source.read.parquet import ParquetReader
from job.source.read.parquet_columns import open_checked
from job.source.sample import catalogue as files
from job.source.sample.catalogue import make_catalogue
from tests.conftest import tree
from tests.source.hub_form import row_layout

pytestmark = pytest.mark.seconds

SEED = 11
ROWS = 3_000
JSONL = "raw/meta_categories/meta_Appliances.jsonl"
PARQUET = "raw_meta_Appliances/full-00000-of-00001.parquet"
Formats = Literal["jsonl", "parquet", "both"]

HUB_TYPES = {
    **dict.fromkeys(("main_category", "title", "store", "parent_asin", "price", "details"), pa.string()),
    **dict.fromkeys(("bought_together", "subtitle", "author"), pa.string()),
    **dict.fromkeys(("features", "description", "categories"), pa.list_(pa.string())),
    "average_rating": pa.float64(),
    "rating_number": pa.int64(),
}
"""All columns but the images and videos, which are structs of lists."""


def make(
    folder: Path, rows: int, file_format: Formats = "both", seed: int = SEED, *categories: str
) -> dict[str, bytes]:
    make_catalogue(folder, rows=rows, seed=seed, categories=categories or ["Appliances"], file_format=file_format)
    return tree(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    make(folder, ROWS)
    return folder


@pytest.fixture(scope="module")
def lines(folder: Path) -> list[bytes]:
    return (folder / JSONL).read_bytes().splitlines()


@pytest.fixture(scope="module")
def rows(lines: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]


def test_the_layout_is_the_hub_s_and_the_job_finds_the_files(folder: Path) -> None:
    assert list(tree(folder)) == [JSONL, PARQUET]
    (source,) = find_categories(folder, [])
    assert (source.category, source.file_format, source.files[0].name) == ("Appliances", "parquet", PARQUET)


@pytest.mark.parametrize(("file_format", "name"), [("jsonl", JSONL), ("parquet", PARQUET)])
def test_the_same_seed_gives_the_same_bytes_of_one_format_as_of_both(
    folder: Path, tmp_path: Path, file_format: Formats, name: str
) -> None:
    assert make(tmp_path, ROWS, file_format) == {name: (folder / name).read_bytes()}


def test_a_big_category_has_several_shards_with_the_rows_of_one_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_CHUNKS_PER_SHARD", 2)
    made = make(tmp_path, ROWS)
    shards = [f"raw_meta_Appliances/full-{shard:05d}-of-00002.parquet" for shard in range(2)]
    assert list(made) == [JSONL, *shards]
    assert made[JSONL] == (folder / JSONL).read_bytes()
    tables = [pq.read_table(tmp_path / name) for name in shards]
    assert [table.num_rows for table in tables] == [2_000, 1_000]
    assert pa.concat_tables(tables).equals(pq.read_table(folder / PARQUET))
    (source,) = find_categories(tmp_path, [])
    assert [file.name for file in source.files] == shards


def test_a_set_of_shards_is_not_mixed_with_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, ROWS, "parquet")
    monkeypatch.setattr(files, "_CHUNKS_PER_SHARD", 2)
    with pytest.raises(UsageError, match=r"already there: .*full-00000-of-00001\.parquet"):
        make(tmp_path, ROWS, "parquet")


def test_another_seed_gives_other_rows(folder: Path, tmp_path: Path) -> None:
    lines = make(tmp_path, 1_000, "jsonl", SEED + 1)[JSONL].splitlines()
    assert not set(lines) & set((folder / JSONL).read_bytes().splitlines())


def test_a_seed_gives_other_rows_only_in_another_version(lines: list[bytes]) -> None:
    digest = "b9b344256e31089427e029a63bfb947a53ef7a4ae6c782d2b3a36a5020423eab"
    assert (files.SAMPLE_VERSION, hashlib.sha256(b"\n".join(lines)).hexdigest()) == (2, digest)


def test_another_category_has_other_rows(tmp_path: Path) -> None:
    files = make(tmp_path, 200, "jsonl", SEED, "Appliances", "Books")
    titles = [{json.loads(line)["title"] for line in data.splitlines()} for data in files.values()]
    assert len(titles) == 2
    assert not titles[0] & titles[1]


def test_more_processes_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("job.source.sample.catalogue._CHUNK_ROWS", 50)
    alone = make(tmp_path / "alone", 600, "both", SEED, "Appliances", "Books")
    monkeypatch.setattr("job.source.sample.catalogue._MAX_ROWS_WITHOUT_POOL", 599)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert make(tmp_path / "pool", 600, "both", SEED, "Appliances", "Books") == alone


@pytest.mark.parametrize("size", [1, 999, 1_000, 1_001, 2_500])
def test_a_smaller_category_is_the_beginning_of_a_bigger_one(folder: Path, tmp_path: Path, size: int) -> None:
    small = make(tmp_path, size)
    big_lines = (folder / JSONL).read_bytes().splitlines(keepends=True)
    assert small[JSONL] == b"".join(big_lines[:size])
    assert pq.read_table(tmp_path / PARQUET).equals(pq.read_table(folder / PARQUET).slice(0, size))


def test_a_category_is_the_same_beside_others(folder: Path, tmp_path: Path) -> None:
    files = make(tmp_path, 301, "jsonl", SEED, "Books", "Appliances", "Toys")
    counts = {name: data.count(b"\n") for name, data in files.items()}
    names = ("Appliances", "Books", "Toys")
    assert counts == {f"raw/meta_categories/meta_{name}.jsonl": 100 + (name == "Books") for name in names}
    assert (folder / JSONL).read_bytes().startswith(files[JSONL])


def test_parquet_has_the_hub_s_columns_and_row_groups(folder: Path) -> None:
    metadata = open_checked(LocalFile(folder / PARQUET), row_layout()).summary
    schema = pq.read_schema(folder / PARQUET)
    texts = pa.list_(pa.string())
    assert set(schema.names) == {*HUB_TYPES, "images", "videos"}
    assert {name: schema.field(name).type for name in HUB_TYPES} == HUB_TYPES
    assert schema.field("images").type == pa.struct([(key, texts) for key in ("hi_res", "large", "thumb", "variant")])
    assert schema.field("videos").type == pa.struct([(key, texts) for key in ("title", "url", "user_id")])
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [1_000] * 3


def test_both_formats_hold_the_same_rows(folder: Path, rows: list[dict[str, Any]]) -> None:
    found = pq.read_table(folder / PARQUET).to_pylist()
    assert len(found) == len(rows) == ROWS
    for parquet, row in zip(found, map(dict, rows), strict=True):
        assert parquet.pop("price") == str(row.pop("price"))
        assert parquet.pop("details") == json.dumps(row.pop("details"))
        author = row.pop("author", None)
        assert parquet.pop("author") == (author and json.dumps(author))
        for name in ("images", "videos"):
            columns = parquet.pop(name)
            objects = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
            assert objects == row.pop(name)
        assert {name: value for name, value in parquet.items() if value is not None} == {
            name: value for name, value in row.items() if value is not None
        }


def test_both_formats_are_read_alike_and_without_a_malformed_row(folder: Path) -> None:
    jsonl, parquet = LocalFile(folder / JSONL), LocalFile(folder / PARQUET)
    layout = row_layout(max_row_bytes=1 << 20)
    tables = [
        pa.concat_tables(JsonlReader(layout).read(jsonl, 0, 0, jsonl.size_now())),
        pa.concat_tables(ParquetReader(layout).read(parquet, 0, 0, ROWS)),
    ]
    names = ["verdict", "title", "parent_asin", "price", "description", "features"]
    assert tables[0].select(names).equals(tables[1].select(names))
    assert tables[0]["verdict"].null_count == ROWS


def test_json_rows_have_the_fields_of_the_real_ones(rows: list[dict[str, Any]]) -> None:
    optional = {"bought_together", "subtitle", "author"}
    always = {*HUB_TYPES, "images", "videos"} - optional
    assert all(always <= set(row) <= always | optional for row in rows)
    assert set().union(*rows) == always | optional
    kinds = {name: {type(row[name]) for row in rows} for name in always}
    assert kinds["price"] == {int, float, str, type(None)}
    assert kinds["title"] == kinds["store"] == kinds["main_category"] == {str, type(None)}
    assert kinds["details"] == {dict}
    assert kinds["features"] == kinds["description"] == kinds["categories"] == kinds["images"] == {list}
    assert {type(row.get("author")) for row in rows} == {dict, type(None)}


def test_half_to_four_fifths_have_no_price(rows: list[dict[str, Any]]) -> None:
    assert 0.5 < sum(row["price"] is None for row in rows) / len(rows) < 0.8
    texts = [row["price"] for row in rows if isinstance(row["price"], str)]
    assert set(texts) == {"—"}
    assert len(texts) < 0.02 * len(rows)


def test_prices_are_skewed(rows: list[dict[str, Any]]) -> None:
    prices = [row["price"] for row in rows if isinstance(row["price"], int | float)]
    assert 10 < statistics.median(prices) < 60
    assert statistics.mean(prices) > 1.7 * statistics.median(prices)
    assert min(prices) == 0
    assert max(prices) > 1_000


def test_a_row_has_two_to_four_kilobytes(lines: list[bytes]) -> None:
    sizes = [len(line) for line in lines]
    assert 2_000 < statistics.mean(sizes) < 4_000
    assert 2_000 < statistics.median(sizes) < 4_000


def share(rows: list[dict[str, Any]], holds: Callable[[dict[str, Any]], object]) -> float:
    return sum(bool(holds(row)) for row in rows) / len(rows)


def texts_of(row: dict[str, Any]) -> str:
    return "\n".join([row["title"] or "", *row["features"], *row["description"], *map(str, row["details"].values())])


@pytest.mark.parametrize(
    "pattern",
    [
        r"[\U0001f300-\U0001faff\u2705\u2728]",
        r"【.+】",
        r"\[.+\]",
        r"\{.+\}",
        r"<p>.*<br>.*</p>",
        r"&amp;",
        r"\b[A-Z]{2}[0-9]{7,}\b",
        r"\u200b",
        r"\u00a0",
        r"[\u4e00-\u9fff]",
        r"[\uff01-\uff5e]",
        r"[²³]",
        r' [,;:!?]|"',
    ],
    ids=ascii,
)
def test_oddities_of_real_texts_occur_but_not_in_most(rows: list[dict[str, Any]], pattern: str) -> None:
    found = share(rows, lambda row: re.search(pattern, texts_of(row)))
    assert 0.001 < found < (1 if pattern.startswith((r"\b", " ")) else 0.5)


def test_part_numbers_occur_in_titles_and_details(rows: list[dict[str, Any]]) -> None:
    number = re.compile(r"\b[A-Z]{2}[0-9]{8}\b")
    assert 0.05 < share(rows, lambda row: number.search(row["title"] or "")) < 0.5
    assert 0.3 < share(rows, lambda row: number.search(str(row["details"].get("Item model number")))) < 1


def test_features_and_descriptions_are_empty_in_many_rows(rows: list[dict[str, Any]]) -> None:
    assert 0.05 < share(rows, lambda row: row["features"] == []) < 0.7
    assert 0.3 < share(rows, lambda row: row["description"] == []) < 0.7
    assert share(rows, lambda row: not row["features"] and not row["description"]) > 0.01
    assert share(rows, lambda row: row["details"] == {}) > 0.005


def test_one_row_in_twenty_has_an_object_in_its_details(rows: list[dict[str, Any]]) -> None:
    assert 0.03 < share(rows, lambda row: isinstance(row["details"].get("Best Sellers Rank"), dict)) < 0.07


def test_some_titles_are_repeated_missing_or_long(rows: list[dict[str, Any]]) -> None:
    titles = Counter(row["title"] for row in rows)
    assert 0 < titles.pop(None) < 0.01 * len(rows)
    assert 0.005 < sum(count - 1 for count in titles.values()) / len(rows) < 0.1
    assert max(map(len, titles)) > 300


def test_enough_rows_have_text_for_items_and_many_do_not(rows: list[dict[str, Any]]) -> None:
    sizes = [sum(map(len, [*row["features"], *row["description"]])) for row in rows]
    assert 0.3 < sum(size > 500 for size in sizes) / len(rows) < 0.8
    assert 0.1 < sum(size < 250 for size in sizes) / len(rows) < 0.6


FINAL = re.compile(r".*\.(jsonl|parquet)")


def test_no_file_has_its_final_name_before_all_are_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("job.source.sample.catalogue._CHUNK_ROWS", 40)
    reported: list[int] = []
    seen: list[str] = []

    def look(num_rows: int) -> None:
        reported.append(num_rows)
        seen.extend(path.name for path in tmp_path.rglob("*") if path.is_file())

    paths = make_catalogue(tmp_path, rows=200, categories=["Appliances", "Books"], report=look)
    assert reported == [40, 80, 100, 140, 180, 200]
    assert seen
    assert not [name for name in seen if FINAL.fullmatch(name)]
    assert sorted(paths) == sorted(tmp_path / name for name in tree(tmp_path))
    assert len(paths) == 4
    assert all(FINAL.fullmatch(path.name) for path in paths)


@pytest.mark.parametrize(
    ("error", "most_without_pool"),
    [(KeyboardInterrupt(), 199), (KeyboardInterrupt(), 200), (OSError(28, "No space left on device"), 200)],
    ids=repr,
)
def test_nothing_is_left_behind_after_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, most_without_pool: int
) -> None:
    monkeypatch.setattr("job.source.sample.catalogue._CHUNK_ROWS", 40)
    monkeypatch.setattr("job.source.sample.catalogue._MAX_ROWS_WITHOUT_POOL", most_without_pool)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    seen: list[str] = []

    def fail(num_rows: int) -> None:
        if num_rows > 100:
            seen.extend(tree(tmp_path))
            raise error

    with pytest.raises(CurateError if isinstance(error, OSError) else type(error)):
        make_catalogue(tmp_path, rows=200, categories=["Appliances", "Books"], report=fail)
    assert len(seen) == 4
    assert tree(tmp_path) == {}
    assert len(make(tmp_path, 200, "both", 0, "Appliances", "Books")) == 4


@pytest.mark.parametrize(("file_format", "there"), [("jsonl", JSONL), ("parquet", PARQUET), ("both", PARQUET)])
def test_an_existing_file_is_not_overwritten(tmp_path: Path, file_format: Formats, there: str) -> None:
    (tmp_path / there).parent.mkdir(parents=True)
    (tmp_path / there).write_bytes(b"mine")
    with pytest.raises(UsageError, match="already there") as raised:
        make(tmp_path, 10, file_format, SEED, "Books", "Appliances")
    assert str(tmp_path / there) in str(raised.value)
    assert tree(tmp_path) == {there: b"mine"}


@pytest.mark.parametrize("name", ["", " ", "a/b", "..\\b", "a\nb"])
def test_a_category_name_that_is_not_a_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="is no category's name"):
        make_catalogue(tmp_path / "new", rows=10, categories=["Books", name])
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(("num_rows", "categories"), [(0, ["Books"]), (-1, ["Books"]), (5, []), (5, ["A", "B", "A"])])
def test_no_rows_no_categories_or_one_twice_is_refused(tmp_path: Path, num_rows: int, categories: list[str]) -> None:
    with pytest.raises(UsageError):
        make_catalogue(tmp_path / "new", rows=num_rows, categories=categories)
    assert not (tmp_path / "new").exists()


def test_a_file_in_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "raw").write_text("mine")
    with pytest.raises(UsageError, match=f"a file, not a folder: {tmp_path / 'raw'}"):
        make(tmp_path, 10)
    assert tree(tmp_path) == {"raw": b"mine"}


def test_there_must_be_a_row_for_each_category(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="rows is 1: ask for 1 or more of each category"):
        make_catalogue(tmp_path, rows=1, file_format="jsonl")
    assert list(tmp_path.iterdir()) == []
