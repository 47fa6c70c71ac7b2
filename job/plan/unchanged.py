"""Tells a source that was edited since an output was begun from one that was only copied or touched.

An edit may keep a file's size, and its first and last bytes. So a plan has the version of each file, which costs no
reading, and each record the digest of what its partition was made of. Only where a version differs is the file read
again. An output from before there were such digests has only the size and the digest of both ends of each file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
from msgspec import UNSET

from job.config.addresses import located
from job.errors import CurateError, RefusedError
from job.output.folder import OutputFolder
from job.output.lock.ownership import live_owner
from job.output.records import CategoryPlan, FileSeen, Plan, Record
from job.source.bucket_file import BucketFile
from job.source.fetch.local_copies import local_copies
from job.source.files import CategorySource, SourceFile
from job.source.find import hub
from job.source.location import FileLocation, LocalFile
from job.source.read.partitions import Partition, cut_jsonl
from job.source.read.reader import content_digest

_READS_AT_ONCE = 8
"""Number of partitions that are read at the same time over the network."""
_NAMED = 5
"""Number of partitions that a message names, at most."""


def files_seen(source: CategorySource) -> list[FileSeen]:
    """Returns a category's files as they are now. Raises FileNotFoundError if one is gone."""
    return [FileSeen(str(file.location), file.location.version()) for file in source.files]


def has_other_version(plan: CategoryPlan, source: CategorySource) -> bool:
    """Tells whether a file may have another content than its records say. Nothing is read."""
    return plan.seen is not UNSET and [file.version for file in files_seen(source)] != [
        file.version for file in plan.seen
    ]


def compared(
    plan: CategoryPlan,
    source: CategorySource,
    records: Iterable[Record],
    scratch: Path,
    say: Callable[[str], None],
    *,
    all_files: bool = False,
) -> tuple[CategoryPlan, list[str]]:
    """Reads the files again whose version differs, and compares them with what was made of them.

    Args:
        plan: the plan of a category.
        source: its files, with the sizes that the plan has.
        records: records of partitions that count as done.
        scratch: folder to unpack packed files into.
        say: called with a line of text before something that takes a while.
        all_files: read every file.

    Returns:
        The plan with the files as they are now; and what has changed, a text for each file.
    """
    if plan.seen is UNSET:
        return plan, []
    now = files_seen(source)
    stale = {
        index
        for index, (before, file) in enumerate(zip(plan.seen, now, strict=True))
        if (all_files or before.version != file.version) and source.files[index].name not in plan.damaged_files
    }
    of_stale = [record for record in records if plan.partitions[record.partition].file in stale]
    if of_stale:
        size = sum(source.files[index].size_bytes for index in stale)
        say(f"{plan.category}: reading {size / 1e6:,.1f} MB again, to see whether it is what the output was made of")
        locations = local_copies(source, scratch, say, lambda _: None, plan.damaged_files, read_again=all_files)
        changed = changed_partitions(plan, locations, of_stale)
    else:
        locations, changed = None, list[int]()
    texts = list(_in_words(plan, source, changed))
    if not texts and stale and (plan.identity.limit is not None or source.is_packed):
        locations = locations or local_copies(source, scratch, say, lambda _: None, plan.damaged_files)
        texts = _cut_elsewhere(plan, source, locations)
    return msgspec.structs.replace(plan, seen=now), texts


def _cut_elsewhere(plan: CategoryPlan, source: CategorySource, locations: Sequence[FileLocation]) -> list[str]:
    """Tells whether JSONL files would be cut into other partitions now, as their content or its size decides."""
    if plan.file_format != "jsonl":
        return []
    whole = [index for index, file in enumerate(source.files) if file.name not in plan.damaged_files]
    cut = cut_jsonl([locations[index] for index in whole], plan.identity.limit, plan.identity.max_row_bytes)
    if [Partition(whole[part.file], part.start, part.end) for part in cut] == plan.partitions:
        return []
    names = ", ".join(file.name for file in source.files)
    return [f"{names}: the rows of the job end at another byte than when it was planned"]


def where_edited(plan: CategoryPlan, source: CategorySource, records: Sequence[Record]) -> list[str]:
    """Returns which partitions have changed of files that kept their size, a text for each file.

    Args:
        plan: the plan of a category.
        source: its files as they are now. Packed ones are left out: they would have to be unpacked for it.
        records: its records.
    """
    edited = [
        index
        for index, (before, now) in enumerate(zip(plan.identity.files, source.files, strict=False))
        if (now.name, now.size_bytes) == (before.name, before.size_bytes) and now.fingerprint != before.fingerprint
    ]
    if plan.seen is UNSET or source.is_packed or source.repository or not edited:
        return []
    of_edited = [record for record in records if plan.partitions[record.partition].file in edited]
    changed = changed_partitions(plan, [file.location for file in source.files], of_edited)
    return list(_in_words(plan, source, changed))


def changed_partitions(plan: CategoryPlan, locations: Sequence[FileLocation], records: Sequence[Record]) -> list[int]:
    """Reads partitions and compares their digests with their records.

    Args:
        plan: the plan of a category.
        locations: where its files are read, unpacked.
        records: records of some of its partitions. Those that have no digest are left out.

    Returns:
        Numbers of the partitions whose content is another.
    """
    columns = [] if plan.read_columns is UNSET else plan.read_columns

    def is_other(record: Record) -> bool:
        partition = plan.partitions[record.partition]
        found = content_digest(
            plan.file_format, locations[partition.file], partition, columns, plan.identity.max_row_bytes
        )
        return found != (None if record.source_digest is UNSET else record.source_digest)

    told = [record for record in records if record.source_digest is not UNSET or record.damaged is not None]
    # One at a time from a disk: a huge row group is read once for all partitions in it, in their order.
    is_local = all(location.local_path for location in locations)
    with ThreadPoolExecutor(1 if is_local else _READS_AT_ONCE) as pool:
        return [record.partition for record, other in zip(told, pool.map(is_other, told), strict=True) if other]


def _in_words(plan: CategoryPlan, source: CategorySource, changed: Collection[int]) -> Iterable[str]:
    unit = "rows" if plan.file_format == "parquet" else "bytes"
    if not changed:
        return
    by_file: defaultdict[int, list[int]] = defaultdict(list)
    for number, partition in enumerate(plan.partitions):
        by_file[partition.file].append(number)
    are_other = set(changed)
    for index, file in enumerate(source.files):
        own = by_file[index]
        if other := [number for number in own if number in are_other]:
            named = [
                f"{number} ({unit} {plan.partitions[number].start:,} to {plan.partitions[number].end:,})"
                for number in other[:_NAMED]
            ]
            more = f" and {len(other) - _NAMED} more" if len(other) > _NAMED else ""
            count = f"{len(other)} of its {len(own)} partitions" if len(own) > 1 else "its only partition"
            yield f"{file.name} has other content in {count}: {', '.join(named)}{more}"


def check_source(output: OutputFolder, plan: Plan, say: Callable[[str], None]) -> list[str]:
    """Reads the whole source of an output, and compares it with what the output was made of.

    Args:
        output: the output folder.
        plan: its plan.
        say: called with a line of text before something that takes a while.

    Returns:
        What was compared, a line for each category.

    Raises:
        RefusedError: when a file has changed.
        CurateError: when one is gone or cannot be read.
    """
    if owner := live_owner(output):
        raise CurateError(f"a run is working on {output.root}: {owner}\nverify it when that has ended")
    lines: list[str] = []
    changed: list[str] = []
    for category in plan.categories.values():
        source, records = _source_of(plan, category), output.records(category)
        try:
            other = [file.name for file in source.files if not _has_same_ends(file)]
            changed += [f"{category.category}: {name} has another size, or other first or last bytes" for name in other]
            if not other:
                _, texts = compared(category, source, records, output.scratch, say, all_files=True)
                changed += [f"{category.category}: {text}" for text in texts]
        except FileNotFoundError as error:
            raise CurateError(
                f"{category.category}: {error.filename or error} is gone\nput the source back where it was"
            ) from None
        told = sum(record.source_digest is not UNSET for record in records)
        if told == len(records):
            lines.append(f"{category.category}: the source has the content that all {told} partitions were made of")
        else:
            lines.append(
                f"{category.category}: {len(records) - told} of {len(records)} partitions have no digest of their "
                "source, as older outputs: of these only the size and both ends of each file were compared"
            )
    if output.manifest() is not None:
        output.clear_scratch()
    if changed:
        raise RefusedError(
            f"the source of {output.root} has changed since:\n" + "\n".join(changed) + "\n"
            "put the old files back, or make the output anew: curate run ... --fresh"
        )
    return lines


def _has_same_ends(file: SourceFile) -> bool:
    return file.location.fingerprint() == (file.size_bytes, file.fingerprint)


def _source_of(plan: Plan, category: CategoryPlan) -> CategorySource:
    """Returns a category's files where they lay when they were last compared, or else where the config has them."""
    identity = category.identity
    if identity.repository is not None:
        return hub.planned_category(category.category, identity.repository, identity.files)
    if category.seen is not UNSET:
        locations = [seen.location for seen in category.seen]
    else:
        path = plan.config.get("source", {}).get("path")
        if path is None:
            raise CurateError(f"{category.category}: the plan does not say where its source lies")
        is_file = path.endswith(f"/{identity.files[0].name}") or path == identity.files[0].name
        locations = [path if is_file else f"{path}/{file.name}" for file in identity.files]
    files = [
        SourceFile(
            name=file.name,
            location=_located(location, file.size_bytes),
            size_bytes=file.size_bytes,
            fingerprint=file.fingerprint,
        )
        for file, location in zip(identity.files, locations, strict=True)
    ]
    return CategorySource(category=category.category, file_format=category.file_format, files=tuple(files))


def _located(text: str, size_bytes: int) -> FileLocation:
    found = located(text)
    return LocalFile(found) if isinstance(found, Path) else BucketFile(address=found, size_bytes=size_bytes)
