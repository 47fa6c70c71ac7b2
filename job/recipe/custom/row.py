"""A recipe as a plain function of one row. What it reads and makes stands in the function's annotations."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import json
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin

import pyarrow as pa

from job.recipe.inputs import Kind, json_source_name, kind_of, recipe_input
from job.recipe.json_depth import MAX_DEPTH, is_deeper
from job.recipe.protocol import RecipeSettings
from job.recipe.verdicts import KEPT

_KINDS: dict[Any, Kind] = {
    str: Kind.TEXT,
    list[str]: Kind.TEXTS,
    float: Kind.NUMBER,
    int: Kind.WHOLE_NUMBER,
    Any: Kind.JSON,
    object: Kind.JSON,
    dict: Kind.JSON,
    list: Kind.JSON,
}
_ITEM_TYPES: dict[Any, pa.DataType] = {
    str: pa.string(),
    float: pa.float64(),
    int: pa.int64(),
    bool: pa.bool_(),
}


class RowError(Exception):
    """A recipe failed at a row. The error that it raised is the cause, if there is one."""

    def __init__(self, index: int, message: str):
        super().__init__(message)
        self.index = index
        """Number of the row in the batch."""


class RowRecipe:
    """A recipe that judges one row at a time. A subclass has the method `judge_row`.

        class Shelf(RowRecipe):
            def judge_row(self, title: str | None, features: list[str] | None) -> Example | NoExample: ...

    Each parameter is a field of the source by its name. `str`, `list[str]`, `float` and `int` take what fits them, and
    with `| None` null too; rows with anything else there are malformed. `Any` takes any JSON value, `dict` an object,
    and None for anything else. For a price that may be a number or text, write
    `Annotated[str | None, Kind.NUMBER_AS_TEXT]`: it comes as text.

    What it returns is an item (an instance of a `NamedTuple` or a data class, whose fields are the item's columns) or a
    drop reason (a member of an enum of strings). Where annotations do not do, `inputs`, `item_schema` and
    `drop_reasons` can be given as `job.recipe.protocol.Recipe` says; the method may then return a dict or a string.

    Args:
        settings: the config's section `recipe`, an instance of the class's own `Settings` if it has such a class.
    """

    Settings: ClassVar[type[RecipeSettings]] = RecipeSettings
    version: ClassVar[int] = 1
    inputs: ClassVar[pa.Schema]
    drop_reasons: ClassVar[Iterable[str]]
    item_schema: ClassVar[pa.Schema]
    judge_row: Callable[..., Any]
    _never_null: ClassVar[set[str]] = set()
    """Parameters whose annotation does not allow None."""
    _containers: ClassVar[Mapping[str, type]] = {}
    """Parameters that take a dict or a list of any values; what is none there is None."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "judge_row" not in vars(cls):
            return
        hints = typing.get_type_hints(cls.judge_row, include_extras=True)
        returned = _alternatives(hints.pop("return", None))
        if "inputs" not in vars(cls):
            names = _parameters(cls)
            cls._never_null = {name for name in names if not _may_be_null(hints.get(name))}
            cls._containers = {name: kind for name in names if (kind := _container(hints.get(name)))}
            cls.inputs = pa.schema([_input(cls.__name__, name, hints.get(name)) for name in names])
        if "item_schema" not in vars(cls):
            cls.item_schema = _item_schema(cls.__name__, [each for each in returned if not _is_enum(each)])
        if "drop_reasons" not in vars(cls):
            cls.drop_reasons = tuple(reason for each in returned if _is_enum(each) for reason in _reasons(each))

    def __init__(self, settings: Any) -> None:
        self.settings = settings
        self.notes: list[str] | None = None
        """What `note` was told of the row; None unless somebody wants to see it."""
        self._columns = self.item_schema.names
        self._reasons = {*map(str, self.drop_reasons)}

    def note(self, text: str) -> None:
        """Says what a step found in the row, for `curate try`: `self.note(f"{len(text)} characters")`."""
        if self.notes is not None:
            self.notes.append(text)

    def explain(self, row: pa.Table) -> list[str]:
        """Returns what the steps found in a row, for `curate try`.

        Args:
            row: one row, as `judge` takes it.
        """
        self.notes = []
        try:
            self.judge(row)
            return self.notes
        finally:
            self.notes = None

    def judge(self, rows: pa.Table) -> pa.Table:
        """Judges each row of a batch; see `job.recipe.protocol.Recipe`.

        Raises:
            RowError: naming the row that `judge_row` failed at.
        """
        verdicts: list[str] = []
        items: list[Mapping[str, Any]] = []
        for index, values in enumerate(zip(*self._values(rows), strict=True)):
            if self._never_null and None in values:
                self._check_nulls(index, values)
            try:
                result = self.judge_row(*values)
            except (Exception, SystemExit) as error:
                raise RowError(index, "judge_row failed") from error
            is_item, found = self._result(index, result)
            verdicts.append(KEPT if is_item else found)
            items.append(found if is_item else {})
        columns = [_column(field, items) for field in self.item_schema]
        return pa.table(
            [pa.array(verdicts, pa.string()), *columns], schema=pa.schema([("verdict", pa.string()), *self.item_schema])
        )

    def _check_nulls(self, index: int, values: Sequence[Any]) -> None:
        for name, value in zip(self.inputs.names, values, strict=True):
            if value is None and name in self._never_null:
                raise RowError(
                    index,
                    f"{name} is missing or null there, and judge_row does not expect it\n"
                    f"write `{name}: ... | None`, and say what becomes of such a row",
                )

    def _values(self, rows: pa.Table) -> Iterable[list[Any]]:
        if not len(self.inputs):
            return [[]] * rows.num_rows
        return [list(_values(rows, field, self._containers.get(field.name, object))) for field in self.inputs]

    def _result(self, index: int, result: Any) -> tuple[bool, Any]:
        """Returns whether a result is an item, and the item by column, or the drop reason."""
        if isinstance(result, str):
            reason = str(result.value) if isinstance(result, enum.Enum) else result
            if reason not in self._reasons:
                named = ", ".join(sorted(self._reasons)) or "none"
                raise RowError(index, f"it gave the drop reason {reason!r}, which it does not name; it names: {named}")
            return False, reason
        if isinstance(result, tuple) and hasattr(result, "_asdict"):
            item: Any = result._asdict()  # pyright: ignore[reportAttributeAccessIssue]
        elif dataclasses.is_dataclass(result) and not isinstance(result, type):
            item = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
        else:
            item = result
        if not isinstance(item, dict):
            raise RowError(index, f"it returned {result!r:.100}, which is neither an item nor a drop reason")
        if missing := [name for name in self._columns if name not in item]:
            raise RowError(index, f"its item has no column {missing[0]!r}, which it promised")
        if unknown := [name for name in item if name not in self._columns]:
            raise RowError(index, f"its item has a column {unknown[0]!r}, which it did not name")
        return True, item


def _column(field: pa.Field, items: list[Mapping[str, Any]]) -> pa.Array:
    values = [item.get(field.name) for item in items]
    for index, value in enumerate(values):
        if value is not None and not _fits(value, field.type):
            raise _wrong(index, field, value, f"it is of the type {type(value).__name__}")
    try:
        return pa.array(values, field.type)
    except _UNFIT:
        for index, value in enumerate(values):
            try:
                pa.array([value], field.type)
            except _UNFIT as error:
                raise _wrong(index, field, value, error) from None
        raise


_UNFIT = (pa.ArrowException, OverflowError, TypeError, ValueError)
"""Errors of Arrow for a value that a type cannot hold."""


def _wrong(index: int, field: pa.Field, value: Any, why: object) -> RowError:
    return RowError(index, f"its item's column {field.name!r} is {value!r:.100}, which is no {field.type}: {why}")


def _fits(value: Any, kind: pa.DataType) -> bool:
    """Tells whether a value is of a type's own Python type: Arrow would cut 2.7 to 2, and take bytes for text."""
    if pa.types.is_list(kind):
        return isinstance(value, list | tuple) and all(each is None or _fits(each, kind.value_type) for each in value)
    if pa.types.is_boolean(kind):
        return isinstance(value, bool)
    if pa.types.is_integer(kind):
        return isinstance(value, int) and not isinstance(value, bool)
    if pa.types.is_floating(kind):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str) if pa.types.is_string(kind) else True


def _values(rows: pa.Table, field: pa.Field, container: type) -> Iterable[Any]:
    kind = kind_of(field)
    if kind == Kind.NUMBER_AS_TEXT:  # null comes as `None` from JSONL
        return (None if text == "None" else text for text in rows[field.name].to_pylist())
    if kind != Kind.JSON:
        return rows[field.name].to_pylist()
    source = json_source_name(field.name)
    values = map(_json_value, rows[source if source in rows.column_names else field.name].to_pylist())
    return (value if isinstance(value, container) else None for value in values)


def _json_value(text: str | None) -> Any:
    """Reads a value of any kind. Text in a row, of JSONL as of Parquet, is read as JSON once, if it is any."""
    value: Any = text
    for _ in range(2):
        if not isinstance(value, str) or is_deeper(value.encode("utf-8", "replace"), MAX_DEPTH):
            break
        try:
            value = json.loads(value)
        except ValueError:
            break
    return value


def _alternatives(annotation: Any) -> list[Any]:
    """Returns what an annotation allows, `None` left out."""
    if get_origin(annotation) in (Union, types.UnionType):
        return [each for each in get_args(annotation) if each is not types.NoneType]
    return [] if annotation is None else [annotation]


def _is_enum(annotation: Any) -> bool:
    return inspect.isclass(annotation) and issubclass(annotation, enum.Enum)


def _reasons(annotation: type[enum.Enum]) -> list[str]:
    if not issubclass(annotation, str):
        raise TypeError(f"{annotation.__name__} is a plain Enum: write class {annotation.__name__}(StrEnum)")
    return [str(member.value) for member in annotation]


def _may_be_null(annotation: Any) -> bool:
    if get_origin(annotation) is Annotated:
        return _may_be_null(get_args(annotation)[0])
    return annotation in (Any, object) or types.NoneType in get_args(annotation)


def _container(annotation: Any) -> type | None:
    alternatives = _alternatives(annotation)
    kinds = {get_origin(each) or each for each in alternatives}
    if kinds == {dict}:
        return dict
    return list if kinds == {list} and alternatives != [list[str]] else None


def _parameters(recipe: type[RowRecipe]) -> list[str]:
    """Returns the names of what a method `judge_row` takes of a row."""
    parameters = list(inspect.signature(recipe.judge_row).parameters.values())
    is_method = inspect.isfunction(vars(recipe)["judge_row"]) and parameters
    if not is_method or any(each.kind != each.POSITIONAL_OR_KEYWORD for each in parameters):
        raise TypeError(f"{recipe.__name__}.judge_row must be a plain method: self, then a parameter for each field")
    return [each.name for each in parameters[1:]]


def _input(recipe: str, name: str, annotation: Any) -> pa.Field:
    alternatives = _alternatives(annotation)
    only = alternatives[0] if len(alternatives) == 1 else None
    if get_origin(only) is Annotated:
        kinds = [each for each in get_args(only)[1:] if isinstance(each, Kind)]
        if kinds:
            return recipe_input(name, kinds[0])
    kind = _KINDS.get(only) or _KINDS.get(get_origin(only))
    if only is None or kind is None:
        raise TypeError(
            f"{recipe}.judge_row: the parameter {name} needs a type that rows can be read as: "
            "str, list[str], float, int, dict or Any, each also with `| None`"
        )
    return recipe_input(name, kind)


def _item_schema(recipe: str, classes: list[Any]) -> pa.Schema:
    if len(classes) != 1 or not (hasattr(classes[0], "_fields") or dataclasses.is_dataclass(classes[0])):
        raise TypeError(
            f"{recipe}.judge_row must say what it returns: one NamedTuple or data class, and an enum of drop reasons, "
            "as in `-> Example | NoExample`; or give item_schema"
        )
    hints = typing.get_type_hints(classes[0])
    return pa.schema([(name, _item_type(name, kind)) for name, kind in hints.items()])


def _item_type(where: str, annotation: Any) -> pa.DataType:
    (only, *others) = _alternatives(annotation) or [None]
    if not others and get_origin(only) is list:
        return pa.list_(_item_type(where, get_args(only)[0]))
    if others or only not in _ITEM_TYPES:
        raise TypeError(f"{where}: items cannot have the type {annotation}; use str, int, float, bool, lists of them")
    return _ITEM_TYPES[only]
