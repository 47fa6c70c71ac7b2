"""A catalogue in a bucket is found as in a folder. Only folders that may have its files are listed."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.errors import CurateError, UsageError
from job.source.bucket_file import BucketFile
from job.source.files import CategorySource
from job.source.find import bucket as in_bucket
from job.source.find import folder
from job.source.find.passed_over import PassedOver
from job.source.sample.catalogue import make_catalogue
from job.storage import filesystem
from tests.servers.s3 import S3


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two categories in both formats, one flat file, and files that belong to no catalogue."""
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
    """Returns everything that the digest of a category depends on."""
    files = [[(file.name, file.size_bytes, file.fingerprint) for file in source.files] for source in found]
    return [(source.category, source.file_format, names) for source, names in zip(found, files, strict=True)]


@pytest.mark.parametrize("wanted", [(), ("Toys",), ("Books", "Appliances")])
def test_a_bucket_gives_what_a_folder_gives(bucket: S3, catalogue: Path, wanted: tuple[str, ...]) -> None:
    found = in_bucket.find_categories("s3://bucket/catalogue", wanted)
    assert facts(found) == facts(folder.find_categories(catalogue, wanted))
    listings = [request.path for request in bucket.requests if "list-type" in request.path]
    assert len(listings) == 4
    assert not any("other" in path or "review" in path for path in listings)


def test_the_source_may_be_one_file_or_the_folder_of_one_category(bucket: S3, catalogue: Path) -> None:
    for name in ("Books.jsonl", "raw_meta_Toys"):
        found = in_bucket.find_categories(f"s3://bucket/catalogue/{name}", ())
        assert facts(found) == facts(folder.find_categories(catalogue / name, ()))


def test_a_missing_source_is_named_with_similar_names(bucket: S3) -> None:
    with pytest.raises(UsageError, match=r"source not found: s3://bucket/catalog; did you mean catalogue\?"):
        in_bucket.find_categories("s3://bucket/catalog", ())
    with pytest.raises(UsageError, match=r"no category .Toy. in s3://bucket/catalogue; did you mean Toys\?"):
        in_bucket.find_categories("s3://bucket/catalogue", ("Toy",))
    with pytest.raises(UsageError, match="s3://bucket/catalogue/LICENSE is neither JSONL"):
        in_bucket.find_categories("s3://bucket/catalogue/LICENSE", ())
    bucket.client.put_object(Bucket="bucket", Key="catalogue/Empty.jsonl", Body=b"")
    with pytest.raises(UsageError, match=r"the file is empty \(0 bytes\): s3://bucket/catalogue/Empty.jsonl"):
        in_bucket.find_categories("s3://bucket/catalogue", ("Empty",))


def test_a_range_that_is_too_short_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    file = BucketFile(address="s3://bucket/a.jsonl", size_bytes=1_000)
    monkeypatch.setattr(filesystem, "get_range", lambda address, start, end: b"x" * (end - start - 1))
    with (
        file.open() as stream,
        pytest.raises(CurateError, match=r"s3://bucket/a\.jsonl: 999 of 1,000 bytes arrived from byte 0 on"),
    ):
        stream.read()


@pytest.mark.parametrize("wanted", [(), ("Toys",)])
@pytest.mark.parametrize(
    "files",
    [
        ["Toys/part-00000.parquet", "Toys/part-00001.parquet", "Toys/_SUCCESS"],
        ["Toys/default/train/0000.parquet", "Toys/default/train/0001.parquet"],
        ["Toys-00000-of-00001.jsonl.gz", "Books.csv", "other/Games.jsonl"],
        ["Toys.json", "Games.json", "Toys.csv"],
        ["Toys.NDJSON", "Toys.json"],
    ],
)
def test_shards_and_what_is_not_read_are_as_in_a_folder(
    s3: S3, tmp_path: Path, files: list[str], wanted: tuple[str, ...]
) -> None:
    for name in files:
        path = tmp_path / "catalogue" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"[" if name == "Games.json" else b'{"price": 1}\n')
        s3.client.upload_file(str(path), "bucket", f"catalogue/{name}")
    there, here = PassedOver(), PassedOver()
    found = in_bucket.find_categories("s3://bucket/catalogue", wanted, {"price"}, there)
    assert facts(found) == facts(folder.find_categories(tmp_path / "catalogue", wanted, {"price"}, here))
    assert [source.category for source in found] == ["Toys"]
    assert there == here
    if "Toys/part-00000.parquet" in files:
        (source,) = in_bucket.find_categories("s3://bucket/catalogue/Toys", ())
        assert (source.category, len(source.files)) == ("Toys", 2)
