"""Wrong sources and output folders: one clear error each, before any work."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from job.storage import patience
from tests.cli.conftest import refused
from tests.conftest import Curate, is_root, tree
from tests.servers.s3 import S3


def write_parquet(path: Path, **columns: pa.Array) -> None:
    texts = pa.array([["a"]], pa.list_(pa.string()))
    plain = {name: pa.array(["1"]) for name in ("title", "parent_asin", "price", "details")}
    table = {**plain, "features": texts, "description": texts, **columns}
    pq.write_table(pa.table({name: column for name, column in table.items() if column is not None}), path)


def test_a_missing_source_names_the_nearest_one(small: Path, tmp_path: Path, curate: Curate) -> None:
    refused(
        curate("run", "--source", tmp_path / "smal", "--output", tmp_path / "out"), "not found", "did you mean small?"
    )
    assert not (tmp_path / "out").exists()


def test_an_unknown_category_names_the_nearest_one(small: Path, tmp_path: Path, curate: Curate) -> None:
    result = curate("run", "--source", small, "--category", "Aplliances", "--output", tmp_path / "out")
    refused(result, "no category 'Aplliances'", "did you mean Appliances?")
    assert not (tmp_path / "out").exists()


def test_an_empty_folder_is_refused(tmp_path: Path, curate: Curate) -> None:
    (tmp_path / "empty").mkdir()
    refused(curate("run", "--source", tmp_path / "empty"), "has no catalogue files", "curate sample DIR")


def test_a_file_of_zero_bytes_is_refused(tmp_path: Path, curate: Curate) -> None:
    (tmp_path / "Toys.jsonl").touch()
    refused(curate("run", "--source", tmp_path), "empty (0 bytes)", "Toys.jsonl")


def test_parquet_without_a_needed_column_is_refused(tmp_path: Path, curate: Curate) -> None:
    write_parquet(tmp_path / "Toys.parquet", price=None)
    refused(curate("run", "--source", tmp_path), "Toys.parquet has no column price", "it has: title")


def test_parquet_with_a_column_of_another_type_is_refused(tmp_path: Path, curate: Curate) -> None:
    write_parquet(tmp_path / "Toys.parquet", price=pa.array([True]))
    refused(curate("run", "--source", tmp_path), "Toys.parquet: the column price is bool, not string")


def test_parquet_that_was_cut_off_is_refused(tmp_path: Path, curate: Curate) -> None:
    write_parquet(tmp_path / "whole.parquet")
    (tmp_path / "Toys.parquet").write_bytes((tmp_path / "whole.parquet").read_bytes()[:-20])
    refused(curate("run", "--source", tmp_path / "Toys.parquet"), "not a whole Parquet file", "Toys.parquet")


def test_an_incomplete_set_of_shards_is_refused(tmp_path: Path, curate: Curate) -> None:
    for index in (0, 2):
        write_parquet(tmp_path / f"Toys-{index:05d}-of-00003.parquet")
    refused(curate("run", "--source", tmp_path), "not complete: 1 of 3 missing: 00001-of-00003")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, curate: Curate) -> None:
    if is_root():
        pytest.skip("this user may read everything")
    (tmp_path / "Toys.jsonl").write_bytes(b"{}\n")
    (tmp_path / "Toys.jsonl").chmod(0)
    refused(curate("run", "--source", tmp_path), "cannot be read", "permission denied")


def test_a_link_that_leads_nowhere_is_refused(tmp_path: Path, curate: Curate) -> None:
    (tmp_path / "Toys.jsonl").symlink_to(tmp_path / "gone")
    refused(curate("run", "--source", tmp_path), "leads nowhere", "Toys.jsonl")


def test_an_output_that_is_a_file_is_refused(small: Path, tmp_path: Path, curate: Curate) -> None:
    (tmp_path / "out").write_text("mine")
    refused(curate("run", "--source", small, "--output", tmp_path / "out"), "a file, not a folder", "--output DIR")


def test_an_output_folder_with_other_files_is_refused_and_left_as_it_is(
    small: Path, tmp_path: Path, curate: Curate
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    refused(curate("run", "--source", small, "--output", tmp_path / "out"), "thesis.txt", "nothing was touched", code=4)
    assert tree(tmp_path / "out") == {"thesis.txt": b"mine"}


def test_an_output_on_a_full_disk_is_refused(
    small: Path, tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("job.storage.folder.shutil.disk_usage", lambda _: type("Usage", (), {"free": 1_000_000})())
    refused(curate("run", "--source", small, "--output", tmp_path / "out"), "the disk is too full", "1 MB free")
    assert not (tmp_path / "out").exists()


def test_an_output_that_cannot_be_written_is_refused(small: Path, curate: Curate) -> None:
    refused(curate("run", "--source", small, "--output", "/proc/out"), "/proc", "--output DIR")


@pytest.mark.parametrize("refused_part", ["source", "output", "lock"])
def test_keys_that_a_bucket_refuses_are_wrong_input(refused_part: str, small: Path, s3: S3, curate: Curate) -> None:
    """Exit code 2 and one message, wherever it is noticed before work starts, and in each command."""
    s3.bucket("bucket")
    s3.fault = lambda request: 403 if refused_part != "lock" or request.method == "PUT" else None
    source = "s3://bucket/in" if refused_part == "source" else small
    result = curate("run", "--source", source, "--output", "s3://bucket/out")
    assert (result.exit_code, result.out) == (2, "")
    first, second = result.err.splitlines()
    assert first.startswith("error: s3://bucket/")
    assert ": access denied: AWS Error ACCESS_DENIED during " in first
    assert second.startswith("check the credentials in the environment (AWS_ACCESS_KEY_ID and so on)")
    if refused_part == "output":
        for command in ("status", "verify", "rejects"):
            assert curate(command, "s3://bucket/out").exit_code == 2


def test_a_bucket_that_never_answers_is_said_at_once_and_given_up(
    small: Path, s3: S3, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "_FIRST_PATIENCE_S", 1.0)
    monkeypatch.setattr(patience, "_state", patience._State())  # pyright: ignore[reportPrivateUsage]
    s3.fault = lambda _: "cut"
    result = curate("run", "--source", small, "--output", "s3://bucket/out")
    assert result.exit_code == 1
    said, first, second = result.err.splitlines()
    assert said == "s3://bucket does not answer: trying again for 1 s"
    assert first.startswith("error: s3://bucket/out/plan.json: the storage cannot be used: AWS Error NETWORK_CONN")
    assert second.endswith("run the same command again to go on")
