"""An input says what a source may hold in a field; a plain Arrow field says it by its type."""

from __future__ import annotations

import pickle

import pyarrow as pa
import pytest

from job.recipe.course_2024.recipe import Course2024
from job.recipe.inputs import Kind, is_required, json_source_name, kind_of, recipe_input

TEXTS = pa.list_(pa.string())
TYPES = {
    Kind.TEXT: pa.string(),
    Kind.TEXTS: TEXTS,
    Kind.NUMBER_AS_TEXT: pa.string(),
    Kind.ANY_AS_TEXT: pa.string(),
    Kind.JSON: pa.string(),
    Kind.NUMBER: pa.float64(),
    Kind.WHOLE_NUMBER: pa.int64(),
}


@pytest.mark.parametrize("kind", Kind)
def test_an_input_has_its_kind_and_the_type_that_the_recipe_receives(kind: Kind) -> None:
    field = recipe_input("weight", kind)
    assert (field.name, field.type, field.nullable) == ("weight", TYPES[kind], True)
    assert kind_of(field) is kind


@pytest.mark.parametrize("kind", Kind)
def test_an_input_is_required_only_when_it_says_so(kind: Kind) -> None:
    assert not is_required(recipe_input("weight", kind))
    assert is_required(recipe_input("weight", kind, required=True))
    assert kind_of(recipe_input("weight", kind, required=True)) is kind


@pytest.mark.parametrize(
    ("arrow_type", "kind"),
    [
        (pa.string(), Kind.TEXT),
        (TEXTS, Kind.TEXTS),
        (pa.float64(), Kind.NUMBER),
        (pa.int64(), Kind.WHOLE_NUMBER),
    ],
    ids=str,
)
def test_a_plain_field_has_the_kind_of_its_type_and_is_not_required(arrow_type: pa.DataType, kind: Kind) -> None:
    for field in (pa.field("weight", arrow_type), pa.field("weight", arrow_type, metadata={"note": "grams"})):
        assert kind_of(field) is kind
        assert not is_required(field)


@pytest.mark.parametrize(
    "arrow_type",
    [
        *(pa.bool_(), pa.int32(), pa.uint64(), pa.float32(), pa.large_string(), pa.binary(), pa.date32(), pa.null()),
        *(pa.list_(pa.int64()), pa.large_list(pa.string()), pa.struct([("a", pa.string())]), pa.decimal128(9, 2)),
    ],
    ids=str,
)
def test_a_plain_field_of_another_type_is_no_input(arrow_type: pa.DataType) -> None:
    with pytest.raises(ValueError, match="input 'weight': rows are not read as ") as raised:
        kind_of(pa.field("weight", arrow_type))
    assert str(arrow_type) in str(raised.value)
    assert all(kind.value in str(raised.value) for kind in Kind)


def test_a_kind_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="'colour' is not a valid Kind"):
        kind_of(pa.field("weight", pa.string(), metadata={"kind": "colour"}))


def test_a_schema_keeps_what_its_inputs_say_on_its_way_to_a_worker() -> None:
    found = pickle.loads(pickle.dumps(Course2024.inputs))  # its own bytes
    assert {field.name: (kind_of(field), is_required(field)) for field in found} == {
        "title": (Kind.TEXT, True),
        "parent_asin": (Kind.ANY_AS_TEXT, False),
        "price": (Kind.NUMBER_AS_TEXT, True),
        "description": (Kind.TEXTS, False),
        "features": (Kind.TEXTS, False),
        "details": (Kind.JSON, False),
    }
    assert found.equals(Course2024.inputs, check_metadata=True)


def test_json_as_it_came_has_a_column_of_its_own() -> None:
    assert json_source_name("details") == "details_json"
