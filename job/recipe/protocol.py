"""What a recipe is: rows of a source go in; an item or a drop reason comes out for each.

A recipe is a class that follows `Recipe`, and a class of settings that names it. It declares as data what the rest of
the program needs to know: which fields it reads, which reasons it gives, which columns its items have, and what some of
these columns mean. That description stands in the plan and the manifest of each output, so that an output is
verified and shown without the recipe's code.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import msgspec
import pydantic
from pydantic import BaseModel, ConfigDict

from job.recipe.inputs import Kind, json_source_name, kind_of
from job.recipe.verdicts import CUT_OFF, END, KEPT, MALFORMED

if TYPE_CHECKING:
    import pyarrow as pa

    from job.recipe.custom.code import RecipeCode

CATEGORY = "category"
"""Name of the first column of every item, which the program adds."""

RESERVED = frozenset({"partition", "position", "verdict", "cause", "raw"})
"""Names that readers use for columns of their own; no input or item column can have one."""


class RecipeSettings(BaseModel, frozen=True):
    """Settings of a recipe: the config's section `recipe`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    old_names: ClassVar[tuple[str, ...]] = ()
    """Names that the recipe had before, the first of all first. Configs and outputs may have any of them."""

    name: str
    """The recipe."""

    recipe_code: ClassVar[RecipeCode | None] = None
    """Source code of a user's own recipe; None for those of the program."""

    @pydantic.field_validator("name", mode="before")
    @classmethod
    def _current_name(cls, name: object) -> object:
        return cls.model_fields["name"].default if name in cls.old_names else name

    def identity(self) -> dict[str, Any]:
        """Returns what enters the identity of the work: all settings, and a name that says nothing of this machine.

        A recipe with a new name keeps its first one here.
        """
        return self.model_dump(mode="json") | ({"name": self.old_names[0]} if self.old_names else {})

    @classmethod
    def recipe_type(cls) -> type[Recipe]:
        """Returns the recipe that these are the settings of, importing it when it is asked for."""
        raise TypeError(f"{cls.__name__} does not say which recipe it is for")


class Roles(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which item column means what; None where a recipe has no such column."""

    id: str | None = None
    """Identifies the listing in its source."""
    title: str | None = None
    """Name of the listing, for people."""
    text: str | None = None
    """What a model reads."""
    price: str | None = None
    """Dollars."""
    length: str | None = None
    """Size of the text, in `RecipeDescription.length_unit`."""


class RecipeDescription(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a recipe says of itself, as data: it stands in the plan and the manifest."""

    name: str
    version: int
    reasons: tuple[str, ...]
    """Drop reasons in the order in which the rules are applied."""
    columns: dict[str, str]
    """Item columns beside the category: Arrow type by name, such as `list<string>`."""
    roles: Roles = Roles()
    prompt: str | None = None
    """Template of the question, such as `{title}\\n\\nPrice is $`; None without one, or where code makes it."""
    completion: str | None = None
    """Template of the answer."""
    heading: str = ""
    """Title of the data set card."""
    summary: str = ""
    """One sentence on what the items are."""
    noun: str = "item"
    """What the text column holds one of."""
    length_unit: str = ""
    """Unit of the length column, in the plural."""

    @property
    def verdicts(self) -> tuple[str, ...]:
        """Every verdict that a row can get, in the order of the funnel."""
        return (*self.reasons, MALFORMED, KEPT)

    def item_fields(self) -> list[pa.Field]:
        """Returns the item's columns, the category first."""
        import pyarrow as pa

        return [
            pa.field(CATEGORY, pa.string()),
            *[pa.field(name, arrow_type(text)) for name, text in self.columns.items()],
        ]


@dataclass(frozen=True, kw_only=True, slots=True)
class FirstRows:
    """The first rows of a category that is new to an output."""

    rows: pa.Table
    """Those that are well-formed, as `Recipe.judge` gets them: at least one."""
    keys: tuple[str, ...]
    """Keys that any of them has in the source: those of JSON objects, or Parquet columns."""
    names: Mapping[str, str]
    """Key in the source by input."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a recipe sees in the first rows of a category."""

    message: str
    """What was found, to follow the category's name."""
    advice: str = ""
    """What to type or do next."""
    is_fatal: bool = True
    """Whether no row like these can become an item, so that no work is started."""


class Recipe(Protocol):
    """Makes items of rows. Class attributes describe it; an instance has settings and does the work.

    A recipe may have a class method `first_rows(first: FirstRows) -> Finding | None`, which looks at the first rows of
    a category before work starts; and a method `explain(row: pa.Table) -> Sequence[str]`, which says for one row what
    each step found, with the number that decided.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    """Goes up whenever the code gives other items for the same rows and settings."""
    inputs: ClassVar[pa.Schema]
    """Fields that it reads of a row; see `job.recipe.inputs`."""
    drop_reasons: ClassVar[Iterable[str]]
    """Why a well-formed row may not become an item, in the order in which the rules are applied; an enum, say."""
    item_schema: ClassVar[pa.Schema]
    """Columns of an item, beside the category."""
    described_as: ClassVar[Mapping[str, Any]]
    """Any of the optional fields of `RecipeDescription`, such as `roles`."""
    fingerprints: ClassVar[Mapping[str, str]]
    """Data beside the code that decides the items, such as a vocabulary: name and digest, for the job's identity."""

    def __init__(self, settings: Any) -> None: ...

    def judge(self, rows: pa.Table) -> pa.Table:
        """Judges each row of a batch.

        Args:
            rows: well-formed rows with the columns of `inputs`; they may have others. A `Kind.JSON` input comes under
                its own name or under `json_source_name`.

        Returns:
            A table with as many rows in the same order: `verdict` (`kept`, or a drop reason), and the columns of
            `item_schema`, null where the verdict is not `kept`.
        """
        ...


def describe(recipe: type[Recipe]) -> RecipeDescription:
    """Returns what a recipe says of itself.

    Raises:
        ValueError: when an input has a name that readers need, or is named twice; and see `check_description`.
    """
    columns = {field.name: type_name(field.type) for field in recipe.item_schema}
    if twice := [name for name in columns if recipe.item_schema.names.count(name) > 1]:
        raise ValueError(f"recipe {recipe.name}: the column {twice[0]!r} is named twice")
    inputs = recipe.inputs.names
    sources = [json_source_name(field.name) for field in recipe.inputs if kind_of(field) == Kind.JSON]
    for name in inputs:
        if name in RESERVED or name in sources or ":" in name:
            raise ValueError(f"recipe {recipe.name}: no input or item column can be called {name!r}")
        if inputs.count(name) > 1:
            raise ValueError(f"recipe {recipe.name}: the input {name!r} is named twice")
    described = RecipeDescription(
        name=recipe.name,
        version=recipe.version,
        reasons=tuple(map(str, recipe.drop_reasons)),
        columns=columns,
        **recipe.described_as,
    )
    check_description(described)
    return described


def check_description(described: RecipeDescription) -> None:
    """Checks a description, which may come from a plan that somebody else wrote.

    Raises:
        ValueError: when it names a column that readers need, the category, a verdict of the program as a reason, a role
            for a column that its items do not have, an unknown type, or a reason twice; or when a template takes
            anything but item columns.
    """
    recipe, columns, reasons = f"recipe {described.name}", described.columns, described.reasons
    if taken := [name for name in columns if name in RESERVED or ":" in name]:
        raise ValueError(f"{recipe}: no input or item column can be called {taken[0]!r}")
    if CATEGORY in columns:
        raise ValueError(f"{recipe}: the item column {CATEGORY!r} is added by the program")
    if wrong := {KEPT, MALFORMED, END, CUT_OFF} & {*reasons}:
        raise ValueError(f"{recipe}: {wrong.pop()!r} cannot be a drop reason")
    if twice := [name for name in reasons if reasons.count(name) > 1]:
        raise ValueError(f"{recipe}: the reason {twice[0]!r} is named twice")
    for name in columns.values():
        type_name(arrow_type(name))
    for template in (described.prompt, described.completion):
        for _, field, format_spec, conversion in string.Formatter().parse(template or ""):
            if field is not None and (field not in columns or format_spec or conversion):
                raise ValueError(f"{recipe}: a template names item columns, as in {{title}}: {template!r}")
    for role, column in msgspec.structs.asdict(described.roles).items():
        if column is not None and column not in columns:
            raise ValueError(f"{recipe}: its {role} is {column!r}, which is no item column")


_ITEM_TYPES = frozenset(
    {
        *("string", "bool", "double", "float", "date32[day]"),
        *[f"timestamp[{unit}]" for unit in ("s", "ms", "us", "ns")],
        *[f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)],
    }
)
"""Arrow types of item columns that every reader of a shard knows, `datasets` included."""


def type_name(kind: pa.DataType) -> str:
    """Writes an Arrow type for the plan: `string`, `double`, `list<string>`.

    Raises:
        ValueError: when items cannot have it.
    """
    import pyarrow as pa

    if pa.types.is_list(kind):
        return f"list<{type_name(kind.value_type)}>"
    if (name := str(kind)) in _ITEM_TYPES:
        return name
    raise ValueError(f"items cannot have the type {kind}; use text, numbers, booleans, dates, or lists of them")


def arrow_type(name: str) -> pa.DataType:
    """Reads what `type_name` wrote.

    Raises:
        ValueError: when it is no such name.
    """
    import pyarrow as pa

    if name.startswith("list<") and name.endswith(">"):
        return pa.list_(arrow_type(name[len("list<") : -1]))
    if name not in _ITEM_TYPES:
        raise ValueError(f"{name!r} is no type of an item column")
    return pa.type_for_alias(name)
