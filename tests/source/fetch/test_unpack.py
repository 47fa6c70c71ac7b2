"""A packed file is unpacked once, whole or not at all, and a damaged one is named."""

from __future__ import annotations

import gzip
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st

from job.errors import CurateError, UsageError
from job.source.fetch import unpack as module
from job.source.fetch.packing import is_packed
from job.source.location import LocalFile
from tests.generated import examples

ROWS = b"".join(b'{"title": "row %d"}\n' % number for number in range(20_000))


def zst_with_size(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def zst_without_size(data: bytes) -> bytes:
    stream = zstandard.ZstdCompressor(write_checksum=True, write_content_size=False).compressobj()
    return stream.compress(data) + stream.flush()


def gz(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


Pack = Callable[[bytes], bytes]
PACKINGS = pytest.mark.parametrize(
    ("pack", "suffix"),
    [(gz, ".gz"), (zst_with_size, ".zst"), (zst_without_size, ".zst")],
    ids=["gz", "zst", "zst without size"],
)


def silent(_: str) -> None:
    pass


def unpack(path: Path, scratch: Path, report: Callable[[str], None]) -> Path:
    """Unpacks a file on a disk, and returns the path of the unpacked one."""
    return module.unpack(LocalFile(path), scratch, report).path


def packed_file(folder: Path, data: bytes, suffix: str) -> Path:
    path = folder / f"meta_Books.jsonl{suffix}"
    path.write_bytes(data)
    return path


def left_in(scratch: Path) -> list[str]:
    return sorted(path.name for path in scratch.iterdir())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("packed")


@pytest.mark.parametrize(
    ("name", "packed"),
    [("a.jsonl", False), ("a.jsonl.gz", True), ("a.jsonl.zst", True), ("a.parquet", False), ("gz", False)],
)
def test_the_name_says_whether_a_file_is_packed(name: str, packed: bool) -> None:
    assert is_packed(name) is packed


@PACKINGS
def test_a_file_is_unpacked_under_its_own_name(tmp_path: Path, pack: Pack, suffix: str) -> None:
    scratch = tmp_path / "out/_scratch/Books"
    path = packed_file(tmp_path, pack(ROWS), suffix)
    said: list[str] = []
    target = unpack(path, scratch, said.append)
    assert target == scratch / "meta_Books.jsonl"
    assert target.read_bytes() == ROWS
    assert left_in(scratch) == ["meta_Books.jsonl"]
    assert len(said) == 1
    assert path.name in said[0]
    assert str(scratch) in said[0]


@PACKINGS
def test_several_members_are_joined(tmp_path: Path, pack: Pack, suffix: str) -> None:
    pieces = [ROWS, b"", Random(1).randbytes(3_000_000), b"last"]
    path = packed_file(tmp_path, b"".join(map(pack, pieces)), suffix)
    assert unpack(path, tmp_path / "scratch", silent).read_bytes() == b"".join(pieces)


@pytest.mark.parametrize("size", [0, 1, 262_143, 262_144, 1_048_575, 1_048_576, 1_048_577, 2_097_152])
@PACKINGS
def test_a_file_of_any_size_is_unpacked_completely(tmp_path: Path, pack: Pack, suffix: str, size: int) -> None:
    data = Random(size).randbytes(size)
    path = packed_file(tmp_path, pack(data), suffix)
    assert unpack(path, tmp_path / "scratch", silent).read_bytes() == data


frames = st.lists(
    st.tuples(st.one_of(st.binary(max_size=60), st.just(ROWS[:500])), st.booleans()), min_size=1, max_size=4
)


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@examples(120)
@given(pieces=frames, cut=st.integers(0, 400), chunk_bytes=st.integers(4, 300))
@example(pieces=[(b"a", True), (b"b", False)], cut=0, chunk_bytes=4)
def test_a_stream_is_whole_or_an_error_wherever_it_is_cut(
    folder: Path, suffix: str, pieces: Sequence[tuple[bytes, bool]], cut: int, chunk_bytes: int
) -> None:
    data = b""
    whole = {0: b""}
    for piece, with_size in pieces:
        plain = whole[len(data)] + piece
        data += gz(piece) if suffix == ".gz" else zst_with_size(piece) if with_size else zst_without_size(piece)
        whole[len(data)] = plain
    cut = max(1, len(data) - cut)
    path = packed_file(folder, data[:cut], suffix)
    scratch = folder / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CHUNK_BYTES", chunk_bytes)
        if cut in whole:
            assert unpack(path, scratch, silent).read_bytes() == whole[cut]
        else:
            with pytest.raises(UsageError, match="fetch it again") as raised:
                unpack(path, scratch, silent)
            assert f"damaged: {path}" in str(raised.value)
            assert left_in(scratch) == []


@PACKINGS
@pytest.mark.parametrize("place", [0.0, 0.5, 1.0])
def test_a_damaged_stream_is_named_and_nothing_is_left(tmp_path: Path, pack: Pack, suffix: str, place: float) -> None:
    data = bytearray(pack(ROWS))
    data[int(place * (len(data) - 1))] ^= 0x55
    path = packed_file(tmp_path, bytes(data), suffix)
    with pytest.raises(UsageError, match="fetch it again") as raised:
        unpack(path, tmp_path / "scratch", silent)
    assert f"damaged: {path}" in str(raised.value)
    assert left_in(tmp_path / "scratch") == []


@pytest.mark.parametrize("junk", [b"junk", b"\x1f", b"\x1f\x8b", b"\x28\xb5\x2f", ROWS])
@PACKINGS
def test_junk_after_the_stream_is_damage(tmp_path: Path, pack: Pack, suffix: str, junk: bytes) -> None:
    path = packed_file(tmp_path, pack(ROWS) + junk, suffix)
    with pytest.raises(UsageError, match="damaged"):
        unpack(path, tmp_path / "scratch", silent)
    assert left_in(tmp_path / "scratch") == []


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_plain_rows_under_a_packed_name_are_damage(tmp_path: Path, suffix: str) -> None:
    path = packed_file(tmp_path, ROWS, suffix)
    with pytest.raises(UsageError, match="damaged"):
        unpack(path, tmp_path / "scratch", silent)


def test_skippable_frames_are_skipped(tmp_path: Path) -> None:
    skipped = b"\x50\x2a\x4d\x18" + len(b"an index").to_bytes(4, "little") + b"an index"
    path = packed_file(tmp_path, skipped + zst_with_size(b"a") + skipped + zst_with_size(b"b") + skipped, ".zst")
    assert unpack(path, tmp_path / "scratch", silent).read_bytes() == b"ab"


GIB = 1 << 30


class Usage(NamedTuple):
    """The result of `shutil.disk_usage`."""

    total: int
    used: int
    free: int


def frees(patch: pytest.MonkeyPatch, *free: int) -> list[Path]:
    """Fakes the free bytes of every disk, one value per call; the last one repeats. Returns the folders asked about."""
    asked: list[Path] = []

    def disk_usage(path: Path) -> Usage:
        asked.append(path)
        return Usage(100 * GIB, 0, free[min(len(asked), len(free)) - 1])

    patch.setattr(shutil, "disk_usage", disk_usage)
    return asked


@PACKINGS
def test_a_full_disk_is_an_error_before_work_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Pack, suffix: str
) -> None:
    path = packed_file(tmp_path, pack(ROWS), suffix)
    scratch = tmp_path / "scratch"
    asked = frees(monkeypatch, 256 * 2**20)
    said: list[str] = []
    with pytest.raises(CurateError, match="268 MB free") as raised:
        unpack(path, scratch, said.append)
    assert not isinstance(raised.value, UsageError)
    assert path.name in str(raised.value)
    assert str(scratch) in str(raised.value)
    assert asked == [scratch]
    assert said == []
    assert left_in(scratch) == []


def test_a_disk_that_fills_up_stops_the_work_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = packed_file(tmp_path, gzip.compress(bytes(70 << 20), 1), ".gz")
    asked = frees(monkeypatch, 100 * GIB, 10_000)
    with pytest.raises(CurateError, match="no room to unpack"):
        unpack(path, tmp_path / "scratch", silent)
    assert len(asked) == 2
    assert left_in(tmp_path / "scratch") == []


def test_a_disk_with_room_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = packed_file(tmp_path, gz(ROWS), ".gz")
    frees(monkeypatch, 257 * 2**20)
    assert unpack(path, tmp_path / "scratch", silent).read_bytes() == ROWS


@PACKINGS
def test_an_unpacked_file_is_not_unpacked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Pack, suffix: str
) -> None:
    path = packed_file(tmp_path, pack(ROWS), suffix)
    target = unpack(path, tmp_path / "scratch", silent)
    before = target.stat()
    frees(monkeypatch, 0)
    said: list[str] = []
    assert unpack(path, tmp_path / "scratch", said.append) == target
    assert said == []
    assert (target.stat().st_ino, target.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@PACKINGS
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")], ids=repr)
def test_an_interrupted_unpack_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Pack, suffix: str, error: BaseException
) -> None:
    path = packed_file(tmp_path, pack(ROWS), suffix)
    scratch = tmp_path / "scratch"
    seen: list[list[str]] = []

    def interrupted(_: int) -> None:
        seen.append(left_in(scratch))
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupted)
        with pytest.raises(type(error)):
            unpack(path, scratch, silent)
    ((part,),) = seen
    assert part != "meta_Books.jsonl"
    assert left_in(scratch) == []
    assert unpack(path, scratch, silent).read_bytes() == ROWS


KILLED = """
import os, signal, sys
from pathlib import Path
from random import Random
from typing import NamedTuple
from job.source.fetch.unpack import unpack
from job.source.location import LocalFile
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
unpack(LocalFile(Path(sys.argv[1])), Path(sys.argv[2]), lambda _: None)
"""


def test_a_killed_unpack_leaves_no_final_name_and_the_next_one_does_it_all(tmp_path: Path) -> None:
    path = packed_file(tmp_path, gz(ROWS), ".gz")
    scratch = tmp_path / "scratch"
    done = subprocess.run([sys.executable, "-c", KILLED, path, scratch], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    (part,) = left_in(scratch)
    assert part != "meta_Books.jsonl"
    assert unpack(path, scratch, silent).read_bytes() == ROWS


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_disk_too_small_for_the_unpacked_file_is_an_error_before_work_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    plain = bytes(70 << 20)
    path = packed_file(tmp_path, gzip.compress(plain, 1) if suffix == ".gz" else zst_with_size(plain), suffix)
    asked = frees(monkeypatch, (256 + 69) << 20)
    with pytest.raises(CurateError, match=r"341 MB free .*, 73 MB to unpack"):
        unpack(path, tmp_path / "scratch", silent)
    assert len(asked) == 1
