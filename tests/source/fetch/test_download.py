"""A large file arrives over several connections, each of its bytes once, and goes on where it was killed."""

from __future__ import annotations

import hashlib
import itertools
import os
import signal as signals
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import constants, hf_hub_url
from huggingface_hub.utils import close_session
from hypothesis import given
from hypothesis import strategies as st

from job.errors import CurateError
from job.source.fetch import download, parts
from job.source.fetch.cache import fetch_files, missing_bytes
from job.source.fetch.entries import Entry
from job.source.files import CategorySource, Repository, SourceFile
from job.source.hub_file import HubFile
from tests.paths import ROOT
from tests.servers.hub import Drop, Hub, IgnoreRange, Short, TooManyRequests, WrongBytes

REPO = "someone/catalogue"
NAME = "meta_Toys.jsonl"
CONTENT = b"".join(b"%07d\n" % number for number in range(200_000))
"""1,600,000 bytes, in which no 8 bytes repeat: 16 ranges."""
RANGE_BYTES = 100_000

pytestmark = pytest.mark.usefixtures("online")


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_LEAST_RANGE_BYTES", RANGE_BYTES)
    monkeypatch.setattr(parts, "_NOTED_EVERY_BYTES", 10_000)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hub, str]]:
    folder = tmp_path_factory.mktemp("published")
    (folder / NAME).write_bytes(CONTENT)
    for number in range(5):
        (folder / f"shard-{number}.jsonl").write_bytes(CONTENT[number * 80_000 :][:80_000])
    with Hub() as hub:
        yield hub, hub.put(REPO, folder)


@pytest.fixture
def hub(served: tuple[Hub, str]) -> Iterator[Hub]:
    hub, _ = served
    hub.forget()
    yield hub
    hub.pace.connection_bytes_per_s = hub.pace.line_bytes_per_s = None


@pytest.fixture
def repository(served: tuple[Hub, str]) -> Repository:
    return Repository(REPO, served[1])


@pytest.fixture
def file(served: tuple[Hub, str]) -> SourceFile:
    return source_file(*served, NAME, CONTENT)


def source_file(hub: Hub, commit: str, name: str, content: bytes) -> SourceFile:
    url = hf_hub_url(REPO, name, repo_type="dataset", revision=commit, endpoint=hub.endpoint)
    fingerprint = hashlib.sha256(content).hexdigest()
    location = HubFile(url=url, name=name, size_bytes=len(content), content_hash=fingerprint)
    return SourceFile(name=name, location=location, size_bytes=len(content), fingerprint=fingerprint)


def fetched(repository: Repository, file: SourceFile, connections: int = 8) -> bytes:
    (copy,) = fetch_files(repository, [file], lambda _: None, connections=connections)
    return copy.path.read_bytes()


def spans(hub: Hub) -> list[tuple[int, int]]:
    """Returns the ranges that were requested from the CDN, in their order in the file."""
    found = [request.range for request in hub.requests if request.server == "cdn"]
    bounds = [text.removeprefix("bytes=").split("-") for text in found if text is not None]
    return sorted((int(first), int(last) + 1) for first, last in bounds)


def sent(hub: Hub) -> int:
    """Returns how many bytes the CDN sent."""
    return sum(size for path, size in hub.bytes_sent.items() if path.startswith("/repos/"))


def missing(repository: Repository, file: SourceFile) -> int:
    return missing_bytes(CategorySource(category="Toys", file_format="jsonl", files=(file,), repository=repository))


# Several connections.


@pytest.mark.parametrize(("connections", "bytes_per_s"), [(1, 5_000_000), (3, 800_000), (8, 300_000)])
def test_ranges_come_over_several_connections_and_each_byte_once(
    hub: Hub, repository: Repository, file: SourceFile, connections: int, bytes_per_s: int
) -> None:
    hub.pace.connection_bytes_per_s = bytes_per_s
    assert fetched(repository, file, connections) == CONTENT
    assert spans(hub) == [(start, start + RANGE_BYTES) for start in range(0, len(CONTENT), RANGE_BYTES)]
    assert sent(hub) == len(CONTENT)
    assert hub.most_at_once == connections


def test_nothing_is_left_beside_the_file_and_nothing_of_it_is_read_twice(
    hub: Hub, repository: Repository, file: SourceFile, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[tuple[int, int]] = []
    pread = os.pread

    def noted(descriptor: int, size: int, start: int) -> bytes:
        read.append((start, start + size))
        return pread(descriptor, size, start)

    monkeypatch.setattr(os, "pread", noted)
    monkeypatch.setattr("job.source.fetch.verified.has_hash", lambda *_: pytest.fail("it was read again"))
    assert fetched(repository, file) == CONTENT
    assert read[0][0] == 0
    assert read[-1][1] == len(CONTENT)
    assert [end for _, end in read[:-1]] == [start for start, _ in read[1:]]
    assert [path.name for path in (cache / "datasets--someone--catalogue/blobs").iterdir()] == [file.fingerprint]


def test_several_small_files_are_fetched_at_once(served: tuple[Hub, str], hub: Hub, repository: Repository) -> None:
    hub.pace.connection_bytes_per_s = 200_000
    contents = [CONTENT[number * 80_000 :][:80_000] for number in range(5)]
    files = [source_file(*served, f"shard-{number}.jsonl", content) for number, content in enumerate(contents)]
    told: list[int] = []
    copies = fetch_files(repository, files, told.append)
    assert [copy.path.read_bytes() for copy in copies] == contents
    assert told == sorted(told)
    assert told[-1] == 400_000
    assert hub.most_at_once == 4  # one for each 100,000 bytes


def test_responses_that_break_off_are_resumed_within_their_range(
    hub: Hub, repository: Repository, file: SourceFile
) -> None:
    hub.fail(Drop(30_000), server="cdn", times=5, after=3)
    hub.fail(Short(1_000), server="cdn", times=2, after=3)
    assert fetched(repository, file) == CONTENT
    assert len(hub.applied) == 7
    assert len(spans(hub)) == 23


def test_a_server_that_sends_whole_files_only_sends_it_once_more_in_one_piece(
    hub: Hub, repository: Repository, file: SourceFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("job.source.hub_file._FIRST_WAIT_S", 0.01)
    hub.fail(IgnoreRange(), server="cdn", times=None)
    assert fetched(repository, file) == CONTENT
    assert spans(hub)[0] == (0, RANGE_BYTES)
    assert (0, len(CONTENT)) in spans(hub)


def test_a_connection_that_closes_those_of_the_others_costs_nothing(
    hub: Hub, repository: Repository, file: SourceFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client closes all connections of the process when a new one cannot be made. A read of one may time out."""
    monkeypatch.setattr("job.source.hub_file._FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 1)
    hub.pace.connection_bytes_per_s = 500_000
    closed: list[int] = []

    def close() -> None:
        while len(closed) < 3:
            until = time.monotonic() + 30
            while hub.bytes_sent.total() < len(closed) * 400_000 + 300_000 and time.monotonic() < until:
                time.sleep(0.01)
            close_session()
            closed.append(1)

    thread = threading.Thread(target=close)
    thread.start()
    assert fetched(repository, file) == CONTENT
    thread.join()
    assert sent(hub) > len(CONTENT)


@pytest.mark.parametrize(
    ("size_mb", "number", "first_mb", "middle_mb"),
    [(3, 1, 3, 3), (60, 15, 4, 4), (285, 40, 4, 17), (18_000, 326, 4, 64)],
)
def test_ranges_are_small_at_both_ends_of_a_file_and_large_within(
    size_mb: int, number: int, first_mb: int, middle_mb: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_LEAST_RANGE_BYTES", 4 << 20)
    found, at, size = list[int](), 0, size_mb << 20
    while at < size:
        found.append(min(download.range_bytes(at, size), size - at))
        at += found[-1]
    assert len(found) == number
    assert (found[0] >> 20, max(found) >> 20) == (first_mb, middle_mb)


# Slower, when the Hub asks for it.


def test_when_the_hub_asks_to_slow_down_no_connection_begins_anything_for_so_long(
    hub: Hub, repository: Repository, file: SourceFile
) -> None:
    hub.pace.connection_bytes_per_s = RANGE_BYTES  # so the others, which have begun by then, end when 1 s is over
    hub.fail(TooManyRequests(retry_after=1), server="cdn", after=1)
    assert fetched(repository, file) == CONTENT
    refused = next(request for request in hub.requests if request.status == 429)
    after_s = [request.at_s - refused.at_s for request in hub.requests if request.server == "cdn"]
    assert sum(later >= 1.9 for later in after_s) >= 4  # the client waits a second more than it was told
    assert not [later for later in after_s if 1 < later < 1.9]


def test_each_time_that_the_hub_asks_to_slow_down_half_of_the_connections_are_left(
    hub: Hub, repository: Repository, file: SourceFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(download, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    downloads = download.Downloads([Entry.of(repository, file)], 8, lambda _: None)
    allowed: list[int] = []
    for wait_s, later_s in [(0, 0.5), (0, 1), (30, 0), (30, 2), (0, 2), (0, 2)]:
        downloads._slow_down(wait_s)  # pyright: ignore[reportPrivateUsage]
        allowed.append(downloads._allowed)  # pyright: ignore[reportPrivateUsage]
        clock[0] += later_s
    assert allowed == [4, 4, 2, 2, 1, 1]
    assert not downloads._may_begin()  # pyright: ignore[reportPrivateUsage]
    clock[0] = 131.6
    assert downloads._may_begin()  # pyright: ignore[reportPrivateUsage]


# Killed, and gone on.

FETCH = """
import sys
from job.source.fetch import download, parts
download._LEAST_RANGE_BYTES, parts._NOTED_EVERY_BYTES = 100_000, 10_000
from huggingface_hub import constants
from huggingface_hub.utils import build_hf_headers
constants.HF_HUB_OFFLINE = True
build_hf_headers()
constants.HF_HUB_OFFLINE = False
from job.source.fetch.cache import fetch_files
from job.source.files import Repository, SourceFile
from job.source.hub_file import HubFile
url, name, size, fingerprint, dataset, commit = sys.argv[1:]
remote = HubFile(url=url, name=name, size_bytes=int(size), content_hash=fingerprint)
file = SourceFile(name=name, location=remote, size_bytes=int(size), fingerprint=fingerprint)
fetch_files(Repository(dataset, commit), [file], lambda done: print(done, flush=True))
"""


@pytest.mark.parametrize("signal", ["KILL", "INT"])
def test_a_download_that_is_killed_goes_on_with_the_ranges_that_it_has(
    hub: Hub, repository: Repository, file: SourceFile, cache: Path, signal: str
) -> None:
    hub.pace.connection_bytes_per_s = 60_000
    assert isinstance(file.location, HubFile)
    arguments = [file.location.url, NAME, str(len(CONTENT)), file.fingerprint, REPO, repository.commit]
    child = subprocess.Popen(
        [sys.executable, "-c", FETCH, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env=os.environ | {"HF_HUB_CACHE": str(cache)},
    )
    assert child.stdout is not None
    while int(child.stdout.readline()) < 600_000:
        pass
    child.send_signal(signals.SIGKILL if signal == "KILL" else signals.SIGINT)
    child.communicate()
    hub.pace.connection_bytes_per_s = None
    left = missing(repository, file)
    assert 100_000 < left < 1_080_000  # at most 80,000 bytes that had arrived were not noted yet
    until = time.monotonic() + 10
    while hub.most_at_once and time.monotonic() < until:  # what was under way to the child
        time.sleep(0.05)
        hub.forget()
    assert fetched(repository, file) == CONTENT
    assert sent(hub) == sum(end - start for start, end in spans(hub)) == left


def test_a_note_of_another_part_does_not_count(hub: Hub, repository: Repository, file: SourceFile) -> None:
    entry = Entry.of(repository, file)
    entry.part.parent.mkdir(parents=True)
    entry.part.write_bytes(b"x" * 300_000)
    entry.ranges.write_text(f"{entry.part.stat().st_ino + 1} 0 300000\n")
    assert missing(repository, file) == len(CONTENT)
    assert fetched(repository, file) == CONTENT
    assert spans(hub)[0] == (0, RANGE_BYTES)


# Wrong bytes.


def test_a_range_that_is_wrong_once_is_found_and_fetched_again(
    hub: Hub, repository: Repository, file: SourceFile
) -> None:
    hub.fail(WrongBytes(), server="cdn", after=7)
    assert fetched(repository, file) == CONTENT
    assert len(hub.applied) == 1
    assert len(spans(hub)) == 32


def test_a_range_that_stays_wrong_is_one_error_and_nothing_is_kept(
    hub: Hub, repository: Repository, file: SourceFile, cache: Path
) -> None:
    hub.fail(WrongBytes(), server="cdn", after=7)
    hub.fail(WrongBytes(), server="cdn", after=20)
    with pytest.raises(CurateError, match=f"{NAME} does not have the hash that its repository says, fetched twice"):
        fetched(repository, file)
    assert len(hub.applied) == 2
    assert list((cache / "datasets--someone--catalogue/blobs").iterdir()) == []
    assert missing(repository, file) == len(CONTENT)


# What is there of a part.


@given(cuts=st.lists(st.integers(0, 60), max_size=12), order=st.randoms(use_true_random=False))
def test_ranges_in_any_order_add_up_to_what_is_there(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], order: object
) -> None:
    content = CONTENT[:60]
    bounds = sorted({0, *cuts, 60})
    pieces = list(itertools.pairwise(bounds))
    order.shuffle(pieces)  # pyright: ignore[reportAttributeAccessIssue]
    folder = tmp_path_factory.mktemp("part")
    (folder / "blobs").mkdir()
    location = HubFile(url="", name="a", size_bytes=60, content_hash="ab")
    entry = Entry(SourceFile(name="a", location=location, size_bytes=60, fingerprint="ab"), folder, "c")
    part = parts.Part(entry)
    part.allow_holes()
    there: set[int] = set()
    for start, end in pieces:
        part.add(start, content[start:end])
        there |= set(range(start, end))
        assert part.num_bytes == len(there)
        assert {at for left, right in part.missing() for at in range(left, right)} == set(range(60)) - there
        for at in range(60):
            assert part.until(at) == next((after for after in range(at, 61) if after not in there), 60)
        part.note()
        noted = parts.ranges_there(entry.part, entry.ranges)
        assert {at for left, right in noted for at in range(left, right)} == there
    assert part.missing() == []
    part.close()
    assert entry.part.read_bytes() == content
