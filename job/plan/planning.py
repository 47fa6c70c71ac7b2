"""Plans a category: cuts its files into partitions. Nothing is downloaded or unpacked here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import UNSET

from job.config.models import JobConfig
from job.errors import DamagedFileError
from job.output.records import CategoryPlan
from job.plan.damage import damage_noted
from job.plan.identity import identity_of
from job.plan.unchanged import files_seen
from job.source.files import CategorySource
from job.source.location import FileLocation
from job.source.read.parquet_columns import open_checked
from job.source.read.partitions import Partition, RowGroups, cut_jsonl, cut_parquet, row_groups
from job.source.read.rows import RowLayout


def plan_category(
    config: JobConfig, source: CategorySource, locations: Sequence[FileLocation], damaged: Mapping[str, str]
) -> CategoryPlan:
    """Plans a category.

    Args:
        config: the job.
        source: the category's files.
        locations: where each of them can be read now, unpacked.
        damaged: files that are known to be damaged, with their causes.

    Returns:
        The category's plan.

    Raises:
        DamagedFileError: when a file cannot be opened, unless such files are left out; or when none can.
    """
    identity, seen = identity_of(config, source), files_seen(source)  # before anything is read
    left_out = dict(damaged)
    partitions = _cut(config, source, locations, left_out)
    return CategoryPlan(
        category=source.category,
        file_format=source.file_format,
        digest=identity.digest,
        identity=identity,
        partitions=partitions,
        damaged_files=left_out,
        seen=seen,
        read_columns=list(RowLayout.of(config).source_columns) if source.file_format == "parquet" else UNSET,
    )


def check_damage_accepted(config: JobConfig, plan: CategoryPlan) -> None:
    """Raises DamagedFileError when a plan leaves damaged files out, and the job does not allow that."""
    if plan.damaged_files and not config.skip_damaged_files:
        raise DamagedFileError("\n".join(plan.damaged_files.values()) + "\nto go on without: --skip-damaged-files")


def _cut(
    config: JobConfig, source: CategorySource, locations: Sequence[FileLocation], damaged: dict[str, str]
) -> list[Partition]:
    """Cuts the files that are not damaged, and adds to `damaged` those that cannot be opened."""
    layout = RowLayout.of(config)
    groups: dict[int, RowGroups] = {}
    if source.file_format == "parquet":
        for index, (file, location) in enumerate(zip(source.files, locations, strict=True)):
            with damage_noted(config, file, damaged):
                parts = open_checked(location, layout).parts(location)
                groups[index] = [group for part in parts for group in row_groups(part, layout.inputs.names)]
    whole = [index for index, file in enumerate(source.files) if file.name not in damaged]
    if not whole:
        raise DamagedFileError(f"{source.category}: every file of it is damaged:\n" + "\n".join(damaged.values()))
    if source.file_format == "jsonl":
        cut = cut_jsonl([locations[index] for index in whole], config.limit, config.max_row_bytes)
    else:
        cut = cut_parquet([groups[index] for index in whole], config.limit)
    return [Partition(whole[part.file], part.start, part.end) for part in cut]
