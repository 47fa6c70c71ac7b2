"""The commit of a revision, and a category's files at that commit, come from the Hub or from the cache.

Nothing waits for real: clocks are replaced.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from job.errors import CurateError, UsageError
from job.source.fetch.cache import cached_commit, fetch_files
from job.source.files import CategorySource, FileIdentity, Repository
from job.source.find.hub import find_categories, planned_category, resolve
from job.source.find.passed_over import PassedOver
from job.source.hub_file import HubFile
from tests.servers.hub import Drop, Fault, Html, Hub, Json, Refuse, Short, Stall, Status, TooManyRequests

REPO = "someone/catalogue"
JSONL = "raw/meta_categories/meta_{}.jsonl"
SHARD = "raw_meta_{}/full-{:05d}-of-{:05d}.parquet"
TOKEN = "hf_" + "S3cret" * 5
BACKOFF: list[float] = [1, 2, 4, 8, 8]
"""Seconds that huggingface_hub waits between its six tries if the server does not say."""


pytestmark = pytest.mark.usefixtures("online", "naps")


@pytest.fixture(autouse=True)
def _own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with Hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        yield hub


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three categories: JSONL; JSONL and a complete set of Parquet shards; JSONL and half a set."""
    folder = tmp_path / "published"
    names = [
        "README.md",
        JSONL.format("Appliances"),
        JSONL.format("Electronics"),
        *(SHARD.format("Electronics", index, 12) for index in range(12)),
        JSONL.format("Toys"),
        SHARD.format("Toys", 0, 2),
    ]
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"%07d\n" % number * (20 if number % 2 else 200))
    return folder


@pytest.fixture
def commit(hub: Hub, folder: Path) -> str:
    return hub.put(REPO, folder)


def go_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


def names(source: CategorySource) -> list[str]:
    return [file.name for file in source.files]


def check_message(error: BaseException) -> str:
    """Checks that a message is short and gives away no token."""
    message = str(error)
    assert len(message) < 400
    assert TOKEN not in message
    return message


# Revisions.


def test_a_branch_is_the_commit_it_names_now(hub: Hub, commit: str, folder: Path) -> None:
    assert resolve(REPO, "main") == Repository(REPO, commit)
    newer = hub.put(REPO, folder)
    assert newer != commit
    assert resolve(REPO, "main").commit == newer


@pytest.mark.parametrize("revision", ["v1.0", "refs/pr/3", "a branch/with ä"])
def test_a_revision_of_any_name_takes_one_request(hub: Hub, commit: str, folder: Path, revision: str) -> None:
    other = hub.put(REPO, folder, revision=revision)
    assert resolve(REPO, revision).commit == other
    (request,) = hub.requests
    assert request.path == f"/api/datasets/{REPO}/revision/{revision}"


def test_a_commit_is_resolved_without_a_request(hub: Hub) -> None:
    assert resolve(REPO, "0123456789" * 4) == Repository(REPO, "0123456789" * 4)
    assert hub.requests == []


@pytest.mark.parametrize("revision", ["0123456789", "A" * 40, "a" * 41])
def test_a_name_that_only_resembles_a_commit_is_requested(hub: Hub, commit: str, revision: str) -> None:
    with pytest.raises(UsageError, match=f"{REPO} at {revision}: no such branch, tag or commit"):
        resolve(REPO, revision)


def test_a_missing_repository_says_that_it_may_be_private_and_what_to_type(hub: Hub) -> None:
    with pytest.raises(UsageError, match=r"no such data set.* or it is private\nif it is yours, log in: hf auth login"):
        resolve("nobody/nothing", "main")


def test_a_missing_repository_is_missing_with_a_token_too(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with pytest.raises(UsageError, match="nobody/nothing at main: there is no such data set on the Hub") as caught:
        resolve("nobody/nothing", "main")
    check_message(caught.value)


def test_a_private_repository_needs_the_token(hub: Hub, commit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.private(REPO, token=TOKEN)
    with pytest.raises(UsageError, match=r"it is private\n.*hf auth login \(or set HF_TOKEN\)"):
        resolve(REPO, "main")
    monkeypatch.setenv("HF_TOKEN", TOKEN + "x")
    with pytest.raises(UsageError, match="it is private") as caught:
        resolve(REPO, "main")
    check_message(caught.value)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert resolve(REPO, "main").commit == commit


def test_the_token_of_a_login_is_found_too(hub: Hub, commit: str, tmp_path: Path) -> None:
    hub.private(REPO, token=TOKEN)
    (tmp_path / "token").write_text(TOKEN + "\n")
    repository = resolve(REPO, "main")
    assert repository.commit == commit
    assert [source.category for source in find_categories(repository, ["Toys"])] == ["Toys"]
    assert TOKEN not in repr(find_categories(repository, ["Toys"]))


def test_a_gated_repository_that_is_not_listed_says_what_to_accept_and_type(
    hub: Hub, commit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.gated(REPO, token=TOKEN, listed=False)
    says = (
        r"someone/catalogue at main: its repository is gated\nopen its page .* accept the terms, then .*hf auth login"
    )
    with pytest.raises(UsageError, match=says):
        resolve(REPO, "main")
    with pytest.raises(UsageError, match="is gated"):
        find_categories(Repository(REPO, commit), ["Toys"])
    monkeypatch.setenv("HF_TOKEN", TOKEN + "x")
    with pytest.raises(UsageError, match="is gated") as caught:
        resolve(REPO, "main")
    check_message(caught.value)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert resolve(REPO, "main").commit == commit
    assert all(request.token for request in hub.requests[-1:])


def test_a_gated_repository_that_is_listed_is_planned_without_and_read_with_the_token(
    hub: Hub, commit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.gated(REPO, token=TOKEN)
    (source,) = find_categories(resolve(REPO, "main"), ["Appliances"])
    assert source.repository is not None
    with pytest.raises(CurateError, match="is gated\nopen its page"):
        fetch_files(source.repository, source.files, lambda _: None)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    (copy,) = fetch_files(source.repository, source.files, lambda _: None)
    assert copy.size_now() == source.size_bytes


# Offline.


def test_offline_a_revision_is_the_last_known_commit(
    hub: Hub, commit: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve(REPO, "main")
    hub.put(REPO, folder)
    hub.forget()
    go_offline(monkeypatch)
    assert resolve(REPO, "main").commit == commit
    assert hub.requests == []


def test_offline_an_unknown_revision_is_a_clear_error(hub: Hub, commit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    go_offline(monkeypatch)
    with pytest.raises(
        CurateError, match=f"{REPO} at main is not in the Hugging Face cache, and HF_HUB_OFFLINE is set"
    ):
        resolve(REPO, "main")
    assert hub.requests == []


@pytest.mark.parametrize("category", ["Appliances", "Electronics"])
def test_offline_the_files_are_those_in_the_cache(
    hub: Hub, commit: str, monkeypatch: pytest.MonkeyPatch, category: str
) -> None:
    repository = resolve(REPO, "main")
    online = find_categories(repository, [category])
    assert online[0].repository is not None
    fetch_files(online[0].repository, online[0].files, lambda _: None)
    hub.forget()
    go_offline(monkeypatch)
    assert find_categories(repository, [category]) == online
    assert find_categories(repository, []) == online
    assert hub.requests == []


@pytest.mark.parametrize("wanted", [["Toys"], []])
def test_offline_files_that_are_not_in_the_cache_are_a_clear_error(
    hub: Hub, commit: str, monkeypatch: pytest.MonkeyPatch, wanted: list[str]
) -> None:
    go_offline(monkeypatch)
    what = wanted[0] if wanted else "its list of files"
    says = f"{REPO}: {what} is not in the Hugging Face cache, and HF_HUB_OFFLINE is set"
    with pytest.raises(CurateError, match=says):
        find_categories(Repository(REPO, commit), wanted)


def test_offline_half_a_set_in_the_cache_is_a_clear_error(
    hub: Hub, commit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = resolve(REPO, "main")
    (source,) = find_categories(repository, ["Electronics"])
    assert source.repository is not None
    fetch_files(source.repository, source.files[:5], lambda _: None)
    go_offline(monkeypatch)
    with pytest.raises(CurateError, match="Electronics is not in the Hugging Face cache"):
        find_categories(repository, ["Electronics"])


# Faults.

FAULTS: list[tuple[Fault, int, list[float]]] = [
    (TooManyRequests(ratelimit=True, retry_after=30), 3, [31, 31, 31]),
    (TooManyRequests(retry_after=40), 1, [41]),
    (TooManyRequests(), 5, BACKOFF),
    (Status(500), 1, [1]),
    (Status(502), 1, [1]),
    (Status(503), 5, BACKOFF),
    (Refuse(), 5, BACKOFF),
    (Drop(10), 2, [1, 2]),
    (Drop(10, reset=False), 2, [1, 2]),
]


@pytest.mark.parametrize(("fault", "times", "waits"), FAULTS, ids=repr)
def test_a_revision_is_found_despite_temporary_faults(
    hub: Hub, commit: str, naps: list[float], fault: Fault, times: int, waits: list[float]
) -> None:
    hub.fail(fault, times=times)
    assert resolve(REPO, "main").commit == commit
    assert hub.applied == [fault] * times
    assert naps == waits


@pytest.mark.parametrize(("fault", "times", "waits"), FAULTS, ids=repr)
def test_a_tree_is_read_despite_temporary_faults_on_its_second_page(
    hub: Hub, commit: str, naps: list[float], fault: Fault, times: int, waits: list[float]
) -> None:
    hub.page_size = 5
    hub.fail(fault, path="/tree/", times=times, after=1)
    (source,) = find_categories(Repository(REPO, commit), ["Electronics"])
    assert len(source.files) == 12
    assert hub.applied == [fault] * times
    assert naps == waits


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (TooManyRequests(), "status 429: the Hub has asked to slow down"),
        (Status(503), "status 503"),
        (Status(403), "status 403: it refuses access"),
        (Status(401), "status 401: its token was refused"),
        (Refuse(), "the Hub cannot be reached"),
        (Drop(10), "the Hub cannot be reached"),
        (Html(), r"the answer is not the Hub's\ncheck HF_ENDPOINT, and whether a proxy or a login page"),
        (Short(5), "the answer is not the Hub's"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("asked", ["revision", "tree"])
def test_a_permanent_fault_is_one_clear_error(
    hub: Hub, commit: str, monkeypatch: pytest.MonkeyPatch, fault: Fault, says: str, asked: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.fail(fault, times=None)
    ask = {
        "revision": lambda: resolve(REPO, "main"),
        "tree": lambda: find_categories(Repository(REPO, commit), ["Toys"]),
    }[asked]
    with pytest.raises(CurateError, match=says) as caught:
        ask()
    assert check_message(caught.value).startswith(f"{REPO} at {'main' if asked == 'revision' else commit[:8]}: ")
    assert "://" not in str(caught.value)
    assert len(hub.applied) == (6 if not isinstance(fault, Html | Short) and fault not in STRAIGHT else 1)


STRAIGHT = (Status(401), Status(403))
"""Faults that are not retried."""


def test_a_request_to_a_hub_that_stalls_is_sent_again(
    hub: Hub, commit: str, monkeypatch: pytest.MonkeyPatch, naps: list[float]
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.2)
    hub.fail(Stall(60), times=2)
    assert resolve(REPO, "main").commit == commit
    assert naps == [1, 2]


@pytest.mark.parametrize("answer", [{}, {"sha": None}, {"sha": "main"}, ["sha"]])
def test_an_answer_without_a_commit_is_not_the_hubs(hub: Hub, answer: Any) -> None:
    hub.fail(Json(answer))
    with pytest.raises(CurateError, match=r"does not answer as the Hub does\ncheck HF_ENDPOINT"):
        resolve(REPO, "main")
    assert cached_commit(REPO, "main") is None


def test_a_revision_that_failed_is_not_remembered(hub: Hub, commit: str) -> None:
    hub.fail(Html())
    with pytest.raises(CurateError):
        resolve(REPO, "main")
    assert cached_commit(REPO, "main") is None
    resolve(REPO, "main")
    assert cached_commit(REPO, "main") == commit


# Trees.


@pytest.mark.parametrize("page_size", [1, 2, 7, 1_000])
def test_all_categories_are_found_over_any_number_of_pages(hub: Hub, commit: str, page_size: int) -> None:
    hub.page_size = page_size
    sources = find_categories(Repository(REPO, commit), [])
    assert [(source.category, source.file_format) for source in sources] == [
        ("Appliances", "jsonl"),
        ("Electronics", "parquet"),
        ("Toys", "jsonl"),
    ]
    entries = 17 + 4  # files and folders
    assert len(hub.requests) == -(-entries // page_size)


def test_categories_are_in_the_order_wanted(commit: str) -> None:
    sources = find_categories(Repository(REPO, commit), ["Toys", "Appliances"])
    assert [source.category for source in sources] == ["Toys", "Appliances"]


def test_a_complete_set_of_parquet_is_preferred_in_the_order_of_its_shards(hub: Hub, commit: str) -> None:
    hub.page_size = 3
    (source,) = find_categories(Repository(REPO, commit), ["Electronics"])
    assert source.file_format == "parquet"
    assert names(source) == [SHARD.format("Electronics", index, 12) for index in range(12)]


def test_half_a_set_beside_jsonl_is_ignored(commit: str) -> None:
    (source,) = find_categories(Repository(REPO, commit), ["Toys"])
    assert (source.file_format, names(source)) == ("jsonl", [JSONL.format("Toys")])


def test_half_a_set_alone_says_what_is_missing(hub: Hub, folder: Path) -> None:
    (folder / JSONL.format("Toys")).unlink()
    with pytest.raises(UsageError, match=r"1 of 2 missing: 00001-of-00002"):
        find_categories(Repository(REPO, hub.put(REPO, folder)), ["Toys"])


def test_an_unknown_category_names_the_nearest(commit: str) -> None:
    with pytest.raises(UsageError, match=f"no category 'Aplliances' in {REPO}.*Appliances"):
        find_categories(Repository(REPO, commit), ["Aplliances"])


def test_a_repository_without_a_catalogue_says_what_it_has(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/weights.bin").write_bytes(b"1")
    with pytest.raises(UsageError, match=f"{REPO} has no catalogue files: .*; it has weights.bin"):
        find_categories(Repository(REPO, hub.put(REPO, tmp_path / "other")), ["Toys"])


def test_files_have_the_size_and_hash_that_their_contents_have(commit: str, folder: Path) -> None:
    repository = Repository(REPO, commit)
    sources = find_categories(repository, [])
    assert {len(file.fingerprint) for source in sources for file in source.files} == {40, 64}  # git's, and LFS's
    for source in sources:
        assert source.repository == repository
        copies = fetch_files(repository, source.files, lambda _: None)  # which compares the hashes
        assert [copy.path.read_bytes() for copy in copies] == [
            (folder / file.name).read_bytes() for file in source.files
        ]
        assert [file.location.fingerprint() for file in source.files] == [
            (file.size_bytes, file.fingerprint) for file in source.files
        ]


def test_files_are_read_at_the_commit_even_if_the_branch_moves(hub: Hub, commit: str, folder: Path) -> None:
    (source,) = find_categories(resolve(REPO, "main"), ["Appliances"])
    before = (folder / JSONL.format("Appliances")).read_bytes()
    newer = folder.with_name("newer")
    (newer / "raw/meta_categories").mkdir(parents=True)
    (newer / JSONL.format("Appliances")).write_bytes(before[::-1])
    hub.put(REPO, newer)
    with source.files[0].location.open() as stream:
        assert stream.read() == before


# Other data sets than the catalogue's own.


@pytest.mark.parametrize(
    ("files", "category"),
    [
        (["data/train-00000-of-00002-0a1b2c3d4e5f6071.parquet", "data/train-00001-of-00002-1a.parquet"], "catalogue"),
        (["data/train-00000-of-00001.parquet"], "catalogue"),
        (["default/train/0000.parquet", "default/train/0001.parquet"], "catalogue"),
        (["raw_meta_Toys/full/0000.parquet", "raw_meta_Books/full/0000.parquet"], "Toys"),
        (["Toys/train-00000-of-00001.parquet", "data/train-00000-of-00001.parquet"], "Toys"),
        (["Toys-00000-of-00002.jsonl", "Toys-00001-of-00002.jsonl"], "Toys"),
        (["Toys.json"], "Toys"),
    ],
)
def test_shards_of_any_writer_are_one_category(hub: Hub, tmp_path: Path, files: list[str], category: str) -> None:
    files = [name.replace("-1a.", "-1a1b2c3d4e5f6071.") for name in files]
    for name in files:
        (tmp_path / "other" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "other" / name).write_bytes(b'{"price": 1}\n')
    (source,) = find_categories(Repository(REPO, hub.put(REPO, tmp_path / "other")), [category], {"price"})
    assert source.category == category
    assert names(source) == [name for name in files if category != "Toys" or "Toys" in name]


def test_offline_a_set_without_a_count_is_said_to_be_perhaps_incomplete(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        (tmp_path / "other").mkdir(exist_ok=True)
        (tmp_path / f"other/{number:04d}.parquet").write_bytes(b"%d" % number)
    repository = Repository(REPO, hub.put(REPO, tmp_path / "other"))
    (source,) = find_categories(repository, ["catalogue"])
    fetch_files(repository, source.files[:1], lambda _: None)
    go_offline(monkeypatch)
    passed_over = PassedOver()
    (source,) = find_categories(repository, ["catalogue"], (), passed_over)
    assert names(source) == ["0000.parquet"]
    assert passed_over.notes == ["catalogue: offline nobody can tell whether it has more shards than 0000.parquet"]


# Plans.


@pytest.mark.parametrize("category", ["Appliances", "Electronics", "Toys"])
def test_a_planned_category_is_the_one_found_and_takes_no_request(hub: Hub, commit: str, category: str) -> None:
    (found,) = find_categories(Repository(REPO, commit), [category])
    files = [file.identity for file in found.files]
    hub.forget()
    assert planned_category(category, Repository(REPO, commit), files) == found
    assert hub.requests == []


# The endpoint.


@pytest.mark.parametrize("ending", ["", "/"])
def test_the_endpoint_is_the_one_of_the_environment(
    hub: Hub, commit: str, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint + ending)
    (source,) = find_categories(resolve(REPO, "main"), ["Appliances"])
    file = source.files[0].location
    assert isinstance(file, HubFile)
    assert file.url == f"{hub.endpoint}/datasets/{REPO}/resolve/{commit}/{JSONL.format('Appliances')}"
    assert len(hub.requests) == 2


def test_an_endpoint_that_does_not_answer_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    assert os.environ["HF_ENDPOINT"] == "http://127.0.0.1:9"
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with pytest.raises(CurateError, match=f"{REPO} at main: the Hub cannot be reached: .*refused") as caught:
        resolve(REPO, "main")
    check_message(caught.value)


def planned_url(name: str) -> str:
    """Returns the address of a file that a plan names, at the commit aaaa..."""
    files = [FileIdentity(name, 10, "b" * 40)]
    location = planned_category("Toys", Repository(REPO, "a" * 40), files).files[0].location
    assert isinstance(location, HubFile)
    return location.url


def test_without_an_endpoint_it_is_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_ENDPOINT")
    assert planned_url("a b.jsonl") == f"https://huggingface.co/datasets/{REPO}/resolve/{'a' * 40}/a%20b.jsonl"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("hub.example.org", "HF_ENDPOINT is not the address of a Hub: hub.example.org\nit begins with https://"),
        ("http://hub.example.org:port", "HF_ENDPOINT is not the address of a Hub: http://hub.example.org:port"),
    ],
)
def test_an_endpoint_that_is_no_address_is_named(monkeypatch: pytest.MonkeyPatch, address: str, said: str) -> None:
    monkeypatch.setenv("HF_ENDPOINT", address)
    with pytest.raises(UsageError) as raised:
        resolve("someone/catalogue", "main")
    assert said in str(raised.value)


def test_an_empty_endpoint_is_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "")
    assert planned_url("a b.jsonl") == f"https://huggingface.co/datasets/{REPO}/resolve/{'a' * 40}/a%20b.jsonl"


@pytest.mark.parametrize("answer", [{}, {"error": "x"}, ["x"], [{}], None, "x"], ids=str)
def test_other_json_than_a_tree_is_said_not_to_be_the_hub_s(monkeypatch: pytest.MonkeyPatch, answer: object) -> None:
    def request(url: str, what: str) -> tuple[object, None]:
        return answer, None

    monkeypatch.setattr("job.source.find.hub._request", request)
    with pytest.raises(CurateError, match="the answer is not the Hub's\ncheck HF_ENDPOINT"):
        find_categories(Repository("someone/catalogue", "a" * 40), ["Toys"])
