"""The output folder: where everything lies in it, and how it is read and written.

Files appear whole or not at all. The plan is written first and the manifest last, so a folder with a manifest is
complete; each partition's commit record is written after its shard, so a partition with a record is done. The plan
and the records end with a checksum of themselves, so that a damaged one is noticed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import msgspec

from job.config import check_category
from job.errors import CurateError, RefusedError, UsageError, nearest, printable, reason, write_failed
from job.manifest import VERSION, CategoryPlan, LastRun, Manifest, Plan, Record

_T = TypeVar("_T")

_CHECKSUM = re.compile(rb',\n "checksum": "([0-9a-f]{64})"\n}\n')
_WITH_CATEGORIES = ("data", "_rejects", "_partitions", "_running")
LEFT_OVER = {"_tmp", "_scratch", "_lock", "_running"}
"""What a run that was killed leaves, for the next one to remove."""


class OutputFolder:
    """An output folder.

    Args:
        root: the folder; it need not be there yet.
    """

    def __init__(self, root: Path):
        self.root = root
        self.plan_path = root / "plan.json"
        self.manifest_path = root / "manifest.json"
        self.card_path = root / "README.md"
        self.last_run_path = root / "_run.json"
        self.lock_path = root / "_lock"
        self.scratch = root / "_scratch"

    def shard_name(self, category: str, partition: int, count: int) -> str:
        """Returns a shard's path relative to the folder."""
        return f"data/{category}/items-{partition:05d}-of-{count:05d}.parquet"

    def rejects_name(self, category: str, partition: int) -> str:
        """Returns the path of a partition's rejects relative to the folder."""
        return f"_rejects/{category}/{partition:05d}.parquet"

    def record_path(self, category: str, partition: int) -> Path:
        """Returns the path of a commit record."""
        return self.root / "_partitions" / category / f"{partition:05d}.json"

    def check_links(self, categories: Iterable[str]) -> None:
        """Raises RefusedError when a folder in it is a link: what is written or removed there would be elsewhere."""
        inner = [f"{folder}/{category}" for folder in _WITH_CATEGORIES for category in categories]
        for name in sorted({*_WITH_CATEGORIES, *LEFT_OVER, *inner}):
            path = self.root / name
            if path.is_symlink():
                raise RefusedError(
                    f"{path} is a link to {path.readlink()}, and nothing is written through links in an output\n"
                    "nothing was touched; remove the link, or name another folder: --output DIR"
                )

    def write(self, path: Path, content: bytes) -> None:
        """Puts a file in place, whole or not at all: temporary name, flush to disk, rename.

        Args:
            path: the final path, inside the folder.
            content: all its bytes.

        Raises:
            CurateError: when the disk does not take it, or the folder is gone.
        """
        temporary = self.root / "_tmp" / uuid.uuid4().hex
        try:
            for folder in (temporary.parent, path.parent):
                self._make_below(folder)
            try:
                with temporary.open("xb") as stream:
                    stream.write(content)
                    stream.flush()
                    os.fsync(stream.fileno())
                temporary.rename(path)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            raise write_failed(error, path) from None

    def _make_below(self, folder: Path) -> None:
        """Makes a folder, but never the output folder itself: one that has gone away must not be begun anew."""
        missing: list[Path] = []
        while folder != self.root and not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for each in reversed(missing):
            with contextlib.suppress(FileExistsError):
                each.mkdir()

    def write_json(self, path: Path, value: msgspec.Struct) -> None:
        """Writes a record for people and programs to read, with its checksum."""
        self.write(path, sealed(value))

    def plan(self) -> Plan | None:
        """Reads the plan; None when there is none.

        Raises:
            RefusedError: when another version of this program wrote it.
            CurateError: when it is damaged.
        """
        content = self._content(self.plan_path)
        if content is None:
            return None
        try:
            version = msgspec.json.decode(content, type=_Versioned).version
            if version != VERSION:
                raise RefusedError(
                    f"{self.plan_path} has version {version}, this program writes {VERSION}\n"
                    "nothing was touched; name another folder: --output DIR"
                )
            plan = unsealed(content, Plan)
            for category in plan.categories.values():  # it becomes a part of paths
                check_category(category.category)
        except ValueError as error:
            raise CurateError(
                f"damaged: {self.plan_path}: {error}\n"
                "nothing was touched, and what lies under data/ can still be read; to make this output anew, remove "
                "the folder, or name another: --output DIR"
            ) from None
        return plan

    def manifest(self) -> Manifest | None:
        """Reads the manifest; None as long as the output is not complete, or when it is damaged."""
        return self._read(self.manifest_path, Manifest)

    def last_run(self) -> LastRun | None:
        """Reads how the last run ended, or that it began; None when that is not known."""
        return self._read(self.last_run_path, LastRun)

    def record(self, plan: CategoryPlan, partition: int) -> Record | None:
        """Reads a partition's commit record.

        Returns:
            The record; None as long as the partition is not done: there is no record, it is damaged or of another
            plan, or the shard that it speaks of is not there.
        """
        record = self._read(self.record_path(plan.category, partition), Record)
        if record is None or (record.digest, record.partition) != (plan.digest, partition):
            return None
        named = [(self.shard_name(plan.category, partition, len(plan.partitions)), record.shard_bytes)]
        if record.rejects is not None:
            named.append((self.rejects_name(plan.category, partition), record.rejects_bytes))
        if [name for name, _ in named] != [name for name in (record.shard, record.rejects) if name is not None]:
            return None
        for name, size in named:
            try:
                if (self.root / name).stat().st_size != size:
                    return None
            except OSError:
                return None
        return record

    def records(self, plan: CategoryPlan) -> list[Record]:
        """Reads the commit records of a category's finished partitions, in their order."""
        found = (self.record(plan, partition) for partition in range(len(plan.partitions)))
        return [record for record in found if record is not None]

    def is_untouched(self) -> bool:
        """Tells whether the folder has nothing in it, or is not there."""
        return not self.root.is_dir() or {path.name for path in self.root.iterdir()} <= {
            *LEFT_OVER,
            self.last_run_path.name,
        }

    def has_left_over(self) -> bool:
        """Tells whether a run works in the folder, or has been killed in it."""
        return any((self.root / name).exists() for name in LEFT_OVER)

    def mark_running(self, category: str, partition: int) -> int:
        """Leaves a mark that a worker has begun a partition, for `running` to find; not worth an error.

        Returns:
            How often that was begun, this time included, without having been ended.
        """
        try:
            self._make_below(folder := self.root / "_running" / category)
            with (folder / f"{partition:05d}").open("a") as mark:
                mark.write(".")
                return mark.tell()
        except OSError:
            return 1

    def unmark_running(self, category: str, partition: int) -> None:
        """Takes the mark away."""
        with contextlib.suppress(OSError):
            (self.root / "_running" / category / f"{partition:05d}").unlink(missing_ok=True)

    def running(self, category: str) -> int:
        """Returns how many partitions of a category workers have begun and not ended."""
        return len(list((self.root / "_running" / category).glob("*")))

    def clear_running(self) -> None:
        """Removes all marks."""
        shutil.rmtree(self.root / "_running", ignore_errors=True)

    def clear_temporary(self) -> None:
        """Removes what an interrupted run has left half written, and its marks."""
        shutil.rmtree(self.root / "_tmp", ignore_errors=True)
        self.clear_running()

    def clear_scratch(self) -> None:
        """Removes unpacked source files."""
        shutil.rmtree(self.scratch, ignore_errors=True)

    def remove_planned(self, plan: Plan) -> None:
        """Removes what a plan names, and nothing else."""
        self.manifest_path.unlink(missing_ok=True)
        for category in plan.categories.values():
            count = len(category.partitions)
            for partition in range(count):
                self.record_path(category.category, partition).unlink(missing_ok=True)
                (self.root / self.shard_name(category.category, partition, count)).unlink(missing_ok=True)
                (self.root / self.rejects_name(category.category, partition)).unlink(missing_ok=True)
            for folder in ("data", "_rejects", "_partitions"):
                for empty in (self.root / folder / category.category, self.root / folder):
                    with contextlib.suppress(OSError):  # it is not empty, or not there
                        empty.rmdir()
        self.card_path.unlink(missing_ok=True)
        self.last_run_path.unlink(missing_ok=True)
        self.clear_temporary()
        self.plan_path.unlink(missing_ok=True)

    def _content(self, path: Path) -> bytes | None:
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise UsageError(f"cannot be read: {path}: {reason(error)}") from None

    def _read(self, path: Path, kind: type[_T]) -> _T | None:
        """Reads what can be made anew from the rest, so that it counts for nothing when it is damaged."""
        content = self._content(path)
        if content is None:
            return None
        try:
            return unsealed(content, kind)
        except ValueError:
            return None


def opened(root: Path) -> tuple[OutputFolder, Plan]:
    """Opens an output folder.

    Returns:
        The folder and its plan.

    Raises:
        UsageError: when it has none.
    """
    output = OutputFolder(root)
    plan = output.plan()
    if not root.exists():
        names = [printable(path.name) for path in root.parent.iterdir()] if root.parent.is_dir() else []
        raise UsageError(f"there is no such folder: {root}{nearest(root.name, names)}")
    if plan is None:
        raise UsageError(
            f"{root} is no output of this program: it has no plan.json\n"
            "to make one: curate run --source FOLDER --output DIR"
        )
    return output, plan


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
