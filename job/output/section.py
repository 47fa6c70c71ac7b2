"""What items and training sets have in common: parts whose shards are numbered, and records that commit these."""

from __future__ import annotations

from typing import Protocol, TypeVar


class Committed(Protocol):
    """A record: what came of one shard's worth of work."""

    @property
    def partition(self) -> int:
        """Number of the work in its section."""
        ...

    @property
    def digest(self) -> str:
        """Digest of what decides the section's bytes. A record with another one is of other work, and is ignored."""
        ...

    @property
    def shard(self) -> str:
        """Path relative to the output folder."""
        ...

    @property
    def shard_bytes(self) -> int:
        """Size in bytes."""
        ...

    @property
    def rejects(self) -> str | None:
        """File of malformed rows, relative to the output folder; None without any."""
        ...

    @property
    def rejects_bytes(self) -> int:
        """Size in bytes."""
        ...


R_co = TypeVar("R_co", bound=Committed, covariant=True)


class Section(Protocol[R_co]):
    """A part of an output: a category of items, or a split of a training set."""

    @property
    def record_type(self) -> type[R_co]:
        """The type of its records."""
        ...

    @property
    def name(self) -> str:
        """Its name, which is that of its folder of records."""
        ...

    @property
    def digest(self) -> str:
        """Digest of what decides its bytes."""
        ...

    @property
    def count(self) -> int:
        """Number of its shards."""
        ...

    def shard_name(self, number: int) -> str:
        """Returns the path of a shard, relative to the output folder."""
        ...

    def rejects_name(self, number: int) -> str | None:
        """Returns the path of a shard's rejects; None where there can be none."""
        ...


def record_name(section: str, number: int) -> str:
    """Returns the path of a record, relative to the output folder."""
    return f"_partitions/{section}/{number:05d}.json"


def mark_name(section: str, number: int) -> str:
    """Returns the path of the mark of work that was begun, relative to the output folder."""
    return f"_running/{section}/{number:05d}"


def held_name(run_id: str, section: str, number: int) -> str:
    """Returns the path of a record that a run holds back, relative to the output folder."""
    return f"{held_folder(run_id, section)}/{number:05d}.json"


def held_folder(run_id: str, section: str) -> str:
    """Returns the folder of a section's records that a run holds back, relative to the output folder."""
    return f"_tmp/held/{run_id}/{section}"
