"""Files on the Hub: a read returns the file's bytes or raises one clear error, whatever the server does.

Nothing waits for real: clocks are replaced, and record the waits.
"""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from huggingface_hub import constants, hf_hub_url
from hypothesis import given
from hypothesis import strategies as st

from job.errors import CurateError, UsageError
from job.source import hub_file as module
from job.source import ranges
from job.source.hub_file import HubFile, RangeIgnoredError, iter_range
from job.source.location import LocalFile
from tests.generated import examples
from tests.servers.hub import (
    Drop,
    Fault,
    Html,
    Hub,
    IgnoreRange,
    Longer,
    Refuse,
    Short,
    Slow,
    Stall,
    Status,
    TooManyRequests,
    WrongRange,
)

REPO = "someone/catalogue"
SMALL = "small file.jsonl"
"""Not in large file storage: the Hub itself serves it."""
BIG = "raw/meta_categories/meta_Ä.jsonl"
"""In large file storage: the CDN serves it."""
HUGE = "huge.bin"
CONTENT = b"".join(b"%07d\n" % number for number in range(7_500))
"""60,000 bytes, in which no 8 bytes repeat."""
SMALL_CONTENT = CONTENT[:904]
HUGE_BYTES = 24 << 20
TOKEN = "hf_" + "S3cret" * 5
HASH = "ab" * 32

Place = Literal["direct", "redirect", "cdn"]
BACKOFF: list[float] = [1, 2, 4, 8, 8]
"""Seconds that huggingface_hub waits between its six tries if the server does not say."""


pytestmark = pytest.mark.usefixtures("online", "naps")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hub, str]]:
    folder = tmp_path_factory.mktemp("published")
    (folder / BIG).parent.mkdir(parents=True)
    (folder / BIG).write_bytes(CONTENT)
    (folder / SMALL).write_bytes(SMALL_CONTENT)
    with (folder / HUGE).open("wb") as stream:
        stream.truncate(HUGE_BYTES)
    with Hub() as hub:
        yield hub, hub.put(REPO, folder)


@pytest.fixture
def hub(served: tuple[Hub, str]) -> Hub:
    hub, _ = served
    hub.forget()
    return hub


@pytest.fixture
def big(served: tuple[Hub, str]) -> HubFile:
    return _file(*served, BIG, len(CONTENT))


@pytest.fixture
def small(served: tuple[Hub, str]) -> HubFile:
    return _file(*served, SMALL, len(SMALL_CONTENT))


@pytest.fixture
def in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes blocks so small that the files consist of many."""
    monkeypatch.setattr(ranges, "BLOCK_BYTES", 1_000)
    monkeypatch.setattr(ranges, "_OUTSIDE_BYTES", 100)
    monkeypatch.setattr(ranges, "_BUFFER_BYTES", 10)
    monkeypatch.setattr(module, "_CHUNK_BYTES", 10)


def _file(hub: Hub, commit: str, name: str, size_bytes: int) -> HubFile:
    url = hf_hub_url(REPO, name, repo_type="dataset", revision=commit, endpoint=hub.endpoint)
    return HubFile(url=url, name=name, size_bytes=size_bytes, content_hash=HASH)


def fetched(file: HubFile, start: int, end: int) -> bytes:
    return b"".join(iter_range(file, start, end))


def sent(hub: Hub, name: str = BIG) -> int:
    """Returns how many bytes of a file were sent."""
    return sum(size for path, size in hub.bytes_sent.items() if path.startswith("/repos/") and path.endswith(name))


def check_message(error: BaseException) -> str:
    """Checks that a message is short, and gives away no address and no token."""
    message = str(error)
    assert len(message) < 300
    assert "://" not in message
    assert "Signature" not in message
    assert TOKEN not in message
    return message


# Reads.

Read = tuple[Literal["read", "readinto"], int]
Seek = tuple[Literal["seek"], int, int]
SIZES = st.integers(0, 1_500)
READS: st.SearchStrategy[Read] = st.tuples(st.sampled_from(["read", "readinto"]), SIZES)
SEEKS: st.SearchStrategy[Seek] = st.tuples(
    st.just("seek"), SIZES, st.sampled_from([io.SEEK_SET, io.SEEK_CUR, io.SEEK_END])
)
RANGES = st.one_of(st.none(), st.tuples(SIZES, SIZES))
BLOCKS = st.integers(40, 1_500)


@given(
    size=st.sampled_from([904, 1_504]),
    announced=RANGES,
    actions=st.lists(st.one_of(READS, SEEKS), min_size=1, max_size=12),
    blocks=st.tuples(BLOCKS, BLOCKS, BLOCKS),
)
@examples(120)
def test_any_reads_and_seeks_give_the_files_bytes(
    files_by_size: dict[int, HubFile],
    size: int,
    announced: tuple[int, int] | None,
    actions: list[Read | Seek],
    blocks: tuple[int, int, int],
) -> None:
    expected = io.BytesIO(CONTENT[:size])
    with pytest.MonkeyPatch.context() as patch:
        for name, value in zip(("BLOCK_BYTES", "_OUTSIDE_BYTES", "_BUFFER_BYTES"), blocks, strict=True):
            patch.setattr(ranges, name, value)
        patch.setattr(module, "_CHUNK_BYTES", blocks[-1])
        start, end = (min(*announced, size), max(announced)) if announced else (None, None)
        with files_by_size[size].open(start, end) as stream:
            for action in actions:
                match action:
                    case ("seek", target, whence):
                        base = {io.SEEK_SET: 0, io.SEEK_CUR: expected.tell(), io.SEEK_END: size}[whence]
                        assert stream.seek(target - base, whence) == expected.seek(target)
                    case ("read", count):
                        assert stream.read(count) == expected.read(count)
                    case (_, count):
                        into = bytearray(count)
                        length = stream.readinto(into)  # pyright: ignore[reportAttributeAccessIssue]
                        assert into[:length] == expected.read(length)
                        assert length == count or expected.read(1) == b""
                assert stream.tell() == expected.tell()


@pytest.fixture(scope="module")
def files_by_size(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, HubFile]]:
    """Files by their size: one that the Hub serves, and one that the CDN serves."""
    folder = tmp_path_factory.mktemp("many")
    for size in (904, 1_504):
        (folder / f"{size}.bin").write_bytes(CONTENT[:size])
    with Hub() as hub:
        commit = hub.put(REPO, folder)
        yield {size: _file(hub, commit, f"{size}.bin", size) for size in (904, 1_504)}


@given(ends=st.tuples(st.integers(0, 1_504), st.integers(0, 1_504)), chunk_bytes=st.integers(1, 2_000))
@examples(60)
def test_any_range_has_the_files_bytes(
    files_by_size: dict[int, HubFile], ends: tuple[int, int], chunk_bytes: int
) -> None:
    start, end = min(ends), max(ends)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CHUNK_BYTES", chunk_bytes)
        assert fetched(files_by_size[1_504], start, end) == CONTENT[start:end]


def test_an_empty_range_sends_no_request(hub: Hub, big: HubFile) -> None:
    assert fetched(big, 10, 10) == b""
    assert hub.requests == []


def test_a_file_can_be_read_line_by_line(big: HubFile, in_small_pieces: None) -> None:
    with big.open(20_000, 20_800) as stream:
        stream.seek(20_000)
        assert [stream.readline() for _ in range(110)] == CONTENT[20_000:20_880].splitlines(keepends=True)


def test_a_file_in_xet_storage_is_read_over_plain_http(hub: Hub, big: HubFile) -> None:
    hub.xet = True
    try:
        assert fetched(big, 100, 200) == CONTENT[100:200]
    finally:
        hub.xet = False


def test_a_file_on_a_disk_is_the_same_whatever_range_is_announced(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(CONTENT)
    with LocalFile(tmp_path / "a").open(10, 20) as stream:
        assert stream.read() == CONTENT


# How much is fetched and held.


def test_the_announced_range_is_fetched_once_in_blocks_and_nothing_else(
    hub: Hub, big: HubFile, in_small_pieces: None
) -> None:
    with big.open(10_500, 13_700) as stream:
        stream.seek(10_500)
        assert b"".join(stream.read(8) for _ in range(400)) == CONTENT[10_500:13_700]
    ranges = [request.range for request in hub.requests if request.server == "cdn"]
    assert ranges == ["bytes=10500-11499", "bytes=11500-12499", "bytes=12500-13499", "bytes=13500-13699"]
    assert sent(hub) == 3_200


def test_the_end_of_the_last_line_takes_one_more_small_piece(hub: Hub, big: HubFile, in_small_pieces: None) -> None:
    with big.open(10_004, 12_004) as stream:
        stream.seek(10_004)
        assert stream.read(2_004) == CONTENT[10_004:12_008]
    assert sent(hub) <= 2_000 + 100


def test_bytes_before_the_announced_range_are_fetched_up_to_it(hub: Hub, big: HubFile, in_small_pieces: None) -> None:
    with big.open(10_000, 11_000) as stream:
        stream.seek(9_990)
        assert stream.read(1_010) == CONTENT[9_990:11_000]
    assert sent(hub) == 1_010


def test_a_read_outside_the_announced_range_fetches_one_small_piece(
    hub: Hub, big: HubFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "_OUTSIDE_BYTES", 100)
    with big.open() as stream:
        stream.seek(-8, io.SEEK_END)
        assert stream.read(4) == CONTENT[-8:-4]
        stream.seek(30_000)
        assert stream.read(8) == CONTENT[30_000:30_008]
    assert sent(hub) == 8 + 100


def test_going_back_by_a_few_blocks_fetches_nothing_again(hub: Hub, big: HubFile, in_small_pieces: None) -> None:
    with big.open(0, 4_000) as stream:
        for position in (0, 1_500, 2_500, 3_500, 10, 1_010, 2_010, 3_010, 500):
            stream.seek(position)
            assert stream.read(20) == CONTENT[position : position + 20]
    assert sent(hub) == 4_000


def test_only_a_few_blocks_are_in_memory_however_long_the_file(
    hub: Hub, served: tuple[Hub, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    block_bytes = 1 << 20
    monkeypatch.setattr(ranges, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(ranges, "_BUFFER_BYTES", 64 << 10)
    monkeypatch.setattr(module, "_CHUNK_BYTES", 64 << 10)
    done = 0
    tracemalloc.start()
    try:
        with _file(*served, HUGE, HUGE_BYTES).open(0, HUGE_BYTES) as stream:
            while piece := stream.read(100_000):
                done += len(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert done == HUGE_BYTES
    assert 4 * block_bytes < peak < 9 * block_bytes


# Faults that pass.

PASSING: list[tuple[Fault, Callable[[int], list[float]]]] = [
    (TooManyRequests(ratelimit=True, retry_after=30), lambda times: [31] * times),
    (TooManyRequests(retry_after=40), lambda times: [41] * times),
    (TooManyRequests(), lambda times: [*BACKOFF[:times]]),
    (Status(500), lambda times: [*BACKOFF[:times]]),
    (Status(502), lambda times: [*BACKOFF[:times]]),
    (Status(503), lambda times: [*BACKOFF[:times]]),
    (Refuse(), lambda times: [*BACKOFF[:times]]),
]


@pytest.mark.parametrize("times", [1, 5])
@pytest.mark.parametrize("place", ["direct", "redirect", "cdn"])
@pytest.mark.parametrize(("fault", "waits"), PASSING, ids=[repr(fault) for fault, _ in PASSING])
def test_a_retry_waits_as_long_as_the_server_says(
    hub: Hub,
    big: HubFile,
    small: HubFile,
    naps: list[float],
    fault: Fault,
    waits: Callable[[int], list[float]],
    place: Place,
    times: int,
) -> None:
    hub.fail(fault, server="cdn" if place == "cdn" else "hub", times=times)
    file, content = (small, SMALL_CONTENT) if place == "direct" else (big, CONTENT)
    assert fetched(file, 100, 900) == content[100:900]
    assert hub.applied == [fault] * times
    assert naps == waits(times)


BODY_FAULTS: list[tuple[Fault, int, list[float]]] = [
    (Drop(0), 1, [1]),
    (Drop(0), 5, [1, 2, 4, 8, 16]),
    (Drop(0, reset=False), 1, [1]),
    (Drop(0, reset=False), 5, [1, 2, 4, 8, 16]),
    (Drop(10), 1, []),
    (Drop(10), 20, []),
    (Drop(500, reset=False), 1, []),
    (Drop(15, reset=False), 20, []),
    (Drop(799), 1, []),
    (Short(1), 1, []),
    (Short(790), 1, []),
    (Slow(0.001, piece_bytes=100), 1, []),
]


@pytest.mark.parametrize("place", ["direct", "cdn"])
@pytest.mark.parametrize(("fault", "times", "waits"), BODY_FAULTS, ids=repr)
def test_a_response_that_breaks_off_is_resumed(
    hub: Hub,
    big: HubFile,
    small: HubFile,
    naps: list[float],
    in_small_pieces: None,
    fault: Fault,
    times: int,
    waits: list[float],
    place: Place,
) -> None:
    hub.fail(fault, times=times)
    file, content = (small, SMALL_CONTENT) if place == "direct" else (big, CONTENT)
    assert fetched(file, 100, 900) == content[100:900]
    assert hub.applied[:1] == [fault]
    assert naps == waits


def test_responses_that_are_short_repeatedly_are_resumed(
    hub: Hub, big: HubFile, naps: list[float], in_small_pieces: None
) -> None:
    faults: list[Fault] = [Short(missing) for missing in (799, 500, 499, 20, 3, 1)]
    for fault in faults:
        hub.fail(fault, server="cdn")
    assert fetched(big, 100, 900) == CONTENT[100:900]
    assert hub.applied == faults
    assert naps == []


def test_bytes_that_arrived_before_a_break_are_not_requested_again(
    hub: Hub, big: HubFile, in_small_pieces: None
) -> None:
    hub.fail(Drop(30_000), server="cdn")
    hub.fail(Short(10_000), server="cdn")
    assert fetched(big, 0, 60_000) == CONTENT
    ranges = [request.range for request in hub.requests if request.server == "cdn"]
    assert ranges == ["bytes=0-59999", "bytes=30000-59999", "bytes=50000-59999"]


def test_tries_are_counted_anew_once_bytes_arrive(
    hub: Hub, big: HubFile, naps: list[float], in_small_pieces: None
) -> None:
    for _ in range(3):
        hub.fail(Drop(0), server="cdn", times=4)
        hub.fail(Drop(100), server="cdn")
    assert fetched(big, 0, 60_000) == CONTENT
    assert naps == [1, 2, 4, 8] * 3


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("place", ["direct", "redirect", "cdn"])
def test_a_request_to_a_server_that_stalls_is_sent_again(
    hub: Hub,
    big: HubFile,
    small: HubFile,
    naps: list[float],
    monkeypatch: pytest.MonkeyPatch,
    place: Place,
    times: int,
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.2)
    hub.fail(Stall(60), server="cdn" if place == "cdn" else "hub", times=times)
    file, content = (small, SMALL_CONTENT) if place == "direct" else (big, CONTENT)
    assert fetched(file, 100, 900) == content[100:900]
    assert hub.applied == [Stall(60)] * times
    assert naps == BACKOFF[:times]


def test_a_body_that_stalls_in_the_middle_is_resumed(
    hub: Hub, big: HubFile, monkeypatch: pytest.MonkeyPatch, in_small_pieces: None
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.2)
    hub.fail(Slow(60, piece_bytes=10), server="cdn")
    assert fetched(big, 100, 900) == CONTENT[100:900]
    assert hub.applied == [Slow(60, piece_bytes=10)]


@pytest.mark.parametrize("fault", [WrongRange(), IgnoreRange(), Html()], ids=repr)
def test_a_response_with_other_bytes_is_requested_again(
    hub: Hub, big: HubFile, naps: list[float], fault: Fault
) -> None:
    hub.fail(fault, server="cdn", times=2)
    assert fetched(big, 100, 900) == CONTENT[100:900]
    assert hub.applied == [fault] * 2
    assert naps == [1, 2]


FAULTS: st.SearchStrategy[Fault] = st.one_of(
    st.builds(Drop, st.integers(0, 1_503), st.booleans()),
    st.builds(Short, st.integers(1, 1_503)),
    st.sampled_from([Status(503), TooManyRequests(retry_after=3), Refuse()]),
)


@given(faults=st.lists(FAULTS, max_size=5), chunk_bytes=st.integers(1, 2_000), start=st.integers(0, 1_503))
@examples(60)
def test_any_sequence_of_temporary_faults_leaves_the_files_bytes(
    faulty: tuple[Hub, HubFile], faults: list[Fault], chunk_bytes: int, start: int
) -> None:
    hub, file = faulty
    hub.forget()
    for fault in faults:
        hub.fail(fault, server="cdn")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CHUNK_BYTES", chunk_bytes)
        assert fetched(file, start, 1_504) == CONTENT[start:1_504]


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hub, HubFile]]:
    folder = tmp_path_factory.mktemp("faulty")
    (folder / "a.bin").write_bytes(CONTENT[:1_504])
    with Hub() as hub:
        commit = hub.put(REPO, folder)
        yield hub, _file(hub, commit, "a.bin", 1_504)


def test_bytes_after_the_requested_range_are_dropped(hub: Hub, big: HubFile, in_small_pieces: None) -> None:
    hub.fail(Longer(55), server="cdn")
    assert fetched(big, 100, 905) == CONTENT[100:905]
    assert hub.applied == [Longer(55)]


# Faults that stay.


@pytest.mark.parametrize("fault", [WrongRange(), IgnoreRange(), Html()], ids=repr)
def test_a_server_that_keeps_sending_other_bytes_is_an_error_after_three_tries(
    hub: Hub, big: HubFile, fault: Fault
) -> None:
    hub.fail(fault, server="cdn", times=None)
    received: list[bytes] = []
    with pytest.raises(RangeIgnoredError):
        received.extend(iter_range(big, 100, 900))
    assert received == []
    assert hub.applied == [fault] * 3


@pytest.mark.parametrize("fault", [WrongRange(), IgnoreRange(), Html()], ids=repr)
def test_a_stream_from_such_a_server_says_what_to_type(
    hub: Hub, big: HubFile, fault: Fault, in_small_pieces: None
) -> None:
    hub.fail(fault, server="cdn", times=None)
    with big.open(100, 900) as stream:
        stream.seek(100)
        with pytest.raises(CurateError, match=r"source\.stream=false") as caught:
            stream.read(10)
    assert "meta_Ä.jsonl" in check_message(caught.value)


@pytest.mark.parametrize(
    ("fault", "says", "waits"),
    [
        (Status(503), "status 503", BACKOFF),
        (Status(500), "status 500", BACKOFF),
        (TooManyRequests(), "status 429: the Hub has asked to slow down", BACKOFF),
        (TooManyRequests(ratelimit=True, retry_after=60), "asked to slow down", [61] * 5),
        (Status(404), "status 404", []),
        (Status(403), "status 403: it refuses access", []),
        (Status(401), "status 401: its token was refused", []),
        (Drop(0), "cannot be reached", [1, 2, 4, 8, 16]),
        (Drop(0, reset=False), "cannot be reached", [1, 2, 4, 8, 16]),
    ],
    ids=repr,
)
def test_a_permanent_fault_is_one_clear_error(
    hub: Hub,
    big: HubFile,
    naps: list[float],
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
    says: str,
    waits: list[float],
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.fail(fault, server="cdn", times=None)
    with pytest.raises(CurateError, match=says) as caught:
        fetched(big, 100, 900)
    message = check_message(caught.value)
    assert BIG in message
    assert "run the same command again" in message
    assert naps == waits


def test_a_server_that_always_hangs_up_is_one_clear_error_after_the_clients_own_tries(
    hub: Hub, big: HubFile, naps: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.fail(Refuse(), times=None)
    with pytest.raises(CurateError, match="cannot be reached") as caught:
        fetched(big, 100, 900)
    check_message(caught.value)
    assert len(hub.requests) == 6
    assert naps == BACKOFF


def test_a_server_that_is_not_there_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    file = HubFile(
        url=f"http://127.0.0.1:9/datasets/{REPO}/resolve/main/a?{TOKEN}", name="a", size_bytes=100, content_hash=HASH
    )
    with pytest.raises(CurateError, match="cannot be reached") as caught:
        fetched(file, 0, 100)
    check_message(caught.value)


@pytest.mark.parametrize("by", [-1, 1])
@pytest.mark.parametrize("ends", [(0, 900), (100, 900)])
def test_a_file_of_another_size_than_its_repository_says_is_an_error(
    hub: Hub, served: tuple[Hub, str], by: int, ends: tuple[int, int]
) -> None:
    file = _file(*served, BIG, len(CONTENT) + by)
    received: list[bytes] = []
    with pytest.raises(CurateError, match=f"has 60000 bytes, and its repository says {len(CONTENT) + by:,}") as caught:
        received.extend(iter_range(file, *ends))
    assert received == []
    check_message(caught.value)


def test_offline_the_message_names_the_variable(hub: Hub, big: HubFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        CurateError, match=f"{BIG} is not in the Hugging Face cache, and HF_HUB_OFFLINE is set"
    ) as caught:
        fetched(big, 0, 10)
    assert BIG in check_message(caught.value)
    assert hub.requests == []


# Tokens.


def test_the_token_goes_to_the_hub_and_never_to_the_cdn(
    hub: Hub, big: HubFile, small: HubFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.fail(Drop(10), server="cdn", times=2)
    fetched(big, 0, 1_000)
    fetched(small, 0, 100)
    assert {(request.server, request.token) for request in hub.requests} == {("hub", True), ("cdn", False)}


def test_without_a_token_none_is_sent(hub: Hub, big: HubFile) -> None:
    fetched(big, 0, 1_000)
    assert hub.requests
    assert not any(request.token for request in hub.requests)


def test_a_gated_file_is_read_with_the_token_and_says_what_to_type_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.bin").write_bytes(CONTENT)
    with Hub() as hub:
        file = _file(hub, hub.put(REPO, tmp_path), "a.bin", len(CONTENT))
        hub.gated(REPO, token=TOKEN)
        with pytest.raises(CurateError, match=r"gated\nopen its page on the Hub and accept the terms.*hf auth login"):
            fetched(file, 0, 100)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        assert fetched(file, 0, 100) == CONTENT[:100]
        monkeypatch.setenv("HF_TOKEN", TOKEN + "x")
        with pytest.raises(CurateError, match="gated") as caught:
            fetched(file, 0, 100)
        check_message(caught.value)


def test_a_login_page_is_not_taken_for_the_whole_file(hub: Hub, big: HubFile) -> None:
    hub.fail(Html(), server="cdn")
    with big.open(0, big.size_bytes) as stream:
        assert stream.read(16) == fetched(big, 0, 16)
    hub.fail(Html(), server="cdn", times=None)
    with pytest.raises(RangeIgnoredError):
        fetched(big, 0, big.size_bytes)


def test_a_server_that_breaks_off_every_response_still_gives_the_whole_file(hub: Hub, big: HubFile) -> None:
    whole = fetched(big, 0, big.size_bytes)
    hub.fail(Drop(big.size_bytes // 9), server="cdn", times=None)
    assert fetched(big, 0, big.size_bytes) == whole
    assert len(hub.applied) >= 8


def test_a_token_that_cannot_be_sent_is_named(big: HubFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_not…ascii")
    with pytest.raises(UsageError, match="a character that no token has\nlog in again: hf auth login"):
        fetched(big, 0, 10)
