"""The output folder: where everything lies in it, and how it is read and written.

Files appear whole or not at all. The plan is written first and the manifest last, so a folder with a manifest is
complete. The record of a partition is written after its shard, so a partition with a record is done.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Container, Iterable, Sequence
from pathlib import Path

import msgspec
import pyarrow as pa

from job.config.addresses import located
from job.config.names import check_category
from job.errors import CurateError, RefusedError, UsageError, quoted
from job.output.nearby import PLAN, REPORTS, outputs_around, similar_output
from job.output.records import VERSION, CategoryPlan, LastRun, Plan, Record
from job.output.sealed import intact, sealed, unsealed
from job.output.shard import table_in
from job.output.totals import Manifest
from job.recipe.protocol import check_description
from job.storage.store import open_store

MANIFEST, CARD, LAST_RUN, LOCK = "manifest.json", "README.md", "_run.json", "_lock"
_WITH_CATEGORIES = ("data", "_rejects", "_partitions", "_running")
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

    def where(self, name: str) -> str:
        """Returns the path or address of a file, for messages."""
        return f"{self.root}/{name}"

    def shard_name(self, category: str, partition: int, count: int) -> str:
        """Returns the name of a shard."""
        return f"data/{category}/items-{partition:05d}-of-{count:05d}.parquet"

    def rejects_name(self, category: str, partition: int) -> str:
        """Returns the name of a partition's rejects."""
        return f"_rejects/{category}/{partition:05d}.parquet"

    def record_name(self, category: str, partition: int) -> str:
        """Returns the name of a partition's record."""
        return f"_partitions/{category}/{partition:05d}.json"

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
        """Reads the plan; None when there is none.

        Raises:
            RefusedError: when another version of this program wrote it.
            CurateError: when it is damaged.
        """
        content = self.store.read(PLAN)
        if content is None:
            return None
        try:
            version = msgspec.json.decode(content, type=_Versioned).version
            if version != VERSION:
                raise RefusedError(
                    f"{self.where(PLAN)} has version {version}, this program writes {VERSION}\n"
                    "nothing was touched; name another folder: --output DIR"
                )
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

    def last_run(self) -> LastRun | None:
        """Reads how the last run ended, or that it began; None when nothing is known of it."""
        return intact(self.store.read(LAST_RUN), LastRun)

    def records(self, plan: CategoryPlan, but: Container[int] = ()) -> list[Record]:
        """Reads the records of a category's finished partitions, in their order.

        Args:
            plan: the category's plan.
            but: partitions whose records are known already, and are not read.

        Returns:
            The records. A partition without one is not done: its record is missing, damaged or of another plan, or the
            shard that the record names is not there.
        """
        category, count = plan.category, len(plan.partitions)
        written = self.store.sizes(f"_partitions/{category}")
        names = {number: self.record_name(category, number) for number in range(count) if number not in but}
        wanted = {number: name for number, name in names.items() if name in written}
        if not wanted:
            return []
        sizes = self._sizes_of(category)
        found = zip(wanted, self.store.read_all(wanted.values()), strict=True)
        read = [(number, intact(content, Record)) for number, content in found]
        return [record for number, record in read if record and self._is_done(plan, number, record, sizes)]

    def _is_done(self, plan: CategoryPlan, partition: int, record: Record, sizes: dict[str, int]) -> bool:
        if (record.digest, record.partition) != (plan.digest, partition):
            return False
        named = {self.shard_name(plan.category, partition, len(plan.partitions)): record.shard_bytes}
        if record.rejects is not None:
            named[self.rejects_name(plan.category, partition)] = record.rejects_bytes
        said = [name for name in (record.shard, record.rejects) if name is not None]
        return list(named) == said and all(sizes.get(name) == size for name, size in named.items())

    def lost(self, plan: CategoryPlan, records: Iterable[Record]) -> list[Record]:
        """Returns the records whose files are gone, or have another size by now."""
        sizes = self._sizes_of(plan.category)
        return [record for record in records if not self._is_done(plan, record.partition, record, sizes)]

    def _sizes_of(self, category: str) -> dict[str, int]:
        return {**self.store.sizes(f"data/{category}"), **self.store.sizes(f"_rejects/{category}")}

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

    def has_begun(self, plan: CategoryPlan) -> bool:
        """Tells whether anything was made of a category: it has a record, a shard or rejects."""
        return any(self.store.sizes(f"{folder}/{plan.category}") for folder in ("_partitions", "data", "_rejects"))

    def has_left_over(self) -> bool:
        """Tells whether a run is working in the folder, or was killed in it."""
        return not LEFT_OVER.isdisjoint(self.store.top())

    def mark_running(self, category: str, partition: int, where: str) -> list[str]:
        """Marks a partition as begun. A mark that cannot be written is no error.

        Args:
            category: its category.
            partition: its number.
            where: id of the node that begins it.

        Returns:
            Where it was begun each time without being finished, this time included.
        """
        return self.store.mark(_mark_name(category, partition), where)

    def unmark_running(self, category: str, partition: int) -> None:
        """Removes the mark of a partition."""
        with contextlib.suppress(OSError, CurateError):
            self.store.remove([_mark_name(category, partition)])

    def running(self, category: str) -> int:
        """Returns how many partitions of a category are begun and not finished."""
        return len(self.store.sizes(f"_running/{category}"))

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

    def remove_records(self, category: str, partitions: Iterable[int]) -> None:
        """Removes records, so that their partitions are not finished any more."""
        self.store.remove(self.record_name(category, number) for number in partitions)

    def remove_planned(self, plan: Plan) -> None:
        """Removes the files that a plan names, and nothing else."""
        self.store.remove([MANIFEST])
        for each in plan.categories.values():
            count = len(each.partitions)
            self.remove_records(each.category, range(count))
            self.store.remove(self.shard_name(each.category, number, count) for number in range(count))
            self.store.remove(self.rejects_name(each.category, number) for number in range(count))
            for folder in ("data", "_rejects", "_partitions"):
                self.store.remove_empty(f"{folder}/{each.category}")
                self.store.remove_empty(folder)
        self.store.remove([CARD, LAST_RUN, *REPORTS])
        self.clear_temporary()
        self.store.remove([PLAN])


def _mark_name(category: str, partition: int) -> str:
    return f"_running/{category}/{partition:05d}"


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
    """Opens an output folder.

    Returns:
        The folder and its plan.

    Raises:
        UsageError: when it has none.
    """
    output = OutputFolder(root) if isinstance(root, Path) else output_at(root)
    plan = output.plan()
    if plan is None and not output.store.exists():
        raise UsageError(f"there is no such folder: {output.root}{similar_output(output.root)}")
    if plan is None:
        raise UsageError(
            f"{output.root} is no output of this program: it has no plan.json{outputs_around(output.root)}\n"
            "to make one: curate run --source FOLDER --output DIR"
        )
    return output, plan


class _Versioned(msgspec.Struct):
    version: int
