"""A small second recipe, which shares nothing with the course's: inputs, reasons, columns, settings, meaning."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import pyarrow as pa

from job.recipe.inputs import Kind, json_source_name, recipe_input
from job.recipe.protocol import RecipeSettings, Roles
from job.recipe.verdicts import KEPT


class LabelSettings(RecipeSettings, frozen=True):
    """What becomes an example."""

    name: str = "labels"
    """The recipe."""
    min_weight: float = 1.0
    """The lowest weight kept, in grams."""

    @classmethod
    def recipe_type(cls) -> type[Labels]:
        return Labels


class NoLabel(enum.StrEnum):
    UNNAMED = "unnamed"
    TOO_LIGHT = "too_light"
    NO_TAGS = "no_tags"


class Labels:
    """A name and its first tag: what a classifier is trained on."""

    name: ClassVar = "labels"
    version: ClassVar = 7
    inputs: ClassVar = pa.schema(
        [
            recipe_input("name", Kind.TEXT, required=True),
            pa.field("tags", pa.list_(pa.string())),
            pa.field("weight", pa.float64()),
            pa.field("stock", pa.int64()),
            recipe_input("attributes", Kind.JSON),
        ]
    )
    drop_reasons: ClassVar[Iterable[str]] = NoLabel
    item_schema: ClassVar = pa.schema(
        [("name", pa.string()), ("label", pa.string()), ("others", pa.list_(pa.string())), ("stock", pa.int64())]
    )
    described_as: ClassVar[Mapping[str, Any]] = {
        "roles": Roles(id="name", title="name", text="name"),
        "prompt": "Which shelf is {name} on?\n",
        "completion": "{label}",
        "heading": "Shelf labels",
        "noun": "name",
    }
    fingerprints: ClassVar[Mapping[str, str]] = {}

    def __init__(self, settings: LabelSettings) -> None:
        self._settings = settings

    def judge(self, rows: pa.Table) -> pa.Table:
        verdicts: list[str] = []
        items: list[dict[str, Any]] = []
        for row in rows.to_pylist():
            assert (row.get("attributes") or row.get(json_source_name("attributes"))) is not None
            verdict = self._verdict(row)
            verdicts.append(verdict)
            tags = row["tags"]
            item = {"name": row["name"], "label": tags[0], "others": tags[1:], "stock": row["stock"]} if tags else {}
            items.append(item if verdict == KEPT else {})
        table = pa.Table.from_pylist(items, schema=self.item_schema)
        return table.add_column(0, "verdict", pa.array(verdicts, pa.string()))

    def _verdict(self, row: dict[str, Any]) -> str:
        if row["name"] is None:
            return NoLabel.UNNAMED
        if row["weight"] is None or row["weight"] < self._settings.min_weight:
            return NoLabel.TOO_LIGHT
        return KEPT if row["tags"] else NoLabel.NO_TAGS
