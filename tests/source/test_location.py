"""A file is the same wherever it lies: its bytes, its fingerprint and its Parquet metadata."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import hf_hub_url

from job.source.bucket_file import BucketFile
from job.source.hub_file import HubFile
from job.source.location import FileLocation, LocalFile
from tests.servers.hub import Hub
from tests.servers.s3 import S3

REPO = "someone/catalogue"
ROWS = pa.table({"number": list(range(3_000)), "text": [f"row {number}" for number in range(3_000)]})


def write_parquet(path: Path, rows: pa.Table = ROWS) -> Path:
    pq.write_table(rows, path, row_group_size=1_000)
    return path


@pytest.fixture
def hub(online: None) -> Iterator[Hub]:
    with Hub() as hub:
        yield hub


Place = Callable[[Path], FileLocation]
"""Puts a file somewhere, and returns its location there."""


def on_hub(hub: Hub, path: Path) -> HubFile:
    folder = path.parent / "published"
    folder.mkdir()
    (folder / path.name).write_bytes(path.read_bytes())
    url = hf_hub_url(REPO, path.name, repo_type="dataset", revision=hub.put(REPO, folder), endpoint=hub.endpoint)
    return HubFile(url=url, name=path.name, size_bytes=path.stat().st_size, content_hash="ab" * 32)


def in_bucket(s3: S3, path: Path) -> BucketFile:
    s3.client.upload_file(str(path), "bucket", path.name)
    return BucketFile(address=f"s3://bucket/{path.name}", size_bytes=path.stat().st_size)


@pytest.fixture(params=["disk", "bucket", "hub"])
def place(request: pytest.FixtureRequest) -> Place:
    match request.param:
        case "disk":
            return LocalFile
        case "bucket":
            s3 = request.getfixturevalue("s3")
            return lambda path: in_bucket(s3, path)
        case _:
            hub = request.getfixturevalue("hub")
            return lambda path: on_hub(hub, path)


def test_a_file_is_the_same_wherever_it_lies(tmp_path: Path, place: Place) -> None:
    path = write_parquet(tmp_path / "Toys.parquet")
    location = place(path)
    content = path.read_bytes()
    assert location.name == "Toys.parquet"
    assert location.local_path == (path if isinstance(location, LocalFile) else None)
    assert location.size_now() == len(content)
    assert pickle.loads(pickle.dumps(location)) == location
    assert len({location, pickle.loads(pickle.dumps(location))}) == 1
    for start, end in [(None, None), (1_000, 2_000), (0, len(content)), (-10, len(content) + 10)]:
        with location.open(start, end) as stream:
            assert stream.seekable()
            assert stream.read() == content
            assert stream.seek(1_500) == 1_500
            assert stream.read(100) == content[1_500:1_600]


def test_its_parquet_is_the_same_wherever_it_lies(tmp_path: Path, place: Place) -> None:
    location = place(write_parquet(tmp_path / "Toys.parquet"))
    metadata = location.parquet_metadata()
    assert (metadata.num_rows, metadata.num_row_groups) == (3_000, 3)
    for given in (None, metadata):
        with location.open_parquet(given, 4, 20_000) as file:
            assert file.read_row_group(1) == ROWS.slice(1_000, 1_000)
            assert file.read() == ROWS


def test_a_damaged_page_is_noticed_wherever_the_file_lies(tmp_path: Path, place: Place) -> None:
    path = tmp_path / "Toys.parquet"
    pq.write_table(ROWS, path, write_page_checksum=True, compression="none", use_dictionary=False)
    content = bytearray(path.read_bytes())
    content[content.index(b"row 1500")] ^= 1
    path.write_bytes(content)
    with place(path).open_parquet() as file, pytest.raises(OSError, match="CRC"):
        file.read()


def test_with_its_metadata_the_footer_is_not_fetched_again(tmp_path: Path, hub: Hub, s3: S3) -> None:
    path = write_parquet(tmp_path / "Toys.parquet")
    for location, count in (
        (on_hub(hub, path), lambda: len(hub.requests)),
        (in_bucket(s3, path), lambda: sum(request.method == "GET" for request in s3.requests)),
    ):
        metadata = location.parquet_metadata()
        before = count()
        with location.open_parquet(metadata):
            assert count() == before


def test_metadata_on_the_hub_is_fetched_once(tmp_path: Path, hub: Hub) -> None:
    location = on_hub(hub, write_parquet(tmp_path / "Toys.parquet"))
    first = location.parquet_metadata()
    asked = len(hub.requests)
    assert pickle.loads(pickle.dumps(location)).parquet_metadata() is first
    assert len(hub.requests) == asked


def test_what_a_commit_says_of_a_file_is_not_asked_for(tmp_path: Path, hub: Hub) -> None:
    location = on_hub(hub, write_parquet(tmp_path / "Toys.parquet"))
    hub.forget()
    assert location.fingerprint() == (location.size_bytes, "ab" * 32)
    assert location.size_now() == location.size_bytes
    assert hub.requests == []


# On a disk.


def test_a_relative_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Toys.jsonl").write_bytes(b"{}")
    monkeypatch.chdir(tmp_path)
    location = LocalFile(Path("Toys.jsonl"))
    monkeypatch.chdir("/")
    assert location.size_now() == 2
    assert str(location) == str(tmp_path / "Toys.jsonl")


def test_a_link_stands_for_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(b"content")
    (tmp_path / "link.jsonl").symlink_to("blob")
    link = LocalFile(tmp_path / "link.jsonl")
    assert link.fingerprint() == LocalFile(tmp_path / "blob").fingerprint()
    assert link.size_now() == 7
    assert link.name == "link.jsonl"


def test_metadata_on_a_disk_is_read_once_until_the_file_changes(tmp_path: Path) -> None:
    location = LocalFile(write_parquet(tmp_path / "Toys.parquet"))
    first = location.parquet_metadata()
    assert location.parquet_metadata() is first
    write_parquet(location.path, ROWS.slice(0, 10))
    assert location.parquet_metadata().num_rows == 10
    changed = location.path.stat()
    write_parquet(location.path, ROWS.slice(10, 10))
    os.utime(location.path, ns=(changed.st_atime_ns, changed.st_mtime_ns + 1))
    with location.open_parquet() as file:
        assert file.read() == ROWS.slice(10, 10)


# In a bucket.


@pytest.mark.parametrize("size", [1, 65_535, 65_536, 65_537, 131_072, 300_000])
def test_a_fingerprint_in_a_bucket_is_the_one_on_a_disk(tmp_path: Path, s3: S3, size: int) -> None:
    path = tmp_path / "Toys.jsonl"
    path.write_bytes(bytes(number % 251 for number in range(size)))
    assert in_bucket(s3, path).fingerprint() == LocalFile(path).fingerprint()


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 200_000])
def test_a_file_that_was_replaced_has_another_size_and_fingerprint(tmp_path: Path, s3: S3, content: bytes) -> None:
    path = tmp_path / "Toys.jsonl"
    path.write_bytes(b"y" * 100_000)
    location = in_bucket(s3, path)
    path.write_bytes(content)
    in_bucket(s3, path)
    assert location.size_now() == len(content)
    assert location.fingerprint() == LocalFile(path).fingerprint()


@pytest.mark.parametrize("ask", ["size_now", "fingerprint", "parquet_metadata"])
def test_a_file_that_is_gone_is_said_to_be_gone(tmp_path: Path, s3: S3, ask: str) -> None:
    path = write_parquet(tmp_path / "Toys.parquet")
    locations = LocalFile(path), in_bucket(s3, path)
    path.unlink()
    s3.client.delete_object(Bucket="bucket", Key=path.name)
    for location in locations:
        with pytest.raises(FileNotFoundError):
            getattr(location, ask)()
