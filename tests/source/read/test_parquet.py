"""Whatever the row groups and the cuts, each row of a Parquet file comes out once; a bad one is set apart, alone."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as encryption
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from job.errors import CurateError, UsageError
from job.recipe.verdicts import END, MALFORMED
from job.source.location import LocalFile
from job.source.read import footer
from job.source.read.parquet import ParquetReader
from job.source.read.parquet_columns import open_checked
from job.source.read.partitions import Partition
from job.source.read.reader import content_digest
from job.source.read.rows import MAX_RAW_BYTES
from tests.generated import examples
from tests.source.hub_form import NEEDED, listings, ranges, read_all, row_layout, write_groups

TEXTS = pa.list_(pa.string())
INPUTS = ["title", "parent_asin", "price", "description", "features", "details"]
LIMIT = 2_000
"""Bytes of a row; those made here have about 200, unless a test wants otherwise."""

group_sizes = st.lists(st.integers(0, 7), max_size=6)
cut_points = st.lists(st.integers(0, 100), max_size=6)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parquet") / "full-00000-of-00001.parquet"


def text_of(values: Iterable[bytes], of: pa.DataType | None = None) -> pa.Array:
    """Text with bytes that need not be UTF-8, as a careless writer leaves it."""
    large = of is not None and pa.types.is_large_string(of)
    array = pa.array(list(values), pa.large_binary() if large else pa.binary())
    return pa.Array.from_buffers(of or pa.string(), len(array), array.buffers())


def fields(rows: pa.Table) -> list[dict]:
    """What the recipe reads."""
    return rows.select(INPUTS).to_pylist()


def verdicts(rows: pa.Table) -> list[str | None]:
    return rows["verdict"].to_pylist()


@examples(150)
@given(sizes=group_sizes, cuts=cut_points, rows_per_chunk=st.integers(1, 9))
@example(sizes=[], cuts=[], rows_per_chunk=4)
@example(sizes=[0], cuts=[0], rows_per_chunk=4)
@example(sizes=[0, 3, 0, 0, 4, 0], cuts=[3, 3, 5], rows_per_chunk=2)
def test_consecutive_ranges_yield_each_row_once_in_order(
    path: Path, sizes: list[int], cuts: list[int], rows_per_chunk: int
) -> None:
    made = listings(sum(sizes))
    write_groups(path, made, sizes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("job.source.read.row_groups.ROWS_AT_ONCE", rows_per_chunk)
        found = [(start, end, *read_all(path, start, end)) for start, end in ranges(made.num_rows, cuts)]
    for start, end, rows, message in found:
        assert rows["position"].to_pylist() == list(range(start, end))
        assert message["position"].to_pylist() == [end - start]
    rows = pa.concat_tables([rows for _, _, rows, _ in found])
    assert fields(rows) == made.to_pylist()
    assert set(verdicts(rows)) <= {None}
    assert set(rows["partition"].to_pylist()) <= {7}


def test_many_rows_of_one_row_group_keep_their_order(path: Path) -> None:
    made = listings(10_000)
    write_groups(path, made, [10_000])
    rows, message = read_all(path, 1_500, 9_999)
    assert rows["title"].to_pylist() == made["title"].to_pylist()[1_500:9_999]
    assert rows["position"].to_pylist() == list(range(1_500, 9_999))
    assert message["position"].to_pylist() == [8_499]


def test_a_range_ends_in_a_message_with_the_rows_schema(path: Path) -> None:
    write_groups(path, listings(5), [5])
    rows, message = read_all(path, 1, 4, ["details"])
    assert rows.schema == message.schema == row_layout(["details"]).schema("parquet")
    (end,) = message.to_pylist()
    assert {name: value for name, value in end.items() if value is not None} == {
        "partition": 7,
        "position": 3,
        "verdict": END,
        "raw": str(content_digest("parquet", LocalFile(path), Partition(0, 1, 4), INPUTS, 1)).encode(),
    }


def damage(path: Path, column: str, group: int) -> None:
    """Overwrites a column's pages in one row group."""
    metadata = pq.read_metadata(path)
    chunk = metadata.row_group(group).column(metadata.schema.names.index(column))
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    data = bytearray(path.read_bytes())
    data[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    path.write_bytes(data)
    with pytest.raises(OSError, match=r"."):
        pq.ParquetFile(path).read_row_group(group, columns=[column])


def test_damage_in_a_column_that_is_not_needed_does_not_matter(path: Path) -> None:
    made = listings(20, store=pa.array([f"store {number}" for number in range(20)]))
    write_groups(path, made, [10, 10])
    for group in (0, 1):
        damage(path, "store", group)
    open_checked(LocalFile(path), row_layout())
    assert fields(read_all(path, 0, 20)[0]) == fields(made)
    with pytest.raises(CurateError, match=rf"damaged: {path}, somewhere in rows 0 to 20"):
        read_all(path, 0, 20, ["store"])


def test_damage_in_another_row_group_does_not_matter(path: Path) -> None:
    made = listings(30)
    write_groups(path, made, [10, 10, 10])
    damage(path, "title", 1)
    assert fields(read_all(path, 0, 10)[0]) == made.to_pylist()[:10]
    assert fields(read_all(path, 20, 30)[0]) == made.to_pylist()[20:]
    with pytest.raises(CurateError, match=rf"damaged: {path}, somewhere in rows 9 to 11"):
        read_all(path, 9, 11)


BAD_BYTES = b"caf\xe9 \xf0\x9f\x98\x80"
"""Latin-1, then an emoji in UTF-8."""


@pytest.mark.parametrize("text_type", [pa.string(), pa.large_string()], ids=str)
@pytest.mark.parametrize("column", ["title", "parent_asin", "price", "details"])
def test_text_that_is_not_utf8_costs_its_own_row_only(path: Path, column: str, text_type: pa.DataType) -> None:
    texts = [b"fine", "naïve 😀".encode(), BAD_BYTES, b"", b"fine too"]
    write_groups(path, listings(5, **{column: text_of(texts, text_type)}), [5])
    rows, message = read_all(path, 0, 5)
    assert verdicts(rows) == [None, None, MALFORMED, None, None]
    assert rows["cause"].to_pylist() == [None, None, f"not UTF-8: {column}", None, None]
    assert rows[column].to_pylist() == ["fine", "naïve 😀", None, "", "fine too"]
    assert message["position"].to_pylist() == [5]


@pytest.mark.parametrize("column", ["description", "features"])
def test_text_in_a_list_that_is_not_utf8_costs_its_own_row_only(path: Path, column: str) -> None:
    texts = text_of([b"a", b"b", b"\xc3", b"d"])
    write_groups(path, listings(3, **{column: pa.ListArray.from_arrays(pa.array([0, 2, 3, 4]), texts)}), [3])
    rows, _ = read_all(path, 0, 3)
    assert verdicts(rows) == [None, MALFORMED, None]
    assert rows["cause"].to_pylist()[1] == f"not UTF-8: {column}"
    assert rows[column].to_pylist() == [["a", "b"], None, ["d"]]


@pytest.mark.parametrize("column", ["description", "features"])
@pytest.mark.parametrize("list_type", [TEXTS, pa.large_list(pa.string()), pa.list_(pa.large_string())], ids=str)
def test_null_among_the_strings_of_a_list_costs_its_own_row_only(
    path: Path, column: str, list_type: pa.DataType
) -> None:
    lists = pa.array([["a"], ["b", None], None, [], [None]], list_type)
    write_groups(path, listings(5, **{column: lists}), [5])
    rows, _ = read_all(path, 0, 5)
    assert verdicts(rows) == [None, MALFORMED, None, None, MALFORMED]
    causes = [f"{column} has null among its strings"]
    assert rows["cause"].to_pylist() == [None, *causes, None, None, *causes]
    assert rows[column].to_pylist() == [["a"], None, None, [], None]
    assert [json.loads(raw)[column] for raw in rows["raw"].to_pylist() if raw] == [["b", None], [None]]


@pytest.mark.parametrize(
    ("column", "long"),
    [
        ("title", pa.array(["a", "x" * LIMIT, "b"])),
        ("details", pa.array(["{}", '{"a": "' + "x" * LIMIT + '"}', "{}"], pa.large_string())),
        ("features", pa.array([["a"], ["x" * 1_000] * 2, []], TEXTS)),
        ("description", pa.array([None, ["x"] * 500, []], TEXTS)),
    ],
)
def test_a_row_above_the_limit_costs_itself_only(path: Path, column: str, long: pa.Array) -> None:
    write_groups(path, listings(3, **{column: long}), [3])
    rows, _ = read_all(path, 0, 3, max_row_bytes=LIMIT)
    assert verdicts(rows) == [None, MALFORMED, None]
    assert "max_row_bytes, 2,000" in rows["cause"].to_pylist()[1]
    assert rows["title"].to_pylist()[1] is None
    assert set(verdicts(read_all(path, 0, 3, max_row_bytes=10 * LIMIT)[0])) == {None}


def test_many_short_rows_are_well_formed_though_together_they_are_above_the_limit(path: Path) -> None:
    write_groups(path, listings(100), [100])
    rows, _ = read_all(path, 0, 100, max_row_bytes=LIMIT)
    assert set(verdicts(rows)) == {None}


def test_missing_values_are_well_formed(path: Path) -> None:
    nothing = {field.name: pa.array([None, None], field.type) for field in NEEDED}
    write_groups(path, listings(2, **nothing), [2])
    rows, _ = read_all(path, 0, 2)
    assert verdicts(rows) == [None, None]
    assert fields(rows) == [dict.fromkeys(INPUTS)] * 2


def test_a_malformed_row_is_kept_as_it_came_and_nothing_of_it_goes_on(path: Path) -> None:
    made = listings(3, title=text_of([b"a", BAD_BYTES, b"c"]), store=pa.array(["x", "y", "z"]))
    write_groups(path, made, [3])
    _, malformed, _ = read_all(path, 0, 3, ["store"])[0].to_pylist()
    assert json.loads(malformed.pop("raw")) == {
        "title": "caf\\xe9 😀",
        "parent_asin": "B000000001",
        "price": "1.5",
        "description": ["text 1"],
        "features": ["first 1", "second 1"],
        "details": '{"Number": 1}',
        "store": "y",
    }
    assert {name: value for name, value in malformed.items() if value is not None} == {
        "partition": 7,
        "position": 1,
        "verdict": MALFORMED,
        "cause": "not UTF-8: title",
    }


FAULTS = {
    "title": "not UTF-8: title",
    "details": "not UTF-8: details",
    "description": "not UTF-8: description",
    "features": "features has null among its strings",
    "price": "longer than max_row_bytes, 2,000",
}


@examples(100)
@given(data=st.data(), faults=st.lists(st.sampled_from([None, None, *FAULTS]), min_size=1, max_size=12))
def test_a_row_is_malformed_or_not_whatever_stands_around_it(
    path: Path, data: st.DataObject, faults: Sequence[str | None]
) -> None:
    size = len(faults)
    plain = listings(size)

    def bad(name: str) -> pa.Array:
        return text_of(b"\xff" if fault == name else b"fine" for fault in faults)

    made = listings(
        size,
        title=bad("title"),
        details=bad("details"),
        description=pa.ListArray.from_arrays(pa.array(range(size + 1)), bad("description")),
        features=pa.array([["a", None] if fault == "features" else ["a"] for fault in faults], TEXTS),
        price=pa.array(["9" * LIMIT if fault == "price" else "9" for fault in faults]),
    )
    first = data.draw(st.integers(0, size))
    write_groups(path, made, [first, size - first])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("job.source.read.row_groups.ROWS_AT_ONCE", data.draw(st.integers(1, 9)))
        found = [
            read_all(path, start, end, max_row_bytes=LIMIT)[0] for start, end in ranges(size, data.draw(cut_points))
        ]
    rows = pa.concat_tables(found)
    assert rows["cause"].to_pylist() == [fault and FAULTS[fault] for fault in faults]
    assert verdicts(rows) == [fault and MALFORMED for fault in faults]
    assert [raw is not None for raw in rows["raw"].to_pylist()] == [fault is not None for fault in faults]
    asins = plain["parent_asin"].to_pylist()
    expected = [None if fault else asin for fault, asin in zip(faults, asins, strict=True)]
    assert rows["parent_asin"].to_pylist() == expected


TEXT_TYPES = [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
LIST_TYPES = [
    *(pa.list_(pa.large_string()), pa.list_(pa.string_view())),
    *(pa.large_list(pa.string()), pa.large_list(pa.large_string())),
]


@pytest.mark.parametrize("text_type", TEXT_TYPES, ids=str)
def test_text_may_be_stored_in_any_way(path: Path, text_type: pa.DataType) -> None:
    texts = ["same", "same", None, "", "naïve 😀", "other"]
    plain = listings(6, **{name: pa.array(texts) for name in ("title", "price", "parent_asin", "details")})
    write_groups(path, plain, [4, 2])
    expected, _ = read_all(path, 1, 6)
    types = {"title", "price", "parent_asin", "details"}
    stored = plain.cast(pa.schema([(field.name, text_type if field.name in types else field.type) for field in NEEDED]))
    write_groups(path, stored, [4, 2])
    assert open_checked(LocalFile(path), row_layout()).num_rows == 6
    assert pq.read_schema(path).field("title").type == text_type
    assert read_all(path, 1, 6)[0].equals(expected)


@pytest.mark.parametrize("list_type", LIST_TYPES, ids=str)
def test_lists_may_be_stored_in_any_way(path: Path, list_type: pa.DataType) -> None:
    lists = [["same", "same"], None, [], ["naïve 😀"], ["", "other"]]
    write_groups(path, listings(5, features=pa.array(lists, TEXTS), description=pa.array(lists, TEXTS)), [2, 3])
    expected, _ = read_all(path, 1, 5)
    stored = pa.array(lists, list_type)
    write_groups(path, listings(5, features=stored, description=stored), [2, 3])
    assert open_checked(LocalFile(path), row_layout()).num_rows == 5
    found_type = pq.read_schema(path).field("features").type
    assert (type(found_type), found_type.value_type) == (type(list_type), list_type.value_type)
    assert read_all(path, 1, 5)[0].equals(expected)


def test_a_column_without_any_value_may_have_no_type(path: Path) -> None:
    nothing = pa.nulls(4)
    made = listings(4, title=nothing, parent_asin=nothing, price=nothing, details=nothing)
    write_groups(path, made, [2, 2])
    open_checked(LocalFile(path), row_layout())
    rows, _ = read_all(path, 0, 4)
    assert verdicts(rows) == [None] * 4
    assert fields(rows) == fields(made)


def test_a_list_without_any_string_may_have_no_type(path: Path) -> None:
    write_groups(path, listings(3, features=pa.array([[], None, [None]], pa.list_(pa.null()))), [3])
    open_checked(LocalFile(path), row_layout())
    rows, _ = read_all(path, 0, 3)
    assert rows["features"].to_pylist() == [[], None, None]
    assert verdicts(rows) == [None, None, MALFORMED]


NUMBERS = pa.array(range(3))
WRONG_TYPES = {
    "number as title": ("title", NUMBERS),
    "binary title": ("title", pa.array([b"a"] * 3)),
    "date as price": ("price", pa.array([0] * 3, pa.date32())),
    "true or false as price": ("price", pa.array([True] * 3)),
    "bytes as id": ("parent_asin", pa.array([b"a"] * 3)),
    "bytes as details": ("details", pa.array([b"{}"] * 3)),
    "object as features": ("features", pa.array([{"a": "b"}] * 3)),
    "fractions as title": ("title", pa.array([None, 1.5, None])),
    "numbers as features": ("features", pa.array([[1]] * 3)),
    "lists as description": ("description", pa.array([[["a"]]] * 3)),
    "dictionary of numbers": ("title", NUMBERS.dictionary_encode()),
}


@pytest.mark.parametrize(("column", "values"), WRONG_TYPES.values(), ids=WRONG_TYPES.keys())
def test_a_column_of_the_wrong_type_is_refused(path: Path, column: str, values: pa.Array) -> None:
    write_groups(path, listings(3, **{column: values}), [3])
    with pytest.raises(UsageError) as raised:
        open_checked(LocalFile(path), row_layout())
    assert str(path) in str(raised.value)
    assert f"the column {column} is {pq.read_schema(path).field(column).type}, not" in str(raised.value)


@pytest.mark.parametrize("column", INPUTS)
def test_a_missing_column_is_refused(path: Path, column: str) -> None:
    write_groups(path, listings(3).drop_columns([column]), [3])
    with pytest.raises(UsageError, match=f"has no column {column}") as raised:
        open_checked(LocalFile(path), row_layout())
    assert str(path) in str(raised.value)
    assert all(name in str(raised.value) for name in INPUTS)


def test_all_missing_columns_are_named_and_the_nearest_to_the_first(path: Path) -> None:
    names = [{"title": "Titel", "price": "cost"}.get(name, name) for name in listings(3).column_names]
    write_groups(path, listings(3).rename_columns(names), [3])
    with pytest.raises(UsageError, match=r"no column title, price; did you mean Titel\?"):
        open_checked(LocalFile(path), row_layout())


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("store", NUMBERS),
        ("rating_number", pa.array(["15"] * 3)),
        ("average_rating", pa.array(["4.5"] * 3)),
        ("categories", pa.array(["a"] * 3)),
    ],
)
def test_a_column_to_keep_has_to_be_there_and_of_its_type(path: Path, column: str, values: pa.Array) -> None:
    write_groups(path, listings(3), [3])
    with pytest.raises(UsageError, match=f"has no column {column}"):
        open_checked(LocalFile(path), row_layout([column]))
    write_groups(path, listings(3, **{column: values}), [3])
    open_checked(LocalFile(path), row_layout())
    with pytest.raises(UsageError, match=f"the column {column} is {values.type}"):
        open_checked(LocalFile(path), row_layout([column]))


@pytest.mark.parametrize("data", [b"", b"PAR1", b'{"title": "a"}\n', b"\x00" * 5_000], ids=repr)
def test_what_is_not_parquet_is_refused(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(UsageError, match="not a whole Parquet file") as raised:
        open_checked(LocalFile(path), row_layout())
    assert f"{path} ({len(data):,} bytes)" in str(raised.value)


@pytest.mark.parametrize("missing", [1, 8, 9, 500])
def test_a_file_that_was_cut_off_is_refused(path: Path, missing: int) -> None:
    write_groups(path, listings(50), [50])
    path.write_bytes(path.read_bytes()[:-missing])
    with pytest.raises(UsageError, match="fetch it again"):
        open_checked(LocalFile(path), row_layout())


class _Keys(encryption.KmsClient):  # pyright: ignore[reportUntypedBaseClass]
    """Wraps keys by writing them down."""

    def __init__(self, _: encryption.KmsConnectionConfig):
        super().__init__()

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:
        del master_key_identifier
        return base64.b64encode(key_bytes)

    def unwrap_key(self, wrapped_key: bytes, master_key_identifier: str) -> bytes:
        del master_key_identifier
        return base64.b64decode(wrapped_key)


@pytest.mark.parametrize("num_groups", [1, 300])
def test_encrypted_columns_are_refused_before_arrow_ends_the_process(
    path: Path, num_groups: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(footer, "SPLIT_BYTES", 20_000)  # so the second one is large enough to be cut
    rows = listings(num_groups)
    asked = encryption.EncryptionConfiguration(footer_key="f", column_keys={"c": ["price"]}, plaintext_footer=True)
    factory = encryption.CryptoFactory(_Keys)
    properties = factory.file_encryption_properties(encryption.KmsConnectionConfig(), asked)
    with pq.ParquetWriter(path, rows.schema, encryption_properties=properties) as writer:
        writer.write_table(rows, row_group_size=1)
    with pytest.raises(UsageError, match="is a Parquet file with encrypted columns"):
        open_checked(LocalFile(path), row_layout())


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be read: .*gone\.parquet"):
        open_checked(LocalFile(tmp_path / "gone.parquet"), row_layout())


KEPT = {
    "main_category": pa.array(["All Beauty", None, "Appliances"]),
    "store": pa.array([None, "b", "c"], pa.large_string()),
    "average_rating": pa.array([4.5, None, 3.0], pa.float32()),
    "rating_number": pa.array([1, None, 2_000_000], pa.int32()),
    "features": pa.array([["a"], None, []], TEXTS),
    "description": pa.array([[], ["b"], None], TEXTS),
    "categories": pa.array([["a", "b"], [], None], TEXTS),
    "details": pa.array(['{"a": 1}', None, "{}"]),
}


@pytest.mark.parametrize("names", [list(KEPT), list(reversed(KEPT)), ["store"], ["details", "features"]], ids=str)
def test_columns_to_keep_are_carried_along_in_the_order_asked_for(path: Path, names: list[str]) -> None:
    write_groups(path, listings(3, **KEPT), [3])
    open_checked(LocalFile(path), row_layout(names))
    rows, _ = read_all(path, 0, 3, names)
    assert rows.schema == row_layout(names).schema("parquet")
    assert rows.column_names[-len(names) :] == [f"keep:{name}" for name in names]
    for name in names:
        assert rows[f"keep:{name}"].to_pylist() == KEPT[name].to_pylist()
    assert rows["features"].to_pylist() == KEPT["features"].to_pylist()


def test_a_column_to_keep_is_checked_like_the_others_but_only_when_it_is_kept(path: Path) -> None:
    categories = pa.array([["a"], ["b", None], ["c"]], TEXTS)
    made = listings(3, store=text_of([b"\xff", b"b", b"c"]), categories=categories)
    write_groups(path, made, [3])
    assert set(verdicts(read_all(path, 0, 3)[0])) == {None}
    rows, _ = read_all(path, 0, 3, ["store", "categories"])
    assert rows["cause"].to_pylist() == ["not UTF-8: store", "categories has null among its strings", None]
    assert rows["keep:store"].to_pylist() == [None, None, "c"]
    assert rows["keep:categories"].to_pylist() == [None, None, ["c"]]


def test_a_reader_can_read_one_range_after_another(path: Path) -> None:
    write_groups(path, listings(6), [2, 2, 2])
    reader, file = ParquetReader(row_layout((), LIMIT)), LocalFile(path)
    first, second = (pa.concat_tables(reader.read(file, number, 3 * number, 3 * number + 3)) for number in (0, 1))
    assert first["partition"].to_pylist() == [0] * 4
    assert second["title"].to_pylist() == ["title 3", "title 4", "title 5", None]


def test_a_file_is_read_by_the_metadata_that_it_has_now(path: Path) -> None:
    """It is kept in memory between partitions; and the second file is as long as the first one."""
    sizes_bytes: set[int] = set()
    for sizes in ([1, 1, 4], [1, 4, 1]):
        write_groups(path, listings(6), sizes)
        sizes_bytes.add(path.stat().st_size)
        assert fields(read_all(path, 2, 6)[0]) == listings(6).slice(2).to_pylist()
    assert len(sizes_bytes) == 1


@pytest.mark.parametrize("column", ["features", "description"])
def test_a_list_column_without_any_value_may_have_no_type(tmp_path: Path, column: str) -> None:
    path = write_groups(tmp_path / "a.parquet", listings(3, **{column: pa.nulls(3)}), [3])
    open_checked(LocalFile(path), row_layout())
    assert read_all(path, 0, 3)[0][column].to_pylist() == [None] * 3


def test_a_categories_column_without_any_value_may_have_no_type(tmp_path: Path) -> None:
    path = write_groups(tmp_path / "a.parquet", listings(3, categories=pa.nulls(3)), [3])
    assert read_all(path, 0, 3, ["categories"])[0]["keep:categories"].to_pylist() == [None] * 3


def test_a_malformed_row_beside_a_string_view(tmp_path: Path) -> None:
    made = listings(3, title=pa.array(list("abc"), pa.string_view()), features=pa.array([["a"], [None], []], TEXTS))
    assert verdicts(read_all(write_groups(tmp_path / "a.parquet", made, [3]), 0, 3)[0]) == [None, MALFORMED, None]


def test_a_long_value_in_a_dictionary_costs_its_own_row_only(tmp_path: Path) -> None:
    title = pa.array(["a", "x" * LIMIT, "c"]).dictionary_encode()
    rows, _ = read_all(write_groups(tmp_path / "a.parquet", listings(3, title=title), [3]), 0, 3, (), LIMIT)
    assert verdicts(rows) == [None, MALFORMED, None]


def test_bad_bytes_in_a_large_list(tmp_path: Path) -> None:
    lists = pa.LargeListArray.from_arrays(pa.array([0, 1, 2], pa.int64()), text_of([b"a", b"\xff"]))
    rows, _ = read_all(write_groups(tmp_path / "a.parquet", listings(2, features=lists), [2]), 0, 2)
    assert verdicts(rows) == [None, MALFORMED]


def test_a_row_with_numbers_out_of_range_costs_itself_only(tmp_path: Path) -> None:
    made = listings(2, rating_number=pa.array([1, 2**63], pa.uint64()))
    path = write_groups(tmp_path / "a.parquet", made, [2])
    open_checked(LocalFile(path), row_layout(["rating_number"]))
    assert verdicts(read_all(path, 0, 2, ["rating_number"])[0]) == [None, MALFORMED]


def test_lists_of_dictionary_text_are_read_over_several_row_groups(tmp_path: Path) -> None:
    """Arrow cannot read them across the end of a row group; polars writes lists of categories so."""
    lists = pa.array([["a", "b"], None, [], ["a"], ["c"], ["b", "a"]], pa.list_(pa.dictionary(pa.int32(), pa.string())))
    path = write_groups(tmp_path / "a.parquet", listings(6, features=lists), [2, 3, 1])
    open_checked(LocalFile(path), row_layout())
    assert read_all(path, 1, 6)[0]["features"].to_pylist() == [None, [], ["a"], ["c"], ["b", "a"]]


def test_a_column_twice_is_refused(tmp_path: Path) -> None:
    pq.write_table(listings(3).append_column("title", pa.array(["x"] * 3)), tmp_path / "a.parquet")
    with pytest.raises(UsageError, match="more than one column title"):
        open_checked(LocalFile(tmp_path / "a.parquet"), row_layout())


CAUSE = """
import sys
from pathlib import Path
from tests.source.hub_form import read_all
print(read_all(Path(sys.argv[1]), 0, 1)[0]["cause"][0])
"""


def test_the_cause_is_the_same_in_every_process(tmp_path: Path) -> None:
    bad = pa.array([[None]], TEXTS)
    path = write_groups(tmp_path / "a.parquet", listings(1, features=bad, description=bad), [1])
    said = {
        subprocess.run(
            [sys.executable, "-c", CAUSE, path],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
        ).stdout
        for seed in range(6)
    }
    assert said == {b"description has null among its strings\n"}


def test_of_a_long_malformed_row_only_the_beginning_is_kept_aside(tmp_path: Path) -> None:
    made = listings(1, title=pa.array(["x" * 3_000_000]))
    rows, _ = read_all(write_groups(tmp_path / "a.parquet", made, [1]), 0, 1, (), 2_000_000)
    assert [len(raw) for raw in rows["raw"].to_pylist()] == [MAX_RAW_BYTES]
