"""The output folder: where everything lies in it, and how it is read and written.

Files appear whole or not at all. The plan is written first and the manifest last, so a folder with a manifest is
complete; each partition's commit record is written after its shard, so a partition with a record is done. The plan
and the records end with a checksum of themselves, so that a damaged one is noticed.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from job.config.addresses import located
from job.config.names import check_category
from job.errors import CurateError, RefusedError, UsageError, nearest, printable, quoted
from job.output.records import VERSION, CategoryPlan, LastRun, Manifest, Plan, Record
from job.storage.store import open_store

_T = TypeVar("_T")

PLAN, MANIFEST, CARD, LAST_RUN, LOCK = "plan.json", "manifest.json", "README.md", "_run.json", "_lock"
_CHECKSUM = re.compile(rb',\n "checksum": "([0-9a-f]{64})"\n}\n')
_WITH_CATEGORIES = ("data", "_rejects", "_partitions", "_running")
LEFT_OVER = {"_tmp", "_scratch", "_running", LOCK}
"""What a run that was killed leaves, for the next one to remove."""


class OutputFolder:
    """An output folder, on a disk or in an object store. Names are relative to it.

    Args:
        root: the folder, or its address; it need not be there yet.
    """

    def __init__(self, root: Path | str):
        self.root = root
        self.store = open_store(root)
        self.scratch = self.store.scratch

    def where(self, name: str) -> str:
        """Returns a file's path or address, for messages."""
        return f"{self.root}/{name}"

    def shard_name(self, category: str, partition: int, count: int) -> str:
        """Returns a shard's name."""
        return f"data/{category}/items-{partition:05d}-of-{count:05d}.parquet"

    def rejects_name(self, category: str, partition: int) -> str:
        """Returns the name of a partition's rejects."""
        return f"_rejects/{category}/{partition:05d}.parquet"

    def record_name(self, category: str, partition: int) -> str:
        """Returns the name of a commit record."""
        return f"_partitions/{category}/{partition:05d}.json"

    def check_links(self, categories: Iterable[str]) -> None:
        """Raises RefusedError when a folder in it is a link: what is written or removed there would be elsewhere."""
        inner = [f"{folder}/{category}" for folder in _WITH_CATEGORIES for category in categories]
        self.store.check_plain(sorted({*_WITH_CATEGORIES, *LEFT_OVER, *inner}))

    def write(self, name: str, content: bytes) -> None:
        """Puts a file in place, whole or not at all.

        Args:
            name: its final name.
            content: all its bytes.

        Raises:
            CurateError: when the disk or the object store does not take it, or the folder is gone.
        """
        self.store.write(name, content)

    def write_json(self, name: str, value: msgspec.Struct) -> None:
        """Writes a record for people and programs to read, with its checksum."""
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
        """Reads the manifest; None as long as the output is not complete, or when it is damaged."""
        return _intact(self.store.read(MANIFEST), Manifest)

    def last_run(self) -> LastRun | None:
        """Reads how the last run ended, or that it began; None when that is not known."""
        return _intact(self.store.read(LAST_RUN), LastRun)

    def records(self, plan: CategoryPlan, but: Container[int] = ()) -> list[Record]:
        """Reads the commit records of a category's finished partitions, in their order.

        Args:
            plan: the category's plan.
            but: partitions whose records are not asked for.

        Returns:
            The records. A partition has none as long as it is not done: there is no record, it is damaged or of
            another plan, or the shard that it speaks of is not there.
        """
        category, count = plan.category, len(plan.partitions)
        written = self.store.sizes(f"_partitions/{category}")
        names = {number: self.record_name(category, number) for number in range(count) if number not in but}
        wanted = {number: name for number, name in names.items() if name in written}
        if not wanted:
            return []
        sizes = {**self.store.sizes(f"data/{category}"), **self.store.sizes(f"_rejects/{category}")}
        found = zip(wanted, self.store.read_all(wanted.values()), strict=True)
        read = [(number, _intact(content, Record)) for number, content in found]
        return [record for number, record in read if record and self._is_done(plan, number, record, sizes)]

    def _is_done(self, plan: CategoryPlan, partition: int, record: Record, sizes: dict[str, int]) -> bool:
        if (record.digest, record.partition) != (plan.digest, partition):
            return False
        named = {self.shard_name(plan.category, partition, len(plan.partitions)): record.shard_bytes}
        if record.rejects is not None:
            named[self.rejects_name(plan.category, partition)] = record.rejects_bytes
        said = [name for name in (record.shard, record.rejects) if name is not None]
        return list(named) == said and all(sizes.get(name) == size for name, size in named.items())

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
        """Tells whether the folder has nothing in it, or is not there."""
        return self.store.top() <= {*LEFT_OVER, LAST_RUN}

    def has_left_over(self) -> bool:
        """Tells whether a run works in the folder, or has been killed in it."""
        return not LEFT_OVER.isdisjoint(self.store.top())

    def mark_running(self, category: str, partition: int) -> int:
        """Leaves a mark that a worker has begun a partition, for `running` to find; not worth an error.

        Returns:
            How often that was begun, this time included, without having been ended.
        """
        return self.store.mark(_mark_name(category, partition))

    def unmark_running(self, category: str, partition: int) -> None:
        """Takes the mark away."""
        with contextlib.suppress(OSError, CurateError):
            self.store.remove([_mark_name(category, partition)])

    def running(self, category: str) -> int:
        """Returns how many partitions of a category workers have begun and not ended."""
        return len(self.store.sizes(f"_running/{category}"))

    def clear_running(self) -> None:
        """Removes all marks."""
        self.store.remove_folder("_running")

    def clear_temporary(self) -> None:
        """Removes what an interrupted run has left half written, and its marks."""
        self.store.remove_folder("_tmp")
        self.clear_running()

    def clear_scratch(self) -> None:
        """Removes unpacked source files."""
        shutil.rmtree(self.scratch, ignore_errors=True)

    def remove_planned(self, plan: Plan) -> None:
        """Removes what a plan names, and nothing else."""
        self.store.remove([MANIFEST])
        for each in plan.categories.values():
            count = len(each.partitions)
            self.store.remove(self.record_name(each.category, number) for number in range(count))
            self.store.remove(self.shard_name(each.category, number, count) for number in range(count))
            self.store.remove(self.rejects_name(each.category, number) for number in range(count))
            for folder in ("data", "_rejects", "_partitions"):
                self.store.remove_empty(f"{folder}/{each.category}")
                self.store.remove_empty(folder)
        self.store.remove([CARD, LAST_RUN])
        self.clear_temporary()
        self.store.remove([PLAN])


def _mark_name(category: str, partition: int) -> str:
    return f"_running/{category}/{partition:05d}"


def _intact(content: bytes | None, kind: type[_T]) -> _T | None:
    """Reads what can be made anew from the rest, so that it counts for nothing when it is damaged."""
    try:
        return None if content is None else unsealed(content, kind)
    except ValueError:
        return None


def output_at(text: str) -> OutputFolder:
    """Returns the output folder that a user has named by its path or address.

    Raises:
        UsageError: when that cannot be one.
    """
    try:
        return OutputFolder(located(text))
    except (ValueError, RuntimeError) as error:
        raise UsageError(str(error)) from None


def opened(root: Path | str) -> tuple[OutputFolder, Plan]:
    """Opens an output folder.

    Returns:
        The folder and its plan.

    Raises:
        UsageError: when it has none.
    """
    output = OutputFolder(root) if isinstance(root, Path) else output_at(root)
    plan = output.plan()
    if plan is None and not output.store.exists():
        raise UsageError(f"there is no such folder: {output.root}{_nearest_to(output.root)}")
    if plan is None:
        raise UsageError(
            f"{output.root} is no output of this program: it has no plan.json\n"
            "to make one: curate run --source FOLDER --output DIR"
        )
    return output, plan


def _nearest_to(root: Path | str) -> str:
    if isinstance(root, str) or not root.parent.is_dir():
        return ""
    return nearest(root.name, [printable(path.name) for path in root.parent.iterdir()])


def table_in(content: bytes, columns: Sequence[str] | None = None) -> pa.Table:
    """Reads a Parquet file's bytes, in this thread alone.

    `pq.read_table` has threads that let go of the bytes later, and has been seen to crash a process that ended then.
    """
    with pq.ParquetFile(pa.BufferReader(content), pre_buffer=False) as file:
        return file.read(columns=columns, use_threads=False)


class _Versioned(msgspec.Struct):
    version: int


def sealed(value: msgspec.Struct) -> bytes:
    """Writes a struct as JSON that ends with the SHA-256 of all before it."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=1)
    checksum = hashlib.sha256(text).hexdigest().encode("ascii")
    return text.removesuffix(b"\n}") + b',\n "checksum": "' + checksum + b'"\n}\n'


def unsealed(content: bytes, kind: type[_T]) -> _T:
    """Reads what `sealed` has written.

    Args:
        content: the file's bytes.
        kind: of the struct.

    Returns:
        The struct.

    Raises:
        ValueError: when a byte of it has changed since.
    """
    found = _CHECKSUM.search(content)
    if found is None or found.end() != len(content):
        raise ValueError("it has no checksum at its end")
    if hashlib.sha256(content[: found.start()] + b"\n}").hexdigest().encode("ascii") != found[1]:
        raise ValueError("its checksum is another")
    return msgspec.json.decode(content, type=kind)
