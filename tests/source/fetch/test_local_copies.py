"""A category is read in place, from the Hub or from copies on this machine; only what is needed is copied."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from job.errors import DamagedFileError
from job.source.fetch.cache import fetch_files
from job.source.fetch.local_copies import is_streamed, local_copies, nearest_location, unpacked
from job.source.files import CategorySource
from job.source.find import folder, hub
from job.source.location import LocalFile
from tests.servers.hub import Hub

REPO = "someone/catalogue"
ROWS = b'{"title": "a"}\n' * 1_000

pytestmark = pytest.mark.usefixtures("online", "naps")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    with Hub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    root = tmp_path / "catalogue"
    root.mkdir()
    (root / "Toys.jsonl").write_bytes(ROWS)
    (root / "Books.jsonl.gz").write_bytes(gzip.compress(ROWS))
    return root


def in_folder(catalogue: Path, category: str) -> CategorySource:
    (source,) = folder.find_categories(catalogue, [category])
    return source


def on_hub(server: Hub, catalogue: Path, category: str) -> CategorySource:
    server.put(REPO, catalogue)
    (source,) = hub.find_categories(hub.resolve(REPO, "main"), [category])
    server.forget()
    return source


def quiet(_: object) -> None:
    """A report that does nothing."""


def cached(source: CategorySource) -> list[LocalFile]:
    assert source.repository is not None
    return fetch_files(source.repository, source.files, quiet)


# What is read from the Hub directly.


@pytest.mark.parametrize(
    ("stream", "limit", "has_other_nodes", "expected"),
    [
        (None, None, False, False),
        (None, None, True, True),
        (None, 1_000, False, True),
        (None, 1_000, True, True),
        (True, None, False, True),
        (False, None, True, False),
        (False, 1_000, False, False),
    ],
)
def test_a_category_on_the_hub_is_streamed_as_wished_or_for_other_nodes_or_with_a_limit(
    server: Hub, catalogue: Path, stream: bool | None, limit: int | None, has_other_nodes: bool, expected: bool
) -> None:
    source = on_hub(server, catalogue, "Toys")
    assert is_streamed(source, stream=stream, limit=limit, has_other_nodes=has_other_nodes) is expected


def test_with_a_limit_what_is_in_the_cache_is_not_streamed(server: Hub, catalogue: Path) -> None:
    source = on_hub(server, catalogue, "Toys")
    cached(source)
    assert not is_streamed(source, stream=None, limit=1_000, has_other_nodes=False)
    assert is_streamed(source, stream=None, limit=1_000, has_other_nodes=True)


def test_what_is_packed_or_not_on_the_hub_is_never_streamed(server: Hub, catalogue: Path) -> None:
    sources = [on_hub(server, catalogue, "Books"), in_folder(catalogue, "Toys"), in_folder(catalogue, "Books")]
    for source in sources:
        for stream in (None, True):
            assert not is_streamed(source, stream=stream, limit=10, has_other_nodes=True)


# Copies.


def test_a_plain_file_in_a_folder_is_read_where_it_is(catalogue: Path, tmp_path: Path) -> None:
    source = in_folder(catalogue, "Toys")
    (file,) = source.files
    assert local_copies(source, tmp_path / "scratch", quiet, quiet) == [LocalFile(catalogue / "Toys.jsonl")]
    assert unpacked(source, file, tmp_path / "scratch", quiet) == file.location
    assert nearest_location(source, file) == file.location
    assert not (tmp_path / "scratch").exists()


def test_a_packed_file_is_unpacked_once_into_a_folder_of_its_version(catalogue: Path, tmp_path: Path) -> None:
    source = in_folder(catalogue, "Books")
    (file,) = source.files
    said: list[str] = []
    (copy,) = local_copies(source, tmp_path / "scratch", said.append, quiet)
    assert copy.local_path is not None
    assert (copy.name, copy.local_path.parents[1]) == ("Books.jsonl", tmp_path / "scratch" / "Books")
    assert copy.local_path.read_bytes() == ROWS
    assert local_copies(source, tmp_path / "scratch", said.append, quiet) == [copy]
    assert unpacked(source, file, tmp_path / "scratch", said.append) == copy
    assert len(said) == 1
    (catalogue / "Books.jsonl.gz").touch()  # it may have been edited
    assert unpacked(source, file, tmp_path / "scratch", said.append) != copy
    assert len(said) == 2


def test_a_file_that_is_left_out_stays_packed(catalogue: Path, tmp_path: Path) -> None:
    source = in_folder(catalogue, "Books")
    (file,) = source.files
    assert local_copies(source, tmp_path / "scratch", quiet, quiet, {file.name}) == [file.location]
    assert not (tmp_path / "scratch").exists()


@pytest.mark.parametrize("place", ["folder", "hub"])
def test_a_damaged_packed_file_is_an_error(server: Hub, catalogue: Path, tmp_path: Path, place: str) -> None:
    (catalogue / "Books.jsonl.gz").write_bytes(gzip.compress(ROWS)[:-10])
    source = in_folder(catalogue, "Books") if place == "folder" else on_hub(server, catalogue, "Books")
    (file,) = source.files
    with pytest.raises(DamagedFileError, match=r"damaged: .*Books\.jsonl\.gz"):
        unpacked(source, file, tmp_path / "scratch", quiet)
    with pytest.raises(DamagedFileError, match=r"damaged: .*Books\.jsonl\.gz"):
        local_copies(source, tmp_path / "scratch", quiet, quiet)


@pytest.mark.parametrize("category", ["Toys", "Books"])
def test_files_on_the_hub_are_downloaded_once_and_unpacked(
    server: Hub, catalogue: Path, tmp_path: Path, category: str
) -> None:
    source = on_hub(server, catalogue, category)
    (file,) = source.files
    assert nearest_location(source, file) == file.location
    told: list[int] = []
    (copy,) = local_copies(source, tmp_path / "scratch", quiet, told.append)
    assert copy.local_path is not None
    assert copy.local_path.read_bytes() == ROWS
    assert told[-1] == source.size_bytes
    assert [nearest_location(source, file)] == cached(source)
    server.forget()
    again: list[int] = []
    assert local_copies(source, tmp_path / "scratch", quiet, again.append) == [copy]
    assert unpacked(source, file, tmp_path / "scratch", quiet) == copy
    assert server.requests == []
    assert again == []


def test_one_file_of_the_hub_is_downloaded_and_unpacked_alone(server: Hub, catalogue: Path, tmp_path: Path) -> None:
    source = on_hub(server, catalogue, "Books")
    copy = unpacked(source, source.files[0], tmp_path / "scratch", quiet)
    assert copy.local_path is not None
    assert copy.local_path.read_bytes() == ROWS
