"""A catalogue in a bucket is found as in a folder, by listing no more than the folders that it may be in."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.errors import CurateError, UsageError
from job.source.bucket_file import BucketFile
from job.source.files import CategorySource
from job.source.find import bucket as in_bucket
from job.source.find import folder
from job.source.sample.catalogue import make_catalogue
from job.storage import filesystem
from tests.servers.s3 import S3


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two categories in both forms, one flat file, and things that are no catalogue's."""
    root = tmp_path_factory.mktemp("catalogue")
    make_catalogue(root, rows=300, categories=["Appliances", "Toys"])
    (root / "Books.jsonl").write_bytes(b'{"title": "a"}\n' * 20_000)
    (root / "raw/review_categories").mkdir()
    (root / "raw/review_categories/Books.jsonl").write_bytes(b"{}")
    (root / "other").mkdir()
    (root / "other/Toys.jsonl").write_bytes(b"{}")
    (root / "LICENSE").write_bytes(b"text")
    return root


@pytest.fixture
def bucket(s3: S3, catalogue: Path) -> S3:
    for path in catalogue.rglob("*"):
        if path.is_file():
            s3.client.upload_file(str(path), "bucket", f"catalogue/{path.relative_to(catalogue).as_posix()}")
    return s3


def facts(found: list[CategorySource]) -> list[object]:
    """Returns all that a digest is made of."""
    files = [[(file.name, file.size_bytes, file.fingerprint) for file in source.files] for source in found]
    return [(source.category, source.file_format, names) for source, names in zip(found, files, strict=True)]


@pytest.mark.parametrize("wanted", [(), ("Toys",), ("Books", "Appliances")])
def test_what_is_found_is_what_a_folder_has(bucket: S3, catalogue: Path, wanted: tuple[str, ...]) -> None:
    found = in_bucket.find_categories("s3://bucket/catalogue", wanted)
    assert facts(found) == facts(folder.find_categories(catalogue, wanted))
    listings = [request.path for request in bucket.requests if "list-type" in request.path]
    assert len(listings) == 4
    assert not any("other" in path or "review" in path for path in listings)


def test_one_file_and_one_category_s_folder_will_do(bucket: S3, catalogue: Path) -> None:
    for name in ("Books.jsonl", "raw_meta_Toys"):
        found = in_bucket.find_categories(f"s3://bucket/catalogue/{name}", ())
        assert facts(found) == facts(folder.find_categories(catalogue / name, ()))


def test_what_is_not_there_is_said_with_what_is_near(bucket: S3) -> None:
    with pytest.raises(UsageError, match=r"source not found: s3://bucket/catalog; did you mean catalogue\?"):
        in_bucket.find_categories("s3://bucket/catalog", ())
    with pytest.raises(UsageError, match=r"no category .Toy. in s3://bucket/catalogue; did you mean Toys\?"):
        in_bucket.find_categories("s3://bucket/catalogue", ("Toy",))
    with pytest.raises(UsageError, match="s3://bucket/catalogue/LICENSE is neither JSONL"):
        in_bucket.find_categories("s3://bucket/catalogue/LICENSE", ())
    bucket.client.put_object(Bucket="bucket", Key="catalogue/Empty.jsonl", Body=b"")
    with pytest.raises(UsageError, match=r"the file is empty \(0 bytes\): s3://bucket/catalogue/Empty.jsonl"):
        in_bucket.find_categories("s3://bucket/catalogue", ("Empty",))


def test_a_range_that_comes_short_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    file = BucketFile(address="s3://bucket/a.jsonl", size_bytes=1_000)
    monkeypatch.setattr(filesystem, "get_range", lambda address, start, end: b"x" * (end - start - 1))
    with (
        file.open() as stream,
        pytest.raises(CurateError, match=r"s3://bucket/a\.jsonl: 999 of 1,000 bytes arrived from byte 0 on"),
    ):
        stream.read()
