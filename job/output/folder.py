"""The output folder: where everything lies in it, and how it is read and written.

Files appear whole or not at all. The plan is written first and the manifest last, so a folder with a manifest is
complete. The record of a partition is written after its shard, so a partition with a record is done.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pyarrow as pa

from job.config.addresses import located
from job.config.names import check_category
from job.errors import CurateError, RefusedError, UsageError, quoted
from job.output.committed import lost_of, read_records
from job.output.nearby import PLAN, REPORTS, outputs_around, similar_output
from job.output.packed import PACKED_FROM, packed_name
from job.output.records import VERSION, LastRun, Plan
from job.output.sealed import intact, sealed, unsealed
from job.output.section import Committed, Section, held_folder, mark_name, record_name
from job.output.shard import table_in
from job.output.totals import Manifest
from job.output.training_set.plan import SET_VERSION, SetPlan
from job.output.training_set.totals import SetManifest
from job.recipe.protocol import check_description
from job.storage.store import open_store

R = TypeVar("R", bound=Committed)

MANIFEST, CARD, LAST_RUN, LOCK = "manifest.json", "README.md", "_run.json", "_lock"
_WITH_CATEGORIES = ("data", "_rejects", "_removed", "_partitions", "_running")
_NAME_ANOTHER = "nothing was touched; name another folder: --output DIR"
LEFT_OVER = {"_tmp", "_scratch", "_running", LOCK}
"""Names that a killed run leaves behind, for the next run to remove."""


class OutputFolder:
    """An output folder, on a disk or in an object store. File names are relative to it.

    Args:
        root: path or address of the folder, which need not exist yet.
    """

    def __init__(self, root: Path | str):
        self.root = root
        self.store = open_store(root)
        self.scratch = self.store.scratch
        self.num_copied: dict[str, int] = {}
        """Number of records of each section that are in its packed copy, as far as is known."""

    def where(self, name: str) -> str:
        """Returns the path or address of a file, for messages."""
        return f"{self.root}/{name}"

    def check_links(self, categories: Iterable[str]) -> None:
        """Raises RefusedError when a folder in it is a link: files would be written and removed somewhere else."""
        inner = [f"{folder}/{category}" for folder in _WITH_CATEGORIES for category in categories]
        self.store.check_plain(sorted({*_WITH_CATEGORIES, *LEFT_OVER, *inner}))

    def write(self, name: str, content: bytes) -> None:
        """Writes a file, whole or not at all.

        Args:
            name: its final name.
            content: all its bytes.

        Raises:
            CurateError: when it cannot be written, or the folder is gone.
        """
        self.store.write(name, content)

    def write_json(self, name: str, value: msgspec.Struct) -> None:
        """Writes a JSON file with its checksum."""
        self.write(name, sealed(value))

    def plan(self) -> Plan | None:
        """Reads the plan of items; None when there is none.

        Raises:
            RefusedError: when another version of this program wrote it, or it is that of a training set.
            CurateError: when it is damaged.
        """
        plan = self.any_plan()
        if isinstance(plan, SetPlan):
            raise RefusedError(f"{self.root} holds a training set, and not items\n{_NAME_ANOTHER}")
        return plan

    def set_plan(self) -> SetPlan | None:
        """Reads the plan of a training set; None when there is none. Raises as `plan` does."""
        plan = self.any_plan()
        if isinstance(plan, Plan):
            raise RefusedError(f"{self.root} holds items, and not a training set\n{_NAME_ANOTHER}")
        return plan

    def any_plan(self) -> Plan | SetPlan | None:
        """Reads the plan of items or of a training set; None when there is none.

        Raises:
            RefusedError: when another version of this program wrote it.
            CurateError: when it is damaged.
        """
        content = self.store.read(PLAN)
        if content is None:
            return None
        try:
            version = msgspec.json.decode(content, type=_Versioned).version
            if version not in (VERSION, SET_VERSION):
                raise RefusedError(
                    f"{self.where(PLAN)} has version {version}, this program writes {VERSION}\n{_NAME_ANOTHER}"
                )
            if version == SET_VERSION:
                made = unsealed(content, SetPlan)
                check_description(made.recipe)
                return made
            plan = unsealed(content, Plan)
            check_description(plan.description)
            for category in plan.categories.values():  # it becomes a part of paths
                check_category(category.category)
        except ValueError as error:
            raise CurateError(
                f"damaged: {self.where(PLAN)}: {error}\n"
                "nothing was touched, and what lies under data/ can still be read; to make this output anew, remove "
                "the folder, or name another: --output DIR"
            ) from None
        return plan

    def manifest(self) -> Manifest | None:
        """Reads the manifest; None while the output is not complete, or when the manifest is damaged."""
        return intact(self.store.read(MANIFEST), Manifest)

    def set_manifest(self) -> SetManifest | None:
        """Reads the manifest of a training set; None while it is not complete, or when the manifest is damaged."""
        return intact(self.store.read(MANIFEST), SetManifest)

    def last_run(self) -> LastRun | None:
        """Reads how the last run ended, or that it began; None when nothing is known of it."""
        return intact(self.store.read(LAST_RUN), LastRun)

    def records(self, section: Section[R], known: Collection[int] = (), *, lean: bool = True) -> list[R]:
        """Reads the records of a section's finished work; see `read_records`."""
        return read_records(self.store, section, known, lean=lean, num_copied=self.num_copied)

    def lost(self, section: Section[R], records: Sequence[R]) -> list[R]:
        """Returns the records whose files are gone, or have another size by now."""
        return lost_of(self.store, section, records)

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Reads one of its Parquet files, or some columns of it. Raises CurateError when it cannot be read."""
        content = self.store.read(name)
        try:
            if content is None:
                raise FileNotFoundError("it is gone")
            return table_in(content, columns)
        except (OSError, pa.ArrowException) as error:
            raise CurateError(
                f"cannot be read: {self.where(name)}: {error}\n"
                f"to see what else is wrong: curate verify {quoted(self.root)}"
            ) from None

    def is_untouched(self) -> bool:
        """Tells whether the folder is empty or does not exist."""
        return self.store.top() <= {*LEFT_OVER, LAST_RUN}

    def has_begun(self, section: Section[Any]) -> bool:
        """Tells whether anything was made of a section: it has a record, a shard or rejects."""
        return any(map(self.store.has_files, (f"_partitions/{section.name}", *folders_of(section))))

    def has_left_over(self) -> bool:
        """Tells whether a run is working in the folder, or was killed in it."""
        return not LEFT_OVER.isdisjoint(self.store.top())

    def mark_running(self, section: str, number: int, where: str) -> list[str]:
        """Marks work as begun. A mark that cannot be written is no error.

        Args:
            section: name of its category or split.
            number: number of its shard.
            where: id of the node that begins it.

        Returns:
            Where it was begun each time without being finished, this time included.
        """
        return self.store.mark(mark_name(section, number), where)

    def unmark_running(self, section: str, number: int) -> None:
        """Removes the mark of work that was begun."""
        with contextlib.suppress(OSError, CurateError):
            self.store.remove([mark_name(section, number)])

    def running(self, section: str) -> int:
        """Returns how many shards of a section are begun and not finished."""
        return len(self.store.sizes(f"_running/{section}"))

    def has_running(self) -> bool:
        """Tells whether any partition is begun and not finished."""
        return "_running" in self.store.top()

    def clear_running(self) -> None:
        """Removes all marks."""
        self.store.remove_folder("_running")

    def clear_temporary(self) -> None:
        """Removes half-written files and marks that an interrupted run left."""
        self.store.remove_folder("_tmp")
        self.clear_running()

    def clear_scratch(self) -> None:
        """Removes unpacked source files."""
        shutil.rmtree(self.scratch, ignore_errors=True)

    def release_held(self, run_id: str, section: str) -> None:
        """Lets the records of a section count that a run has held back."""
        folder = held_folder(run_id, section)
        for name in sorted(self.store.inside(folder)):
            number, _, kind = name.partition(".")
            content = self.store.read(f"{folder}/{name}") if kind == "json" else None
            if content is not None:
                self.write(record_name(section, int(number)), content)
                self.store.remove([f"{folder}/{name}"])

    def forget_held(self, run_id: str, section: str) -> None:
        """Removes the records of a section that a run has held back."""
        self.store.remove_folder(held_folder(run_id, section))

    def remove_records(self, section: str, numbers: Iterable[int]) -> None:
        """Removes records, so that their work is not finished any more."""
        self.store.remove(record_name(section, number) for number in numbers)

    def remove_planned(self, plan: Plan | SetPlan) -> None:
        """Removes the files that a plan names, and nothing else."""
        self.store.remove([MANIFEST])
        for section in plan.sections():
            numbers = range(section.count)
            self.store.remove_many([record_name(section.name, number) for number in numbers])
            self.store.remove_many([section.shard_name(number) for number in numbers])
            self.store.remove_many([name for name in map(section.rejects_name, numbers) if name is not None])
            for folder in (*folders_of(section), f"_partitions/{section.name}"):
                self.store.remove_empty(folder)
                self.store.remove_empty(folder.partition("/")[0])
            if section.count >= PACKED_FROM:
                self.store.remove([packed_name(section.name)])
                self.store.remove_empty("_partitions")
        self.store.remove([CARD, LAST_RUN, *REPORTS, *plan.other_files()])
        self.clear_temporary()
        self.store.remove([PLAN])


def folders_of(section: Section[Any]) -> list[str]:
    """Returns the folders that hold a section's shards and rejects, relative to the output folder."""
    names = [section.shard_name(0), section.rejects_name(0)]
    return [name.rpartition("/")[0] for name in names if name is not None]


def output_at(text: str) -> OutputFolder:
    """Returns the output folder that a user named by its path or address.

    Raises:
        UsageError: when that cannot be one.
    """
    try:
        return OutputFolder(located(text))
    except (ValueError, RuntimeError) as error:
        raise UsageError(str(error)) from None


def open_output(root: Path | str) -> tuple[OutputFolder, Plan]:
    """Opens an output folder of items.

    Returns:
        The folder and its plan.

    Raises:
        UsageError: when it has none, or holds a training set.
    """
    output, plan = open_any(root)
    if isinstance(plan, SetPlan):
        raise UsageError(f"{output.root} is a training set, and not items; it was made of those in {plan.items}")
    return output, plan


def open_set(root: Path | str) -> tuple[OutputFolder, SetPlan]:
    """Opens the folder of a training set.

    Returns:
        The folder and its plan.

    Raises:
        UsageError: when it has none, or holds items.
    """
    output, plan = open_any(root)
    if isinstance(plan, Plan):
        raise UsageError(
            f"{output.root} holds items, and is no training set\n"
            f"to make one of them: curate craft --items {quoted(output.root)} --output DIR"
        )
    return output, plan


def open_any(root: Path | str) -> tuple[OutputFolder, Plan | SetPlan]:
    """Opens an output folder, of items or of a training set.

    Returns:
        The folder and its plan.

    Raises:
        UsageError: when it has none.
    """
    output = OutputFolder(root) if isinstance(root, Path) else output_at(root)
    plan = output.any_plan()
    if plan is None and not output.store.exists():
        raise UsageError(f"there is no such folder: {output.root}{similar_output(output.root)}")
    if plan is None and LAST_RUN in output.store.top():
        raise UsageError(
            f"{output.root} has no plan yet: its first run ended before it was made\n"
            "to go on, run the same command again"
        )
    if plan is None:
        raise UsageError(
            f"{output.root} is no output of this program: it has no plan.json{outputs_around(output.root)}\n"
            "to make one: curate run --source FOLDER --output DIR"
        )
    return output, plan


class _Versioned(msgspec.Struct):
    version: int
