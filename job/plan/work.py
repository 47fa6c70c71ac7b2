"""The work on one category: its source, its plan, and which partitions are known to be finished."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from job.config.models import JobConfig
from job.errors import CurateError
from job.output.folder import OutputFolder
from job.output.packed import GROWTH, PACKED_FROM, packed, packed_name
from job.output.records import CategoryPlan, Record
from job.plan.damage import damage_noted
from job.plan.planning import check_damage_accepted, plan_category
from job.plan.unchanged import compared
from job.recipe.protocol import RecipeDescription
from job.recipe.verdicts import KEPT, MALFORMED
from job.source.fetch.first_bytes import check_first_bytes
from job.source.fetch.local_copies import nearest_location, shown_as, unpacked
from job.source.fetch.packing import is_packed
from job.source.files import CategorySource
from job.source.location import FileLocation
from job.source.read.footer import Footer, footer_for_tasks
from job.source.read.json_form import check_lines
from job.source.read.partitions import Partition
from job.source.read.reader import PartitionReader
from job.source.read.rows import RowLayout

_OF_EITHER = "what was made of it may be of either version; start again with --fresh"


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A run that owns its output folder."""

    config: JobConfig
    output: OutputFolder
    run_id: str
    """Tells this run from every other one, in the lock of the output folder."""
    recipe: RecipeDescription
    """The recipe that makes the items."""
    lost_nodes: list[str] = field(default_factory=list[str])
    """A line about each node of a joined Ray that was lost so far."""


def size_of(partition: Partition) -> int:
    """Returns the bytes of JSONL or the rows of Parquet of a partition; at least 1."""
    return max(partition.end - partition.start, 1)


@dataclass(slots=True)
class Tally:
    """What records add up to."""

    num_rows: int = 0
    num_items: int = 0
    num_malformed: int = 0
    size: int = 0
    """Size of their partitions; see `size_of`."""

    def add(self, record: Record, partition: Partition, sign: int = 1) -> None:
        """Adds the record of a partition, or takes it away again with the sign -1."""
        self.num_rows += sign * record.num_rows
        self.num_items += sign * record.funnel.get(KEPT, 0)
        self.num_malformed += sign * record.funnel.get(MALFORMED, 0)
        self.size += sign * size_of(partition)


@dataclass(kw_only=True, slots=True)
class CategoryWork:
    """The work on one category. A record is read once and kept: a retry of a finished partition writes the same."""

    source: CategorySource
    plan: CategoryPlan
    config: JobConfig
    records: dict[int, Record] = field(default_factory=dict[int, Record])
    """Records that are known, by the number of their partition."""
    tally: Tally = field(default_factory=Tally)
    """What these add up to: a run looks several times per second."""
    whole_size: int = 0
    """See `size`; 0 until somebody asks."""

    def look(self, output: OutputFolder, ended: threading.Event | None = None) -> list[Record]:
        """Reads the records that were written since the last look.

        Args:
            output: the output folder.
            ended: set when nobody wants to know of them any more; then they are not kept either.

        Returns:
            These records.
        """
        found = output.records(self.plan, self.records)
        if ended is not None and ended.is_set():
            return []
        self.know(found)
        return found

    def know(self, records: Iterable[Record]) -> None:
        """Keeps records that were read."""
        for record in records:
            self.records[record.partition] = record
            self.tally.add(record, self.plan.partitions[record.partition])

    def copy(self, output: OutputFolder, growth: float = GROWTH) -> None:
        """Copies the records into one file, from which they are read later, where many are in no copy yet.

        Args:
            output: the output folder.
            growth: share of the copied records that must be new.
        """
        copied = output.num_copied.get(self.plan.category, 0)
        if len(self.records) - copied < max(PACKED_FROM, growth * copied):
            return
        output.num_copied[self.plan.category] = len(self.records)
        whole = (record for record in self.in_order if record.damaged is None)  # others may be tried again
        with contextlib.suppress(CurateError):  # whoever reads them reads each one itself then
            output.write(packed_name(self.plan.category), packed(whole))

    @property
    def size(self) -> int:
        """Size of all partitions; see `size_of`."""
        if not self.whole_size:
            self.whole_size = sum(map(size_of, self.plan.partitions))
        return self.whole_size

    @property
    def in_order(self) -> list[Record]:
        """The records that are known, in the order of their partitions."""
        return [self.records[number] for number in sorted(self.records)]

    @property
    def is_finished(self) -> bool:
        """Whether every partition has a record, as far as is known."""
        return len(self.records) == len(self.plan.partitions)

    def remaining(self) -> list[int]:
        """Returns the numbers of the partitions to do: those without a record, and damaged ones unless left out."""
        done = {
            number
            for number, record in list(self.records.items())
            if record.damaged is None or self.config.skip_damaged_files
        }
        return [number for number in range(len(self.plan.partitions)) if number not in done]

    def retry_damaged(self, output: OutputFolder) -> None:
        """Removes the records of damaged partitions that are tried again."""
        retried = [number for number in self.remaining() if number in self.records]
        output.remove_records(self.plan.category, retried)
        for number in retried:
            self.tally.add(self.records.pop(number), self.plan.partitions[number], -1)

    def reader(self, locations: Sequence[FileLocation]) -> PartitionReader:
        """Makes the reader of the category's partitions.

        Args:
            locations: where its files are read, unpacked.
        """
        return PartitionReader(
            file_format=self.source.file_format,
            locations=tuple(locations),
            sizes_bytes=tuple(location.size_now() for location in locations),
            layout=RowLayout.of(self.config),
            shown=tuple(shown_as(file) for file in self.source.files),
            footers=self._footers(locations),
        )

    def _footers(self, locations: Sequence[FileLocation]) -> tuple[Footer | None, ...]:
        if self.source.file_format != "parquet":
            return ()
        left_out = self.plan.damaged_files
        return tuple(
            None if file.name in left_out else footer_for_tasks(location)
            for file, location in zip(self.source.files, locations, strict=True)
        )

    def check_unchanged(self, scratch: Path, say: Callable[[str], None]) -> None:
        """Compares the source's files with what was planned and read.

        Args:
            scratch: folder to unpack packed files into, should that be needed again.
            say: called with a line of text before something that takes a while.

        Raises:
            CurateError: when one has changed since.
        """
        for file in self.source.files:
            try:
                is_same = file.location.fingerprint() == (file.size_bytes, file.fingerprint)
            except FileNotFoundError:
                is_same = False
            if not is_same:
                raise CurateError(f"changed while the job ran: {file.location}\n{_OF_EITHER}")
        _, changed = compared(self.plan, self.source, self.in_order, scratch, say)
        if changed:
            raise CurateError(f"changed while the job ran: {'; '.join(changed)}\n{_OF_EITHER}")


def plan_work(
    config: JobConfig,
    source: CategorySource,
    planned: CategoryPlan | None,
    scratch: Path,
    say: Callable[[str], None],
) -> CategoryWork:
    """Plans the work on a category; its packed files are unpacked first, since they cannot be cut as they are.

    Args:
        config: the job.
        source: the category's files.
        planned: plan of the same work, if the output folder has it already.
        scratch: folder to unpack into.
        say: called with a line of text before something that takes a while.

    Returns:
        The work. No record has been read.

    Raises:
        DamagedFileError: when a file cannot be opened, unless such files are left out.
        CurateError: when a download fails, or a disk is too full.
    """
    if planned is not None:
        check_damage_accepted(config, planned)
        return CategoryWork(source=source, plan=planned, config=config)
    damaged: dict[str, str] = {}
    locations = [nearest_location(source, file) for file in source.files]
    for index, file in enumerate(source.files):
        with damage_noted(config, file, damaged):
            if config.skip_damaged_files:  # otherwise it was checked when it was found
                check_first_bytes(locations[index])
            if source.is_packed:
                locations[index] = unpacked(source, file, scratch, say)
                if is_packed(file.name) and source.file_format == "jsonl":
                    check_lines(locations[index], shown_as(file))
    return CategoryWork(source=source, plan=plan_category(config, source, locations, damaged), config=config)
