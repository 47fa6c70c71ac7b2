"""A Parquet file with the types of pandas, polars, DuckDB or `datasets` gives what JSON of the same rows gives."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from job.errors import UsageError
from job.source.location import LocalFile
from job.source.read.jsonl import JsonlReader
from job.source.read.parquet import ParquetReader
from job.source.read.parquet_columns import open_checked
from tests.source.hub_form import listings, row_layout

NAN, INFINITY = float("nan"), float("inf")


def read(path: Path, keep: Sequence[str] = (), fields: Mapping[str, str] | None = None) -> pa.Table:
    """Reads a whole file under the names of the recipe's inputs, after the checks before work."""
    layout = row_layout(keep, fields=fields)
    metadata = open_checked(LocalFile(path), layout)
    return pa.concat_tables(list(ParquetReader(layout).read(LocalFile(path), 0, 0, metadata.num_rows))[:-1])


def column(folder: Path, name: str, values: pa.Array, keep: Sequence[str] = ()) -> list[Any]:
    """Reads one column among listings of the Hub's form, all of them well-formed."""
    path = folder / "a.parquet"
    pq.write_table(listings(len(values), **{name: values}), path)
    rows = read(path, keep)
    assert rows["cause"].to_pylist() == [None] * len(values)
    return rows[f"keep:{name}" if keep else name].to_pylist()


def causes(folder: Path, name: str, values: pa.Array, keep: Sequence[str] = ()) -> list[str | None]:
    path = folder / "a.parquet"
    pq.write_table(listings(len(values), **{name: values}), path)
    return read(path, keep)["cause"].to_pylist()


def from_jsonl(folder: Path, rows: Sequence[Mapping[str, Any]], keep: Sequence[str] = ()) -> pa.Table:
    path = folder / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return pa.concat_tables(list(JsonlReader(row_layout(keep)).read(LocalFile(path), 0, 0, path.stat().st_size))[:-1])


class TestStructs:
    def test_keys_of_other_rows_are_absent(self, tmp_path: Path) -> None:
        details = [{"Brand": "Acme"}, {"Colour": "Red", "Watt": 5}, {}, None]
        assert column(tmp_path, "details", pa.array(details)) == [
            '{"Brand": "Acme"}',
            '{"Colour": "Red", "Watt": 5}',
            "{}",
            None,
        ]

    def test_keys_of_other_rows_are_absent_at_any_depth(self, tmp_path: Path) -> None:
        details = [
            {"Box": {"Wide": 1}, "Parts": [{"Name": "lid"}, {"Size": 2}]},
            {"Box": {"High": {"cm": 2.5}}, "Parts": [{"Name": "foot", "Size": 3}, None]},
            {"Rank": 7},
        ]
        assert column(tmp_path, "details", pa.array(details)) == [
            '{"Box": {"Wide": 1}, "Parts": [{"Name": "lid"}, {"Size": 2}]}',
            '{"Box": {"High": {"cm": 2.5}}, "Parts": [{"Name": "foot", "Size": 3}, null]}',
            '{"Rank": 7}',
        ]

    def test_structs_in_a_map_have_their_own_keys_only_and_its_nulls_stay(self, tmp_path: Path) -> None:
        member = pa.struct([("Name", pa.string()), ("Size", pa.int64())])
        pairs = [[("lid", {"Size": 2}), ("foot", None)], [], None, [("rim", {"Name": "x"})]]
        assert column(tmp_path, "details", pa.array(pairs, pa.map_(pa.string(), member))) == [
            '{"lid": {"Size": 2}, "foot": null}',
            "{}",
            None,
            '{"rim": {"Name": "x"}}',
        ]

    def test_maps_and_lists_in_a_struct_are_cut_by_row(self, tmp_path: Path) -> None:
        kind = pa.struct([("Sizes", pa.list_(pa.int64())), ("Ranks", pa.map_(pa.string(), pa.int64()))])
        details = [{"Sizes": [1, None], "Ranks": None}, {"Ranks": [("Toys", 3)]}, {"Sizes": [], "Ranks": []}]
        assert column(tmp_path, "details", pa.array(details, kind)) == [
            '{"Sizes": [1, null]}',
            '{"Ranks": {"Toys": 3}}',
            '{"Sizes": [], "Ranks": {}}',
        ]

    def test_nan_in_a_struct_is_absent(self, tmp_path: Path) -> None:
        details = pa.array([{"Watt": NAN, "Brand": "A"}, {"Watt": 1.5, "Sizes": [NAN, 2.0]}])
        assert column(tmp_path, "details", details) == ['{"Brand": "A"}', '{"Watt": 1.5, "Sizes": [null, 2.0]}']

    def test_other_values_are_written_as_text(self, tmp_path: Path) -> None:
        kind = pa.struct([("Since", pa.date32()), ("Cost", pa.decimal128(5, 2)), ("At", pa.timestamp("us"))])
        details = [{"Since": 0, "Cost": Decimal("1.50")}, {"At": 1_500_000}]
        assert column(tmp_path, "details", pa.array(details, kind)) == [
            '{"Since": "1970-01-01", "Cost": "1.50"}',
            '{"At": "1970-01-01 00:00:01.500000"}',
        ]

    def test_text_that_is_not_utf8_costs_its_own_row_only(self, tmp_path: Path) -> None:
        texts = pa.Array.from_buffers(pa.string(), 3, pa.array([b"a", b"\xff", b"c"]).buffers())
        details = pa.StructArray.from_arrays([texts, pa.array([1, None, None])], ["Brand", "Watt"])
        pq.write_table(listings(3, details=details), tmp_path / "a.parquet")
        rows = read(tmp_path / "a.parquet")
        assert rows["cause"].to_pylist() == [None, "not UTF-8: details", None]
        assert rows["details"].to_pylist() == ['{"Brand": "a", "Watt": 1}', None, '{"Brand": "c"}']
        assert json.loads(rows["raw"][1].as_py())["details"] == {"Brand": "\\xff"}

    def test_thousands_of_keys_give_each_row_its_own(self, tmp_path: Path) -> None:
        details = pa.array([{f"Key {number}": number} for number in range(1_000)])
        assert column(tmp_path, "details", details) == [f'{{"Key {number}": {number}}}' for number in range(1_000)]


class TestExtensionTypes:
    def json(self, texts: Sequence[str | None]) -> pa.Array:
        return pa.ExtensionArray.from_storage(pa.json_(pa.string()), pa.array(texts, pa.string()))

    def test_json_details_are_written_as_those_of_a_jsonl_file(self, tmp_path: Path) -> None:
        texts = ['{"Brand": "Acme"}', '{"Größe":[1,2.50],"Box":{"a":null}}', "null", None, '"as it is"', "not JSON"]
        assert column(tmp_path, "details", self.json(texts)) == [
            '{"Brand": "Acme"}',
            '{"Gr\\u00f6\\u00dfe": [1, 2.5], "Box": {"a": null}}',
            "null",
            None,
            "as it is",
            "not JSON",
        ]

    def test_a_json_price_is_a_number_or_its_text(self, tmp_path: Path) -> None:
        texts = ["12.99", '"13.99"', "null", None, '"None"', '""', "7", "from 5.00", "NaN"]
        assert column(tmp_path, "price", self.json(texts)) == [
            *("12.99", "13.99", "None", None),
            *("None", "", "7", "from 5.00", "nan"),
        ]

    def test_json_of_a_kind_that_a_field_cannot_have_costs_its_own_row_only(self, tmp_path: Path) -> None:
        assert causes(tmp_path, "price", self.json(["1", "[1]", "true"])) == [
            None,
            "price is a list, neither number, text nor null",
            "price is true or false, neither number, text nor null",
        ]
        assert causes(tmp_path, "title", self.json(['"a"', "5"])) == [None, "title is a number, neither text nor null"]
        assert causes(tmp_path, "details", self.json(["{}", "[" * 600 + "]" * 600])) == [
            None,
            "nested deeper than 500",
        ]

    def test_json_lists_and_lists_of_json(self, tmp_path: Path) -> None:
        assert column(tmp_path, "features", self.json(['["a", "b"]', "[]", None])) == [["a", "b"], [], None]
        elements = pa.ListArray.from_arrays(pa.array([0, 2, 2]), self.json(['"a"', '"b"']))
        assert column(tmp_path, "features", elements) == [["a", "b"], []]
        assert causes(tmp_path, "features", self.json(['["a", 5]', '"one"'])) == [
            "features has a number among its strings",
            "features is text, not a list of strings",
        ]

    def test_json_in_a_struct_is_a_part_of_the_object(self, tmp_path: Path) -> None:
        details = pa.StructArray.from_arrays([self.json(['{"a":1}', None])], ["Box"])
        assert column(tmp_path, "details", details) == ['{"Box": {"a": 1}}', "{}"]

    def test_a_uuid_as_identifier_is_written_as_people_write_it(self, tmp_path: Path) -> None:
        identifier = uuid.UUID("2d61bc4b-5e28-4abc-970a-e4e8f66a7503")
        values = pa.array([identifier.bytes, None], pa.uuid())
        assert column(tmp_path, "parent_asin", values) == ["2d61bc4b-5e28-4abc-970a-e4e8f66a7503", None]

    def test_other_types_are_read_as_the_text_that_they_are_stored_as(self, tmp_path: Path) -> None:
        class Label(pa.ExtensionType):  # pyright: ignore[reportUntypedBaseClass]
            def __init__(self) -> None:
                super().__init__(pa.string(), "tests.label")

            def __arrow_ext_serialize__(self) -> bytes:
                return b""

            @classmethod
            def __arrow_ext_deserialize__(cls, storage_type: pa.DataType, serialized: bytes) -> Label:
                del storage_type, serialized
                return cls()

        pa.register_extension_type(Label())
        try:
            values = pa.ExtensionArray.from_storage(Label(), pa.array(["Kettle", None]))
            assert column(tmp_path, "title", values) == ["Kettle", None]
        finally:
            pa.unregister_extension_type("tests.label")


class TestNumbers:
    @pytest.mark.parametrize(
        ("prices", "expected"),
        [
            (pa.array([12.5, NAN, None, INFINITY, 1e16]), ["12.5", None, None, "inf", "1e+16"]),
            (pa.array([5, None, 0], pa.int32()), ["5", None, "0"]),
            (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
            (pa.array([Decimal("12.50"), None], pa.decimal128(9, 2)), ["12.50", None]),
            (pa.array([1.5, NAN], pa.float32()), ["1.5", None]),
            (pa.array([1.5, None], pa.float16()), ["1.5", None]),
            (pa.array([5, 5, None]).dictionary_encode(), ["5", "5", None]),
            (pa.array(["nan", "NaN", " 5 "]), ["nan", "NaN", " 5 "]),
        ],
        ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
    )
    def test_a_price_is_a_number_of_any_type(self, tmp_path: Path, prices: pa.Array, expected: list[str]) -> None:
        assert column(tmp_path, "price", prices) == expected

    def test_an_identifier_is_a_number_of_any_type(self, tmp_path: Path) -> None:
        assert column(tmp_path, "parent_asin", pa.array([17, None])) == ["17", None]
        assert column(tmp_path, "parent_asin", pa.array([17.0, NAN])) == ["17.0", None]
        assert column(tmp_path, "parent_asin", pa.array([Decimal(17)], pa.decimal128(38, 0))) == ["17"]

    def test_a_rating_is_a_finite_number_as_in_jsonl(self, tmp_path: Path) -> None:
        keep = ["average_rating"]
        whole = [2**53 + 1, -(2**63), None]
        expected = [9007199254740992.0, -9223372036854775808.0, None]
        assert column(tmp_path, "average_rating", pa.array(whole), keep) == expected
        rows = [{"average_rating": number} for number in whole]
        assert from_jsonl(tmp_path, rows, keep)["keep:average_rating"].to_pylist() == expected
        assert column(tmp_path, "average_rating", pa.array([4.5, NAN, None]), keep) == [4.5, None, None]
        assert column(tmp_path, "average_rating", pa.array([Decimal("4.5")]), keep) == [4.5]
        found = causes(tmp_path, "average_rating", pa.array([4.5, INFINITY, -INFINITY]), keep)
        assert found == [None, *["average_rating is a number, not a finite number"] * 2]
        rows = [{"average_rating": number} for number in (4.5, INFINITY, -INFINITY)]
        assert from_jsonl(tmp_path, rows, keep)["cause"].to_pylist() == found

    def test_a_count_that_pandas_has_made_a_fraction_is_whole_again(self, tmp_path: Path) -> None:
        keep = ["rating_number"]
        assert column(tmp_path, "rating_number", pa.array([120.0, NAN, None]), keep) == [120, None, None]
        assert column(tmp_path, "rating_number", pa.array([Decimal("120.00")]), keep) == [120]
        numbers = [1.5, INFINITY, 2.0**63, -(2.0**63)]
        found = causes(tmp_path, "rating_number", pa.array(numbers), keep)
        assert found == [*["rating_number is not a whole number"] * 3, None]
        rows = [{"rating_number": number} for number in numbers]
        assert from_jsonl(tmp_path, rows, keep)["cause"].to_pylist() == found

    @pytest.mark.parametrize("name", ["title", "description", "features", "details", "parent_asin"])
    @pytest.mark.parametrize("missing", [None, NAN], ids=["null", "nan"])
    def test_a_column_that_is_missing_in_every_row_may_be_one_of_numbers(
        self, tmp_path: Path, name: str, missing: float | None
    ) -> None:
        assert column(tmp_path, name, pa.array([missing] * 3, pa.float64())) == [None] * 3

    @pytest.mark.parametrize("name", ["title", "description"])
    def test_a_column_of_numbers_is_no_text(self, tmp_path: Path, name: str) -> None:
        pq.write_table(listings(3, **{name: pa.array([NAN, 1.5, None])}), tmp_path / "a.parquet")
        with pytest.raises(UsageError, match=f"the column {name} is double, not"):
            read(tmp_path / "a.parquet")


class TestTexts:
    @pytest.mark.parametrize(
        "kind",
        [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.large_string())],
        ids=str,
    )
    @pytest.mark.parametrize("name", ["description", "features"])
    def test_one_text_stands_for_a_list_of_it(self, tmp_path: Path, name: str, kind: pa.DataType) -> None:
        values = pa.array(["It boils.", None, "", "It boils."]).cast(kind)
        assert column(tmp_path, name, values) == [["It boils."], None, [""], ["It boils."]]

    def test_one_text_that_is_not_utf8_costs_its_own_row_only(self, tmp_path: Path) -> None:
        texts = pa.Array.from_buffers(pa.string(), 3, pa.array([b"a", b"\xff", b"c"]).buffers())
        assert causes(tmp_path, "description", texts) == [None, "not UTF-8: description", None]

    @pytest.mark.parametrize(
        "kind",
        [
            *(pa.list_(pa.string(), 2), pa.list_view(pa.string()), pa.large_list_view(pa.string_view())),
            *(pa.list_(pa.dictionary(pa.int32(), pa.string())), pa.large_list(pa.large_string())),
        ],
        ids=str,
    )
    def test_lists_of_any_kind(self, tmp_path: Path, kind: pa.DataType) -> None:
        lists = [["a", "b"], None, ["c", "d"], ["a", "é"]]
        assert column(tmp_path, "features", pa.array(lists, kind)) == lists


def test_a_table_of_polars(tmp_path: Path) -> None:
    frame = polars.DataFrame(
        [
            {"title": "a", "price": 1.5, "details": {"Watt": 1, "Box": {"Wide": 2}}, "features": ["x"]},
            {"title": None, "price": None, "details": {"Brand": "A"}, "features": None},
            {"title": "c", "price": NAN, "details": None, "features": ["x", "y"]},
        ],
        infer_schema_length=None,
    ).with_columns(
        polars.col("title").cast(polars.Categorical),
        polars.col("features").cast(polars.List(polars.Categorical)),
        polars.Series("description", [["a", "b"], None, ["c", "d"]], dtype=polars.Array(polars.String, 2)),
        polars.Series("parent_asin", [1, 2, 3]),
    )
    frame.write_parquet(tmp_path / "a.parquet", row_group_size=2)
    rows = read(tmp_path / "a.parquet")
    assert rows["cause"].to_pylist() == [None] * 3
    assert rows["title"].to_pylist() == ["a", None, "c"]
    assert rows["price"].to_pylist() == ["1.5", None, None]
    assert rows["details"].to_pylist() == ['{"Watt": 1, "Box": {"Wide": 2}}', '{"Brand": "A"}', None]
    assert rows["features"].to_pylist() == [["x"], None, ["x", "y"]]
    assert rows["description"].to_pylist() == [["a", "b"], None, ["c", "d"]]
    assert rows["parent_asin"].to_pylist() == ["1", "2", "3"]


def test_what_duckdb_makes_of_jsonl_gives_the_rows_of_that_jsonl(tmp_path: Path) -> None:
    rows = [
        {"title": "a", "price": 12.99, "parent_asin": "1", "features": ["x"], "details": {"Bränd": "A", "n": [1, 2.5]}},
        {"title": "b", "price": "13.99", "parent_asin": "2", "features": [], "details": {"n": "five"}},
        {"title": "c", "price": None, "parent_asin": "3", "features": None, "details": {"n": {"x": None}}},
    ]
    rows = [row | {"description": ["It boils."]} for row in rows]
    expected = from_jsonl(tmp_path, rows)
    source, copy = tmp_path / "a.jsonl", tmp_path / "a.parquet"
    duckdb.sql(f"copy (from read_json('{source}')) to '{copy}'")
    assert "arrow.json" in str(pq.ParquetFile(copy).schema_arrow.field("details").type)
    found = read(copy)
    for name in ("title", "parent_asin", "features", "description", "cause"):
        assert found[name].to_pylist() == expected[name].to_pylist()
    assert found["price"].to_pylist() == ["12.99", "13.99", None]
    assert expected["price"].to_pylist() == ["12.99", "13.99", "None"]
    assert found["details"].to_pylist() == [json.dumps(row["details"]) for row in rows]


MIXED = {
    "title": pa.array(["a", None, "b", "a", "", "c"], pa.dictionary(pa.int8(), pa.string())),
    "price": pa.array([1.5, NAN, None, 2.5, 3.0, INFINITY]),
    "parent_asin": pa.array([1, None, 3, 4, 5, 6]),
    "description": pa.array(["a", None, "", "b", "c", "d"], pa.large_string()),
    "features": pa.array([["a", "b"], None, [], ["c"], ["d", "e"], []], pa.list_view(pa.string())),
    "details": pa.array(
        [
            {"Ranks": [("a", 1), ("b", None)], "Parts": [{"Name": "x"}, None]},
            None,
            {"Ranks": [], "Box": {"Wide": 1}},
            {"Parts": []},
            {"Parts": [{"Size": 1}], "Box": {"High": NAN}},
            {"Ranks": [("c", 2)]},
        ],
        pa.struct(
            [
                ("Ranks", pa.map_(pa.string(), pa.int64())),
                ("Parts", pa.list_(pa.struct([("Name", pa.string()), ("Size", pa.int64())]))),
                ("Box", pa.struct([("Wide", pa.int64()), ("High", pa.float64())])),
            ]
        ),
    ),
}


@pytest.mark.parametrize("rows_per_chunk", [1, 2, 4, 6])
def test_rows_are_the_same_wherever_a_column_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_per_chunk: int
) -> None:
    monkeypatch.setattr("job.source.read.row_groups.ROWS_AT_ONCE", rows_per_chunk)
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table(MIXED), path, row_group_size=4)
    reader = ParquetReader(row_layout())
    for start, end in itertools.combinations(range(7), 2):
        rows = pa.concat_tables(list(reader.read(LocalFile(path), 0, start, end))[:-1]).to_pylist()
        assert [[row[name] for name in MIXED] for row in rows] == [
            ["a", "1.5", "1", ["a"], ["a", "b"], '{"Ranks": {"a": 1, "b": null}, "Parts": [{"Name": "x"}, null]}'],
            [None, None, None, None, None, None],
            ["b", None, "3", [""], [], '{"Ranks": {}, "Box": {"Wide": 1}}'],
            ["a", "2.5", "4", ["b"], ["c"], '{"Parts": []}'],
            ["", "3.0", "5", ["c"], ["d", "e"], '{"Parts": [{"Size": 1}], "Box": {}}'],
            ["c", "inf", "6", ["d"], [], '{"Ranks": {"c": 2}}'],
        ][start:end]
