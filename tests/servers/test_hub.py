"""The test Hub, seen through the unmodified client: what it serves, and what the client makes of each fault.

No test waits as long as the client would: its clock is replaced, and the tables say how long it asked to wait.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from huggingface_hub import HfApi, HfFileSystem, constants, file_download, hf_hub_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile, RepoFolder
from huggingface_hub.utils import _http as client_http  # pyright: ignore[reportPrivateUsage]
from huggingface_hub.utils import build_hf_headers, get_session

from job.bench.measure import pace
from tests.servers.hub import (
    Drop,
    Fault,
    Html,
    Hub,
    IgnoreRange,
    Json,
    Longer,
    Refuse,
    Short,
    Slow,
    Stall,
    Status,
    TooManyRequests,
    WrongBytes,
    WrongRange,
    WrongSize,
)

REPO = "someone/catalogue"
BIG = "raw/meta categories/meta_Ä.jsonl"
"""Path of a file that the CDN serves; it must be quoted in an address."""
CONTENT = b"".join(b'{"row": %06d}\n' % number for number in range(18_750))
"""300,000 bytes."""


@pytest.fixture(autouse=True)
def _online(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    build_hf_headers()  # looks up a list that the client needs once per process and that the test Hub lacks
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds of each wait that the client asks for; it does not wait."""
    asked: list[float] = []
    for module in (client_http, file_download):
        monkeypatch.setattr(module, "time", SimpleNamespace(sleep=asked.append))
    return asked


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small file, a big one, and a link to a file."""
    folder = tmp_path / "published"
    (folder / BIG).parent.mkdir(parents=True)
    (folder / BIG).write_bytes(CONTENT)
    (folder / "README.md").write_text("# Catalogue\n")
    (tmp_path / "elsewhere").write_bytes(CONTENT[:5000])
    (folder / "raw/link.jsonl").symlink_to(tmp_path / "elsewhere")
    return folder


@pytest.fixture
def hub(folder: Path) -> Iterator[Hub]:
    with Hub() as hub:
        hub.put(REPO, folder)
        yield hub


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def api(hub: Hub, token: str | bool = False) -> HfApi:
    return HfApi(endpoint=hub.endpoint, token=token)


def download(hub: Hub, cache: Path, path: str = BIG, token: str | bool = False, **settings: Any) -> Path:
    return Path(
        hf_hub_download(
            REPO, path, repo_type="dataset", endpoint=hub.endpoint, cache_dir=cache, token=token, **settings
        )
    )


def cdn_url(hub: Hub, path: str = BIG) -> str:
    """Returns the signed address to which the Hub redirects."""
    url = f"{hub.endpoint}/datasets/{REPO}/resolve/main/{path}"
    return get_session().head(url, follow_redirects=False).headers["Location"]


def get(url: str, range_: str | None = None, method: str = "GET", **headers: str) -> httpx2.Response:
    if range_ is not None:
        headers["Range"] = f"bytes={range_}"
    return get_session().request(method, url, headers=headers, timeout=10)


# What it serves.


def test_a_download_arrives_whole_from_the_cdn_and_is_named_by_its_commit_and_hash(
    hub: Hub, cache: Path, folder: Path
) -> None:
    commit = hub.put(REPO, folder)
    path = download(hub, cache)
    assert path.read_bytes() == CONTENT
    assert path == cache / "datasets--someone--catalogue/snapshots" / commit / BIG
    assert path.resolve().name == hashlib.sha256(CONTENT).hexdigest()
    assert [(request.server, request.method, request.status) for request in hub.requests] == [
        ("hub", "HEAD", 302),
        ("cdn", "GET", 200),
    ]
    assert hub.bytes_sent == {f"/repos/{REPO}/{commit}/{BIG}": len(CONTENT)}


def test_a_small_file_comes_from_the_hub_itself_named_by_git_s_hash(hub: Hub, cache: Path) -> None:
    path = download(hub, cache, "README.md")
    assert path.read_text() == "# Catalogue\n"
    assert path.resolve().name == hashlib.sha1(b"blob 12\0# Catalogue\n").hexdigest()
    assert {request.server for request in hub.requests} == {"hub"}


@pytest.mark.parametrize("page_size", [1, 2, 1000])
def test_a_tree_is_the_same_whatever_the_page_size(hub: Hub, page_size: int) -> None:
    hub.page_size = page_size
    tree = list(api(hub).list_repo_tree(REPO, repo_type="dataset", recursive=True))
    assert [entry.path for entry in tree] == ["README.md", "raw", "raw/link.jsonl", "raw/meta categories", BIG]
    assert [type(entry) for entry in tree] == [RepoFile, RepoFolder, RepoFile, RepoFolder, RepoFile]
    assert len(hub.requests) == -(-5 // page_size)


def test_a_tree_tells_hashes_and_stays_in_the_folder_asked_for(hub: Hub) -> None:
    (big,) = api(hub).list_repo_tree(REPO, "raw/meta categories", repo_type="dataset", expand=True)
    assert isinstance(big, RepoFile)
    assert big.lfs is not None
    assert (big.path, big.size, big.lfs.sha256) == (BIG, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    known = api(hub).get_paths_info(REPO, [BIG, "raw", "absent"], repo_type="dataset")
    assert [entry.path for entry in known] == [BIG, "raw"]


def test_the_file_system_reads_any_bytes(hub: Hub) -> None:
    files = HfFileSystem(endpoint=hub.endpoint, token=False, skip_instance_cache=True)
    path = f"datasets/{REPO}/{BIG}"
    assert files.read_bytes(path) == CONTENT
    assert files.info(path)["size"] == len(CONTENT)
    with files.open(path, "rb", block_size=1000, cache_type="none") as opened:
        opened.seek(123_456)
        assert opened.read(2000) == CONTENT[123_456:125_456]
    assert {request.range for request in hub.requests if request.server == "cdn"} == {None, "bytes=123456-125455"}


def test_what_is_missing_raises_the_error_that_names_it(hub: Hub, cache: Path) -> None:
    with pytest.raises(RepositoryNotFoundError) as anonymous:
        api(hub).dataset_info("no/such")
    with pytest.raises(RepositoryNotFoundError) as known:
        api(hub, "hf_any").dataset_info("no/such")
    assert (anonymous.value.response.status_code, known.value.response.status_code) == (401, 404)
    with pytest.raises(RevisionNotFoundError):
        api(hub).dataset_info(REPO, revision="v9")
    with pytest.raises(RevisionNotFoundError):
        download(hub, cache, revision="v9")
    with pytest.raises(RemoteEntryNotFoundError):
        download(hub, cache, "raw/meta_X.jsonl")
    with pytest.raises(RemoteEntryNotFoundError):
        list(api(hub).list_repo_tree(REPO, "no/folder", repo_type="dataset"))


def test_a_private_repository_is_not_there_without_its_token(hub: Hub, cache: Path) -> None:
    hub.private(REPO, token="hf_right")
    for token in (False, "hf_wrong"):
        with pytest.raises(RepositoryNotFoundError):
            api(hub, token).dataset_info(REPO)
        with pytest.raises(RepositoryNotFoundError):
            download(hub, cache, token=token)
    assert api(hub, "hf_right").dataset_info(REPO).private
    assert download(hub, cache, token="hf_right").read_bytes() == CONTENT
    assert not any(request.token for request in hub.requests if request.server == "cdn")
    assert {request.token for request in hub.requests} == {True, False}


def test_a_gated_repository_lists_its_files_and_keeps_them(hub: Hub, cache: Path) -> None:
    hub.gated(REPO, token="hf_right")
    for token, status in ((False, 401), ("hf_wrong", 403)):
        with pytest.raises(GatedRepoError, match=f"Access to dataset {REPO} is restricted") as refused:
            download(hub, cache, token=token)
        assert refused.value.response.status_code == status
        with pytest.raises(GatedRepoError):
            api(hub, token).auth_check(REPO, repo_type="dataset")
        assert api(hub, token).dataset_info(REPO).gated == "auto"
    assert download(hub, cache, token="hf_right").read_bytes() == CONTENT


def test_a_client_that_insists_on_xet_gets_nothing_and_a_plain_one_the_file(
    hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.xet = True
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    with pytest.raises(HfHubHTTPError, match="404"):
        download(hub, cache)
    assert hub.requests[-1].path.startswith(f"/api/datasets/{REPO}/xet-read-token/")
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    assert download(hub, cache).read_bytes() == CONTENT


def test_a_file_that_changed_after_it_was_published_fails_the_test_that_did_it(folder: Path) -> None:
    def careless() -> None:
        with Hub() as hub:
            hub.put(REPO, folder)
            (folder / "README.md").write_text("# Another one\n")
            with pytest.raises(httpx2.RemoteProtocolError):
                get(f"{hub.endpoint}/datasets/{REPO}/resolve/main/README.md")

    with pytest.raises(RuntimeError, match="failed to answer"):
        careless()


def test_nothing_stays_behind_even_when_an_answer_hangs(folder: Path) -> None:
    before = set(threading.enumerate())
    ended: list[Exception] = []

    def ask(url: str) -> None:
        try:
            httpx2.get(url, timeout=60)
        except httpx2.TransportError as error:
            ended.append(error)

    with Hub() as hub:
        hub.put(REPO, folder)
        url = cdn_url(hub)
        hub.fail(Stall(3600), server="hub")
        hub.fail(Slow(3600, piece_bytes=10), server="cdn")
        askers = [threading.Thread(target=ask, args=(address,)) for address in (hub.endpoint, url)]
        for asker in askers:
            asker.start()
        while len(hub.applied) < 2:
            threading.Event().wait(0.001)
    for asker in askers:
        asker.join(timeout=10)
    assert len(ended) == 2
    assert set(threading.enumerate()) == before


# Which requests get a fault.


def test_faults_apply_in_order_where_they_fit_and_as_often_as_asked(hub: Hub) -> None:
    url = cdn_url(hub)
    hub.forget()
    hub.fail(Status(503), path="other", times=None)
    hub.fail(Status(500), method="HEAD")
    hub.fail(Status(502), server="cdn", times=2, after=1)
    hub.fail(IgnoreRange(), times=None)
    assert [get(url, "0-9").status_code for _ in range(5)] == [200, 502, 502, 200, 200]
    assert [get(url).status_code, get(url, method="HEAD").status_code] == [200, 500]
    whole = IgnoreRange()
    assert hub.applied == [whole, Status(502), Status(502), whole, whole, Status(500)]
    hub.forget()
    assert (hub.requests, hub.applied, hub.bytes_sent) == ([], [], {})
    assert get(url, "0-9").status_code == 206


def test_a_wrong_size_stands_in_listings_too(hub: Hub) -> None:
    hub.fail(WrongSize(by=-5, file="meta"), path="/tree/", times=None)
    sizes = {
        entry.path: entry.size
        for entry in api(hub).list_repo_tree(REPO, repo_type="dataset", recursive=True)
        if isinstance(entry, RepoFile)
    }
    assert sizes == {"README.md": 12, "raw/link.jsonl": 5000, BIG: 299_995}


# What the client makes of each fault: what the program may rely on, and what it must add.

WHOLE = "the file"
BACKOFF = [1, 2, 4, 8, 8]
"""Seconds that `http_backoff` waits between its six tries."""


def outcome(call: Callable[[], object]) -> str:
    """Returns the name of the exception that a call raises, or what kind of result it has."""
    try:
        result = call()
    except Exception as error:
        return type(error).__name__
    if isinstance(result, Path):
        return WHOLE if result.read_bytes() == CONTENT else "another file"
    return "an answer"


@pytest.mark.parametrize(
    ("fault", "times", "expected", "waits"),
    [
        (TooManyRequests(), 1, WHOLE, []),
        (TooManyRequests(), None, "LocalEntryNotFoundError", BACKOFF),
        (TooManyRequests(ratelimit=True, retry_after=30), None, "LocalEntryNotFoundError", [31] * 5),
        (TooManyRequests(retry_after=30), None, "LocalEntryNotFoundError", [31] * 5),
        (Status(403), 1, "LocalEntryNotFoundError", []),
        (Status(404), 1, "LocalEntryNotFoundError", []),
        (Status(401), 1, "HfHubHTTPError", []),
        (Status(500), 1, WHOLE, []),
        (Status(503), None, "LocalEntryNotFoundError", BACKOFF),
        (Refuse(), 1, "RemoteProtocolError", []),
        (WrongSize(by=1), 1, "OSError", []),
        (WrongSize(by=-1), 1, "OSError", []),
        (Stall(60), 1, WHOLE, []),
        (Html(), 1, "LocalEntryNotFoundError", []),
    ],
    ids=repr,
)
def test_a_fault_of_the_head_request_of_a_download(
    hub: Hub, cache: Path, naps: list[float], fault: Fault, times: int | None, expected: str, waits: list[float]
) -> None:
    hub.fail(fault, method="HEAD", server="hub", times=times)
    timeout_s = 0.1 if isinstance(fault, Stall) else 60
    assert (outcome(lambda: download(hub, cache, etag_timeout=timeout_s)), naps) == (expected, waits)
    assert hub.applied


@pytest.mark.parametrize(
    ("fault", "times", "expected", "waits"),
    [
        (TooManyRequests(), 1, WHOLE, [1]),
        (TooManyRequests(), None, "HfHubHTTPError", BACKOFF),
        (TooManyRequests(ratelimit=True, retry_after=30), 1, WHOLE, [31]),
        (TooManyRequests(retry_after=30), 1, WHOLE, [31]),
        (Status(403), 1, "HfHubHTTPError", []),
        (Status(404), 1, "HfHubHTTPError", []),
        (Status(500), 1, "HfHubHTTPError", []),
        (Status(503), 1, "HfHubHTTPError", []),
        (Drop(100_000), 1, "ReadError", []),
        (Drop(100_000, reset=False), 1, WHOLE, [1]),
        (Refuse(), 1, WHOLE, [1]),
        (Refuse(), None, "RemoteProtocolError", [1] * 5),
        (Short(1), 1, "OSError", []),
        (WrongBytes(), 1, "another file", []),
        (Slow(0.001, piece_bytes=10_000), 1, WHOLE, []),
        (Stall(60), None, "ReadTimeout", [1] * 5),
        (Html(), 1, "OSError", []),
    ],
    ids=repr,
)
def test_a_fault_of_the_content_of_a_download(
    hub: Hub,
    cache: Path,
    naps: list[float],
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
    times: int | None,
    expected: str,
    waits: list[float],
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.1 if isinstance(fault, Stall) else 60)
    hub.fail(fault, method="GET", server="cdn", times=times)
    assert (outcome(lambda: download(hub, cache)), naps) == (expected, waits)
    assert hub.applied


def test_content_that_stalls_once_is_asked_for_again(hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep(seconds: float) -> None:
        monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 60)  # only the first request is to run into it

    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.1)
    monkeypatch.setattr(file_download, "time", SimpleNamespace(sleep=sleep))
    hub.fail(Stall(60), server="cdn")
    assert outcome(lambda: download(hub, cache)) == WHOLE
    assert hub.applied == [Stall(60)]


@pytest.mark.parametrize(
    ("fault", "expected", "waits"),
    [(IgnoreRange(), WHOLE, [1]), (WrongRange(), "another file", [1]), (Short(1), "OSError", [1])],
    ids=repr,
)
def test_a_fault_of_a_resumed_download(
    hub: Hub,
    cache: Path,
    naps: list[float],
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
    expected: str,
    waits: list[float],
) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 10_000)  # or nothing of this small file would be kept
    hub.fail(Drop(100_000, reset=False))
    hub.fail(fault, server="cdn")
    assert (outcome(lambda: download(hub, cache)), naps) == (expected, waits)
    assert hub.applied[-1] == fault
    assert hub.requests[-1].range == "bytes=100000-"


def _information(hub: Hub, timeout_s: float = 60) -> object:
    return api(hub).dataset_info(REPO, timeout=timeout_s)


def _tree(hub: Hub) -> object:
    return list(api(hub).list_repo_tree(REPO, repo_type="dataset", recursive=True))


@pytest.mark.parametrize(
    ("fault", "times", "information", "tree", "tree_waits"),
    [
        (TooManyRequests(), 1, "HfHubHTTPError", "an answer", [1]),
        (TooManyRequests(ratelimit=True, retry_after=30), 1, "HfHubHTTPError", "an answer", [31]),
        (TooManyRequests(retry_after=30), 1, "HfHubHTTPError", "an answer", [31]),
        (TooManyRequests(), None, "HfHubHTTPError", "HfHubHTTPError", BACKOFF),
        (Status(403), 1, "HfHubHTTPError", "HfHubHTTPError", []),
        (Status(404), 1, "HfHubHTTPError", "HfHubHTTPError", []),
        (Status(500), 1, "HfHubHTTPError", "an answer", [1]),
        (Status(503), None, "HfHubHTTPError", "HfHubHTTPError", BACKOFF),
        (Drop(100), 1, "ReadError", "an answer", [1]),
        (Drop(100, reset=False), 1, "RemoteProtocolError", "an answer", [1]),
        (Refuse(), 1, "RemoteProtocolError", "an answer", [1]),
        (Short(1), 1, "JSONDecodeError", "JSONDecodeError", []),
        (Html(), 1, "JSONDecodeError", "JSONDecodeError", []),
        (Json(None), 1, "TypeError", "TypeError", []),
    ],
    ids=repr,
)
def test_a_fault_of_a_call_to_the_api(
    hub: Hub,
    naps: list[float],
    fault: Fault,
    times: int | None,
    information: str,
    tree: str,
    tree_waits: list[float],
) -> None:
    hub.fail(fault, times=times)
    assert (outcome(lambda: _information(hub)), naps) == (information, [])
    hub.forget()
    hub.fail(fault, times=times)
    assert (outcome(lambda: _tree(hub)), naps) == (tree, tree_waits)
    assert hub.applied


def test_information_without_a_timeout_would_wait_for_ever_and_with_one_it_is_not_tried_again(hub: Hub) -> None:
    hub.fail(Stall(3600))
    assert outcome(lambda: _information(hub, 0.1)) == "ReadTimeout"
    assert len(hub.requests) == 1


@pytest.mark.parametrize(
    ("fault", "expected", "waits"),
    [
        (TooManyRequests(), CONTENT[1000:1100], [1]),
        (Status(503), CONTENT[1000:1100], [1]),
        (Drop(50), CONTENT[1000:1100], [1]),
        (Drop(50, reset=False), CONTENT[1000:1100], [1]),
        (Refuse(), CONTENT[1000:1100], [1]),
        (Short(1), CONTENT[1000:1099], []),
        (Longer(55), CONTENT[1000:1155], []),
        (WrongRange(), CONTENT[1001:1101], []),
        (IgnoreRange(), CONTENT, []),
    ],
    ids=repr,
)
def test_a_fault_of_a_range_that_the_file_system_reads(
    hub: Hub, naps: list[float], fault: Fault, expected: bytes, waits: list[float]
) -> None:
    files = HfFileSystem(endpoint=hub.endpoint, token=False, skip_instance_cache=True)
    with files.open(f"datasets/{REPO}/{BIG}", "rb", block_size=1000, cache_type="none") as opened:
        opened.seek(1000)
        hub.fail(fault, server="cdn")
        assert (opened.read(100), naps) == (expected, waits)
    assert hub.applied


def test_a_pace_limits_each_connection_and_all_of_them_together(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    limits = pace.Pace()
    first, second = limits.of_answer(), limits.of_answer()
    assert [first(1_000), second(1_000)] == [0, 0]
    limits.connection_bytes_per_s = 1_000
    assert [first(500), first(500), second(500)] == pytest.approx([0.5, 1.0, 0.5])
    limits.connection_bytes_per_s, limits.line_bytes_per_s = None, 1_000
    third = limits.of_answer()
    assert [third(500), third(500), first(500)] == pytest.approx([0.45, 0.95, 1.45])
    limits.connection_bytes_per_s = 100
    clock[0] += 60
    assert [third(100), first(100)] == pytest.approx([0.95, 0.95])
