"""A category is worked on while it arrives, where that is safe; what was made of wrong bytes is forgotten."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants
from huggingface_hub.utils import build_hf_headers

from job.config.load import load_config
from job.output.folder import OutputFolder
from job.output.records import Record
from job.output.section import record_name
from job.plan.sources import find_sources
from job.plan.work import CategoryWork, Run, plan_work
from job.progress.arrivals import Arrivals, forget
from job.progress.snapshots import Download, Snapshot
from job.recipe.protocol import describe
from job.source.fetch.arriving import ArrivingFile
from job.source.fetch.cache import missing_bytes
from job.source.fetch.entries import Entry
from job.source.fetch.verified import WrongContentError
from job.source.location import LocalFile
from job.source.read.reader import content_digest
from tests.servers.hub import Hub, IgnoreRange, WrongBytes

NAME = "someone/catalogue"
ROWS = b"".join(
    json.dumps({"parent_asin": f"B{number:09}", "title": f"a thing {number} " * 20, "price": 5.0}).encode() + b"\n"
    for number in range(12_000)
)
"""Rows of two partitions, and of two shards."""

Make = Callable[..., tuple[Run, CategoryWork]]


@pytest.fixture
def make(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Publishes a category, and plans the work on it."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    build_hf_headers()  # looks up a list once per process, which the test Hub lacks
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)

    def made(**settings: object) -> tuple[Run, CategoryWork]:
        folder = tmp_path / "catalogue"
        for made in (folder, tmp_path / "out"):
            made.mkdir()
        half = ROWS.index(b"\n", len(ROWS) // 2) + 1
        (folder / "Toys-00000-of-00002.jsonl").write_bytes(ROWS[:half])
        (folder / "Toys-00001-of-00002.jsonl").write_bytes(ROWS[half:])
        hub.put(NAME, folder)
        given = {"source.dataset": NAME, "categories": ["Toys"], "output": str(tmp_path / "out"), **settings}
        config = load_config(None, given)
        (source,) = find_sources(config)
        output = OutputFolder(tmp_path / "out")
        work = plan_work(config, source, None, output.scratch, lambda _: None)
        hub.forget()
        recipe = describe(config.recipe.recipe_type())
        return Run(config=config, output=output, run_id="1", recipe=recipe), work

    return made


def record(work: CategoryWork, number: int, source_digest: str) -> Record:
    partition = work.plan.partitions[number]
    return Record(
        category="Toys",
        partition=number,
        digest=work.plan.digest,
        file="",
        start=partition.start,
        end=partition.end,
        num_rows=1,
        funnel={},
        shard="",
        shard_bytes=0,
        shard_sha256="",
        content_digest="",
        rejects=None,
        rejects_bytes=0,
        rejects_sha256=None,
        damaged=None,
        elapsed_s=1.0,
        source_digest=source_digest,
    )


def right_digest(work: CategoryWork, number: int, folder: Path) -> str:
    partition = work.plan.partitions[number]
    path = LocalFile(folder / work.source.files[partition.file].name)
    found = content_digest("jsonl", path, partition, [], work.plan.identity.max_row_bytes)
    assert found is not None
    return found


def test_work_can_begin_at_once_and_the_last_partition_of_each_file_is_held_back(hub: Hub, make: Make) -> None:
    run, work = make()
    assert [partition.file for partition in work.plan.partitions] == [0, 1]
    hub.pace.line_bytes_per_s = 1_000_000
    arrival = Arrivals(run, lambda _: None).begin(work, has_other_nodes=False, is_own_ray=True)
    assert arrival.can_begin()
    assert not arrival.fetched.done()
    locations = arrival.locations()
    assert all(isinstance(location, ArrivingFile) for location in locations)
    assert work.reader(locations).held_back == {0, 1}
    hub.pace.line_bytes_per_s = None
    arrival.wait()
    paths = [location.local_path for location in arrival.locations()]
    assert b"".join(path.read_bytes() for path in paths if path) == ROWS
    assert work.reader(arrival.locations()).held_back == frozenset()
    again = Arrivals(run, lambda _: None).begin(work, has_other_nodes=False, is_own_ray=True)
    assert again.early is None  # nothing is missing


@pytest.mark.parametrize(
    ("is_own_ray", "has_other_nodes", "is_second_try", "stream"),
    [(False, False, False, None), (True, True, False, False), (True, False, True, None), (True, False, False, True)],
)
def test_work_waits_for_the_files_where_a_wrong_one_could_not_be_undone(
    make: Make, is_own_ray: bool, has_other_nodes: bool, is_second_try: bool, stream: bool | None
) -> None:
    run, work = make(**{"source.stream": stream})
    arrivals = Arrivals(run, lambda _: None, is_second_try=is_second_try)
    arrival = arrivals.begin(work, has_other_nodes=has_other_nodes, is_own_ray=is_own_ray)
    assert arrival.early is None
    arrival.wait()
    assert [location.local_path is None for location in arrival.locations()] == [stream is True] * 2


def test_a_wrong_hash_ends_the_run_and_what_was_made_of_that_file_is_forgotten(
    hub: Hub, make: Make, tmp_path: Path
) -> None:
    run, work = make()
    for number in (0, 1):
        work.records[number] = record(work, number, right_digest(work, number, tmp_path / "catalogue"))
        run.output.write_json(record_name("Toys", number), work.records[number])
    hub.fail(WrongBytes(), server="cdn", path="00001-of")
    arrival = Arrivals(run, lambda _: None).begin(work, has_other_nodes=False, is_own_ray=True)
    with pytest.raises(
        WrongContentError, match=r"00001-of-00002\.jsonl does not have the hash that its repo"
    ) as caught:
        arrival.wait()
    entry = caught.value.entry
    assert entry.part.exists()  # as long as there is anything that was made of it
    forget(run, [work], caught.value)
    assert list(work.records) == [0]
    assert [path.name for path in (tmp_path / "out/_partitions/Toys").iterdir()] == ["00000.json"]
    assert not entry.part.exists()
    assert missing_bytes(work.source) == work.source.files[1].size_bytes


@pytest.mark.parametrize("is_right", [True, False])
def test_what_an_earlier_run_read_of_a_file_is_compared_before_it_gets_its_name(
    make: Make, tmp_path: Path, is_right: bool
) -> None:
    run, work = make()
    work.records[0] = record(work, 0, right_digest(work, 0, tmp_path / "catalogue") if is_right else "0" * 64)
    arrival = Arrivals(run, lambda _: None).begin(work, has_other_nodes=False, is_own_ray=True)
    if is_right:
        arrival.wait()
        return
    with pytest.raises(WrongContentError, match="was read with other content before"):
        arrival.wait()
    assert work.source.repository is not None
    assert not Entry.of(work.source.repository, work.source.files[0]).snapshot.exists()


def test_a_server_that_sends_whole_files_only_is_no_obstacle_as_long_as_nothing_was_read(
    hub: Hub, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("job.source.hub_file._FIRST_WAIT_S", 0.01)
    run, work = make(**{"source.max_hub_readers": 1})
    hub.fail(IgnoreRange(), server="cdn", times=None)
    arrival = Arrivals(run, lambda _: None).begin(work, has_other_nodes=False, is_own_ray=True)
    arrival.wait()
    assert missing_bytes(work.source) == 0


def test_the_connections_are_no_more_than_the_config_allows(hub: Hub, make: Make) -> None:
    run, work = make(**{"source.max_hub_readers": 1})
    Arrivals(run, lambda _: None).begin(work, has_other_nodes=False, is_own_ray=True).wait()
    assert hub.most_at_once == 1


def test_one_line_tells_what_is_fetched_and_what_is_curated(make: Make) -> None:
    run, work = make()
    arrivals, shown = Arrivals(run, lambda _: None), list[object]()
    arrivals.begin(work, has_other_nodes=False, is_own_ray=True).wait()
    size = work.source.size_bytes
    arrivals.show_on(shown.append)  # before that, nobody could see it
    assert shown == [Download("Toys", size, size)]
    at = Snapshot("Toys", 4)
    assert arrivals.with_fetched(at) == at
    arriving = Snapshot("Toys", 4, arriving=Download("Toys", 9_000_000, 2_000_000))
    assert arriving.line() == "Toys: 0 of 4 partitions · 2 of 9 MB fetched"
    begun = Snapshot(
        "Toys",
        4,
        1,
        num_rows=500,
        new_rows=500,
        share=0.5,
        new_share=0.5,
        elapsed_s=5,
        arriving=Download("Toys", 9_000_000, 5_000_000),
    )
    assert begun.line() == "Toys: 1 of 4 partitions · 5 of 9 MB fetched · 500 rows · 100 rows/s · 0% kept"
