"""Writes an output without a run: plan, shards, records and manifest, of items that a test chooses."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from msgspec import UNSET

from job.output.card import card
from job.output.folder import CARD, MANIFEST, PLAN, OutputFolder
from job.output.records import CategoryPlan, Identity, Plan, Record
from job.output.section import record_name
from job.output.shard import REJECTS_SCHEMA, content_digest, items_schema, parquet_bytes
from job.output.totals import add_up, complete
from job.recipe.examples import Example
from job.recipe.protocol import RecipeDescription, Roles
from job.recipe.verdicts import KEPT, MALFORMED
from job.source.files import FileIdentity
from job.source.read.partitions import Partition

DESCRIPTION = RecipeDescription(
    name="made",
    version=1,
    reasons=("too_dear", "unnamed"),
    columns={"key": "string", "name": "string", "cost": "double", "tags": "list<string>"},
    roles=Roles(id="key", title="name"),
)


def identity(category: str, **settings: Any) -> Identity:
    """Returns an identity. Settings replace what stands here."""
    known: dict[str, Any] = {
        "category": category,
        "repository": None,
        "files": [FileIdentity(f"{category}.jsonl", 1000, "ab" * 32)],
        "recipe": {"name": "made", "max_cost": 10.0},
        "keep_columns": [],
        "limit": None,
        "max_row_bytes": 1 << 20,
        "fields": {},
        "partition_rule": "by hand",
        "versions": {"recipe": 1, "pyarrow": "26.0.0"},
    }
    return Identity(**{**known, **settings})


def item(
    key: str | None, name: str = "kettle", cost: float | None = 1.5, tags: Sequence[str] = ("red",)
) -> dict[str, Any]:
    """Returns an item of `DESCRIPTION`, without its category."""
    return {"key": key, "name": name, "cost": cost, "tags": list(tags)}


class MadeOutput:
    """An output that a test writes shard by shard.

    Args:
        root: the folder.
        config: what the plan says of its config.
        description: of the recipe.
    """

    def __init__(
        self, root: Path | str, config: Mapping[str, Any] | None = None, description: RecipeDescription = DESCRIPTION
    ):
        if isinstance(root, Path):
            root.mkdir()
        self.folder = OutputFolder(root)
        self._description = description
        self._config = dict(config or {})
        self._plans: dict[str, CategoryPlan] = {}
        self._records: dict[str, list[Record]] = {}

    def add(
        self,
        category: str,
        shards: Iterable[pa.Table | Sequence[Mapping[str, Any]]],
        dropped: Mapping[str, int] | None = None,
        unfinished: int = 0,
        examples: Mapping[str, list[Example]] | None = None,
        rejects: Sequence[str] = (),
        **settings: Any,
    ) -> MadeOutput:
        """Adds a category.

        Args:
            category: its name.
            shards: items of each shard.
            dropped: rows by reason that each partition dropped.
            unfinished: number of further partitions, which are not done.
            examples: dropped rows by reason that each record has.
            rejects: the causes of malformed rows that each partition has.
            settings: see `identity`.
        """
        its = identity(category, **settings)
        schema = items_schema(self._description, its.keep_columns)
        shards = [*shards]
        count = len(shards) + unfinished
        partitions = [Partition(0, number, number + 1) for number in range(count)]
        plan = CategoryPlan(
            category=category, file_format="jsonl", digest=its.digest, identity=its, partitions=partitions
        )
        self._plans[category], self._records[category] = plan, []
        for number, shard in enumerate(shards):
            rows = [{"category": category, **row} for row in shard] if not isinstance(shard, pa.Table) else None
            items = shard if rows is None else pa.Table.from_pylist(rows, schema=schema)
            self._write(plan, number, items, dict(dropped or {}), dict(examples or {}), rejects)
        return self

    def _write(
        self,
        plan: CategoryPlan,
        number: int,
        items: pa.Table,
        dropped: dict[str, int],
        examples: dict[str, list[Example]],
        rejects: Sequence[str],
    ) -> None:
        content = parquet_bytes(items)
        shard = plan.shard_name(number)
        self.folder.write(shard, content)
        funnel = {**dropped, **({KEPT: items.num_rows} if items.num_rows else {})}
        rejects_name, rejects_content = None, b""
        if rejects:
            funnel[MALFORMED] = len(rejects)
            rejects_name = plan.rejects_name(number)
            rows = [{"category": plan.category, "position": 0, "cause": cause, "raw": b"x"} for cause in rejects]
            rejects_content = parquet_bytes(pa.Table.from_pylist(rows, schema=REJECTS_SCHEMA))
            self.folder.write(rejects_name, rejects_content)
        record = Record(
            category=plan.category,
            partition=number,
            digest=plan.digest,
            file=plan.identity.files[0].name,
            start=number,
            end=number + 1,
            num_rows=sum(funnel.values()),
            funnel=funnel,
            shard=shard,
            shard_bytes=len(content),
            shard_sha256=hashlib.sha256(content).hexdigest(),
            content_digest=content_digest(items),
            rejects=rejects_name,
            rejects_bytes=len(rejects_content),
            rejects_sha256=hashlib.sha256(rejects_content).hexdigest() if rejects else None,
            damaged=None,
            elapsed_s=0.1,
            examples=examples or UNSET,
        )
        self.folder.write_json(record_name(plan.category, number), record)
        self._records[plan.category].append(record)

    def close(self) -> Path:
        """Writes the plan, and the manifest if all is done. Returns the folder."""
        plan = Plan(config=self._config, categories=self._plans, recipe=self._description)
        self.folder.write_json(PLAN, plan)
        if all(len(self._records[name]) == len(each.partitions) for name, each in self._plans.items()):
            totals = {name: add_up(each, self._records[name], self._description) for name, each in self._plans.items()}
            manifest = complete(plan, totals)
            self.folder.write(CARD, card(manifest, self._description))
            self.folder.write_json(MANIFEST, manifest)
        return self.folder.root  # pyright: ignore[reportReturnType]
