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
import pytest

from job.source.fetch.arriving import Arrival, ArrivingFile, GivenUpError, check_not_given_up
from job.source.fetch.entries import Entry, link
from job.source.fetch.parts import Part
from job.source.files import SourceFile
from job.source.hub_file import HubFile
from job.source.location import FileLocation, LocalFile
from job.source.read.partitions import Partition, cut_jsonl
from job.source.read.reader import PartitionReader
from tests.source.hub_form import row_layout

LINES = b"".join(b'{"title": "a thing %06d", "price": %d}\n' % (number, number % 90) for number in range(5_000))


class Arriving:
    """A file whose bytes arrive as a test wants."""

    def __init__(self, folder: Path) -> None:
        fingerprint = hashlib.sha256(LINES).hexdigest()
        remote = HubFile(url="", name="a.jsonl", size_bytes=len(LINES), content_hash=fingerprint)
        file = SourceFile(name="a.jsonl", location=remote, size_bytes=len(LINES), fingerprint=fingerprint)
        self.entry = Entry(file, folder / "cache", "c" * 40)
        for path in (self.entry.blob, self.entry.snapshot):
            path.parent.mkdir(parents=True)
        self.arrival = Arrival(folder / "told")
        self.location = ArrivingFile(self.entry, self.arrival)
        self.begin()

    def begin(self) -> None:
        self.part = Part(self.entry, self.arrival)
        self.part.allow_holes()

    def add(self, start: int, end: int, content: bytes = LINES) -> None:
        self.part.add(start, content[start:end])
        self.part.note()

    def name(self) -> None:
        self.part.close()
        self.entry.part.replace(self.entry.blob)
        link(self.entry.blob, self.entry.snapshot)
        self.entry.ranges.unlink()
        self.arrival.end()


class Reading:
    """Something that is read in a thread of its own."""

    def __init__(self, read: Callable[[], object]) -> None:
        self.result: object = None
        self._read = read
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = self._read()
        except GivenUpError as error:
            self.result = error

    def waits(self) -> bool:
        self._thread.join(0.2)
        return self._thread.is_alive()

    def get(self) -> object:
        self._thread.join(30)
        return self.result


PARTITIONS = [Partition(0, len(LINES) * number // 7, len(LINES) * (number + 1) // 7) for number in range(7)]


def reader(location: FileLocation) -> PartitionReader:
    return PartitionReader(
        file_format="jsonl", locations=(location,), sizes_bytes=(location.size_now(),), layout=row_layout()
    )


@pytest.fixture
def file(tmp_path: Path) -> Arriving:
    return Arriving(tmp_path)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_partitions_have_the_same_rows_in_whatever_order_the_bytes_arrive(
    file: Arriving, tmp_path: Path, seed: int
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINES)
    arriving, whole = reader(file.location), reader(LocalFile(path))

    def read(number: int) -> list[pa.Table]:
        return list(arriving.read(number, PARTITIONS[number]))

    readings = [Reading(lambda number=number: read(number)) for number in range(len(PARTITIONS))]
    cuts = sorted({0, len(LINES), *random.Random(seed).sample(range(len(LINES)), 12)})
    pieces = list(itertools.pairwise(cuts))
    random.Random(seed).shuffle(pieces)
    for start, end in pieces:
        file.add(start, end)
        time.sleep(0.01)
    file.name()
    for number, partition in enumerate(PARTITIONS):
        assert readings[number].get() == list(whole.read(number, partition))


def test_a_partition_ends_when_its_bytes_are_there_and_not_before(file: Arriving) -> None:
    first, last = (Reading(lambda n=n: list(reader(file.location).read(n, PARTITIONS[n]))) for n in (0, 6))
    assert first.waits()
    file.add(0, len(LINES) // 2)
    assert not first.waits()
    assert last.waits()
    file.add(len(LINES) // 2, len(LINES))
    assert not last.waits()


def test_a_line_that_goes_on_after_its_partition_waits_for_its_end(file: Arriving) -> None:
    cut = LINES.index(b"\n", 1_000) + 5
    partition = Partition(0, 0, cut)
    reading = Reading(lambda: sum(table.num_rows for table in reader(file.location).read(0, partition)) - 1)
    file.add(0, cut)
    assert reading.waits()
    file.add(cut, cut + 100)
    assert reading.get() == LINES[:cut].count(b"\n") + 1


def test_a_file_that_gets_its_name_while_it_is_read_is_read_to_its_end(file: Arriving) -> None:
    file.add(0, 70_000)
    with file.location.open() as stream:
        assert stream.read(70_000) == LINES[:70_000]
        reading = Reading(stream.read)
        assert reading.waits()
        file.add(70_000, len(LINES))
        file.name()
        assert reading.get() == LINES[70_000:]
    with file.location.open() as stream:
        assert stream.read() == LINES


def test_what_is_there_of_an_earlier_download_is_read_at_once(file: Arriving, tmp_path: Path) -> None:
    file.add(0, 70_000)
    file.part.close()
    again = Arrival(tmp_path / "again")
    part = Part(file.entry, again)
    with ArrivingFile(file.entry, again).open() as stream:
        assert stream.read(70_000) == LINES[:70_000]
    part.close()


def test_nothing_is_read_of_another_download_of_the_same_file(file: Arriving, tmp_path: Path) -> None:
    file.add(0, len(LINES))
    other = ArrivingFile(file.entry, Arrival(tmp_path / "other"))
    assert Reading(other.open().read).waits()


def test_a_blob_that_another_program_made_is_not_read_before_its_hash_is_known(file: Arriving) -> None:
    file.entry.blob.write_bytes(b"x" * len(LINES))
    assert Reading(file.location.open().read).waits()


def test_nobody_reads_on_when_a_download_is_given_up(file: Arriving) -> None:
    """Neither who waits, nor who has read; and bytes of the next part are none of this one."""
    file.add(0, 70_000)
    stream = file.location.open()
    assert stream.read(70_000) == LINES[:70_000]
    reading = Reading(stream.read)
    assert reading.waits()
    file.part.discard()
    Part(file.entry).add(0, LINES)
    assert isinstance(reading.get(), GivenUpError)
    with pytest.raises(GivenUpError):
        check_not_given_up([file.location])
    with pytest.raises(GivenUpError):
        file.location.open().read()


def test_a_file_that_has_its_name_is_not_given_up(file: Arriving) -> None:
    check_not_given_up([file.location])
    file.add(0, len(LINES))
    file.name()
    check_not_given_up([file.location])


def test_a_file_that_arrives_is_cut_as_one_that_is_there(file: Arriving, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINES)
    assert cut_jsonl([file.location], None, 1_000) == cut_jsonl([LocalFile(path)], None, 1_000)
