"""A file is read while it arrives: the same rows, whatever the order of its bytes, and none before they are there."""

from __future__ import annotations

import hashlib
import itertools
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from job.source.fetch.arriving import ArrivingFile
from job.source.fetch.entries import Entry, link
from job.source.fetch.parts import Part
from job.source.files import SourceFile
from job.source.find.layout import FileFormat
from job.source.hub_file import HubFile
from job.source.location import FileLocation, LocalFile
from job.source.read.partitions import Partition, cut_jsonl, cut_parquet, row_groups
from job.source.read.reader import PartitionReader
from tests.source.hub_form import listings, row_layout, write_groups

LINES = b"".join(b'{"title": "a thing %06d", "price": %d}\n' % (number, number % 90) for number in range(5_000))


class Arriving:
    """A file whose bytes arrive as a test wants."""

    def __init__(self, folder: Path, content: bytes, name: str) -> None:
        fingerprint = hashlib.sha256(content).hexdigest()
        remote = HubFile(url="", name=name, size_bytes=len(content), content_hash=fingerprint)
        file = SourceFile(name=name, location=remote, size_bytes=len(content), fingerprint=fingerprint)
        self.entry = Entry(file, folder, "c" * 40)
        for path in (self.entry.blob, self.entry.snapshot):
            path.parent.mkdir(parents=True)
        self.content = content
        self.part = Part(self.entry)
        self.part.allow_holes()

    def add(self, start: int, end: int) -> None:
        self.part.add(start, self.content[start:end])
        self.part.note()

    def name(self) -> None:
        self.part.close()
        self.entry.part.replace(self.entry.blob)
        link(self.entry.blob, self.entry.snapshot)
        self.entry.ranges.unlink()


class Reading:
    """Something that is read in a thread of its own."""

    def __init__(self, read: Callable[[], object]) -> None:
        self.result: object = None
        self._read = read
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self.result = self._read()

    def waits(self) -> bool:
        self._thread.join(0.2)
        return self._thread.is_alive()

    def get(self) -> object:
        self._thread.join(30)
        return self.result


def jsonl(folder: Path) -> tuple[Path, list[Partition]]:
    path = folder / "a.jsonl"
    path.write_bytes(LINES)
    size = len(LINES)
    return path, [Partition(0, size * number // 7, size * (number + 1) // 7) for number in range(7)]


def parquet(folder: Path) -> tuple[Path, list[Partition]]:
    path = write_groups(folder / "a.parquet", listings(5_000), [1_000] * 5)
    return path, [Partition(0, start, start + 1_000) for start in range(0, 5_000, 1_000)]


def reader(file_format: FileFormat, location: FileLocation, held_back: int = -1) -> PartitionReader:
    return PartitionReader(
        file_format=file_format,
        locations=(location,),
        sizes_bytes=(location.size_now(),),
        layout=row_layout(),
        held_back=frozenset({held_back}),
    )


@pytest.fixture(params=["jsonl", "parquet"])
def form(request: pytest.FixtureRequest) -> FileFormat:
    return request.param


@pytest.fixture
def found(form: FileFormat, tmp_path: Path) -> tuple[Path, list[Partition]]:
    return jsonl(tmp_path) if form == "jsonl" else parquet(tmp_path)


@pytest.fixture
def file(found: tuple[Path, list[Partition]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Arriving:
    path, _ = found
    if path.suffix == ".parquet":  # it was fetched to plan
        monkeypatch.setattr(HubFile, "parquet_metadata", lambda _: pq.read_metadata(path))
    return Arriving(tmp_path / "cache", path.read_bytes(), path.name)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_partitions_have_the_same_rows_in_whatever_order_the_bytes_arrive(
    form: FileFormat, found: tuple[Path, list[Partition]], file: Arriving, seed: int
) -> None:
    path, partitions = found
    arriving, whole = reader(form, ArrivingFile(file.entry)), reader(form, LocalFile(path))

    def read(number: int) -> list[pa.Table]:
        return list(arriving.read(number, partitions[number]))

    readings = [Reading(lambda number=number: read(number)) for number in range(len(partitions))]
    cuts = sorted({0, len(file.content), *random.Random(seed).sample(range(len(file.content)), 12)})
    pieces = list(itertools.pairwise(cuts))
    random.Random(seed).shuffle(pieces)
    for start, end in pieces:
        file.add(start, end)
        time.sleep(0.01)
    file.name()
    for number, partition in enumerate(partitions):
        assert readings[number].get() == list(whole.read(number, partition))


def test_the_first_partition_ends_when_its_bytes_are_there_and_the_last_one_when_the_hash_is_right(
    form: FileFormat, found: tuple[Path, list[Partition]], file: Arriving
) -> None:
    _, partitions = found
    last = len(partitions) - 1
    arriving = reader(form, ArrivingFile(file.entry), held_back=last)
    first, end = (Reading(lambda n=n: list(arriving.read(n, partitions[n]))) for n in (0, last))
    size = len(file.content)
    assert first.waits()
    file.add(0, size // 2)
    assert not first.waits()
    file.add(size // 2, size)
    assert end.waits()
    file.name()
    assert not end.waits()


def test_a_line_that_goes_on_after_its_partition_waits_for_its_end(tmp_path: Path) -> None:
    file = Arriving(tmp_path, LINES, "a.jsonl")
    arriving, cut = reader("jsonl", ArrivingFile(file.entry)), LINES.index(b"\n", 1_000) + 5
    reading = Reading(lambda: sum(table.num_rows for table in arriving.read(0, Partition(0, 0, cut))) - 1)
    file.add(0, cut)
    assert reading.waits()
    file.add(cut, cut + 100)
    assert reading.get() == LINES[:cut].count(b"\n") + 1


def test_a_file_that_gets_its_name_while_it_is_read_is_read_to_its_end(tmp_path: Path) -> None:
    file = Arriving(tmp_path, LINES, "a.jsonl")
    file.add(0, 70_000)
    with ArrivingFile(file.entry).open() as stream:
        assert stream.read(70_000) == LINES[:70_000]
        reading = Reading(stream.read)
        assert reading.waits()
        file.add(70_000, len(LINES))
        file.name()
        assert reading.get() == LINES[70_000:]
    with ArrivingFile(file.entry).open() as stream:
        assert stream.read() == LINES


def test_a_file_that_arrives_is_cut_as_one_that_is_there(
    form: FileFormat, found: tuple[Path, list[Partition]], file: Arriving
) -> None:
    path, _ = found
    here, there = LocalFile(path), ArrivingFile(file.entry)
    if form == "jsonl":
        assert cut_jsonl([there], None, 1_000) == cut_jsonl([here], None, 1_000)
    else:
        groups = [row_groups(each.parquet_metadata(), ["title"]) for each in (here, there)]
        assert cut_parquet(groups[:1], None) == cut_parquet(groups[1:], None)
