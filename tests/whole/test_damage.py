"""Source files that are damaged in the middle: all else is done and kept; the error names the file and the place."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from job.output.verify import verify_output
from job.source.sample.catalogue import make_catalogue
from tests.conftest import Curate, shards

pytestmark = pytest.mark.usefixtures("shared_ray")


def whole_parquet(folder: Path) -> Path:
    make_catalogue(folder, rows=5_000, categories=["Toys"], file_format="parquet")
    return next(folder.rglob("*.parquet"))


def damaged_page(path: Path, row_group: int) -> bytes:
    """Overwrites a page in the middle of a row group, so that it cannot be unpacked; returns the whole file."""
    column = pq.read_metadata(path).row_group(row_group).column(1)
    whole = path.read_bytes()
    content = bytearray(whole)
    middle = column.data_page_offset + column.total_compressed_size // 2
    content[middle : middle + 200] = b"\xff" * 200
    path.write_bytes(content)
    return whole


def test_a_damaged_page(tmp_path: Path, curate: Curate) -> None:
    path = whole_parquet(tmp_path / "source")
    assert curate("run", "--source", tmp_path / "source", "--output", tmp_path / "expected").exit_code == 0
    expected = shards(tmp_path / "expected")
    whole = damaged_page(path, 3)

    command = ("run", "--source", tmp_path / "source", "--output", tmp_path / "out")
    result = curate(*command)
    assert result.exit_code == 1
    lines = result.err.splitlines()
    assert lines[-2].startswith(f"error: damaged: {path}, somewhere in rows 2,000 to 4,000: "), result.err
    assert lines[-1].startswith("everything else is done and kept; repair the files and run the same command again, or")
    assert not (tmp_path / "out" / "manifest.json").exists()
    kept = shards(tmp_path / "out")
    same = [name for name in expected if kept[name] == expected[name]]
    assert len(same) == len(expected) - 1

    skipped = curate(*command, "--skip-damaged-files")
    assert skipped.exit_code == 0
    assert f"damaged: {path}, somewhere in rows 2,000 to 4,000" in skipped.out
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_bytes())
    (damage,) = manifest["categories"]["Toys"]["damaged"]
    assert (damage["start"], damage["end"]) == (2_000, 4_000)
    assert manifest["num_rows"] == 3_000
    verify_output(tmp_path / "out")
    assert curate(*command, "--skip-damaged-files", "--json").exit_code == 0
    assert curate(*command).exit_code == 1  # it is not forgotten that something is missing

    path.write_bytes(whole)
    assert curate(*command).exit_code == 0
    assert shards(tmp_path / "out") == expected
    verify_output(tmp_path / "out")


def cut_off(content: bytes) -> bytes:
    return content[: len(content) // 2]


def garbled(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(1_000) + content[middle + 1_000 :]


@pytest.mark.parametrize("damage", [cut_off, garbled])
def test_a_damaged_packed_file(damage: Callable[[bytes], bytes], tmp_path: Path, curate: Curate) -> None:
    make_catalogue(tmp_path / "made", rows=5_000, categories=["Games", "Toys"], file_format="jsonl")
    source = tmp_path / "source"
    source.mkdir()
    made = tmp_path / "made/raw/meta_categories"
    (source / "Games.jsonl").write_bytes((made / "meta_Games.jsonl").read_bytes())
    (source / "Toys.jsonl.gz").write_bytes(damage(gzip.compress((made / "meta_Toys.jsonl").read_bytes())))
    command = ("run", "--source", source, "--output", tmp_path / "out")
    result = curate(*command)
    assert result.exit_code == 2  # before any row is read
    error = next(line for line in result.err.splitlines() if line.startswith("error: "))
    assert error.startswith(f"error: damaged: {source / 'Toys.jsonl.gz'}, near its byte ")
    assert not (tmp_path / "out" / "data").exists()
    # It is the only file of its category: there is nothing to go on with.
    result = curate(*command, "--skip-damaged-files")
    assert result.exit_code == 2
    assert "Toys: every file of it is damaged" in result.err
    assert curate(*command, "--category", "Games").exit_code == 0


def test_one_damaged_file_of_several(tmp_path: Path, curate: Curate) -> None:
    source = tmp_path / "source/raw_meta_Toys"
    source.mkdir(parents=True)
    whole = whole_parquet(tmp_path / "made").read_bytes()
    for index in range(3):
        (source / f"full-{index:05d}-of-00003.parquet").write_bytes(whole if index != 1 else whole[:-100])
    command = ("run", "--source", tmp_path / "source", "--output", tmp_path / "out")
    result = curate(*command)
    assert result.exit_code == 2
    assert "not a whole Parquet file" in result.err
    assert "--skip-damaged-files" in result.err
    assert curate(*command, "--skip-damaged-files", "--dry-run").exit_code == 0
    skipped = curate(*command, "--skip-damaged-files", "--json")
    assert skipped.exit_code == 0, skipped.err
    printed = json.loads(skipped.out)
    assert printed["num_rows"] == 10_000
    (damage,) = printed["categories"]["Toys"]["damaged"]
    assert damage["file"] == "raw_meta_Toys/full-00001-of-00003.parquet"
    assert damage["start"] is None
    verify_output(tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "Left out: not a whole Parquet file" in card
    again = curate(*command)
    assert again.exit_code == 2
    assert "--skip-damaged-files" in again.err


@pytest.mark.parametrize("more", [[], ["--skip-damaged-files"]], ids=["plain", "skip"])
def test_a_packed_file_that_is_damaged_after_its_plan_was_made_is_an_error(
    tmp_path: Path, curate: Curate, more: list[str]
) -> None:
    """Its partitions are planned: nothing else may be read in their place, nor may they be left out in silence."""
    make_catalogue(tmp_path / "made", rows=5_000, categories=["Toys"], file_format="jsonl")
    whole = gzip.compress((tmp_path / "made/raw/meta_categories/meta_Toys.jsonl").read_bytes())
    source = tmp_path / "source"
    source.mkdir()
    (source / "Toys.jsonl.gz").write_bytes(whole)
    command = ("run", "--source", source, "--output", tmp_path / "out", *more)
    assert curate(*command).exit_code == 0
    expected = shards(tmp_path / "out")
    (tmp_path / "out/manifest.json").unlink()
    (tmp_path / "out/_partitions/Toys/00000.json").unlink()
    (source / "Toys.jsonl.gz").write_bytes(garbled(whole))
    result = curate(*command)
    assert result.exit_code == 2, result.out
    assert f"error: damaged: {source / 'Toys.jsonl.gz'}, near its byte " in result.err
    assert shards(tmp_path / "out") == expected
    (source / "Toys.jsonl.gz").write_bytes(whole)
    assert curate(*command).exit_code == 0
    assert shards(tmp_path / "out") == expected


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_file_that_ends_in_the_middle_of_a_line(suffix: str, tmp_path: Path, curate: Curate) -> None:
    make_catalogue(tmp_path / "made", rows=4_000, categories=["Toys"], file_format="jsonl")
    whole = (tmp_path / "made/raw/meta_categories/meta_Toys.jsonl").read_bytes()
    cut = whole[: len(whole) * 2 // 3]
    begin = cut.rindex(b"\n") + 1
    assert begin < len(cut)
    for name, content in (("cut", cut), ("lines", cut[:begin])):
        (tmp_path / name).mkdir()
        packed = gzip.compress(content, 1) if suffix else content
        (tmp_path / name / f"Toys.jsonl{suffix}").write_bytes(packed)
    assert curate("run", "--source", tmp_path / "lines", "--output", tmp_path / "expected").exit_code == 0
    expected = json.loads((tmp_path / "expected/manifest.json").read_bytes())

    command = ("run", "--source", tmp_path / "cut", "--output", tmp_path / "out")
    result = curate(*command)
    assert result.exit_code == 1
    what = f"{'the file packed in ' if suffix else ''}{tmp_path}/cut/Toys.jsonl{suffix} seems to be cut off: "
    what += f"its last line, at byte {begin:,}, has no newline and is not JSON: "
    lines = result.err.splitlines()
    assert lines[-2].startswith(f"error: {what}"), result.err
    assert lines[-1] == (
        "everything else is done and kept; fetch the files again and start again with --fresh, "
        "or take what is whole: --skip-damaged-files"
    )
    assert not (tmp_path / "out/manifest.json").exists()
    assert not (tmp_path / "out/_rejects").exists()

    skipped = curate(*command, "--skip-damaged-files")
    assert skipped.exit_code == 0
    assert f"left out, as --skip-damaged-files says:\n{what}" in skipped.out
    manifest = json.loads((tmp_path / "out/manifest.json").read_bytes())
    (damage,) = manifest["categories"]["Toys"].pop("damaged")
    assert damage.pop("cause").startswith(what)
    assert damage == {"file": f"Toys.jsonl{suffix}", "start": begin, "end": len(cut), "cut_off": True}
    assert (manifest["num_rows"], manifest["funnel"]) == (cut.count(b"\n"), expected["funnel"])
    assert manifest["content_digest"] == expected["content_digest"]
    assert "\nLeft out: " in (tmp_path / "out/README.md").read_text()
    verify_output(tmp_path / "out")
    complete = curate(*command, "--skip-damaged-files")
    assert complete.out.splitlines()[-1].startswith("complete already")
    assert curate(*command).exit_code == 1  # it is not forgotten that something is missing

    (tmp_path / f"cut/Toys.jsonl{suffix}").write_bytes(gzip.compress(whole, 1) if suffix else whole)
    assert curate(*command).exit_code == 4
    assert curate(*command, "--fresh").exit_code == 0
    verify_output(tmp_path / "out")
    assert json.loads((tmp_path / "out/manifest.json").read_bytes())["num_rows"] == 4_000


def test_each_file_that_was_cut_off_is_named(tmp_path: Path, curate: Curate) -> None:
    """Also one of which nothing is left but the beginning of a row. Under a limit such a line counts as one row."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "Books.jsonl").write_bytes(b'{"title": "a", "price": null}\n{"title": "b", "price": null}\n{"ti')
    (source / "Games.jsonl").write_bytes(b'{"tit')
    (source / "Toys.jsonl").write_bytes(b'{"title": "c", "price": null}\n\r\n{"title": "d", "price": null}')
    command = ("run", "--source", source, "--output", tmp_path / "out")
    for more in ((), ("--limit", "3", "--fresh")):
        result = curate(*command, *more)
        assert result.exit_code == 1
        assert f"{source}/Books.jsonl seems to be cut off: its last line, at byte 60, has no newline" in result.err
        assert f"{source}/Games.jsonl seems to be cut off: its last line, at byte 0, has no newline" in result.err
        assert "Toys.jsonl seems" not in result.err
        done = curate(*command, *more, "--skip-damaged-files", "--json")
        printed = json.loads(done.out)
        assert {name: totals["num_rows"] for name, totals in printed["categories"].items()} == {
            "Books": 2,
            "Games": 0,
            "Toys": 2,
        }
        assert printed["funnel"]["malformed"] == 0
        verify_output(tmp_path / "out")
    limited = ("--limit", "2", "--fresh", "--category", "Books")  # nothing reads the end of this file
    assert curate("run", "--source", source, "--output", tmp_path / "limited", *limited).exit_code == 0


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_json_array_is_named_before_work_starts(suffix: str, tmp_path: Path, curate: Curate) -> None:
    content = json.dumps([{"title": "a", "price": 5}] * 9, indent=0).encode()
    path = tmp_path / f"Toys.jsonl{suffix}"
    path.write_bytes(gzip.compress(content) if suffix else content)
    result = curate("run", "--source", path, "--output", tmp_path / "out")
    assert result.exit_code == 2
    said = result.err[result.err.index("error: ") :]
    what = f"the file packed in {path}" if suffix else str(path)
    assert said.startswith(f"error: {what}: it is one JSON array, not JSON Lines (one object in each line)\n")
    assert "jq -c '.[]'" in said
    assert not (tmp_path / "out/data").exists()
