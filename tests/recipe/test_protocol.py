"""A recipe describes itself as data, by which the rest of the program works; a wrong description is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import msgspec
import pyarrow as pa
import pytest

from job.recipe.course_2024.recipe import Course2024
from job.recipe.inputs import Kind, recipe_input
from job.recipe.protocol import (
    RESERVED,
    Recipe,
    RecipeDescription,
    RecipeSettings,
    Roles,
    arrow_type,
    describe,
    type_name,
)
from job.recipe.registry import UNDESCRIBED, question


class Shop:
    """A recipe with as little as a recipe can have."""

    name: ClassVar = "shop"
    version: ClassVar = 3
    inputs: ClassVar = pa.schema([recipe_input("name", Kind.TEXT), recipe_input("cost", Kind.NUMBER)])
    drop_reasons: ClassVar[Iterable[str]] = ("too_dear", "too_cheap")
    item_schema: ClassVar = pa.schema(
        [("sku", pa.string()), ("dollars", pa.float64()), ("tags", pa.list_(pa.string()))]
    )
    described_as: ClassVar[Mapping[str, Any]] = {}
    fingerprints: ClassVar[Mapping[str, str]] = {}

    def __init__(self, settings: Any) -> None:
        del settings

    def judge(self, rows: pa.Table) -> pa.Table:
        return rows


def shop(**changes: Any) -> type[Recipe]:
    """Returns the recipe with other class attributes."""
    return type("Changed", (Shop,), changes)


def inputs(*names: str) -> pa.Schema:
    return pa.schema([recipe_input(name, Kind.TEXT) for name in names])


def columns(*names: str) -> pa.Schema:
    return pa.schema([(name, pa.string()) for name in names])


def test_the_course_s_recipe_is_what_plans_without_a_description_were_made_by() -> None:
    assert describe(Course2024) == msgspec.structs.replace(UNDESCRIBED, name="course-2024")  # renamed since


def test_a_recipe_need_not_say_more_than_its_inputs_reasons_and_columns() -> None:
    found = describe(shop())
    assert found == RecipeDescription(
        name="shop",
        version=3,
        reasons=("too_dear", "too_cheap"),
        columns={"sku": "string", "dollars": "double", "tags": "list<string>"},
    )
    assert found.verdicts == ("too_dear", "too_cheap", "malformed", "kept")
    assert found.item_fields() == [pa.field("category", pa.string()), *Shop.item_schema]


FULL = {
    "roles": Roles(id="sku", title="sku", text="sku", price="dollars", length="dollars"),
    "prompt": "{sku} costs {{about}} $",
    "completion": "{dollars}",
    "heading": "Goods",
    "summary": "What a shop sells.",
    "noun": "good",
    "length_unit": "words",
}


@pytest.mark.parametrize("described_as", [{}, FULL], ids=["little", "all"])
def test_a_description_is_the_same_after_it_has_been_in_a_file(described_as: dict[str, Any]) -> None:
    found = describe(shop(described_as=described_as))
    assert msgspec.json.decode(msgspec.json.encode(found), type=RecipeDescription) == found
    assert {name: getattr(found, name) for name in described_as} == described_as


# What is refused


def refused(**changes: Any) -> str:
    with pytest.raises(ValueError, match="recipe shop: ") as raised:
        describe(shop(**changes))
    return str(raised.value)


@pytest.mark.parametrize("name", [*sorted(RESERVED), "keep:store", ":", "a:"])
def test_no_input_or_column_has_a_name_that_readers_use(name: str) -> None:
    said = f"recipe shop: no input or item column can be called {name!r}"
    assert refused(inputs=inputs("name", name)) == said
    assert refused(item_schema=columns("sku", name)) == said


def test_the_names_that_readers_use_are_those() -> None:
    assert {"partition", "position", "verdict", "cause", "raw"} == RESERVED


def test_no_column_is_the_category_but_an_input_may_be() -> None:
    assert "'category' is added by the program" in refused(item_schema=columns("sku", "category"))
    assert describe(shop(inputs=inputs("category"))).columns.keys() == {"sku", "dollars", "tags"}


@pytest.mark.parametrize("reason", ["kept", "malformed", "end"])
def test_no_reason_is_a_verdict_of_the_program(reason: str) -> None:
    assert refused(drop_reasons=("too_dear", reason)) == f"recipe shop: {reason!r} cannot be a drop reason"


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"inputs": inputs("name", "cost", "name")}, "the input 'name'"),
        ({"item_schema": columns("sku", "tags", "tags")}, "the column 'tags'"),
        ({"drop_reasons": ("too_dear", "bad", "too_dear")}, "the reason 'too_dear'"),
    ],
)
def test_nothing_is_named_twice(changes: dict[str, Any], what: str) -> None:
    assert refused(**changes) == f"recipe shop: {what} is named twice"


def test_an_input_and_a_column_may_have_the_same_name() -> None:
    assert list(describe(shop(item_schema=columns("name", "cost"))).columns) == ["name", "cost"]


@pytest.mark.parametrize("key", ["prompt", "completion"])
@pytest.mark.parametrize(
    "template",
    [
        *("{name}", "{sku} {cost}", "{category}", "{}", "{0}", "{ sku}", "{SKU}"),
        *("{sku.__class__}", "{tags[0]}", "{sku!r}", "{dollars:.2f}", "{sku:{dollars}}", "{sku!r:>9}"),
    ],
)
def test_only_item_columns_stand_in_the_braces_of_a_template(key: str, template: str) -> None:
    said = refused(described_as={key: template})
    assert said == f"recipe shop: a template names item columns, as in {{title}}: {template!r}"


@pytest.mark.parametrize("template", ["{sku", "sku}", "{sku!}"])
def test_a_template_that_cannot_be_read_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        describe(shop(described_as={"prompt": template}))


@pytest.mark.parametrize("role", Roles.__struct_fields__)
def test_a_role_is_an_item_column(role: str) -> None:
    said = refused(described_as={"roles": Roles(**{role: "cost"})})  # which is an input
    assert said == f"recipe shop: its {role} is 'cost', which is no item column"
    assert getattr(describe(shop(described_as={"roles": Roles(**{role: "sku"})})).roles, role) == "sku"


def test_a_column_of_a_type_that_items_cannot_have_is_refused() -> None:
    schema = pa.schema([("sku", pa.string()), ("maker", pa.struct([("name", pa.string())]))])
    with pytest.raises(ValueError, match="items cannot have the type struct<name: string>"):
        describe(shop(item_schema=schema))


def test_settings_say_which_recipe_they_are_for() -> None:
    with pytest.raises(TypeError, match="RecipeSettings does not say which recipe it is for"):
        RecipeSettings.recipe_type()


# Templates as they are used


def test_a_template_makes_the_question() -> None:
    described = describe(shop(described_as={"prompt": "{sku} has {tags} and costs {{about}} $"}))
    item = {"category": "Goods", "sku": "K-{1}", "dollars": 2.5, "tags": ["red"]}
    assert question(described, item) == "K-{1} has ['red'] and costs {about} $"


def test_without_a_template_only_a_built_in_recipe_has_a_question() -> None:
    item = {"prompt": "What?\n\nPrice is $5.00"}
    assert question(describe(shop()), item) is None
    assert question(describe(Course2024), item) == "What?\n\nPrice is $"


# Types by name

NAMES = {
    "string": pa.string(),
    "double": pa.float64(),
    "float": pa.float32(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "uint8": pa.uint8(),
    "bool": pa.bool_(),
    "date32[day]": pa.date32(),
    "timestamp[us]": pa.timestamp("us"),
    "list<string>": pa.list_(pa.string()),
    "list<double>": pa.list_(pa.float64()),
    "list<list<int32>>": pa.list_(pa.list_(pa.int32())),
}


@pytest.mark.parametrize(("name", "kind"), NAMES.items(), ids=NAMES.keys())
def test_a_type_is_the_same_after_it_has_been_written_down(name: str, kind: pa.DataType) -> None:
    assert type_name(kind) == name
    assert arrow_type(name) == kind


@pytest.mark.parametrize("inner", ["item", "element", "x"])
@pytest.mark.parametrize("nullable", [True, False])
def test_what_a_list_calls_its_strings_is_no_part_of_its_name(inner: str, nullable: bool) -> None:
    """Parquet calls them otherwise than Arrow."""
    assert type_name(pa.list_(pa.field(inner, pa.string(), nullable=nullable))) == "list<string>"


@pytest.mark.parametrize(
    "kind",
    [
        pa.struct([("a", pa.string())]),
        pa.list_(pa.struct([("a", pa.string())])),
        pa.map_(pa.string(), pa.string()),
        pa.dictionary(pa.int32(), pa.string()),
        pa.large_list(pa.string()),
        pa.list_(pa.string(), 3),
        pa.decimal128(9, 2),
        pa.timestamp("us", "UTC"),
        pa.binary(16),
    ],
    ids=str,
)
def test_a_type_that_items_cannot_have_has_no_name(kind: pa.DataType) -> None:
    with pytest.raises(ValueError, match="items cannot have the type"):
        type_name(kind)


@pytest.mark.parametrize("name", ["", "text", "list<text>", "list<string", "list<>", "struct<a: string>", "string "])
def test_what_is_no_name_of_a_type_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        arrow_type(name)
