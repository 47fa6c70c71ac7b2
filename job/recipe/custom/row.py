"""A recipe as a plain function of one row. What it reads and makes stands in the function's annotations."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import json
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin

import pyarrow as pa

from job.recipe.inputs import Kind, json_source_name, kind_of, recipe_input
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
    null; rows with anything else there are malformed. `Any` or `dict` takes any JSON value. For a price that may be a
    number or text, write `Annotated[str, Kind.NUMBER_AS_TEXT]`; it comes as text.

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

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "judge_row" not in vars(cls):
            return
        hints = typing.get_type_hints(cls.judge_row, include_extras=True)
        returned = _alternatives(hints.pop("return", None))
        if "inputs" not in vars(cls):
            names = list(inspect.signature(cls.judge_row).parameters)[1:]
            cls.inputs = pa.schema([_input(cls.__name__, name, hints.get(name)) for name in names])
        if "item_schema" not in vars(cls):
            cls.item_schema = _item_schema(cls.__name__, [each for each in returned if not _is_reason(each)])
        if "drop_reasons" not in vars(cls):
            cls.drop_reasons = tuple(str(member.value) for each in returned if _is_reason(each) for member in each)

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

    def _values(self, rows: pa.Table) -> Iterable[list[Any]]:
        if not len(self.inputs):
            return [[]] * rows.num_rows
        return [list(_values(rows, field)) for field in self.inputs]

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
    try:
        return pa.array(values, field.type)
    except (pa.ArrowException, OverflowError, TypeError, ValueError, UnicodeError):
        for index, value in enumerate(values):
            try:
                pa.array([value], field.type)
            except (pa.ArrowException, OverflowError, TypeError, ValueError, UnicodeError) as error:
                message = f"its item's column {field.name!r} is {value!r:.100}, which is no {field.type}: {error}"
                raise RowError(index, message) from None
        raise


def _values(rows: pa.Table, field: pa.Field) -> Iterable[Any]:
    if kind_of(field) != Kind.JSON:
        return rows[field.name].to_pylist()
    source = json_source_name(field.name)
    texts = rows[source if source in rows.column_names else field.name].to_pylist()
    return (None if text is None else json.loads(text) for text in texts)


def _alternatives(annotation: Any) -> list[Any]:
    """Returns what an annotation allows, `None` left out."""
    if get_origin(annotation) in (Union, types.UnionType):
        return [each for each in get_args(annotation) if each is not types.NoneType]
    return [] if annotation is None else [annotation]


def _is_reason(annotation: Any) -> bool:
    return inspect.isclass(annotation) and issubclass(annotation, enum.Enum)


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
