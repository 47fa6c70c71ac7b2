"""Examples of dropped rows: the first few of each reason in a partition, with what decided, for people to look at."""

from __future__ import annotations

import contextlib
import io
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pyarrow as pa

from job.recipe.inputs import json_source_name
from job.recipe.protocol import Recipe, RecipeSettings, describe
from job.recipe.registry import make_recipe
from job.recipe.verdicts import KEPT

EXAMPLE = "example:"
"""Name of the column that carries them to the sink. No input or item column can have a colon in its name."""
PER_REASON = 3
"""Number of examples of each reason in a partition."""
_MOST = 60
"""Number of examples in a partition, at most: a recipe of the user's own may have many reasons."""
_TEXT_CHARS = 160
"""Characters of a title, or of what decided, that are kept."""
_EXPLAINED_BYTES = 1 << 20
"""Bytes of a row above which it is not asked what decided: that would take as long as a batch."""


class Example(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A row that was dropped."""

    id: str | None = None
    title: str | None = None
    """Its title; of a recipe that reads none, the beginning of the row."""
    decided: str | None = None
    """What the last step found, with the number that decided; None where the recipe does not say."""


@dataclass(slots=True)
class _Seen:
    """What was seen of a partition."""

    position: int = -1
    """Position of the last row; a row before it says that the partition is read anew."""
    reasons: Counter[str] = field(default_factory=Counter[str])


class FirstDropped:
    """Finds the first dropped rows of each partition. The batches of a partition come in order, in one process.

    Args:
        settings: settings of the recipe.
    """

    def __init__(self, settings: RecipeSettings):
        self._settings = settings
        self._seen: dict[int, _Seen] = {}

    def among(self, rows: pa.Table, verdicts: Sequence[str]) -> pa.Array:
        """Returns for each row of a batch its example as JSON; null for most.

        Args:
            rows: the rows as the recipe gets them, with `partition` and `position`.
            verdicts: what the recipe says of each.
        """
        found: list[str | None] = [None] * rows.num_rows
        begun: set[int] = set()
        positions = rows["position"]
        for index, (partition, verdict) in enumerate(zip(rows["partition"].to_pylist(), verdicts, strict=True)):
            if partition not in begun:
                begun.add(partition)
                seen = self._seen.setdefault(partition, _Seen())
                if (position := positions[index].as_py()) <= seen.position:
                    seen = self._seen[partition] = _Seen()
                seen.position = position
            if verdict == KEPT:
                continue
            reasons = self._seen[partition].reasons
            if reasons[verdict] < PER_REASON and reasons.total() < _MOST:
                reasons[verdict] += 1
                found[index] = _example(rows.slice(index, 1), self._settings)
        return pa.array(found, pa.string())


def examples_by_reason(verdicts: Sequence[str], found: Sequence[str | None]) -> dict[str, list[Example]]:
    """Returns the examples of a partition by their reason.

    Args:
        verdicts: the verdict of each row of the partition.
        found: what `FirstDropped.among` gave for each.
    """
    examples: dict[str, list[Example]] = {}
    for verdict, text in zip(verdicts, found, strict=True):
        if text is not None and len(of_reason := examples.setdefault(verdict, [])) < PER_REASON:
            of_reason.append(msgspec.json.decode(text, type=Example))
    return examples


def _example(row: pa.Table, settings: RecipeSettings) -> str:
    """Returns the example that a row makes, as JSON. Whatever is wrong with the row, the run goes on."""
    try:
        recipe = make_recipe(settings)
        roles = describe(type(recipe)).roles
        title, decided = _value(row, recipe, roles.title), None
        identifier = _value(row, recipe, roles.id)
        if row.nbytes <= _EXPLAINED_BYTES:
            title = _beginning(row, recipe) if title is None and identifier is None else title
            decided = _decided(row, recipe)
        return msgspec.json.encode(Example(id=_cut(identifier), title=_cut(title), decided=_cut(decided))).decode()
    except (Exception, SystemExit):
        return "{}"


def _value(row: pa.Table, recipe: Recipe, name: str | None) -> str | None:
    """Returns an input that has the name of an item column, which is how recipes carry an id or a title along."""
    value = row[name][0].as_py() if name in recipe.inputs.names and name in row.column_names else None
    return None if value is None else str(value)


def _beginning(row: pa.Table, recipe: Recipe) -> str:
    values: Mapping[str, Any] = row.to_pylist()[0]
    names = {source: name for name in recipe.inputs.names for source in (name, json_source_name(name))}
    return json.dumps({names[key]: value for key, value in values.items() if key in names}, ensure_ascii=False)


def _decided(row: pa.Table, recipe: Recipe) -> str | None:
    explain: Callable[[pa.Table], Sequence[str]] | None = getattr(recipe, "explain", None)
    if explain is None:
        return None
    with contextlib.suppress(Exception, SystemExit), contextlib.redirect_stdout(io.StringIO()):
        if steps := list(explain(row)):
            return str(steps[-1])
    return None


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= _TEXT_CHARS else f"{text[:_TEXT_CHARS]}…"
