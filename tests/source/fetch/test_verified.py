"""What is in the cache is hashed once, and again only when it may have changed."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest
from huggingface_hub import constants

from job.errors import CurateError
from job.source.fetch import verified
from job.source.fetch.cache import fetch_files
from job.source.fetch.entries import Entry
from job.source.files import Repository, SourceFile
from job.source.hub_file import HubFile

CONTENT = b"a row\n" * 10_000
REPOSITORY = Repository("someone/catalogue", "c" * 40)


@pytest.fixture
def file() -> SourceFile:
    fingerprint = hashlib.sha256(CONTENT).hexdigest()
    location = HubFile(url="", name="a.jsonl", size_bytes=len(CONTENT), content_hash=fingerprint)
    return SourceFile(name="a.jsonl", location=location, size_bytes=len(CONTENT), fingerprint=fingerprint)


@pytest.fixture
def blob(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: SourceFile) -> Path:
    """The file in the cache, as the Hub's own client leaves it; there is no network."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    entry = Entry.of(REPOSITORY, file)
    for path in (entry.blob, entry.snapshot):
        path.parent.mkdir(parents=True)
    entry.blob.write_bytes(CONTENT)
    entry.snapshot.symlink_to(entry.blob)
    return entry.blob


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files whose bytes are read for their hash."""
    found: list[Path] = []
    has_hash = verified.has_hash

    def noted(path: Path, file: SourceFile) -> bool:
        found.append(path)
        return has_hash(path, file)

    monkeypatch.setattr(verified, "has_hash", noted)
    return found


def fetch(file: SourceFile, *, read_again: bool = False) -> None:
    (copy,) = fetch_files(REPOSITORY, [file], lambda _: None, read_again=read_again)
    assert copy.path.read_bytes() == CONTENT


def test_an_unchanged_file_is_hashed_once(file: SourceFile, blob: Path, hashed: list[Path]) -> None:
    for _ in range(3):
        fetch(file)
    assert len(hashed) == 1
    fetch(file, read_again=True)
    assert len(hashed) == 2


def test_a_file_that_was_touched_or_copied_is_hashed_again_and_then_known(
    file: SourceFile, blob: Path, hashed: list[Path]
) -> None:
    fetch(file)
    os.utime(blob)
    fetch(file)
    fetch(file)
    assert len(hashed) == 2
    shutil.copy2(blob, blob.with_name("copy"))
    blob.with_name("copy").replace(blob)
    fetch(file)
    fetch(file)
    assert len(hashed) == 3


@pytest.mark.parametrize("keeps_times", [False, True])
def test_an_edit_that_keeps_the_size_is_found_whatever_times_it_sets(
    file: SourceFile, blob: Path, keeps_times: bool
) -> None:
    fetch(file)
    before = blob.stat()
    with blob.open("r+b") as stream:  # at once: no clock may be too coarse to tell
        stream.write(b"A")
    if keeps_times:
        os.utime(blob, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(CurateError, match=r"a\.jsonl is not in the Hugging Face cache"):
        fetch(file)


def test_a_cache_that_cannot_be_written_is_hashed_each_time(
    file: SourceFile, blob: Path, hashed: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "mkdir", refuse)
    fetch(file)
    fetch(file)
    assert len(hashed) == 2


def test_a_note_that_is_no_text_counts_for_nothing(file: SourceFile, blob: Path, hashed: list[Path]) -> None:
    fetch(file)
    Entry.of(REPOSITORY, file).verified.write_bytes(b"\xff\x00")
    fetch(file)
    fetch(file)
    assert len(hashed) == 2
