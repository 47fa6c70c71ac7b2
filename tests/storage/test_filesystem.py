"""Files in object stores, over real HTTP, are written whole or not at all, whatever the network does."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from job.errors import CurateError, UsageError
from job.storage import filesystem, patience
from job.storage.bucket import ObjectStore
from tests.servers.s3 import S3, Fault, Request

PART_BYTES = 10 << 20
"""Bytes above which pyarrow uploads in several parts."""
SMALL, LARGE = b"small" * 100, bytes(range(256)) * (2 * PART_BYTES // 256 + 1000)


@pytest.fixture(params=["s3://bucket/a", "memory://a", "local://{tmp_path}/a"])
def root(request: pytest.FixtureRequest, s3: S3, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One address that pyarrow opens, and two that fsspec opens."""
    address = request.param.format(tmp_path=tmp_path_factory.mktemp("local"))
    yield address
    filesystem.remove_folder(address)


def puts(request: Request) -> bool:
    return request.method in {"PUT", "POST"}


def gets(request: Request) -> bool:
    return request.method in {"GET", "HEAD"}


def test_a_store_returns_what_was_written(root: str) -> None:
    store = ObjectStore(root)
    assert not store.exists()
    assert store.read("x/one") is None
    store.write("x/one", b"1")
    store.write("x/one", b"11")
    store.write("x/y/two", b"")
    store.write("three", b"333")
    store.write("x/Arts & Crafts, 100% é+=.json", b"4444")
    assert store.exists()
    assert store.top() == {"x", "three"}
    assert sorted(store.names()) == ["three", "x/Arts & Crafts, 100% é+=.json", "x/one", "x/y/two"]
    assert store.read("x/Arts & Crafts, 100% é+=.json") == b"4444"
    store.remove(["x/Arts & Crafts, 100% é+=.json"])
    assert store.sizes("x") == {"x/one": 2}
    assert store.sizes("none") == {}
    assert list(store.read_all(["three", "none", "x/y/two"])) == [b"333", None, b""]
    marks = [store.mark(f"marks/{name}", line) for name, line in ((1, "a"), (1, "b"), (2, "c"))]
    assert marks == [["a"], ["a", "b"], ["c"]]
    assert store.age_s("three") < 60
    assert store.age_s("none") == float("inf")
    store.remove(["x/one", "none"])
    store.remove_folder("marks")
    store.remove_folder("none")
    assert sorted(store.names()) == ["three", "x/y/two"]
    assert filesystem.get_range(f"{root}/three", 1, 3) == b"33"
    with pytest.raises(FileNotFoundError):
        filesystem.get_range(f"{root}/none", 0, 1)


def test_a_small_file_is_one_request_and_a_large_one_a_few(s3: S3) -> None:
    filesystem.put("s3://bucket/small", SMALL)
    assert [(request.method, request.key) for request in s3.requests] == [("PUT", "small")]
    filesystem.put("s3://bucket/large", LARGE)
    assert s3.tree("bucket") == {"small": SMALL, "large": LARGE}
    assert filesystem.get("s3://bucket/large") == LARGE


@pytest.mark.parametrize("fault", [500, 503, "cut", "lost"])
@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_a_temporary_fault_is_retried(s3: S3, content: bytes, fault: Fault) -> None:
    s3.times(1, fault, puts)
    filesystem.put("s3://bucket/a", content)
    assert s3.tree("bucket") == {"a": content}
    s3.times(1, "half" if fault == "lost" else fault, gets)
    assert filesystem.get("s3://bucket/a") == content


@pytest.fixture
def of_little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting for a bucket beyond the client's own two attempts."""
    monkeypatch.setattr(patience, "_REPEATS", 0)


@pytest.mark.usefixtures("of_little_patience")
@pytest.mark.parametrize(
    ("begun", "fault"),
    [
        pytest.param(begun, fault, marks=() if fault in (403, default) else pytest.mark.slow)
        for begun, default in [
            ("?uploads", 500),
            ("partNumber=1&", "cut"),
            ("partNumber=3&", 500),
            ("?uploadId", "cut"),
            ("", "cut"),
        ]
        for fault in (500, "cut", 403)
    ],
)
def test_an_upload_that_fails_for_good_leaves_nothing_under_its_name(s3: S3, begun: str, fault: Fault) -> None:
    """The stream is collected as well, since its destructor was seen to publish a part."""
    content = LARGE if begun else SMALL
    s3.fault = lambda request: fault if puts(request) and begun in request.path else None
    with pytest.raises(CurateError, match=r"s3://bucket/a: (access denied|the storage cannot be used): AWS Error"):
        filesystem.put("s3://bucket/a", content)
    s3.fault = lambda _: None
    gc.collect()
    assert s3.tree("bucket") == {}
    filesystem.put("s3://bucket/a", content)
    assert s3.tree("bucket") == {"a": content}


@pytest.mark.usefixtures("of_little_patience")
def test_a_file_that_cannot_be_read_is_an_error_and_never_a_part_of_it(s3: S3) -> None:
    filesystem.put("s3://bucket/a", LARGE)
    for fault in (500, "half"):
        s3.fault = lambda request, fault=fault: fault if request.method == "GET" else None
        with pytest.raises(CurateError, match=r"s3://bucket/a: the storage cannot be used: AWS Error .*\nwhat was f"):
            filesystem.get("s3://bucket/a")


def test_a_missing_or_forbidden_bucket_is_a_usage_error(s3: S3) -> None:
    with pytest.raises(UsageError, match="s3://none/a: there is no bucket none"):
        filesystem.check_usable("s3://none/a")
    s3.fault = lambda _: 403
    with pytest.raises(UsageError, match=r"s3://bucket/a: access denied: .*\ncheck the credentials"):
        filesystem.check_usable("s3://bucket/a")


def test_unknown_storage_and_missing_packages_are_named() -> None:
    with pytest.raises(UsageError, match="no storage is called xyz://"):
        filesystem.get("xyz://a/b")
    with pytest.raises(UsageError, match="abfs:// needs a package that is not there\npip install adlfs"):
        filesystem.get("abfs://container/b")
