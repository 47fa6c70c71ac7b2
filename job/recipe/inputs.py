"""The inputs of a recipe: which fields of a row it reads, and what each may hold.

An input is an Arrow field. Its type is what the recipe receives; its *kind*, in the field's metadata, says what the
source may hold there. A value that does not fit makes the row malformed.
"""

from __future__ import annotations

import enum
import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_KIND, _REQUIRED = b"kind", b"required"


class Kind(enum.StrEnum):
    """What a source may hold in a field."""

    TEXT = "text"
    """Text or null."""
    TEXTS = "texts"
    """A list of strings, or null."""
    NUMBER_AS_TEXT = "number-as-text"
    """A number, text or null. The recipe receives text: a number as `str` writes it; null may be `None`."""
    ANY_AS_TEXT = "any-as-text"
    """Anything, as for an identifier. The recipe receives text as it stands, other values as JSON."""
    JSON = "json"
    """Any JSON value. The recipe receives it as JSON text. See `json_source_name`."""
    NUMBER = "number"
    """A finite number or null."""
    WHOLE_NUMBER = "whole-number"
    """A whole number that fits in 64 bits, or null."""


@functools.cache
def _types() -> dict[Kind, pa.DataType]:
    """Returns the Arrow type of each kind that has one of its own; all others come as text."""
    import pyarrow as pa

    return {
        Kind.TEXT: pa.string(),
        Kind.TEXTS: pa.list_(pa.string()),
        Kind.NUMBER: pa.float64(),
        Kind.WHOLE_NUMBER: pa.int64(),
    }


def recipe_input(name: str, kind: Kind, *, required: bool = False) -> pa.Field:
    """Declares an input.

    Args:
        name: key of the row's JSON object, or column of the Parquet file.
        kind: what the source may hold there.
        required: whether a source whose columns are mapped by `source.fields` must have it too. A source that is read
            as it is must have all of them.

    Returns:
        The field, for the schema `Recipe.inputs`.
    """
    import pyarrow as pa

    metadata = {_KIND: kind.value.encode()} | ({_REQUIRED: b"1"} if required else {})
    return pa.field(name, _types().get(kind, pa.string()), metadata=metadata)


def kind_of(field: pa.Field) -> Kind:
    """Returns the kind of an input; a plain Arrow field has the kind of its type.

    Raises:
        ValueError: when no kind has such a type.
    """
    declared = (field.metadata or {}).get(_KIND)
    if declared is not None:
        return Kind(declared.decode())
    for kind, kind_type in _types().items():
        if field.type == kind_type:
            return kind
    raise ValueError(f"input {field.name!r}: rows are not read as {field.type}; use one of: {', '.join(Kind)}")


def is_required(field: pa.Field) -> bool:
    """Tells whether a source with mapped columns must have the input."""
    return _REQUIRED in (field.metadata or {})


def encodable(text: str) -> str:
    """Replaces lone surrogates, which JSON can escape and UTF-8 cannot encode, by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def json_source_name(name: str) -> str:
    """Returns the column that holds a `Kind.JSON` input as it came.

    A JSONL file holds the value as JSON of any spacing. Most rows are dropped before anybody looks at it, so the reader
    passes the bytes on in this column, and the recipe rewrites those that it needs. A Parquet file holds text as
    `json.dumps` writes it, which comes in the column of the input's own name.
    """
    return f"{name}_json"
