"""Records are listed once and read once, however many there are; a packed copy saves reading them, and nothing else."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typing_extensions import override

from job.errors import CurateError
from job.output import committed, folder
from job.output.folder import PLAN, OutputFolder
from job.output.packed import packed_name
from job.output.records import CategoryPlan, Record
from job.output.sealed import sealed, unsealed
from job.output.section import record_name
from job.output.verify import verify_output
from job.plan import work
from job.plan.work import CategoryWork
from job.recipe.examples import Example
from job.storage.bucket import ObjectStore
from job.storage.folder import Folder
from tests.output.made import MadeOutput, item

COUNT = 60
COPY = packed_name("Toys")


class Counting(Folder):
    """A folder that counts what is asked of it, and lists as a bucket does."""

    listed_at_once = 20

    def __init__(self, root: Path):
        super().__init__(root)
        self.asked: Counter[str] = Counter()

    @override
    def read(self, name: str) -> bytes | None:
        self.asked["copy" if name == COPY else name.partition("/")[0]] += 1
        return super().read(name)

    @override
    def sizes(self, folder: str) -> dict[str, int]:
        self.asked[f"list {folder}"] += 1
        return super().sizes(folder)

    @override
    def times(self, folder: str) -> dict[str, float]:
        self.asked[f"list {folder}"] += 1
        return super().times(folder)

    @override
    def inside(self, folder: str) -> set[str]:
        self.asked[f"list {folder}"] += 1
        return super().inside(folder)

    @override
    def sizes_of(self, names: Collection[str]) -> dict[str, int]:
        self.asked["sizes"] += len(names)
        return super().sizes_of(names)


@pytest.fixture(autouse=True)
def _copies_of_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that 50 records are many."""
    for module in (committed, folder, work):
        monkeypatch.setattr(module, "PACKED_FROM", 50)


def made(root: Path, count: int = COUNT, unfinished: int = 0) -> OutputFolder:
    """An output of one category with many partitions, all alike; the last ones are not done."""
    small = MadeOutput(root)
    small.add("Toys", [[item("a")]], unfinished=count + unfinished - 1)
    small.close()
    output = OutputFolder(root)
    plan = toys(output)
    (first,) = output.records(plan)
    content = (root / first.shard).read_bytes()
    for number in range(1, count):
        record = msgspec.structs.replace(
            first, partition=number, start=number, end=number + 1, shard=plan.shard_name(number)
        )
        (root / record.shard).write_bytes(content)
        (root / record_name("Toys", number)).write_bytes(sealed(record))
    output.store = Counting(root)
    return output


def toys(output: OutputFolder) -> CategoryPlan:
    plan = output.plan()
    assert plan is not None
    return plan.categories["Toys"]


def work_on(output: OutputFolder) -> CategoryWork:
    anything: Any = None
    its = CategoryWork(source=anything, plan=toys(output), config=anything)
    its.look(output)
    return its


def asked(output: OutputFolder) -> dict[str, int]:
    """What was asked since the last call."""
    store: Any = output.store
    found, store.asked = dict(store.asked), Counter()
    found.pop(PLAN, None)
    return found


def copied(root: Path, **more: int) -> OutputFolder:
    """Such an output whose records were copied, and are older than the copy."""
    output = made(root, **more)
    work_on(output).copy(output)
    for number in range(COUNT):
        os.utime(root / record_name("Toys", number), (1e9, 1e9))
    asked(output)
    return opened_again(output)


def opened_again(output: OutputFolder) -> OutputFolder:
    """The same folder as another process opens it."""
    root = output.root
    assert isinstance(root, Path)
    again = OutputFolder(root)
    again.store = Counting(root)
    return again


def test_each_record_is_read_once_and_folders_are_listed_once(tmp_path: Path) -> None:
    output = made(tmp_path / "out")
    its = work_on(output)
    assert len(its.records) == COUNT
    folders = {"list _partitions/Toys": 1, "list _partitions": 1, "list data/Toys": 1}
    assert asked(output) == {**folders, "_partitions": COUNT}
    assert its.look(output) == []
    assert asked(output) == {}


def test_a_look_for_the_last_few_asks_for_these_alone(tmp_path: Path) -> None:
    output = made(tmp_path / "out", count=98, unfinished=2)
    its = work_on(output)
    asked(output)
    assert its.look(output) == []
    assert asked(output) == {"sizes": 2}
    done = msgspec.structs.replace(its.records[7], partition=99, shard=its.plan.shard_name(99))
    (tmp_path / "out" / done.shard).write_bytes((tmp_path / "out" / its.records[7].shard).read_bytes())
    (tmp_path / "out" / record_name("Toys", 99)).write_bytes(sealed(done))
    assert its.look(output) == [done]
    assert asked(output) == {"sizes": 3, "_partitions": 1}
    assert (its.tally.num_rows, its.tally.size) == (99, 99)


def test_a_record_whose_shard_is_gone_or_cut_off_is_not_done(tmp_path: Path) -> None:
    output = made(tmp_path / "out", count=40)
    plan = toys(output)
    (tmp_path / "out" / plan.shard_name(3)).unlink()
    (tmp_path / "out" / plan.shard_name(5)).write_bytes(b"short")
    records = output.records(plan)
    assert [record.partition for record in records] == [n for n in range(40) if n not in (3, 5)]
    (tmp_path / "out" / plan.shard_name(7)).unlink()
    assert [record.partition for record in output.lost(plan, records)] == [7]


def test_a_copy_is_read_in_place_of_the_records(tmp_path: Path) -> None:
    before = made(tmp_path / "before").records
    output = copied(tmp_path / "out")
    records = output.records(toys(output))
    folders = {"list _partitions/Toys": 1, "list _partitions": 1, "list data/Toys": 1}
    assert asked(output) == {**folders, "copy": 1}
    assert records == before(toys(output))
    with pytest.raises(CurateError, match="what there is of it is intact"):
        verify_output(output.root)


def test_a_copy_is_written_again_only_when_a_quarter_is_new(tmp_path: Path) -> None:
    output = copied(tmp_path / "out")
    its = work_on(output)
    written = (tmp_path / "out" / COPY).stat().st_mtime_ns
    its.copy(output)
    output.num_copied["Toys"] = COUNT - 49
    its.copy(output, growth=0)
    assert (tmp_path / "out" / COPY).stat().st_mtime_ns == written
    output.num_copied["Toys"] = COUNT - 50
    its.copy(output, growth=0)
    assert (tmp_path / "out" / COPY).stat().st_mtime_ns > written
    output.num_copied["Toys"] = 0
    few = made(tmp_path / "few", count=49)
    work_on(few).copy(few)
    assert not (tmp_path / "few" / COPY).exists()


def test_what_was_written_after_the_copy_is_read_itself(tmp_path: Path) -> None:
    output = copied(tmp_path / "out")
    path = tmp_path / "out" / record_name("Toys", 8)
    newer = msgspec.structs.replace(unsealed(path.read_bytes(), Record), num_rows=77)
    path.write_bytes(sealed(newer))
    records = output.records(toys(output))
    assert asked(output)["_partitions"] == 1
    assert [record.partition for record in records if record.num_rows == 77] == [8]


def test_a_record_in_the_copy_counts_only_while_its_own_file_is_there(tmp_path: Path) -> None:
    output = copied(tmp_path / "out")
    output.remove_records("Toys", [0, 8])
    assert [record.partition for record in output.records(toys(output))] == [n for n in range(COUNT) if n not in (0, 8)]


@pytest.mark.parametrize("content", [b"", b"no zstd", "cut"])
def test_a_damaged_copy_is_ignored_and_verify_names_it(tmp_path: Path, content: bytes | str) -> None:
    output = copied(tmp_path / "out")
    whole = (tmp_path / "out" / COPY).read_bytes()
    (tmp_path / "out" / COPY).write_bytes(whole[:-9] if isinstance(content, str) else content)
    assert len(output.records(toys(output))) == COUNT
    assert asked(output)["_partitions"] == COUNT
    with pytest.raises(CurateError, match=f"{COPY}: damaged"):
        verify_output(output.root)


def test_verify_compares_the_copy_with_the_records_and_reads_these(tmp_path: Path) -> None:
    output = copied(tmp_path / "out")
    path = tmp_path / "out" / record_name("Toys", 8)
    other = msgspec.structs.replace(unsealed(path.read_bytes(), Record), num_rows=9)
    path.write_bytes(sealed(other))
    os.utime(path, (1e9, 1e9))
    with pytest.raises(CurateError, match=r"says other things than 1 of the records, such as _partitions/Toys/00008"):
        verify_output(output.root)
    path.write_bytes(b"{}")
    os.utime(path, (1e9, 1e9))
    with pytest.raises(CurateError, match=r"_partitions/Toys/00008.json: damaged"):
        verify_output(output.root)


def test_a_partition_may_be_committed_twice(tmp_path: Path) -> None:
    output = copied(tmp_path / "out")
    path = tmp_path / "out" / record_name("Toys", 8)
    path.write_bytes(sealed(msgspec.structs.replace(unsealed(path.read_bytes(), Record), elapsed_s=9.0)))
    os.utime(path, (1e9, 1e9))
    with pytest.raises(CurateError, match="not complete; what there is of it is intact"):
        verify_output(output.root)


def test_a_damaged_partition_is_not_copied_since_it_may_be_tried_again(tmp_path: Path) -> None:
    output = made(tmp_path / "out")
    path = tmp_path / "out" / record_name("Toys", 8)
    path.write_bytes(sealed(msgspec.structs.replace(unsealed(path.read_bytes(), Record), damaged="it is cut off")))
    work_on(output).copy(output)
    for number in range(COUNT):
        os.utime(tmp_path / "out" / record_name("Toys", number), (1e9, 1e9))
    again = opened_again(output)
    assert len(again.records(toys(again))) == COUNT
    assert asked(again)["_partitions"] == 1


def test_fresh_removes_the_copy_too(tmp_path: Path) -> None:
    output = copied(tmp_path / "out")
    plan = output.plan()
    assert plan is not None
    output.remove_planned(plan)
    assert list((tmp_path / "out").rglob("*")) == []


def test_examples_are_read_only_where_asked_for_and_then_the_first_of_each_reason(tmp_path: Path) -> None:
    several = {"too_dear": [Example(id=str(n)) for n in range(2)], "unnamed": [Example(id="u")]}
    root = MadeOutput(tmp_path / "out").add("Toys", [[item("a")]] * 5, {"too_dear": 1}, examples=several).close()
    output = OutputFolder(root)
    assert [record.examples for record in output.records(toys(output))] == [msgspec.UNSET] * 5
    found = [record.examples for record in output.records(toys(output), lean=False)]
    assert [{name: len(some) for name, some in (each or {}).items()} for each in found] == [
        {"too_dear": 2, "unnamed": 1},
        {"too_dear": 1, "unnamed": 1},
        {"unnamed": 1},
        {},
        {},
    ]


def test_a_bucket_reads_in_parallel_and_no_further_ahead_than_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, most, read = [0], [0], list[str]()
    lock = threading.Lock()

    def slowly(_: ObjectStore, name: str) -> bytes:
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
            read.append(name)
        time.sleep(0.02)
        with lock:
            at_once[0] -= 1
        return name.encode()

    monkeypatch.setattr(ObjectStore, "read", slowly)
    names = [str(number) for number in range(300)]
    contents: Iterator[bytes | None] = ObjectStore("memory://a").read_all(names)
    assert [next(contents) for _ in range(3)] == [b"0", b"1", b"2"]
    time.sleep(0.2)
    assert len(read) <= 3 + 48
    assert [*contents] == [name.encode() for name in names[3:]]
    assert 1 < most[0] <= 24
    large: Iterable[bytes | None] = ObjectStore("memory://a").read_all(names[:40], are_large=True)
    most[0] = 0
    assert [*large] == [name.encode() for name in names[:40]]
    assert most[0] <= 4
