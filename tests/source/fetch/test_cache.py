"""Files are downloaded into the Hugging Face cache once, verified, where the unmodified client finds them.

Nothing waits for real: clocks are replaced.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from huggingface_hub import constants, hf_hub_download, hf_hub_url, scan_cache_dir, try_to_load_from_cache

from job.errors import CurateError
from job.source import hub_file
from job.source.fetch.cache import (
    cached_commit,
    cached_file,
    cached_files,
    check_cache_room,
    fetch_files,
    missing_bytes,
    remember_revision,
)
from job.source.files import CategorySource, FileIdentity, Repository, SourceFile
from job.source.hub_file import HubFile
from job.source.location import LocalFile
from tests.conftest import is_root
from tests.paths import ROOT
from tests.servers.hub import (
    Drop,
    Html,
    Hub,
    IgnoreRange,
    Refuse,
    Short,
    Slow,
    Status,
    TooManyRequests,
    WrongBytes,
    WrongRange,
)

REPO = "someone/catalogue"
BIG = "raw/meta_categories/meta_Toys.jsonl"
"""In large file storage: its hash is a SHA-256, and the CDN serves it."""
SMALL = "small file.jsonl"
"""In git: its hash is a SHA-1, and the Hub itself serves it."""
CONTENT = b"".join(b"%07d\n" % number for number in range(7_500))
"""60,000 bytes, in which no 8 bytes repeat."""
SMALL_CONTENT = CONTENT[-904:]
TOKEN = "hf_" + "S3cret" * 5


pytestmark = pytest.mark.usefixtures("online", "naps")


@pytest.fixture(autouse=True)
def in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the chunks of a download so small that the files consist of many."""
    monkeypatch.setattr(hub_file, "_CHUNK_BYTES", 1_000)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, as HF_HUB_CACHE names it."""
    cache = tmp_path / "new" / "cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    return cache


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hub, str]]:
    folder = tmp_path_factory.mktemp("published")
    (folder / BIG).parent.mkdir(parents=True)
    (folder / BIG).write_bytes(CONTENT)
    (folder / SMALL).write_bytes(SMALL_CONTENT)
    with Hub() as hub:
        yield hub, hub.put(REPO, folder)


@pytest.fixture(autouse=True)
def hub(served: tuple[Hub, str]) -> Hub:
    hub, _ = served
    hub.forget()
    return hub


@pytest.fixture
def repository(served: tuple[Hub, str]) -> Repository:
    return Repository(REPO, served[1])


@pytest.fixture
def big(served: tuple[Hub, str]) -> SourceFile:
    return _source_file(*served, BIG, CONTENT, hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def small(served: tuple[Hub, str]) -> SourceFile:
    git_hash = hashlib.sha1(b"blob %d\0" % len(SMALL_CONTENT) + SMALL_CONTENT).hexdigest()
    return _source_file(*served, SMALL, SMALL_CONTENT, git_hash)


def _source_file(hub: Hub, commit: str, name: str, content: bytes, fingerprint: str) -> SourceFile:
    url = hf_hub_url(REPO, name, repo_type="dataset", revision=commit, endpoint=hub.endpoint)
    location = HubFile(url=url, name=name, size_bytes=len(content), content_hash=fingerprint)
    return SourceFile(name=name, location=location, size_bytes=len(content), fingerprint=fingerprint)


def category(repository: Repository | None, *files: SourceFile) -> CategorySource:
    return CategorySource(category="Toys", file_format="jsonl", files=files, repository=repository)


def quiet(_: int) -> None:
    """A report that does nothing."""


def fetched(repository: Repository, files: Sequence[SourceFile], report: Callable[[int], None]) -> list[Path]:
    """Fetches files and returns the paths of their copies."""
    return [copy.path for copy in fetch_files(repository, files, report)]


def cached(repository: Repository) -> dict[str, FileIdentity]:
    """Returns what the cache has of a commit, by name."""
    return {file.name: file for file in cached_files(repository)}


def named(cache: Path) -> list[Path]:
    """Returns the files with a final name: complete blobs, and snapshots."""
    return [
        path
        for path in cache.rglob("*")
        if path.parent.name != "refs"
        and (path.is_symlink() or path.is_file())
        and path.suffix not in {".incomplete", ".lock"}
    ]


def ranges(hub: Hub) -> list[str | None]:
    """Returns the ranges that were requested from the CDN."""
    return [request.range for request in hub.requests if request.server == "cdn"]


class StoppedError(Exception):
    """Stands for Control-C."""


def stop_at(size_bytes: int) -> Callable[[int], None]:
    """Returns a report that stops the download once so many bytes are there."""

    def report(done: int) -> None:
        if done >= size_bytes:
            raise StoppedError

    return report


def interrupted(repository: Repository, file: SourceFile, size_bytes: int) -> None:
    """Leaves an incomplete download of so many bytes."""
    with pytest.raises(StoppedError):
        fetched(repository, [file], stop_at(size_bytes))


# Fetched once.


def test_files_are_downloaded_once_and_then_take_no_request(
    hub: Hub, repository: Repository, big: SourceFile, small: SourceFile
) -> None:
    first = fetched(repository, [big, small], quiet)
    assert [path.read_bytes() for path in first] == [CONTENT, SMALL_CONTENT]
    asked = hub.requests
    assert sum(hub.bytes_sent[request.path] for request in asked if request.status == 206) == 60_904
    assert fetched(repository, [big, small], quiet) == first
    assert hub.requests == asked


def test_the_unmodified_client_finds_the_downloaded_files(
    hub: Hub, repository: Repository, big: SourceFile, small: SourceFile, cache: Path
) -> None:
    remember_revision(REPO, "main", repository.commit)
    paths = fetched(repository, [big, small], quiet)
    asked = len(hub.requests)
    for file, path in zip([big, small], paths, strict=True):
        found = try_to_load_from_cache(REPO, file.name, repo_type="dataset", revision="main", cache_dir=cache)
        assert found == str(path)
        local = hf_hub_download(REPO, file.name, repo_type="dataset", local_files_only=True, cache_dir=cache)
        assert Path(local) == path
    assert len(hub.requests) == asked
    (scanned,) = scan_cache_dir(cache).repos
    assert (scanned.repo_id, scanned.size_on_disk, scanned.nb_files) == (REPO, 60_904, 2)
    assert not scan_cache_dir(cache).warnings


def test_the_client_online_does_not_download_the_files_again(
    hub: Hub, repository: Repository, big: SourceFile, cache: Path
) -> None:
    (path,) = fetched(repository, [big], quiet)
    hub.forget()
    again = hf_hub_download(
        REPO, BIG, repo_type="dataset", endpoint=hub.endpoint, revision="main", cache_dir=cache, token=False
    )
    assert Path(again) == path
    assert ranges(hub) == []


def test_files_that_the_client_downloaded_are_not_downloaded_again(
    hub: Hub, repository: Repository, big: SourceFile, small: SourceFile, cache: Path
) -> None:
    for name in (BIG, SMALL):
        hf_hub_download(REPO, name, repo_type="dataset", endpoint=hub.endpoint, cache_dir=cache, token=False)
    hub.forget()
    assert [path.read_bytes() for path in fetched(repository, [big, small], quiet)] == [CONTENT, SMALL_CONTENT]
    assert hub.requests == []


def test_a_file_that_another_commit_has_too_is_linked_without_a_download(
    hub: Hub, repository: Repository, big: SourceFile
) -> None:
    fetched(repository, [big], quiet)
    hub.forget()
    (path,) = fetched(Repository(REPO, "f" * 40), [big], quiet)
    assert path.read_bytes() == CONTENT
    assert path.is_symlink()
    assert "f" * 40 in path.parts
    assert hub.requests == []


def test_the_report_grows_over_all_files_up_to_their_size(
    repository: Repository, big: SourceFile, small: SourceFile
) -> None:
    told: list[int] = []
    fetched(repository, [big, small], told.append)
    assert told == sorted(told)
    assert told[0] == 1_000
    assert told[-1] == 60_904
    again: list[int] = []
    fetched(repository, [big, small], again.append)
    assert again == [60_000, 60_904]


def test_the_token_is_sent_to_the_hub_only_and_stays_out_of_the_cache(
    hub: Hub, repository: Repository, big: SourceFile, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    fetched(repository, [big], quiet)
    assert {(request.server, request.token) for request in hub.requests} == {("hub", True), ("cdn", False)}
    assert not any(TOKEN.encode() in path.read_bytes() for path in cache.rglob("*") if path.is_file())


# Interruptions.


def test_an_interrupted_download_is_resumed_where_it_stopped(
    hub: Hub, repository: Repository, big: SourceFile, cache: Path
) -> None:
    interrupted(repository, big, 25_000)
    assert named(cache) == []
    hub.forget()
    told: list[int] = []
    (path,) = fetched(repository, [big], told.append)
    assert path.read_bytes() == CONTENT
    assert ranges(hub) == ["bytes=25000-59999"]
    assert told[0] == 26_000


def test_a_complete_download_without_its_final_name_is_not_downloaded_again(
    hub: Hub, repository: Repository, big: SourceFile
) -> None:
    interrupted(repository, big, 60_000)
    hub.forget()
    assert fetched(repository, [big], quiet)[0].read_bytes() == CONTENT
    assert hub.requests == []


def test_a_part_that_is_longer_than_the_file_is_discarded(
    hub: Hub, repository: Repository, big: SourceFile, cache: Path
) -> None:
    interrupted(repository, big, 25_000)
    (part,) = cache.rglob("*.incomplete")
    part.write_bytes(CONTENT + b"x")
    hub.forget()
    assert fetched(repository, [big], quiet)[0].read_bytes() == CONTENT
    assert ranges(hub) == ["bytes=0-59999"]


def test_a_damaged_part_is_downloaded_again(hub: Hub, repository: Repository, big: SourceFile, cache: Path) -> None:
    interrupted(repository, big, 25_000)
    (part,) = cache.rglob("*.incomplete")
    part.write_bytes(b"x" + CONTENT[1:25_000])
    hub.forget()
    assert fetched(repository, [big], quiet)[0].read_bytes() == CONTENT
    assert ranges(hub) == ["bytes=25000-59999", "bytes=0-59999"]


def test_a_part_is_a_leftover_for_the_clients_own_tools(repository: Repository, big: SourceFile, cache: Path) -> None:
    interrupted(repository, big, 25_000)
    (part,) = cache.rglob("*.incomplete")
    assert part.parent.name == "blobs"
    assert part.read_bytes() == CONTENT[:25_000]


def test_a_failed_download_is_resumed_by_the_next_one(
    hub: Hub, repository: Repository, big: SourceFile, cache: Path
) -> None:
    hub.fail(Drop(30_000), server="cdn")
    hub.fail(Status(503), server="cdn", times=None)
    with pytest.raises(CurateError, match="status 503"):
        fetched(repository, [big], quiet)
    assert named(cache) == []
    hub.forget()
    assert fetched(repository, [big], quiet)[0].read_bytes() == CONTENT
    assert ranges(hub) == ["bytes=30000-59999"]


@pytest.mark.parametrize(
    ("fault", "waits"),
    [
        (TooManyRequests(ratelimit=True, retry_after=30), [31, 31]),
        (TooManyRequests(), [1, 2]),
        (Status(503), [1, 2]),
        (Refuse(), [1, 2]),
        (Drop(0), [1, 2]),
        (Drop(20_000), []),
        (Drop(20_000, reset=False), []),
        (Short(100), []),
        (Html(), None),
        (Slow(0.0001, piece_bytes=5_000), []),
    ],
    ids=repr,
)
def test_temporary_faults_leave_the_right_file(
    hub: Hub, repository: Repository, big: SourceFile, naps: list[float], fault: Any, waits: list[float] | None
) -> None:
    hub.fail(fault, server="cdn", times=2)
    assert fetched(repository, [big], quiet)[0].read_bytes() == CONTENT
    assert hub.applied == [fault] * (1 if isinstance(fault, Short | Slow) else 2)
    assert waits is None or naps == waits


# Wrong bytes.


@pytest.mark.parametrize("name", ["big", "small"])
def test_bytes_that_are_wrong_once_are_downloaded_again(
    hub: Hub, repository: Repository, request: pytest.FixtureRequest, name: str
) -> None:
    file: SourceFile = request.getfixturevalue(name)
    hub.fail(WrongBytes(), path=file.name)
    (path,) = fetched(repository, [file], quiet)
    assert path.read_bytes() == (CONTENT if name == "big" else SMALL_CONTENT)
    assert hub.applied == [WrongBytes()]


@pytest.mark.parametrize("name", ["big", "small"])
def test_bytes_that_stay_wrong_are_an_error_and_get_no_name(
    hub: Hub, repository: Repository, cache: Path, request: pytest.FixtureRequest, name: str
) -> None:
    file: SourceFile = request.getfixturevalue(name)
    hub.fail(WrongBytes(), path=file.name, times=None)
    with pytest.raises(CurateError, match="does not have the hash that its repository says") as caught:
        fetched(repository, [file], quiet)
    assert file.name in str(caught.value)
    assert hub.applied == [WrongBytes()] * 2
    assert named(cache) == []
    assert list(cache.rglob("*.incomplete")) == []


def test_a_login_page_instead_of_the_file_is_an_error_and_gets_no_name(
    hub: Hub, repository: Repository, big: SourceFile, cache: Path
) -> None:
    hub.fail(Html(), times=None)
    with pytest.raises(CurateError, match="does not send the requested bytes"):
        fetched(repository, [big], quiet)
    assert named(cache) == []


@pytest.mark.parametrize("content", [b"x" + CONTENT[1:], CONTENT[:-1], b"", CONTENT + b"x"])
def test_a_file_that_was_damaged_in_the_cache_is_downloaded_again(
    hub: Hub, repository: Repository, big: SourceFile, content: bytes
) -> None:
    (path,) = fetched(repository, [big], quiet)
    path.resolve().write_bytes(content)
    hub.forget()
    assert fetched(repository, [big], quiet) == [path]
    assert path.read_bytes() == CONTENT
    assert ranges(hub) == ["bytes=0-59999"]


@pytest.mark.parametrize("name", ["big", "small"])
def test_a_broken_link_is_repaired(hub: Hub, repository: Repository, request: pytest.FixtureRequest, name: str) -> None:
    file: SourceFile = request.getfixturevalue(name)
    (path,) = fetched(repository, [file], quiet)
    content = path.read_bytes()
    path.resolve().unlink()
    assert cached_file(repository, file) is None
    assert fetched(repository, [file], quiet) == [path]
    assert path.read_bytes() == content


def test_a_resumed_download_starts_again_if_the_server_ignores_ranges(
    hub: Hub, repository: Repository, big: SourceFile
) -> None:
    interrupted(repository, big, 25_000)
    hub.fail(IgnoreRange(), times=None)
    assert fetched(repository, [big], quiet)[0].read_bytes() == CONTENT
    assert ranges(hub)[-1] == "bytes=0-59999"


def test_a_server_that_always_sends_other_bytes_is_an_error(
    hub: Hub, repository: Repository, big: SourceFile, cache: Path
) -> None:
    hub.fail(WrongRange(), times=None)
    with pytest.raises(CurateError, match="does not send the requested bytes") as caught:
        fetched(repository, [big], quiet)
    assert "://" not in str(caught.value)
    assert named(cache) == []


# What is missing, and room for it.


def test_missing_bytes_are_those_still_to_be_downloaded(
    repository: Repository, big: SourceFile, small: SourceFile
) -> None:
    source = category(repository, big, small)
    assert missing_bytes(source) == 60_904
    interrupted(repository, big, 25_000)
    assert missing_bytes(source) == 35_904
    fetched(repository, [big], quiet)
    assert missing_bytes(source) == 904
    fetched(repository, [small], quiet)
    assert missing_bytes(source) == 0


def test_nothing_is_missing_if_the_files_are_not_on_the_hub(tmp_path: Path) -> None:
    file = SourceFile(name="a.jsonl", location=LocalFile(tmp_path / "a.jsonl"), size_bytes=10, fingerprint="0")
    assert missing_bytes(category(None, file)) == 0


def test_a_file_of_another_size_in_the_cache_is_missing(repository: Repository, big: SourceFile) -> None:
    (path,) = fetched(repository, [big], quiet)
    assert cached_file(repository, big) == LocalFile(path)
    path.resolve().write_bytes(CONTENT[:-1])
    assert cached_file(repository, big) is None
    assert missing_bytes(category(repository, big)) == 60_000


def _free(monkeypatch: pytest.MonkeyPatch, free: int) -> list[Path]:
    """Fakes the free bytes of every disk. Returns the folders whose disk is asked about, which grow."""
    looked_at: list[Path] = []

    def disk_usage(folder: Path) -> SimpleNamespace:
        assert folder.is_dir()
        looked_at.append(folder)
        return SimpleNamespace(free=free)

    monkeypatch.setattr(shutil, "disk_usage", disk_usage)
    return looked_at


def test_room_is_checked_on_the_disk_that_the_cache_will_be_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = _free(monkeypatch, 5_000_000_000)
    check_cache_room(4_000_000_000)
    assert looked_at == [tmp_path]
    with pytest.raises(CurateError, match=r"5\.0 GB free at .*, 6\.0 GB to download\n.*HF_HOME.*source\.stream=true"):
        check_cache_room(6_000_000_000)


def test_some_room_has_to_stay_free(monkeypatch: pytest.MonkeyPatch) -> None:
    _free(monkeypatch, 5_000_000_000)
    with pytest.raises(CurateError, match="too full"):
        check_cache_room(4_990_000_000)


def test_a_full_disk_does_not_matter_if_nothing_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = _free(monkeypatch, 0)
    check_cache_room(0)
    assert looked_at == []


@pytest.mark.parametrize(
    ("number", "says"),
    [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "read-only"), (errno.EDQUOT, "quota is used up")],
)
def test_a_disk_that_fills_up_is_a_clear_error_and_the_part_is_kept(
    hub: Hub, repository: Repository, big: SourceFile, cache: Path, number: int, says: str
) -> None:
    def report(done: int) -> None:
        if done >= 25_000:
            raise OSError(number, os.strerror(number))

    with pytest.raises(CurateError, match=f"{says}.*\n.*run the same command again"):
        fetched(repository, [big], report)
    assert named(cache) == []
    hub.forget()
    assert fetched(repository, [big], quiet)[0].read_bytes() == CONTENT
    assert ranges(hub) == ["bytes=25000-59999"]


def test_a_cache_that_cannot_be_written_is_a_clear_error(
    repository: Repository, big: SourceFile, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir(parents=True)
    if is_root():
        real = Path.mkdir

        def mkdir(path: Path, *args: Any, **settings: Any) -> None:
            if path.is_relative_to(cache):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
            real(path, *args, **settings)

        monkeypatch.setattr(Path, "mkdir", mkdir)
    else:
        cache.chmod(0o500)
    with pytest.raises(CurateError, match=r"read-only|permission denied") as caught:
        fetched(repository, [big], quiet)
    assert str(cache) in str(caught.value)


def test_files_in_a_read_only_cache_are_used(
    repository: Repository, big: SourceFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = fetched(repository, [big], quiet)

    def refuse(*args: object, **settings: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    for name in ("mkdir", "unlink", "replace", "symlink_to"):
        monkeypatch.setattr(Path, name, refuse)
    assert fetched(repository, [big], quiet) == paths


def test_a_file_where_the_cache_should_be_is_a_clear_error(
    repository: Repository, big: SourceFile, cache: Path
) -> None:
    cache.parent.mkdir()
    cache.write_text("not a folder")
    with pytest.raises(CurateError, match=r"not a folder|file exists"):
        fetched(repository, [big], quiet)


def test_a_file_system_without_links_gets_copies(
    hub: Hub, repository: Repository, big: SourceFile, small: SourceFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def symlink_to(path: Path, target: object, **settings: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), str(path))

    monkeypatch.setattr(Path, "symlink_to", symlink_to)
    paths = fetched(repository, [big, small], quiet)
    assert [path.is_symlink() for path in paths] == [False, False]
    assert [path.read_bytes() for path in paths] == [CONTENT, SMALL_CONTENT]
    asked = hub.requests
    assert fetched(repository, [big, small], quiet) == paths
    assert hub.requests == asked
    paths[0].write_bytes(b"damaged")
    assert fetched(repository, [big, small], quiet) == paths
    assert paths[0].read_bytes() == CONTENT


# Offline.


def test_offline_files_in_the_cache_are_used(
    hub: Hub, repository: Repository, big: SourceFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = fetched(repository, [big], quiet)
    hub.forget()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fetched(repository, [big], quiet) == paths
    assert hub.requests == []


@pytest.mark.parametrize("state", ["nothing", "a part", "damaged"])
def test_offline_incomplete_files_are_a_clear_error(
    hub: Hub, repository: Repository, big: SourceFile, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    if state == "a part":
        interrupted(repository, big, 25_000)
    elif state == "damaged":
        (path,) = fetched(repository, [big], quiet)
        path.resolve().write_bytes(b"x" + CONTENT[1:])
    hub.forget()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(CurateError, match=f"{BIG} is not in the Hugging Face cache, and HF_HUB_OFFLINE is set"):
        fetched(repository, [big], quiet)
    assert hub.requests == []


# At once.


def test_two_threads_that_want_the_same_file_download_it_once(
    hub: Hub, repository: Repository, big: SourceFile
) -> None:
    both = threading.Barrier(2)
    found: list[bytes] = []
    hub.fail(Slow(0.002, piece_bytes=5_000), server="cdn", times=None)

    def run() -> None:
        both.wait()
        found.append(fetched(repository, [big], quiet)[0].read_bytes())

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [CONTENT, CONTENT]
    assert ranges(hub) == ["bytes=0-59999"]


FETCH = """
import sys
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
print("ready", flush=True)
sys.stdin.buffer.readline()
(copy,) = fetch_files(Repository(dataset, commit), [file], lambda _: None)
print(copy.path.read_bytes() == sys.stdin.buffer.read())
"""


def test_two_processes_that_want_the_same_file_download_it_once(
    hub: Hub, repository: Repository, big: SourceFile, cache: Path
) -> None:
    hub.fail(Slow(0.002, piece_bytes=5_000), server="cdn", times=None)
    assert isinstance(big.location, HubFile)
    arguments = [big.location.url, big.name, str(big.size_bytes), big.fingerprint, REPO, repository.commit]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", FETCH, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=os.environ | {"HF_HUB_CACHE": str(cache)},
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
    assert [process.communicate(CONTENT)[0].strip() for process in processes] == [b"True", b"True"]
    assert ranges(hub) == ["bytes=0-59999"]


# Revisions, and what the cache has.


def test_a_revision_is_remembered_where_the_client_looks(cache: Path) -> None:
    assert cached_commit(REPO, "main") is None
    remember_revision(REPO, "main", "a" * 40)
    remember_revision(REPO, "refs/pr/1", "b" * 40)
    assert cached_commit(REPO, "main") == "a" * 40
    assert cached_commit(REPO, "refs/pr/1") == "b" * 40
    assert (cache / "datasets--someone--catalogue/refs/main").read_text() == "a" * 40


def test_a_revision_that_cannot_be_remembered_is_no_error(cache: Path) -> None:
    cache.parent.mkdir()
    cache.write_text("not a folder")
    remember_revision(REPO, "main", "a" * 40)
    assert cached_commit(REPO, "main") is None


def test_the_cached_files_of_a_commit_have_size_and_hash(
    repository: Repository, big: SourceFile, small: SourceFile
) -> None:
    assert cached(repository) == {}
    fetched(repository, [big], quiet)
    interrupted(repository, small, 904)
    assert cached(repository) == {BIG: FileIdentity(BIG, 60_000, big.fingerprint)}
    fetched(repository, [small], quiet)
    assert cached(repository) == {
        BIG: FileIdentity(BIG, 60_000, big.fingerprint),
        SMALL: FileIdentity(SMALL, 904, small.fingerprint),
    }
    assert cached(Repository(REPO, "e" * 40)) == {}


def test_a_copy_on_a_file_system_without_links_is_found_offline_with_its_hash(
    repository: Repository, big: SourceFile, small: SourceFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    fetched(repository, [big, small], quiet)
    assert cached(repository) == {file.name: file.identity for file in (big, small)}


def test_a_revision_file_that_is_empty_is_ignored(cache: Path, repository: Repository) -> None:
    remember_revision(REPO, "main", "")
    assert cached_commit(REPO, "main") is None
    remember_revision(REPO, "main", repository.commit)
    assert cached_commit(REPO, "main") == repository.commit
