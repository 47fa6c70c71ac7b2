"""What is to be done: config and source become a plan."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Container, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from job.config.addresses import located
from job.config.models import JobConfig, SourceConfig
from job.errors import CurateError, DamagedFileError, UsageError
from job.output.folder import OutputFolder
from job.output.records import CategoryPlan, Plan, digest_of
from job.recipe.tokenizer import LLAMA3_VOCABULARY_SHA256
from job.source.bucket_file import BucketFile
from job.source.fetch.cache import cached_path, fetch_files
from job.source.fetch.unpack import is_packed, unpack
from job.source.files import CategorySource, Place, SourceFile, fingerprint, size_of
from job.source.find import bucket as stored
from job.source.find import hub
from job.source.find.folder import find_categories
from job.source.find.load_dataset import loaded_category
from job.source.hub_file import HubFile
from job.source.read.jsonl import check_fields
from job.source.read.parquet import open_checked, read_metadata
from job.source.read.partitions import RULE, RowGroups, cut_jsonl, cut_parquet, row_groups
from job.source.read.reader import PartitionReader

RECIPE_VERSION = 1
"""Goes up when the recipe's code gives other items for the same settings."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One category: where its rows are, and what is planned for it."""

    source: CategorySource
    plan: CategoryPlan
    scratch: Path
    """Where packed files are unpacked."""
    config: JobConfig

    def left(self, output: OutputFolder) -> list[int]:
        """Returns the numbers of the partitions that are not done, damaged ones among them unless they are skipped."""
        records = output.records(self.plan)
        done = {record.partition for record in records if record.damaged is None or self.config.skip_damaged_files}
        return [index for index in range(len(self.plan.partitions)) if index not in done]

    def reader(self, places: Sequence[Place]) -> PartitionReader:
        """Makes the reader of the category's partitions.

        Args:
            places: where its files are read, as `local_files` has them or as the source has.
        """
        remote = [place for place in places if not isinstance(place, Path)]
        return PartitionReader(
            file_format=self.source.file_format,
            paths=tuple(place.absolute() if isinstance(place, Path) else place for place in places),
            sizes_bytes=tuple(map(size_of, places)),
            keep_columns=self.config.keep_columns,
            max_row_bytes=self.config.max_row_bytes,
            fields=self.config.source.fields,
            metadata=tuple(map(self._metadata, remote)) if self.source.file_format == "parquet" else (),
        )

    def _metadata(self, file: HubFile | BucketFile) -> pq.FileMetaData | None:
        return None if file.name in self.plan.damaged_files else read_metadata(file)

    def check_unchanged(self) -> None:
        """Compares the source's files with what was planned. Raises CurateError when one has changed since."""
        for file in self.source.files:
            if isinstance(file.path, HubFile):
                continue
            try:
                is_same = fingerprint(file.path) == (file.size_bytes, file.fingerprint)
            except FileNotFoundError:
                is_same = False
            if not is_same:
                raise CurateError(
                    f"changed while the job ran: {file.path}\n"
                    "what was made of it may be of either; begin anew with --fresh"
                )


def find_sources(config: JobConfig, before: Plan | None = None) -> list[CategorySource]:
    """Finds the files of the categories wanted.

    Args:
        config: the job.
        before: what the output folder is for, if anything. A data set on the Hub stays at the commit of this plan.

    Returns:
        The categories with their files.

    Raises:
        UsageError: when the config names no source, or the files are not there or not right.
        CurateError: when the Hub does not answer.
    """
    if config.source.load_dataset is not None:
        sources = [loaded_category(config.source.load_dataset, config.categories)]
    elif config.source.path is not None:
        place = located(config.source.path)
        if isinstance(place, Path):
            sources = find_categories(place, config.categories)
        else:
            sources = stored.find_categories(place, config.categories)
    else:
        sources = _find_on_hub(config, before)
    for source in sources:
        known = before.categories.get(source.category) if before else None
        if source.file_format == "parquet" and known is None:
            for file in source.files:
                with _damage_noted(config, file, {}):
                    open_checked(_nearest_place(source, file), config.keep_columns, config.source.fields)
        elif known is None and config.source.fields and not source.is_packed:
            for file in source.files:
                check_fields(_nearest_place(source, file), config.source.fields)
    return sources


def _find_on_hub(config: JobConfig, before: Plan | None) -> list[CategorySource]:
    known = planned_at(config, before)
    if config.categories and all(name in known for name in config.categories):
        return [hub.planned_category(name, known[name].determines) for name in config.categories]
    dataset = config.source.hub_dataset
    if known:
        commit = next(iter(known.values())).determines["repository"][1]
        repository = hub.Repository(dataset=dataset, commit=commit)
    else:
        repository = hub.resolve(dataset, config.source.hub_revision)
    if not config.categories:
        names = [source.category for source in hub.find_categories(repository, ())]
        raise UsageError(
            f"{dataset} has {len(names)} categories: {', '.join(names)}\nname those you want: --category NAME"
        )
    return hub.find_categories(repository, config.categories)


def planned_at(config: JobConfig, before: Plan | None) -> dict[str, CategoryPlan]:
    """Returns the categories that an output has of the same revision of the same data set on the Hub."""
    if before is None or config.source.path is not None or config.source.load_dataset is not None:
        return {}
    planned_source = SourceConfig.model_validate(before.config.get("source", {}))
    if planned_source.hub_revision != config.source.hub_revision:
        return {}
    plans = before.categories.items()
    return {
        name: plan
        for name, plan in plans
        if (plan.determines.get("repository") or [None])[0] == config.source.hub_dataset
    }


def moved(config: JobConfig, before: Plan | None) -> str | None:
    """Tells whether the revision is another commit by now than the output's plan has.

    Returns:
        A sentence about it; None when it is the same, or nobody can be asked.
    """
    known = planned_at(config, before)
    if not known:
        return None
    dataset, commit = next(iter(known.values())).determines["repository"]
    try:
        now = hub.resolve(dataset, config.source.hub_revision).commit
    except CurateError:
        return None
    if now == commit:
        return None
    return (
        f"{dataset}: {config.source.hub_revision} has moved from {commit[:8]} to {now[:8]} since; going on with "
        f"{commit[:8]}; to begin anew with {now[:8]}: --fresh"
    )


def _nearest_place(source: CategorySource, file: SourceFile) -> Place:
    """Returns where a file is read while nothing is fetched yet."""
    return (source.repository and cached_path(source.repository, file)) or file.path


def local_files(
    source: CategorySource,
    scratch: Path,
    say: Callable[[str], None],
    report: Callable[[int], None],
    left_out: Container[str] = (),
) -> list[Place]:
    """Has a category's files as they can be cut: those on the Hub fetched to this machine, packed ones unpacked.

    Args:
        source: the category.
        scratch: the folder to unpack into.
        say: told what takes a while.
        report: told how many bytes are fetched so far.
        left_out: the names of files that the plan leaves out, and that stay packed.

    Returns:
        Where each file is.

    Raises:
        DamagedFileError: when another one is damaged.
    """
    paths = _fetched(source, report)
    return [
        path if file.name in left_out else _unpacked(source, file, path, scratch, say)
        for file, path in zip(source.files, paths, strict=True)
    ]


def _fetched(source: CategorySource, report: Callable[[int], None]) -> list[Place]:
    if source.repository is not None:
        return [*fetch_files(source.repository, source.files, report)]
    return [file.path for file in source.files]


def _unpacked(
    source: CategorySource, file: SourceFile, place: Place, scratch: Path, say: Callable[[str], None]
) -> Place:
    if not is_packed(file.name) or isinstance(place, HubFile):
        return place
    return unpack(place, scratch / source.category / file.fingerprint[:16], say)


@contextlib.contextmanager
def _damage_noted(config: JobConfig, file: SourceFile, damaged: dict[str, str]) -> Generator[None]:
    """Notes a file that cannot be opened with its cause, where such files are skipped; elsewhere that is an error."""
    try:
        yield
    except DamagedFileError as error:
        if not config.skip_damaged_files:
            raise
        damaged[file.name] = str(error).splitlines()[0]


def make_task(
    config: JobConfig,
    source: CategorySource,
    known: CategoryPlan | None,
    output: OutputFolder,
    say: Callable[[str], None],
) -> Task:
    """Plans a category.

    Args:
        config: the job.
        source: the category's files.
        known: what the output folder plans for it already, which is the same work.
        output: the output folder; packed files of a category that it does not know are unpacked into its scratch.
        say: told what takes a while.

    Returns:
        The category's task.

    Raises:
        DamagedFileError: when a file cannot be opened, unless such files are skipped.
    """
    plan = known
    if plan is not None and plan.damaged_files and not config.skip_damaged_files:
        raise DamagedFileError("\n".join(plan.damaged_files.values()) + "\nto go on without: --skip-damaged-files")
    if plan is None:
        determines = determinants(config, source)
        damaged: dict[str, str] = {}
        places: list[Place] = [_nearest_place(source, file) for file in source.files]
        if source.is_packed:
            for index, (file, path) in enumerate(zip(source.files, _fetched(source, lambda _: None), strict=True)):
                with _damage_noted(config, file, damaged):
                    places[index] = _unpacked(source, file, path, output.scratch, say)
        partitions = _cut(config, source, places, damaged)
        plan = CategoryPlan(
            category=source.category,
            file_format=source.file_format,
            digest=digest_of(determines),
            determines=determines,
            partitions=partitions,
            damaged_files=damaged,
        )
    return Task(
        source=source,
        plan=plan,
        scratch=output.scratch,
        config=config,
    )


def _cut(
    config: JobConfig, source: CategorySource, places: Sequence[Place], damaged: dict[str, str]
) -> list[tuple[int, int, int]]:
    """Cuts a category's files, but not those that are damaged; adds to these what cannot be opened."""
    groups: dict[int, RowGroups] = {}
    if source.file_format == "parquet":
        for index, (file, place) in enumerate(zip(source.files, places, strict=True)):
            with _damage_noted(config, file, damaged):
                groups[index] = row_groups(open_checked(place, config.keep_columns, config.source.fields))
    whole = [index for index, file in enumerate(source.files) if file.name not in damaged]
    if not whole:
        raise DamagedFileError(f"{source.category}: every file of it is damaged:\n" + "\n".join(damaged.values()))
    if source.file_format == "jsonl":
        cut = cut_jsonl([places[index] for index in whole], config.limit, config.max_row_bytes)
    else:
        cut = cut_parquet([groups[index] for index in whole], config.limit)
    return [(whole[part.file], part.start, part.end) for part in cut]


def determinants(config: JobConfig, source: CategorySource) -> dict[str, Any]:
    """Returns all that decides a category's bytes."""
    return {
        "category": source.category,
        "repository": list(source.repository) if source.repository else None,
        "files": [[file.name, file.size_bytes, file.fingerprint] for file in source.files],
        "recipe": config.recipe.model_dump(mode="json"),
        "keep_columns": list(config.keep_columns),
        "limit": config.limit,
        "max_row_bytes": config.max_row_bytes,
        "fields": dict(config.source.fields),
        "partition_rule": RULE,
        "versions": {
            "recipe": RECIPE_VERSION,
            "vocabulary": LLAMA3_VOCABULARY_SHA256[:16],
            "pyarrow": pa.__version__,
        },
    }
