"""A file that is too large for memory, sent to a bucket a part at a time."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from job.storage import putting
from job.storage.bucket import ObjectStore
from job.storage.folder import Folder
from job.storage.interface import Store
from tests.conftest import tree
from tests.servers.s3 import S3

CONTENT = bytes(range(256)) * 80_000
"""20 MB, of which S3 takes parts of at least 5 MB."""


@pytest.fixture(params=["s3", "memory"])
def store(request: pytest.FixtureRequest, s3: S3, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(putting, "_PART_BYTES", 6 << 20)
    return ObjectStore(f"{request.param}://bucket/folder")


def test_a_large_file_arrives_whole(store: Store) -> None:
    with store.writing("large") as path:
        path.write_bytes(CONTENT)
        assert store.read("large") is None
    assert store.read("large") == CONTENT
    assert store.sizes("") == {"large": len(CONTENT)}
    assert not path.parent.exists()


def test_a_file_whose_writing_fails_never_arrives(store: Store) -> None:
    path = fail_while_writing(store)
    assert store.read("half") is None
    assert not path.parent.exists()


def fail_while_writing(store: Store) -> Path:
    """Fails when all has been written at the path. Returns it."""
    paths: list[Path] = []
    with contextlib.suppress(RuntimeError), store.writing("half") as path:
        paths.append(path)
        path.write_bytes(CONTENT)
        raise RuntimeError("half")
    return paths[0]


def test_on_a_disk_it_appears_under_its_name_at_the_end(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    with folder.writing("data/large") as path:
        path.write_bytes(b"all of it")
        assert not (tmp_path / "data/large").exists()
    assert tree(tmp_path) == {"data/large": b"all of it"}
    fail_while_writing(folder)
    assert tree(tmp_path) == {"data/large": b"all of it"}
    assert folder.sizes("") == {}
