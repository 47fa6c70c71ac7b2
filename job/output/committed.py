"""Reads the records of finished work: one listing, and each record once.

Of a record that was there before, nothing is read again, and while a run works nothing is asked of the shards of old
records. Where an output has very many records, most of them are read from one packed copy (`packed.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET

from job.output.packed import PACKED_FROM, read_packed
from job.output.records import Record
from job.output.sealed import intact
from job.output.section import Committed, Section, record_name
from job.recipe.examples import PER_REASON, Example
from job.storage.interface import Store

R = TypeVar("R", bound=Committed)


def read_records(
    store: Store,
    section: Section[R],
    known: Collection[int] = (),
    *,
    lean: bool = True,
    num_copied: dict[str, int] | None = None,
) -> list[R]:
    """Reads the records of a section's finished work, in their order.

    Args:
        store: the output.
        section: a category's plan, or a split.
        known: numbers of the records that are known already, and are not read.
        lean: whether to leave out their examples of dropped rows, which take most of their memory; otherwise the first
            few of each reason are kept. Only lean records may come from a packed copy.
        num_copied: told how many records of the section came from its copy.

    Returns:
        The records. Work without one is not done: its record is missing, damaged or of another plan, or the shard
        that the record names is not there.
    """
    missing = [number for number in range(section.count) if number not in known]
    if not missing:
        return []
    copies: dict[int, R] = {}
    if lean and len(known) == 0 and section.count >= PACKED_FROM:
        times = store.times(_folder(section))
        copies = read_packed(store, section, times) if times else {}
        if num_copied is not None:
            num_copied[section.name] = len(copies)
        written = {number for number in missing if _file(section, number) in times}
    else:
        written = _written(store, section, missing)
    wanted = [number for number in missing if number in written and number not in copies]
    kept: Counter[str] = Counter()
    contents = store.read_all(record_name(section.name, number) for number in wanted)
    for number, content in zip(wanted, contents, strict=True):
        record = intact(content, section.record_type)
        if record is not None:
            copies[number] = _with_examples(record, kept, 0 if lean else PER_REASON)
    fitting = [copies[number] for number in sorted(copies) if number in written and _is_of(section, number, copies)]
    lost = {record.partition for record in lost_of(store, section, fitting)}
    return [record for record in fitting if record.partition not in lost]


def lost_of(store: Store, section: Section[R], records: Sequence[R]) -> list[R]:
    """Returns the records whose files are not there, or have another size than they say."""
    if not records:
        return []
    shards = {record.shard: record.shard_bytes for record in records}
    rejects = {record.rejects: record.rejects_bytes for record in records if record.rejects is not None}
    found = _sizes(store, shards, section.count) | _sizes(store, rejects, section.count)
    return [
        record
        for record in records
        if found.get(record.shard) != record.shard_bytes
        or (record.rejects is not None and found.get(record.rejects) != record.rejects_bytes)
    ]


def _written(store: Store, section: Section[Any], missing: Sequence[int]) -> set[int]:
    """Returns which of the missing records are there by now."""
    if len(missing) * store.listed_at_once < section.count:
        names = {record_name(section.name, number): number for number in missing}
        return {names[name] for name in store.sizes_of(names)}
    listed = store.inside(_folder(section))
    return {number for number in missing if _file(section, number) in listed}


def _folder(section: Section[Any]) -> str:
    return record_name(section.name, 0).rpartition("/")[0]


def _file(section: Section[Any], number: int) -> str:
    return record_name(section.name, number).rpartition("/")[2]


def _with_examples(record: R, kept: Counter[str], most: int) -> R:
    """Returns a record without the examples of reasons of which enough were kept of the records before it."""
    if not isinstance(record, Record) or not record.examples:
        return record
    examples: dict[str, list[Example]] = {}
    for reason, found in record.examples.items():
        if some := found[: most - kept[reason]]:
            examples[reason] = some
            kept[reason] += len(some)
    return msgspec.structs.replace(record, examples=examples or UNSET)


def _is_of(section: Section[R], number: int, records: Mapping[int, R]) -> bool:
    """Tells whether a record is of this work, and names the files that its number says."""
    record = records[number]
    rejects = None if record.rejects is None else section.rejects_name(number)
    return (record.digest, record.partition) == (section.digest, number) and (record.shard, record.rejects) == (
        section.shard_name(number),
        rejects,
    )


def _sizes(store: Store, names: Collection[str], count: int) -> dict[str, int]:
    """Returns the sizes of files in a folder of about `count` files, in the cheaper of two ways."""
    if not names:
        return {}
    if len(names) * store.listed_at_once < count:
        return store.sizes_of(names)
    sizes: dict[str, int] = {}
    for folder in {name.rpartition("/")[0] for name in names}:
        sizes |= store.sizes(folder)
    return sizes
