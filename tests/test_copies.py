"""Records that were held back count when what was read is right, and never otherwise."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from job.cluster.stoppable import StoppableThread
from job.copies import Coming, settled_when_here
from job.errors import CurateError
from job.output.folder import OutputFolder
from job.output.lock.ownership import sole_owner
from job.output.section import held_name, record_name
from job.plan.work import Run
from job.source.fetch.arriving import Arrival, ArrivingFile, GivenUpError
from job.source.fetch.entries import Entry
from job.source.files import SourceFile
from job.source.hub_file import HubFile
from job.source.location import FileLocation

RECORD = record_name("Toys", 3)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    (tmp_path / "out").mkdir()
    output = OutputFolder(tmp_path / "out")
    with sole_owner(output) as owner:
        run = cast(Run, SimpleNamespace(output=output, run_id=owner.run_id))
        output.write(held_name(run.run_id, "Toys", 3), b"{}")
        yield run


def held(run: Run) -> bytes | None:
    return run.output.store.read(held_name(run.run_id, "Toys", 3))


def record(run: Run) -> bytes | None:
    return run.output.store.read(RECORD)


@pytest.fixture
def file(tmp_path: Path) -> ArrivingFile:
    remote = HubFile(url="", name="Toys.jsonl", size_bytes=9, content_hash="ab")
    named = SourceFile(name="Toys.jsonl", location=remote, size_bytes=9, fingerprint="ab")
    return ArrivingFile(Entry(named, tmp_path / "cache", "c" * 40), Arrival(tmp_path / "told"))


def coming(file: ArrivingFile, wait: Callable[[], object] = lambda: None) -> Coming:
    def there() -> list[FileLocation]:
        wait()
        return [file]

    return Coming(download=StoppableThread(there), early=[file])


def test_what_was_held_back_counts_when_the_hash_is_right(run: Run, file: ArrivingFile) -> None:
    file.arrival.tell([(0, 9)])
    file.arrival.end()
    coming(file).settle(run, "Toys")
    assert record(run) == b"{}"
    assert held(run) is None


def test_what_was_read_of_a_download_that_was_given_up_never_counts(run: Run, file: ArrivingFile) -> None:
    """Though all of it was read, and the file is there now, fetched again."""
    file.arrival.tell([(0, 9)])
    file.arrival.give_up()
    coming(file).settle(run, "Toys")
    assert record(run) is None
    assert held(run) is None


def test_nothing_counts_before_the_files_are_there(run: Run, file: ArrivingFile) -> None:
    waits = [True]

    def wait() -> None:
        while waits:
            time.sleep(0.01)

    with settled_when_here(coming(file, wait), run, "Toys"):
        time.sleep(0.5)
        assert record(run) is None
        file.arrival.end()
        waits.clear()
        until = time.monotonic() + 20
        while record(run) is None and time.monotonic() < until:
            time.sleep(0.02)
        assert record(run) == b"{}"


def test_nothing_counts_of_a_download_that_fails(run: Run, file: ArrivingFile) -> None:
    def fail() -> None:
        raise GivenUpError("no bytes")

    with settled_when_here(coming(file, fail), run, "Toys"):
        time.sleep(0.5)
    assert record(run) is None
    assert held(run) == b"{}"


def test_a_run_that_has_lost_its_output_lets_nothing_count(run: Run, file: ArrivingFile) -> None:
    file.arrival.end()
    other = cast(Run, SimpleNamespace(output=run.output, run_id="another"))
    run.output.write(held_name("another", "Toys", 3), b"{}")
    with pytest.raises(CurateError):
        coming(file).settle(other, "Toys")
    assert record(run) is None
