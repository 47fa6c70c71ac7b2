"""A catalogue whose columns have other names gives the rows that it would give under the recipe's own names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from job.config.load import load_config
from job.errors import UsageError
from job.source.location import LocalFile
from job.source.read.json_row import MalformedRowError
from job.source.read.jsonl import JsonlReader
from job.source.read.parquet import ParquetReader
from job.source.read.parquet_columns import open_checked
from tests.generated import examples
from tests.source.hub_form import row_decoder, row_layout

INPUTS = ["title", "parent_asin", "price", "description", "features", "details"]
NAMES = {"title": "name", "price": "cost"}
ALL_NAMES = {**NAMES, "description": "blurb", "features": "points", "details": "specs", "parent_asin": "sku"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fields")


def inputs(tables: Sequence[pa.Table], details: str) -> list[dict[str, Any]]:
    """What the recipe is given of each row; the message that ends the partition apart."""
    rows = [row for table in tables[:-1] for row in table.to_pylist()]
    assert tables[-1]["position"].to_pylist() == [len(rows)]
    assert [row["cause"] for row in rows] == [None] * len(rows)
    return [{name: row[details if name == "details" else name] for name in INPUTS} for row in rows]


def from_parquet(folder: Path, table: pa.Table, fields: Mapping[str, str]) -> list[dict[str, Any]]:
    path = folder / "goods.parquet"
    pq.write_table(table, path)
    layout = row_layout(fields=fields)
    open_checked(LocalFile(path), layout)
    return inputs(list(ParquetReader(layout).read(LocalFile(path), 0, 0, table.num_rows)), "details")


def from_jsonl(folder: Path, rows: Sequence[Mapping[str, Any]], fields: Mapping[str, str]) -> list[dict[str, Any]]:
    path = folder / "goods.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    tables = list(JsonlReader(row_layout(fields=fields)).read(LocalFile(path), 0, 0, path.stat().st_size))
    return inputs(tables, "details_json")


def both(folder: Path, rows: Sequence[Mapping[str, Any]], fields: Mapping[str, str]) -> list[dict[str, Any]]:
    """Reads rows in either form, which must be the same."""
    found = from_jsonl(folder, rows, fields)
    assert from_parquet(folder, pa.Table.from_pylist([dict(row) for row in rows]), fields) == found
    return found


FULL = {
    "name": "Kettle",
    "cost": "12.50",
    "blurb": ["It boils.", "It pours."],
    "points": ["round", "red"],
    "specs": {"Colour": "réd", "Sizes": [1.5, 2.5, None], "Box": {"Wide": True}},
    "sku": "K-1",
}


def test_every_input_may_have_another_name(folder: Path) -> None:
    assert both(folder, [FULL], ALL_NAMES) == [
        {
            "title": "Kettle",
            "price": "12.50",
            "description": ["It boils.", "It pours."],
            "features": ["round", "red"],
            "details": r'{"Colour": "r\u00e9d", "Sizes": [1.5, 2.5, null], "Box": {"Wide": true}}',
            "parent_asin": "K-1",
        }
    ]


def test_inputs_that_are_not_mapped_keep_their_own_names(folder: Path) -> None:
    row = {"name": "Kettle", "price": "3", "features": ["red"], "parent_asin": "K-1"}
    (found,) = both(folder, [row], {"title": "name"})
    assert found == {
        "title": "Kettle",
        "price": "3",
        "features": ["red"],
        "parent_asin": "K-1",
        "description": None,
        "details": None,
    }


def test_text_stands_for_a_list_of_it(folder: Path) -> None:
    rows = [
        {"name": "a", "cost": "1", "blurb": "It boils.", "features": "red"},
        {"name": "b", "cost": "1", "blurb": "", "features": None},
        {"name": "c", "cost": "1", "blurb": None, "features": "round"},
    ]
    found = both(folder, rows, {**NAMES, "description": "blurb"})
    assert [row["description"] for row in found] == [["It boils."], [""], None]
    assert [row["features"] for row in found] == [["red"], None, ["round"]]


def test_text_stands_for_a_kept_list_in_both_formats(folder: Path) -> None:
    rows = [{"name": "a", "cost": "1", "categories": text} for text in ("Toys", None, "")]
    layout = row_layout(["categories"], fields=NAMES)
    (folder / "kept.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pq.write_table(pa.Table.from_pylist(rows), folder / "kept.parquet")
    size = (folder / "kept.jsonl").stat().st_size
    for tables in (
        JsonlReader(layout).read(LocalFile(folder / "kept.jsonl"), 0, 0, size),
        ParquetReader(layout).read(LocalFile(folder / "kept.parquet"), 0, 0, 3),
    ):
        rows_read = next(iter(tables))
        assert rows_read["keep:categories"].to_pylist() == [["Toys"], None, [""]]
        assert rows_read["cause"].to_pylist() == [None] * 3


def test_large_text_stands_for_a_list_of_it(folder: Path) -> None:
    table = pa.table({"name": ["a"], "cost": ["1"], "description": pa.array(["It boils."], pa.large_string())})
    assert from_parquet(folder, table, NAMES)[0]["description"] == ["It boils."]


def test_without_a_mapping_text_in_jsonl_is_no_list() -> None:
    with pytest.raises(MalformedRowError, match="description is text, not a list"):
        row_decoder(row_layout())(b'{"title": "a", "price": 1, "description": "It boils."}')


WHOLE = [0, 7, -3, 2**53 + 1, 999]
BROKEN = [0.0, 19.99, 0.1, 1e-7, 1e16, 1e22, 5.0, -0.0, 1 / 3]


@pytest.mark.parametrize(
    ("prices", "kind"),
    [(WHOLE, pa.int64()), ([0, 7, 999], pa.uint16()), (BROKEN, pa.float64()), ([None, 2.5], pa.float64())],
    ids=["whole numbers", "small whole numbers", "fractions", "one missing"],
)
def test_a_price_that_is_a_number_is_written_as_python_writes_it(
    folder: Path, prices: list[float | None], kind: pa.DataType
) -> None:
    names = [f"{number}" for number in range(len(prices))]
    table = pa.table({"name": names, "cost": pa.array(prices, kind)})
    found = [row["price"] for row in from_parquet(folder, table, NAMES)]
    assert found == [None if price is None else str(price) for price in prices]
    rows = [{"name": name, "cost": price} for name, price in zip(names, prices, strict=True)]
    assert [row["price"] for row in from_jsonl(folder, rows, NAMES)] == [str(price) for price in prices]


def test_a_decimal_price_keeps_its_digits(folder: Path) -> None:
    prices = [Decimal("1.50"), Decimal("999.00"), Decimal("0.05"), None]
    table = pa.table({"name": ["a", "b", "c", "d"], "cost": pa.array(prices, pa.decimal128(9, 2))})
    assert [row["price"] for row in from_parquet(folder, table, NAMES)] == ["1.50", "999.00", "0.05", None]


def test_a_single_precision_price_is_the_number_that_it_stands_for(folder: Path) -> None:
    table = pa.table({"name": ["a", "b"], "cost": pa.array([0.5, 19.99], pa.float32())})
    assert [row["price"] for row in from_parquet(folder, table, NAMES)] == ["0.5", "19.989999771118164"]


def test_an_identifier_may_be_a_number(folder: Path) -> None:
    rows = [{"name": "a", "cost": "1", "id": 17}, {"name": "b", "cost": "1", "id": None}]
    found = both(folder, rows, {**NAMES, "parent_asin": "id"})
    assert [row["parent_asin"] for row in found] == ["17", None]


def test_a_struct_becomes_the_json_of_its_object(folder: Path) -> None:
    specs = [{"Grösse": "½ l", "Watt": 1000, "Weights": [1.5, 2.0], "Box": {"Wide": 1.5, "Red": True}}]
    rows = [{"name": "a", "cost": "1", "specs": value} for value in specs]
    found = both(folder, rows, {**NAMES, "details": "specs"})
    assert [row["details"] for row in found] == [json.dumps(value) for value in specs]


def test_a_map_becomes_the_json_of_its_object(folder: Path) -> None:
    pairs = [[("Watt", "1000"), ("Grösse", "½ l")], [], None]
    specs = pa.array(pairs, pa.map_(pa.string(), pa.string()))
    table = pa.table({"name": ["a", "b", "c"], "cost": ["1"] * 3, "specs": specs})
    found = [row["details"] for row in from_parquet(folder, table, {**NAMES, "details": "specs"})]
    assert found == [json.dumps({"Watt": "1000", "Grösse": "½ l"}), "{}", None]


def test_details_that_are_text_in_parquet_stay_as_they_are(folder: Path) -> None:
    table = pa.table({"name": ["a"], "cost": ["1"], "specs": ['{"Watt":1000}']})
    assert from_parquet(folder, table, {**NAMES, "details": "specs"})[0]["details"] == '{"Watt":1000}'


def test_columns_that_are_not_there_are_nulls(folder: Path) -> None:
    (found,) = both(folder, [{"name": "Kettle", "cost": "3"}], NAMES)
    assert found == {**dict.fromkeys(INPUTS), "title": "Kettle", "price": "3"}


def test_without_a_mapping_every_column_has_to_be_there(folder: Path) -> None:
    path = folder / "short.parquet"
    pq.write_table(pa.table({"title": ["Kettle"], "price": ["3"]}), path)
    with pytest.raises(UsageError, match="has no column parent_asin, description, features, details"):
        open_checked(LocalFile(path), row_layout())


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({"title": "nmae", "price": "cost"}, "no column nmae; did you mean name"),
        ({"title": "name", "price": "cots"}, "no column cots; did you mean cost"),
        ({**NAMES, "description": "blurbs"}, "no column blurbs; did you mean blurb"),
        ({**NAMES, "features": "zzz"}, "no column zzz\n"),
        ({"title": "name"}, "no column price\n"),
        ({"price": "cost"}, "no column title\n"),
    ],
)
def test_a_missing_mapped_column_is_named_with_what_the_file_has(
    folder: Path, fields: dict[str, str], missing: str
) -> None:
    path = folder / "goods.parquet"
    pq.write_table(pa.table({"name": ["a"], "cost": ["1"], "blurb": ["x"]}), path)
    with pytest.raises(UsageError) as raised:
        open_checked(LocalFile(path), row_layout(fields=fields))
    assert str(raised.value).startswith(f"{path} has {missing}")
    assert "\nit has: name, cost, blurb\n" in str(raised.value)
    assert "source.fields=" in str(raised.value)


@pytest.mark.parametrize("kind", [pa.bool_(), pa.list_(pa.string()), pa.date32(), pa.binary()], ids=str)
def test_a_price_of_a_type_that_is_no_price_is_refused(folder: Path, kind: pa.DataType) -> None:
    path = folder / "goods.parquet"
    pq.write_table(pa.table({"name": ["a"], "cost": pa.array([None], kind)}), path)
    with pytest.raises(UsageError, match=r"the column cost is .*, not string"):
        open_checked(LocalFile(path), row_layout(fields=NAMES))


def test_names_may_be_swapped(folder: Path) -> None:
    rows = [{"title": "3.50", "price": "Kettle"}]
    (found,) = both(folder, rows, {"title": "price", "price": "title"})
    assert (found["title"], found["price"]) == ("Kettle", "3.50")


def test_one_column_may_be_two_inputs(folder: Path) -> None:
    (found,) = both(folder, [{"name": "Kettle", "cost": "3"}], {**NAMES, "description": "name"})
    assert (found["title"], found["description"]) == ("Kettle", ["Kettle"])


def test_an_input_s_own_name_is_not_taken_where_another_column_is_mapped_to_it(folder: Path) -> None:
    old = {"title": "old", "price": "9.99", "description": ["old"], "parent_asin": "old"}
    new = {"name": "new", "cost": "3", "blurb": ["new"], "sku": "new"}
    fields = {**NAMES, "description": "blurb", "parent_asin": "sku"}
    (found,) = both(folder, [old | new], fields)
    assert found == {
        "title": "new",
        "price": "3",
        "description": ["new"],
        "parent_asin": "new",
        "features": None,
        "details": None,
    }


def test_an_input_s_own_name_is_not_taken_where_a_line_lacks_the_mapped_key(folder: Path) -> None:
    (found,) = from_jsonl(folder, [{"title": "old", "price": "9.99", "name": "new"}], NAMES)
    assert (found["title"], found["price"]) == ("new", "None")


def test_mapped_rows_are_cut_and_bound_like_others(folder: Path) -> None:
    path = folder / "goods.parquet"
    table = pa.table({"name": [f"{number}" for number in range(50)], "cost": list(range(50))})
    pq.write_table(table, path, row_group_size=7)
    reader = ParquetReader(row_layout(fields=NAMES))
    rows = pa.concat_tables(list(reader.read(LocalFile(path), 0, 5, 33))[:-1])
    assert rows["position"].to_pylist() == list(range(5, 33))
    assert list(map(int, rows["title"].to_pylist())) == list(range(5, 33))
    assert list(map(int, rows["price"].to_pylist())) == list(range(5, 33))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tilte": "name"}, r"'tilte' is no input of the recipe; did you mean title"),
        (
            {"brand": "name"},
            "'brand' is no input of the recipe.*: title, parent_asin, price, description, features, details",
        ),
        ({"title": 5}, r"source\.fields\.title: must be text"),
        (["title"], r"source\.fields: must have keys below it"),
    ],
)
def test_a_mapping_that_is_none_is_refused(fields: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_config(None, {"source.path": "goods", "source.fields": fields})


def test_a_place_given_over_a_config_s_keeps_the_config_s_mapping(tmp_path: Path) -> None:
    config = tmp_path / "shop.yaml"
    config.write_text("source:\n  path: before\n  fields: {title: name, price: cost}\n")
    given = load_config(config, {"source.path": "now"}).source
    assert (given.path, given.fields) == ("now", NAMES)


# What JSON and Arrow both can say; lone surrogates are not text in Parquet.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
lists_of_text = st.none() | st.lists(texts, max_size=3)
SPECS = pa.struct(
    [
        ("Colour", pa.string()),
        ("Watt", pa.int64()),
        ("Litres", pa.float64()),
        ("Sizes", pa.list_(pa.string())),
        ("Is new", pa.bool_()),
    ]
)
# A struct's keys have one order in every row.
specs = st.tuples(
    st.none() | texts,
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.none() | st.lists(texts, max_size=2),
    st.none() | st.booleans(),
).map(lambda values: dict(zip(SPECS.names, values, strict=True)))
PRICES: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "text": (pa.string(), texts),
    "whole numbers": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "fractions": (pa.float64(), st.floats(allow_nan=False)),
}


@st.composite
def catalogues(draw: st.DrawFn) -> tuple[pa.Schema, list[dict[str, Any]]]:
    price_type, prices = PRICES[draw(st.sampled_from(sorted(PRICES)))]
    is_text = draw(st.booleans())
    row = st.fixed_dictionaries(
        {
            "name": st.none() | texts,
            "cost": prices,
            "blurb": st.none() | texts if is_text else lists_of_text,
            "points": lists_of_text,
            "specs": specs,
            "sku": st.none() | st.integers(0, 2**63 - 1),
            "title": texts,
        }
    )
    columns = {
        "name": pa.string(),
        "cost": price_type,
        "blurb": pa.string() if is_text else pa.list_(pa.string()),
        "points": pa.list_(pa.string()),
        "specs": SPECS,
        "sku": pa.int64(),
        "title": pa.string(),
    }
    return pa.schema(list(columns.items())), draw(st.lists(row, min_size=1, max_size=4))


ODD = {"name": "\x00\u2028", "cost": "\x1f", "blurb": "", "points": [""], "sku": 0, "title": ""}


@examples(150)
@given(made=catalogues())
@example(
    made=(
        pa.schema(
            [(name, pa.string()) for name in ("name", "cost", "blurb", "title")]
            + [("points", pa.list_(pa.string())), ("specs", SPECS), ("sku", pa.int64())]
        ),
        [ODD | {"specs": {"Colour": "\U0001f600", "Watt": 0, "Litres": 1e300, "Sizes": [], "Is new": False}}],
    )
)
def test_both_forms_of_the_same_rows_give_the_same_inputs(
    folder: Path, made: tuple[pa.Schema, list[dict[str, Any]]]
) -> None:
    schema, rows = made
    found = from_parquet(folder, pa.Table.from_pylist(rows, schema), ALL_NAMES)
    in_json = [
        row | {"specs": {key: value for key, value in row["specs"].items() if value is not None}} for row in rows
    ]
    assert found == from_jsonl(folder, in_json, ALL_NAMES)
    assert [row["title"] for row in found] == [row["name"] for row in rows]
    assert [row["price"] for row in found] == [str(row["cost"]) for row in rows]
    assert [row["details"] for row in found] == [json.dumps(row["specs"]) for row in in_json]
