"""A source that was edited is told from one that was only copied or touched."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from job import pipeline
from job.config.load import load_config
from job.errors import CurateError, RefusedError
from job.output.folder import open_output
from job.output.section import record_name
from job.plan.unchanged import check_source
from job.run import Outcome, prospects, run_job
from job.source.read.partitions import MAX_PARQUET_ROWS
from tests.conftest import Curate, shards, tree
from tests.servers.s3 import S3

pytestmark = pytest.mark.usefixtures("shared_ray")

ROWS, EDITED = 15_000, 9_000
"""Rows of a source, of which one may be edited: far from both ends, in one of several partitions of either form."""
HUGE = MAX_PARQUET_ROWS + 1_000
"""Rows of a row group that is cut into partitions."""
TEXTS = pa.list_(pa.string())
SCHEMA = pa.schema(
    [
        ("parent_asin", pa.string()),
        ("title", pa.string()),
        ("description", TEXTS),
        ("features", TEXTS),
        ("details", pa.string()),
        ("price", pa.string()),
    ]
)


def row(number: int, word: str = "steel") -> dict[str, Any]:
    return {
        "parent_asin": f"B{number:09d}",
        "title": f"Item {number:05d}",
        "description": [
            f"Made of {word} in {number:05d} pieces, each of which was checked by hand before it left. " * 8
        ],
        "features": [],
        "details": "{}",
        "price": "12.50",
    }


def jsonl(words: dict[int, str] | None = None) -> bytes:
    words = words or {}
    return b"".join(json.dumps(row(number, words.get(number, "steel"))).encode() + b"\n" for number in range(ROWS))


def parquet(path: Path, words: dict[int, str] | None = None, size: int = ROWS, **columns: list[Any]) -> None:
    rows = [row(number, (words or {}).get(number, "steel")) for number in range(size)]
    table = pa.Table.from_pylist(rows).cast(SCHEMA)
    for name, values in columns.items():
        table = table.append_column(name, [values])
    group = 3_000 if size == ROWS else size
    pq.write_table(table, path, row_group_size=group, compression="none", use_dictionary=False, write_statistics=False)


def curated(source: Path | str, output: Path | str, **settings: object) -> Outcome:
    config = load_config(None, {"source.path": str(source), "output": str(output), **settings})
    return run_job(config, quiet=True)


def unfinished(out: Path, number: int) -> None:
    """Makes an output as a run leaves it that was killed before one of its partitions was done."""
    (out / "manifest.json").unlink()
    (out / f"_partitions/Toys/{number:05d}.json").unlink()


@pytest.fixture(params=["jsonl", "parquet", pytest.param("one row group", marks=pytest.mark.slow)])
def toys(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path]:
    """A source of several partitions, and one of the same size and ends in which a row was edited."""
    before, after = tmp_path / "before", tmp_path / "after"
    for folder, words in ((before, {}), (after, {EDITED: "brass"})):
        folder.mkdir()
        if request.param == "jsonl":
            (folder / "Toys.jsonl").write_bytes(jsonl(words))
        else:
            parquet(folder / "Toys.parquet", words, ROWS if request.param == "parquet" else HUGE)
    (old,), (new,) = list(before.iterdir()), list(after.iterdir())
    assert old.stat().st_size == new.stat().st_size
    return old, new


def test_an_edit_that_keeps_size_and_ends_is_refused(toys: tuple[Path, Path], tmp_path: Path, curate: Curate) -> None:
    old, new = toys
    out = tmp_path / "out"
    count = len(curated(old.parent, out).plan.categories["Toys"].partitions)
    assert count > 1
    before = tree(out)
    times = old.stat()
    with old.open("r+b") as stream:  # in place, with its time set back
        stream.write(new.read_bytes())
    os.utime(old, ns=(times.st_atime_ns, times.st_mtime_ns))
    result = curate("run", "--source", old.parent, "--output", out, "--quiet")
    assert result.exit_code == 4
    said = re.search(rf"{re.escape(old.name)} has other content in 1 of its {count} partitions: (\d+) \(", result.err)
    assert said, result.err
    assert "--fresh" in result.err
    assert tree(out) == before
    assert curate("run", "--source", old.parent, "--output", out, "--dry-run").exit_code == 4
    verified = curate("verify", out, "--source")
    assert (verified.exit_code, curate("verify", out).exit_code) == (4, 0)
    assert f"{old.name} has other content in 1 of its {count} partitions: {said[1]} (" in verified.err


def test_a_resumed_job_does_not_mix_two_versions(toys: tuple[Path, Path], tmp_path: Path) -> None:
    old, new = toys
    curated(old.parent, tmp_path / "out")
    unfinished(tmp_path / "out", 0)
    shutil.copyfile(new, old)
    with pytest.raises(RefusedError, match="has other content in 1 of its"):
        curated(old.parent, tmp_path / "out")


def test_what_was_not_read_yet_may_be_edited(toys: tuple[Path, Path], tmp_path: Path) -> None:
    old, new = toys
    curated(new.parent, tmp_path / "whole")
    curated(old.parent, tmp_path / "out")
    edited = [name for name, found in shards(tmp_path / "out").items() if found != shards(tmp_path / "whole")[name]]
    assert len(edited) == 1
    unfinished(tmp_path / "out", int(edited[0].split("items-")[1][:5]))
    shutil.copyfile(new, old)
    assert curated(old.parent, tmp_path / "out").new_partitions == 1
    assert shards(tmp_path / "out") == shards(tmp_path / "whole")


def test_a_copied_or_touched_source_is_the_same_job_and_read_again_once(
    toys: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, _ = toys
    out = tmp_path / "out"
    curated(old.parent, out)
    before = tree(out)
    shutil.copytree(old.parent, tmp_path / "copied")
    said: list[str] = []
    config = load_config(None, {"source.path": str(tmp_path / "copied"), "output": str(out)})
    assert [found.done for found in prospects(config, say=said.append)] == [
        len(config_plan.partitions) for config_plan in open_output(out)[1].categories.values()
    ]
    assert len(said) == 1
    assert "MB again, to see whether it is what the output was made of" in said[0]
    assert tree(out) == before
    assert run_job(config, quiet=True).new_partitions == 0
    changed = {name for name, content in tree(out).items() if content != before[name]}
    assert changed == {"plan.json"}
    monkeypatch.setattr("job.plan.unchanged.content_digest", lambda *_: pytest.fail("read again"))
    assert run_job(config, quiet=True).new_partitions == 0
    (tmp_path / "copied" / old.name).touch()
    with pytest.raises(pytest.fail.Exception, match="read again"):
        run_job(config, quiet=True)


def test_an_unread_column_may_be_edited(tmp_path: Path) -> None:
    for name, value in (("a", 1), ("b", 2)):
        (tmp_path / name).mkdir()
        parquet(tmp_path / name / "Toys.parquet", rank=[value] * ROWS, notes=["x" * 100] * ROWS)
    a, b = tmp_path / "a/Toys.parquet", tmp_path / "b/Toys.parquet"
    assert a.stat().st_size == b.stat().st_size
    curated(a.parent, tmp_path / "out")
    assert a.read_bytes() != b.read_bytes()
    shutil.copyfile(b, a)
    assert curated(a.parent, tmp_path / "out").new_partitions == 0


def test_a_small_file_with_other_ends_is_named_with_its_partition(tmp_path: Path, curate: Curate) -> None:
    (tmp_path / "Toys.jsonl").write_bytes(json.dumps(row(1)).encode() + b"\n")
    curated(tmp_path / "Toys.jsonl", tmp_path / "out")
    (tmp_path / "Toys.jsonl").write_bytes(json.dumps(row(2)).encode() + b"\n")
    result = curate("run", "--source", tmp_path / "Toys.jsonl", "--output", tmp_path / "out", "--quiet")
    assert result.exit_code == 4
    size = (tmp_path / "Toys.jsonl").stat().st_size
    assert f"Toys.jsonl has {size:,} bytes as before, but others" in result.err
    assert f"Toys.jsonl has other content in its only partition: 0 (bytes 0 to {size:,})" in result.err


def test_an_edited_packed_file_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    head, tail = os.urandom(200_000).hex().encode(), os.urandom(200_000).hex().encode()
    old, new = (head + b"\n" + jsonl(words) + tail + b"\n" for words in ({}, {EDITED: "brass"}))
    packed = source / "Toys.jsonl.gz"
    packed.write_bytes(gzip.compress(old, 0, mtime=0))
    curated(source, tmp_path / "out", max_malformed=2)
    other = bytearray(gzip.compress(new, 0, mtime=0))
    other[-8:] = packed.read_bytes()[-8:]  # only the checksum at its end tells
    packed.write_bytes(other)
    with pytest.raises(CurateError, match=r"damaged: .*Toys.jsonl.gz"):
        curated(source, tmp_path / "out", max_malformed=2)
    packed.write_bytes(gzip.compress(old, 0, mtime=0))
    assert curated(source, tmp_path / "out", max_malformed=2).new_partitions == 0


def test_an_edit_while_the_job_runs_gives_no_manifest(
    toys: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = toys

    def edited(**arguments: Any) -> None:
        curate_category(**arguments)
        shutil.copyfile(new, old)

    curate_category = pipeline.curate_category
    monkeypatch.setattr(pipeline, "curate_category", edited)
    with pytest.raises(CurateError, match=rf"changed while the job ran: {old.name} has other content in 1 of its"):
        curated(old.parent, tmp_path / "out")
    assert not (tmp_path / "out/manifest.json").exists()


def test_a_touch_while_the_job_runs_is_no_error(
    toys: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, _ = toys

    def touched(**arguments: Any) -> None:
        curate_category(**arguments)
        old.touch()

    curate_category = pipeline.curate_category
    monkeypatch.setattr(pipeline, "curate_category", touched)
    curated(old.parent, tmp_path / "out")
    assert (tmp_path / "out/manifest.json").exists()


def test_an_object_in_a_bucket_that_was_written_again(s3: S3, tmp_path: Path) -> None:
    s3.client.put_object(Bucket="bucket", Key="src/Toys.jsonl", Body=jsonl())
    curated("s3://bucket/src", tmp_path / "out")
    s3.client.put_object(Bucket="bucket", Key="src/Toys.jsonl", Body=jsonl())
    assert curated("s3://bucket/src", tmp_path / "out").new_partitions == 0
    s3.client.put_object(Bucket="bucket", Key="src/Toys.jsonl", Body=jsonl({EDITED: "brass"}))
    with pytest.raises(RefusedError, match=r"Toys.jsonl has other content in 1 of its \d partitions"):
        curated("s3://bucket/src", tmp_path / "out")


def test_verify_says_what_it_compared(toys: tuple[Path, Path], tmp_path: Path, curate: Curate) -> None:
    old, _ = toys
    out = tmp_path / "out"
    curated(old.parent, out)
    result = curate("verify", out, "--source")
    count = len(open_output(out)[1].categories["Toys"].partitions)
    assert f"Toys: the source has the content that all {count} partitions were made of\n" in result.out
    assert result.exit_code == 0
    old.rename(tmp_path / "elsewhere")
    result = curate("verify", out, "--source")
    assert (result.exit_code, f"{old} is gone" in result.err) == (1, True)


def test_older_outputs_are_compared_by_size_and_ends_only(tmp_path: Path) -> None:
    (tmp_path / "Toys.jsonl").write_bytes(jsonl())
    curated(tmp_path / "Toys.jsonl", tmp_path / "out")
    output, plan = open_output(tmp_path / "out")
    category = msgspec.structs.replace(plan.categories["Toys"], seen=msgspec.UNSET, read_columns=msgspec.UNSET)
    output.write_json("plan.json", msgspec.structs.replace(plan, categories={"Toys": category}))
    for record in output.records(category):
        name = record_name("Toys", record.partition)
        output.write_json(name, msgspec.structs.replace(record, source_digest=msgspec.UNSET))
    (tmp_path / "Toys.jsonl").write_bytes(jsonl({EDITED: "brass"}))
    assert curated(tmp_path / "Toys.jsonl", tmp_path / "out").new_partitions == 0
    (line,) = check_source(*open_output(tmp_path / "out"), lambda _: None)
    count = len(category.partitions)
    assert line == (
        f"Toys: {count} of {count} partitions have no digest of their source, as older outputs: of these only the "
        "size and both ends of each file were compared"
    )


def test_a_touched_packed_source_leaves_nothing_behind(tmp_path: Path, curate: Curate) -> None:
    (tmp_path / "Toys.jsonl.gz").write_bytes(gzip.compress(jsonl()))
    out = tmp_path / "out"
    curated(tmp_path / "Toys.jsonl.gz", out)
    before = {*tree(out)}
    (tmp_path / "Toys.jsonl.gz").touch()
    assert curated(tmp_path / "Toys.jsonl.gz", out).new_partitions == 0
    assert {*tree(out)} == before
    assert {path.name for path in out.iterdir()}.isdisjoint({"_tmp", "_scratch", "_lock"})
    assert curate("verify", out).exit_code == 0


def test_a_limit_that_would_cut_elsewhere_now_is_refused(tmp_path: Path) -> None:
    content = jsonl()
    (tmp_path / "Toys.jsonl").write_bytes(content)
    curated(tmp_path / "Toys.jsonl", tmp_path / "out", limit=12_000)
    unfinished(tmp_path / "out", 1)
    second = open_output(tmp_path / "out")[1].categories["Toys"].partitions[1]
    middle = content.index(b"pieces, each", second.start + 100_000)
    (tmp_path / "Toys.jsonl").write_bytes(content[:middle] + b"\n" + content[middle + 1 :])
    with pytest.raises(RefusedError, match=r"Toys.jsonl: the rows of the job end at another byte than when it was"):
        curated(tmp_path / "Toys.jsonl", tmp_path / "out", limit=12_000)
