"""A file that is not what its name says is named before work starts, with what it is and what to do."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from job.errors import DamagedFileError
from job.source.fetch.first_bytes import check_first_bytes
from job.source.location import LocalFile

LINES = b'{"title": "a", "price": 1}\n' * 500
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 12345\n"
PAGE = b"\n<!DOCTYPE html>\n<html><head><title>Sign in</title>"


def parquet() -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table({"title": ["a"]}), stream)
    return stream.getvalue()


def gzipped(content: bytes) -> bytes:
    """The same bytes each time: they are in the names of cases, which two processes have to agree on."""
    return gzip.compress(content, mtime=0)


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo("Toys.jsonl"), LINES)
    return stream.getvalue()


def tarred() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        info = tarfile.TarInfo("Toys.jsonl")
        info.size = len(LINES)
        archive.addfile(info, io.BytesIO(LINES))
    return stream.getvalue()


def check(folder: Path, name: str, content: bytes) -> str:
    """Returns what is said of a file with this content, without its folder; empty if it passes."""
    (folder / name).write_bytes(content)
    try:
        check_first_bytes(LocalFile(folder / name))
    except DamagedFileError as error:
        return str(error).replace(f"{folder}/", "")
    return ""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("Toys.jsonl", LINES),
        ("Toys.jsonl", b"\xef\xbb\xbf" + LINES),
        ("Toys.jsonl", b"broken\n" + LINES),
        ("Toys.jsonl", b"\n\n"),
        ("Toys.NDJSON", LINES),
        ("Toys.jsonl.gz", gzipped(LINES)),
        ("Toys.jsonl.GZ", gzipped(LINES)),
        ("Toys.jsonl.gz", gzipped(b"")),
        ("Toys.jsonl.gz", gzipped(LINES)[:40]),
        ("Toys.jsonl.zst", zstandard.compress(LINES)),
        ("Toys.jsonl.zst", b"\x50\x2a\x4d\x18\x02\0\0\0ab" + zstandard.compress(LINES)),
        ("Toys.parquet", parquet()),
        ("Toys.PARQUET", parquet()[:50]),
    ],
)
def test_a_file_that_is_what_its_name_says_passes(tmp_path: Path, name: str, content: bytes) -> None:
    assert check(tmp_path, name, content) == ""


@pytest.mark.parametrize(
    ("name", "content", "what", "todo"),
    [
        ("Toys.jsonl.gz", LINES, "is not gzip, as its name says: it is plain JSON", "mv Toys.jsonl.gz Toys.jsonl"),
        ("Toys.jsonl.zst", LINES, "is not zstd, as its name says: it is plain JSON", "mv Toys.jsonl.zst Toys.jsonl"),
        ("Toys.parquet", LINES, "is not Parquet, as its name says: it is plain JSON", "mv Toys.parquet Toys.jsonl"),
        ("Toys.jsonl", gzipped(LINES), "is not JSONL, as its name says: it is gzip", "Toys.jsonl Toys.jsonl.gz"),
        ("Toys.ndjson", zstandard.compress(LINES), "it is zstd", "mv Toys.ndjson Toys.jsonl.zst"),
        ("Toys.jsonl.gz", zstandard.compress(LINES), "it is zstd", "mv Toys.jsonl.gz Toys.jsonl.zst"),
        ("Toys.jsonl", parquet(), "it is Parquet", "mv Toys.jsonl Toys.parquet"),
        ("Toys.jsonl.gz", gzipped(gzipped(LINES)), "has gzip inside of its gzip", "packed twice"),
        ("Toys.jsonl.zst", zstandard.compress(zstandard.compress(LINES)), "has zstd inside of its zstd", "unzstd <"),
        ("Toys.jsonl.gz", gzipped(tarred()), "has a tar archive inside of its gzip", "unpack it, and what is"),
        ("Toys.jsonl.gz", gzipped(PAGE), "has a web page inside of its gzip", "download it again"),
        ("Toys.jsonl.gz", zipped(), "it is a zip archive", "unzip Toys.jsonl.gz"),
        ("Toys.parquet", zipped(), "it is a zip archive", "unzip Toys.parquet"),
        ("Toys.jsonl", bz2.compress(LINES), "it is bzip2", "bunzip2 < Toys.jsonl"),
        ("Toys.jsonl.gz", lzma.compress(LINES), "it is xz", "unxz < Toys.jsonl.gz > Toys.jsonl"),
        ("Toys.jsonl", LFS, "it is a Git LFS pointer", "git lfs pull"),
        ("Toys.jsonl.gz", LFS, "it is a Git LFS pointer", "git lfs pull"),
        ("Toys.parquet", LFS, "it is a Git LFS pointer", "git lfs pull"),
        ("Toys.jsonl", PAGE, "it is a web page", "download it again, logged in"),
        ("Toys.jsonl.zst", PAGE, "it is a web page", "download it again, logged in"),
        ("Toys.parquet", b"<html>", "it is a web page", "download it again, logged in"),
        ("Toys.parquet", b"<?xml version='1.0'?><Error>", "it is an XML document", "download it again"),
        ("Toys.jsonl", bytes(5_000), "it is nothing but zeros", "download it again"),
        ("Toys.jsonl", LINES.decode().encode("utf-16"), "it is text in UTF-16", "iconv -f UTF-16 -t UTF-8"),
        ("Toys.jsonl.gz", b"[" + LINES, "it is a JSON array", "jq -c '.[]' Toys.jsonl.gz > Toys.jsonl"),
    ],
)
def test_a_file_of_another_kind_is_named_with_what_to_do(
    tmp_path: Path, name: str, content: bytes, what: str, todo: str
) -> None:
    first, second = check(tmp_path, name, content).splitlines()
    assert first.startswith(f"{name} ")
    assert first.endswith(what) or what in first
    assert todo in second
    assert second.endswith("--skip-damaged-files")


def test_the_command_for_a_file_packed_twice_unpacks_it_once(tmp_path: Path) -> None:
    import subprocess

    path = tmp_path / "Toys & more.jsonl.gz"
    path.write_bytes(gzipped(gzipped(LINES)))
    with pytest.raises(DamagedFileError) as raised:
        check_first_bytes(LocalFile(path))
    command = str(raised.value).partition("unpack it once: ")[2].partition("; or go on")[0]
    subprocess.run(["sh", "-c", command], check=True)
    assert path.read_bytes()[:2] == b"\x1f\x8b"
    assert gzip.decompress(path.read_bytes()) == LINES
    assert [found.name for found in tmp_path.iterdir()] == [path.name]
