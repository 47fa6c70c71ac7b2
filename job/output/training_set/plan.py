"""What stands in the JSON files of a training set: the plan, and a record of each finished shard."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from job.recipe.protocol import RecipeDescription
from job.selection.decision import REMOVED, SPLITS
from job.selection.mix import Mix
from job.source.files import Repository

SET_VERSION = 3
"""Version of the files' format. Outputs of items have another one, so that programs that know only these say so."""
METHOD_VERSION = 1
"""Version of the decisions. Goes up when the same items and settings give another set."""
DECISION = "_decision.parquet"
"""Name of the file with the decision on every item, in load order."""
ROWS_PER_SHARD = 50_000
"""Rows of a shard, but for the last of a split."""
REMOVED_PART = "removed"
"""Name of the part with the items that are in no split."""


class SetIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides the bytes of a training set."""

    items: dict[str, str]
    """Digest of each category of the items, in load order; see `items_digests`."""
    settings: dict[str, Any]
    """The config, without what changes no byte."""
    columns: dict[str, str]
    """Columns of the items."""
    recipe: dict[str, Any]
    """What prompts, completions and texts are made by: the recipe's name, templates and roles."""
    versions: dict[str, Any]
    """Versions of the method and of the libraries that decide."""

    @property
    def digest(self) -> str:
        """SHA-256 in hexadecimal."""
        built = msgspec.to_builtins(self) | {"order": list(self.items)}
        return hashlib.sha256(json.dumps(built, sort_keys=True).encode("ascii")).hexdigest()


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where the items of a set come from, as others may know it: no path is in it."""

    content_digest: str
    """Of all items."""
    sources: dict[str, Repository | None]
    """Where the rows of each category come from; None for files of the user's own."""
    commands: list[str]
    """What makes the items again. `ITEMS` stands for their folder, and `SOURCE` for files of the user's own."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A split, or the removed items. See `Section` for its properties."""

    name: str
    num_rows: int
    digest: str
    """Digest of the identity of the set."""

    @property
    def record_type(self) -> type[SetRecord]:  # noqa: D102 (see `Section`)
        return SetRecord

    @property
    def count(self) -> int:  # noqa: D102 (see `Section`)
        return -(-self.num_rows // ROWS_PER_SHARD)

    @property
    def is_split(self) -> bool:
        """Whether it is a split, and not the removed items."""
        return self.name in SPLITS

    def shard_name(self, number: int) -> str:  # noqa: D102 (see `Section`)
        folder = "data" if self.is_split else "_removed"
        return f"{folder}/{self.name}-{number:05d}-of-{self.count:05d}.parquet"

    def rejects_name(self, number: int) -> None:  # noqa: D102 (see `Section`)
        del number

    def rows_of(self, number: int) -> int:
        """Returns the number of rows of a shard."""
        return min(ROWS_PER_SHARD, self.num_rows - number * ROWS_PER_SHARD)


class SetPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What the folder of a training set is for. It is written when all is decided."""

    kind: Literal["training-set"] = "training-set"
    config: dict[str, Any]
    identity: SetIdentity
    digest: str
    """Digest of the identity."""
    recipe: RecipeDescription
    """The recipe that made the items."""
    counts: dict[str, int]
    """Items by what becomes of them; see `job.selection.decision.FATES`."""
    stages: dict[str, dict[str, int | float]]
    """Figures of each stage of the decision."""
    decision_sha256: str
    """SHA-256 of the decision's file, in hexadecimal."""
    warnings: list[str]
    """What a user of the set should know of its items: that they are not all, say."""
    mix: Mix | None = None
    """Shares of the sample and of each split, as they were decided."""
    as_published: bool = False
    """Whether settings and items are those with which a course has published figures, so that they are compared."""
    program: str | UnsetType = UNSET
    """Version of the program that began the set. A set without it has a card of the older form."""
    origin: Origin | UnsetType = UNSET
    """Where the items come from; unset in the same sets."""
    version: int = SET_VERSION

    @property
    def items(self) -> str:
        """Path or address of the items."""
        return str(self.config["items"])

    @property
    def num_items(self) -> int:
        """Number of items that were decided on."""
        return sum(self.counts.values())

    def sections(self) -> list[Part]:
        """Returns the splits and the removed items, those without any row left out."""
        rows = {name: self.counts[name] for name in SPLITS}
        rows[REMOVED_PART] = sum(self.counts[reason] for reason in REMOVED)
        return [Part(name=name, num_rows=count, digest=self.digest) for name, count in rows.items() if count]

    def splits(self) -> list[Part]:
        """Returns the splits that have rows."""
        return [part for part in self.sections() if part.is_split]

    def other_files(self) -> list[str]:
        """Returns further files that belong to the set."""
        return [DECISION]


class SetRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one shard. Written when the shard is in place, and never changed."""

    part: str
    partition: int
    """Number of the shard in its part."""
    digest: str
    """Digest of the plan's identity. A record with another one is of other work, and is ignored."""
    num_rows: int
    shard: str
    """Path relative to the output folder."""
    shard_bytes: int
    shard_sha256: str
    content_digest: str
    """See `job.output.shard.content_digest`."""
    elapsed_s: float

    @property
    def rejects(self) -> None:
        """A set has none; see `Committed`."""
        return

    @property
    def rejects_bytes(self) -> int:
        """A set has none; see `Committed`."""
        return 0
