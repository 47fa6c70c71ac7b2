"""What stands in an output folder's JSON files: the plan, a record of each finished partition, and the last run.

Keys in the files keep their names; where the code has a better one, the field is renamed in the file. A field that is
newer than some outputs has the default `UNSET` and is then left out of the file, so that the files of an older output
stay byte for byte what they are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from job.output.machine import Machine
from job.recipe.examples import Example
from job.recipe.protocol import RecipeDescription
from job.recipe.registry import UNDESCRIBED
from job.source.files import FileIdentity, Repository
from job.source.find.layout import FileFormat
from job.source.read.partitions import Partition

VERSION = 2
"""Version of the files' format. An output of another version is refused."""


class Damage(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a source file that is left out of an output, because it is damaged."""

    file: str
    cause: str
    start: int | None = None
    """First byte or row; None for the whole file. Of a packed file, the byte in its content."""
    end: int | None = None
    cut_off: bool | UnsetType = UNSET
    """True where the file ends in the middle of a line, and only that line is left out."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides the bytes of a category's shards."""

    category: str
    repository: Repository | None
    files: list[FileIdentity]
    recipe: dict[str, Any]
    """Settings of the recipe, its name among them."""
    keep_columns: list[str]
    limit: int | None
    max_row_bytes: int
    fields: dict[str, str]
    partition_rule: str
    versions: dict[str, Any]
    """Versions of the recipe and of Arrow, and digests of the data that the recipe uses."""

    @property
    def digest(self) -> str:
        """SHA-256 in hexadecimal."""
        return hashlib.sha256(json.dumps(msgspec.to_builtins(self), sort_keys=True).encode("ascii")).hexdigest()


class FileSeen(msgspec.Struct, frozen=True, array_like=True):
    """A source file as it was at a time."""

    location: str
    """Its path or address."""
    version: str
    """What tells without reading it that it was not touched since; see `FileLocation.version`."""


class CategoryPlan(msgspec.Struct, frozen=True, kw_only=True, rename={"file_format": "form", "identity": "determines"}):
    """What is to be done for one category."""

    category: str
    file_format: FileFormat
    digest: str
    """Digest of the identity."""
    identity: Identity
    partitions: list[Partition]
    """In the order of their rows."""
    damaged_files: dict[str, str] = {}
    """Files that are left out whole because they cannot be opened: cause by name."""
    seen: list[FileSeen] | UnsetType = UNSET
    """Each file when it had the content that the records say."""
    read_columns: list[str] | UnsetType = UNSET
    """Names of the columns that are read of Parquet files; the records' source digests cover them."""

    @property
    def record_type(self) -> type[Record]:
        """See `Section`, as for the following ones."""
        return Record

    @property
    def name(self) -> str:  # noqa: D102 (see `Section`)
        return self.category

    @property
    def count(self) -> int:  # noqa: D102 (see `Section`)
        return len(self.partitions)

    def shard_name(self, number: int) -> str:  # noqa: D102 (see `Section`)
        return f"data/{self.category}/items-{number:05d}-of-{self.count:05d}.parquet"

    def rejects_name(self, number: int) -> str:  # noqa: D102 (see `Section`)
        return f"_rejects/{self.category}/{number:05d}.parquet"

    def damage(self, records: Sequence[Record]) -> list[Damage]:
        """Returns everything that is left out because its file is damaged."""
        files = [Damage(file=name, cause=cause) for name, cause in self.damaged_files.items()]
        return files + [
            Damage(
                file=record.file,
                cause=record.damaged,
                start=record.start if record.cut_off_at is UNSET else record.cut_off_at,
                end=record.end if record.cut_off_at is UNSET else self._file_end(record),
                cut_off=UNSET if record.cut_off_at is UNSET else True,
            )
            for record in records
            if record.damaged is not None
        ]

    def _file_end(self, record: Record) -> int:
        """Returns the end of a file that was cut off: the line that it ends in may reach across several partitions."""
        file = self.partitions[record.partition].file
        return max(partition.end for partition in self.partitions if partition.file == file)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What an output folder is for."""

    config: dict[str, Any]
    categories: dict[str, CategoryPlan]
    version: int = VERSION
    recipe: RecipeDescription | UnsetType = UNSET
    """The recipe that makes the items; unset in outputs from before there was more than one."""
    program: str | UnsetType = UNSET
    """Version of the program that began the output. An output without it has a card of the older form."""

    @property
    def description(self) -> RecipeDescription:
        """What the recipe that makes the items says of itself."""
        return UNDESCRIBED if self.recipe is UNSET else self.recipe

    def sections(self) -> list[CategoryPlan]:
        """Returns the parts of the output whose shards are numbered."""
        return list(self.categories.values())

    def other_files(self) -> list[str]:
        """Returns further files that belong to such an output."""
        return []


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one partition. Written when its shard is in place, and never changed."""

    category: str
    partition: int
    digest: str
    """Digest of the category plan's identity. A record with another one is of other work, and is ignored."""
    file: str
    start: int
    end: int
    num_rows: int
    funnel: dict[str, int]
    """Rows by verdict; verdicts that no row got are left out."""
    shard: str
    """Path relative to the output folder."""
    shard_bytes: int
    shard_sha256: str
    content_digest: str
    """Sum, modulo 2^256, of SHA-256 over each item's canonical JSON; in hexadecimal."""
    rejects: str | None
    """File of malformed rows, relative to the output folder; None without any."""
    rejects_bytes: int
    rejects_sha256: str | None
    damaged: str | None
    """Why the partition could not be read, where its file is damaged; then it gave no rows at all, unless
    `cut_off_at` is set."""
    elapsed_s: float
    cut_off_at: int | UnsetType = UNSET
    """Byte at which the line begins that the file ends in, where it was cut off; the rows before it count."""
    source_digest: str | UnsetType = UNSET
    """Digest of what the partition's rows are made of, see `job.source.read.content`; unset where it is damaged."""
    examples: dict[str, list[Example]] | UnsetType = UNSET
    """The first dropped rows of each reason; unset without any."""


class LastRun(msgspec.Struct, frozen=True, kw_only=True):
    """The run that is working on an output folder, or was the last to do so."""

    owner: str
    """Its process and host, and when it began."""
    began: float
    """Seconds since 1970."""
    workers: int | str
    rows_before: int
    """Rows that earlier runs had finished."""
    ended: float | None = None
    """Seconds since 1970; None while it works, or when it was killed."""
    error: str | None = None
    """The error that ended it; None when all went well."""
    lost_nodes: list[str] | UnsetType = UNSET
    """A line about each node of a joined Ray that was lost meanwhile; unset without any."""
    num_rows: int | UnsetType = UNSET
    """Rows that this run has read, set when it ended."""
    machine: Machine | UnsetType = UNSET
    """The machine that it was started on."""
    versions: dict[str, str] | UnsetType = UNSET
    """Versions of this program and of the packages that do the work."""
