"""Verifies an output: reads everything back, and compares bytes, rows, digests and totals with its records."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
from msgspec import UNSET

from job.errors import CurateError, quoted
from job.output.folder import CARD, LAST_RUN, LEFT_OVER, MANIFEST, PLAN, OutputFolder, open_any
from job.output.full_card import cards
from job.output.lock.ownership import live_owner
from job.output.nearby import REPORTS
from job.output.packed import packed_name, read_packed, unpacked
from job.output.records import CategoryPlan, Plan, Record
from job.output.report_files import report_faults
from job.output.sealed import intact, sealed
from job.output.section import Section, record_name
from job.output.shard import REJECTS_SCHEMA, content_digest, is_same_schema, items_schema, table_in
from job.output.totals import CategoryTotals, add_digests, add_up, complete
from job.output.training_set.verify import SetChecks
from job.recipe.verdicts import KEPT, MALFORMED


def verify_output(root: Path | str) -> str:
    """Reads an output of items or a training set back, and compares it with its records.

    Args:
        root: the output folder.

    Returns:
        How many files are intact.

    Raises:
        CurateError: naming all that is wrong.
    """
    output, plan = open_any(root)
    if owner := live_owner(output):
        raise CurateError(f"a run is working on {output.root}: {owner}\nverify it when that has ended")
    checks: Any = _ItemChecks(output, plan) if isinstance(plan, Plan) else SetChecks(output, plan)
    files = set(output.store.names())
    is_complete = MANIFEST in files
    wrong: list[str] = []
    unfinished: list[str] = []
    named = {PLAN, MANIFEST, CARD, LAST_RUN, *REPORTS, *plan.other_files()}
    for section in plan.sections():
        records: list[Any] = output.records(section, lean=False)
        unfinished += _unfinished(files, section)
        wrong += _odd_records(output, files, section, records)
        wrong += checks.section(section, records)
        named.add(packed_name(section.name))
        wrong += _copy_faults(output, files, section, records)
        contents = output.store.read_all(_files(records), are_large=True)
        for record in records:
            wrong += checks.shard(section, record, contents)
            named |= {name for name in (record.shard, record.rejects) if name is not None}
        counting = {record.partition for record in records}
        for number in range(section.count):
            named.add(record_name(section.name, number))
            # A run may have been killed between a shard and its record; or one of them is what is damaged.
            if not is_complete or number not in counting:
                named.add(section.shard_name(number))
                named |= {name for name in [section.rejects_name(number)] if name is not None}
    wrong += report_faults(output, checks.content_digest() if is_complete else None)
    strangers = sorted(files - named)
    if not is_complete:
        strangers = [name for name in strangers if name.partition("/")[0] not in LEFT_OVER]
    wrong += [f"{name}: belongs to nothing" for name in strangers]
    if LAST_RUN in files and output.last_run() is None:
        wrong.append(f"{LAST_RUN}: damaged")
    if is_complete:
        wrong += unfinished
        wrong += checks.written_last()
    if wrong:
        raise CurateError(
            f"{output.root} is not intact:\n" + "\n".join(wrong) + "\nto repair it: remove the files that are damaged, "
            "move away those that belong to nothing, then run the same command again"
        )
    if not is_complete:
        why = unfinished or [f"all {checks.unit}s are done, but there is no manifest.json"]
        raise CurateError(
            f"{output.root} is not complete; what there is of it is intact:\n" + "\n".join(why) + "\n"
            f"to go on, run the same command again; what the last run said: curate status {quoted(output.root)}"
        )
    return f"intact: {len(files)} files, {checks.counted()}"


def _unfinished(files: Container[str], section: Section[Any]) -> Iterator[str]:
    """Yields which shards have no record."""
    absent = [number for number in range(section.count) if record_name(section.name, number) not in files]
    if absent:
        names = ", ".join(map(str, absent[:5])) + (", ..." if len(absent) > 5 else "")
        unit = "partitions" if isinstance(section, CategoryPlan) else "shards"
        yield f"{section.name}: {len(absent)} of {section.count} {unit} are not done: {names}"


def _odd_records(
    output: OutputFolder, files: Container[str], section: Section[Any], records: Sequence[Any]
) -> Iterator[str]:
    """Yields which records do not count, and why."""
    counting = {record.partition for record in records}
    for number in range(section.count):
        name = record_name(section.name, number)
        if number not in counting and name in files:
            yield from _not_counting(output, section, number, name)


def _files(records: Sequence[Any]) -> Iterator[str]:
    """Yields the files of each record: its shard, and its rejects if there are any."""
    return (name for record in records for name in (record.shard, record.rejects) if name is not None)


def _copy_faults(
    output: OutputFolder, files: Container[str], section: Section[Any], records: Sequence[Any]
) -> Iterator[str]:
    """Yields what is wrong with the packed copy of the records."""
    name = packed_name(section.name)
    if name not in files:
        return
    copies = unpacked(output.store.read(name), section.record_type)
    if copies is None:
        yield f"{name}: damaged"
        return
    written = output.store.times(f"_partitions/{section.name}")
    used = read_packed(output.store, section, written)
    other = [
        record.partition
        for record in records
        if (copy := used.get(record.partition)) is not None
        and copy != msgspec.structs.replace(record, examples=UNSET, elapsed_s=copy.elapsed_s)
    ]
    if other:
        such_as = record_name(section.name, other[0])
        yield f"{name}: says other things than {len(other)} of the records, such as {such_as}"


def _not_counting(output: OutputFolder, section: Section[Any], number: int, name: str) -> Iterator[str]:
    """Yields why a record that is there does not count: it is damaged or wrong itself, or a file that it names is."""
    record = intact(output.store.read(name), section.record_type)
    if record is None:
        yield f"{name}: damaged"
        return
    if (record.digest, record.partition) != (section.digest, number):
        yield f"{name}: of other work"
        return
    named = {section.shard_name(number): (record.shard, record.shard_bytes)}
    if record.rejects is not None:
        named[str(section.rejects_name(number))] = (record.rejects, record.rejects_bytes)
    for planned, (said, size) in named.items():
        content = output.store.read(planned)
        if said != planned:
            yield f"{name}: names {said} in place of {planned}"
        elif content is None:
            yield f"{planned}: missing"
        elif len(content) != size:
            yield f"{planned}: {len(content):,} bytes, and {size:,} were written"


class _ItemChecks:
    """What is checked of items alone."""

    unit = "partition"

    def __init__(self, output: OutputFolder, plan: Plan) -> None:
        self._output, self._plan = output, plan
        self._totals: dict[str, CategoryTotals] = {}

    def section(self, category: CategoryPlan, records: Sequence[Record]) -> Iterator[str]:
        """Yields what is wrong with a category's records in all."""
        if category.identity.digest != category.digest:
            yield f"plan.json: {category.category}: its digest is not that of what determines it"
        for record in records:
            partition = category.partitions[record.partition]
            if (record.start, record.end) != (partition.start, partition.end):
                name = record_name(category.category, record.partition)
                yield f"{name}: of another range than the plan has"
        if len(records) == category.count:
            try:
                self._totals[category.category] = add_up(category, records, self._plan.description)
            except RuntimeError as error:
                yield str(error)

    def shard(self, category: CategoryPlan, record: Record, contents: Iterator[bytes | None]) -> Iterator[str]:
        """Yields what is wrong with a shard, and with its rejects, which are the next contents."""
        schema = items_schema(self._plan.description, category.identity.keep_columns)
        yield from _shard(record, next(contents) or b"", schema)
        if record.rejects is not None:
            yield from _rejects(record, next(contents) or b"")

    def written_last(self) -> Iterator[str]:
        """Yields what is wrong with the manifest and the card."""
        if len(self._totals) == len(self._plan.categories):
            yield from _written_last(self._output, self._plan, self._totals)

    def content_digest(self) -> str | None:
        """Returns the digest of all items; None when there is one that is not known."""
        is_whole = len(self._totals) == len(self._plan.categories)
        return add_digests(each.content_digest for each in self._totals.values()) if is_whole else None

    def counted(self) -> str:
        """Returns how many rows there are."""
        return f"{sum(each.num_items for each in self._totals.values()):,} items"


def _shard(record: Record, content: bytes, schema: pa.Schema) -> Iterator[str]:
    if hashlib.sha256(content).hexdigest() != record.shard_sha256:
        yield f"{record.shard}: its bytes are not those that were written"
        return
    items = table_in(content)
    if not is_same_schema(items.schema, schema):
        yield f"{record.shard}: its schema is another"
        return
    if items.num_rows != record.funnel.get(KEPT, 0):
        yield f"{record.shard}: not as many items as its record says"
    if content_digest(items) != record.content_digest:
        yield f"{record.shard}: its items are not those that its record says"
    if sum(record.funnel.values()) != record.num_rows:
        yield f"{record.shard}: its record does not add up"


def _rejects(record: Record, content: bytes) -> Iterator[str]:
    if hashlib.sha256(content).hexdigest() != record.rejects_sha256:
        yield f"{record.rejects}: its bytes are not those that were written"
        return
    rejects = table_in(content)
    if not rejects.schema.equals(REJECTS_SCHEMA) or rejects.num_rows != record.funnel.get(MALFORMED, 0):
        yield f"{record.rejects}: not the rows that its record says"


def _written_last(output: OutputFolder, plan: Plan, totals: dict[str, CategoryTotals]) -> Iterator[str]:
    """Compares the manifest and the card, byte for byte, with what follows from the records."""
    manifest = complete(plan, totals)
    for name, expected in ((MANIFEST, [sealed(manifest)]), (CARD, cards(plan, manifest))):
        found = output.store.read(name)
        if found is None:
            yield f"{name}: missing"
        elif found not in expected:
            yield f"{name}: damaged, or its totals are not those of the records"
