"""Verifies an output: reads everything back, and compares bytes, rows, digests and totals with its records."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from job.errors import CurateError, quoted
from job.output.folder import CARD, LAST_RUN, LEFT_OVER, MANIFEST, PLAN, OutputFolder, open_output
from job.output.full_card import cards
from job.output.lock.ownership import live_owner
from job.output.nearby import REPORTS
from job.output.records import CategoryPlan, Plan, Record
from job.output.report_files import report_faults
from job.output.sealed import intact, sealed
from job.output.shard import REJECTS_SCHEMA, content_digest, items_schema, table_in
from job.output.totals import CategoryTotals, add_digests, add_up, complete
from job.recipe.verdicts import KEPT, MALFORMED


def verify_output(root: Path | str) -> str:
    """Reads an output back and compares it with its records.

    Args:
        root: the output folder.

    Returns:
        How many files are intact.

    Raises:
        CurateError: naming all that is wrong.
    """
    output, plan = open_output(root)
    if owner := live_owner(output):
        raise CurateError(f"a run is working on {output.root}: {owner}\nverify it when that has ended")
    files = set(output.store.names())
    is_complete = MANIFEST in files
    wrong: list[str] = []
    unfinished: list[str] = []
    named = {PLAN, MANIFEST, CARD, LAST_RUN, *REPORTS}
    totals: dict[str, CategoryTotals] = {}
    for category in plan.categories.values():
        records = output.records(category)
        unfinished += _unfinished(output, files, category)
        wrong += _odd_records(output, files, category, records)
        for record in records:
            wrong += _shard(output, record, items_schema(plan.description, category.identity.keep_columns))
            named.add(record.shard)
            if record.rejects is not None:
                named.add(record.rejects)
                wrong += _rejects(output, record)
        count, counting = len(category.partitions), {record.partition for record in records}
        for number in range(count):
            named.add(output.record_name(category.category, number))
            # A run may have been killed between a shard and its record; or one of them is what is damaged.
            if not is_complete or number not in counting:
                named.add(output.shard_name(category.category, number, count))
                named.add(output.rejects_name(category.category, number))
        if len(records) == count:
            try:
                totals[category.category] = add_up(category, records, plan.description)
            except RuntimeError as error:
                wrong.append(str(error))
    strangers = sorted(files - named)
    if not is_complete:
        strangers = [name for name in strangers if name.partition("/")[0] not in LEFT_OVER]
    wrong += [f"{name}: belongs to nothing" for name in strangers]
    if LAST_RUN in files and output.last_run() is None:
        wrong.append(f"{LAST_RUN}: damaged")
    is_added_up = is_complete and len(totals) == len(plan.categories)
    digest = add_digests(each.content_digest for each in totals.values()) if is_added_up else None
    wrong += report_faults(output, digest)
    if is_complete:
        wrong += unfinished
        if is_added_up:
            wrong += _written_last(output, plan, totals)
    if wrong:
        raise CurateError(
            f"{output.root} is not intact:\n" + "\n".join(wrong) + "\nto repair it: remove the files that are damaged, "
            "move away those that belong to nothing, then run the same command again"
        )
    if not is_complete:
        why = unfinished or ["all partitions are done, but there is no manifest.json"]
        raise CurateError(
            f"{output.root} is not complete; what there is of it is intact:\n" + "\n".join(why) + "\n"
            f"to go on, run the same command again; what the last run said: curate status {quoted(output.root)}"
        )
    return f"intact: {len(files)} files, {sum(each.num_items for each in totals.values()):,} items"


def _unfinished(output: OutputFolder, files: Container[str], category: CategoryPlan) -> Iterator[str]:
    """Yields which partitions have no record."""
    count = len(category.partitions)
    absent = [number for number in range(count) if output.record_name(category.category, number) not in files]
    if absent:
        names = ", ".join(map(str, absent[:5])) + (", ..." if len(absent) > 5 else "")
        yield f"{category.category}: {len(absent)} of {count} partitions are not done: {names}"


def _odd_records(
    output: OutputFolder, files: Container[str], category: CategoryPlan, records: Sequence[Record]
) -> Iterator[str]:
    """Yields which records do not match the plan, or the files that they name."""
    if category.identity.digest != category.digest:
        yield f"plan.json: {category.category}: its digest is not that of what determines it"
    counting = {record.partition: record for record in records}
    for number, partition in enumerate(category.partitions):
        record, name = counting.get(number), output.record_name(category.category, number)
        if record is None and name in files:
            yield from _not_counting(output, category, number, name)
        elif record is not None and (record.start, record.end) != (partition.start, partition.end):
            yield f"{name}: of another range than the plan has"


def _not_counting(output: OutputFolder, category: CategoryPlan, number: int, name: str) -> Iterator[str]:
    """Yields why a record that is there does not count: it is damaged or wrong itself, or a file that it names is."""
    record = intact(output.store.read(name), Record)
    if record is None:
        yield f"{name}: damaged"
        return
    if (record.digest, record.partition) != (category.digest, number):
        yield f"{name}: of other work"
        return
    named = {output.shard_name(category.category, number, len(category.partitions)): (record.shard, record.shard_bytes)}
    if record.rejects is not None:
        named[output.rejects_name(category.category, number)] = (record.rejects, record.rejects_bytes)
    for planned, (said, size) in named.items():
        content = output.store.read(planned)
        if said != planned:
            yield f"{name}: names {said} in place of {planned}"
        elif content is None:
            yield f"{planned}: missing"
        elif len(content) != size:
            yield f"{planned}: {len(content):,} bytes, and {size:,} were written"


def _shard(output: OutputFolder, record: Record, schema: pa.Schema) -> Iterator[str]:
    content = output.store.read(record.shard) or b""
    if hashlib.sha256(content).hexdigest() != record.shard_sha256:
        yield f"{record.shard}: its bytes are not those that were written"
        return
    items = table_in(content)
    if not _is_same(items.schema, schema):
        yield f"{record.shard}: its schema is another"
        return
    if items.num_rows != record.funnel.get(KEPT, 0):
        yield f"{record.shard}: not as many items as its record says"
    if content_digest(items) != record.content_digest:
        yield f"{record.shard}: its items are not those that its record says"
    if sum(record.funnel.values()) != record.num_rows:
        yield f"{record.shard}: its record does not add up"


def _is_same(found: pa.Schema, expected: pa.Schema) -> bool:
    """Compares schemas. Parquet has its own name for what a list holds, which is no difference."""
    types = [(field.name, _type_text(field.type)) for field in found]
    return types == [(field.name, _type_text(field.type)) for field in expected] and found.metadata == expected.metadata


def _type_text(kind: pa.DataType) -> str:
    return f"list<{_type_text(kind.value_type)}>" if pa.types.is_list(kind) else str(kind)


def _rejects(output: OutputFolder, record: Record) -> Iterator[str]:
    content = output.store.read(str(record.rejects)) or b""
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
