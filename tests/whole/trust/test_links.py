"""Nothing is read, written or removed outside the output folder, by a link or by a name in its plan and records."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import msgspec
import pytest

from job.output.records import Plan, Record
from job.output.sealed import sealed
from tests.conftest import Curate, tree
from tests.whole.trust.hostile import (
    COMMANDS,
    name_id,
    outside,
    refused,
    row,
    shown_only,
)


def test_an_output_folder_may_be_a_link_itself(source: Path, tmp_path: Path, shared_ray: int, curate: Curate) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    for more in ([], ["--fresh"], []):
        assert curate("run", "--source", source, "--output", tmp_path / "out", "--quiet", *more).exit_code == 0
    assert (tmp_path / "out").is_symlink()
    assert (tmp_path / "disk/manifest.json").exists()
    assert curate("verify", tmp_path / "out").exit_code == 0


@pytest.mark.parametrize("name", ["plan.json", "manifest.json", "README.md"])
def test_a_file_that_is_a_link_is_replaced_and_what_it_led_to_is_left_alone(
    source: Path, done: Path, tmp_path: Path, curate: Curate, name: str
) -> None:
    (done / name).rename(tmp_path / "elsewhere")
    before = (tmp_path / "elsewhere").read_bytes()
    (done / name).symlink_to(tmp_path / "elsewhere")
    assert curate("run", "--source", source, "--output", done, "--fresh", "--quiet").exit_code == 0
    assert (tmp_path / "elsewhere").read_bytes() == before
    assert not (done / name).is_symlink()


@pytest.mark.parametrize("name", ["data", "_partitions", "_rejects", "thesis.txt"])
def test_a_new_output_folder_with_a_link_in_it_is_refused(
    source: Path, tmp_path: Path, curate: Curate, name: str
) -> None:
    elsewhere = outside(tmp_path)
    before = tree(elsewhere)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).symlink_to(elsewhere)
    for more in ([], ["--fresh"]):
        result = curate("run", "--source", source, "--output", tmp_path / "out", *more)
        refused(result, "nothing was touched", codes=(4,))
    assert tree(elsewhere) == before


def linked(output: Path, name: str, elsewhere: Path) -> None:
    """Replaces a folder or file of an output by a link to something outside."""
    shutil.rmtree(output / name, ignore_errors=True)
    (output / name).parent.mkdir(parents=True, exist_ok=True)
    (output / name).symlink_to(elsewhere)


@pytest.mark.parametrize("more", [[], ["--fresh"]], ids=["again", "fresh"])
@pytest.mark.parametrize(
    "name", ["data/Toys", "_rejects/Toys", "_partitions/Toys", "data", "_rejects", "_partitions", "_tmp", "_scratch"]
)
def test_nothing_is_written_or_removed_through_a_link_in_an_output(
    source: Path, done: Path, tmp_path: Path, curate: Curate, name: str, more: list[str]
) -> None:
    elsewhere = outside(tmp_path)
    shutil.copytree(elsewhere, elsewhere / "Toys")
    before, stamp = tree(elsewhere), elsewhere.stat().st_mtime_ns
    (done / "manifest.json").unlink()
    (done / "_partitions/Toys/00000.json").unlink()  # so that there is something to do
    linked(done, name, elsewhere)
    result = curate("run", "--source", source, "--output", done, "--quiet", *more)
    assert "Traceback" not in result.err
    assert tree(elsewhere) == before
    assert elsewhere.stat().st_mtime_ns == stamp


@pytest.mark.parametrize("name", ["_tmp", "_scratch"])
def test_nothing_is_written_through_a_link_that_lay_in_a_new_output_folder(
    shared_ray: int, tmp_path: Path, curate: Curate, name: str
) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/Toys.jsonl.gz").write_bytes(gzip.compress(row().encode()))
    elsewhere = outside(tmp_path)
    before, stamp = tree(elsewhere), elsewhere.stat().st_mtime_ns
    linked(tmp_path / "out", name, elsewhere)
    result = curate("run", "--source", tmp_path / "source", "--output", tmp_path / "out", "--quiet")
    assert "Traceback" not in result.err
    assert tree(elsewhere) == before
    assert elsewhere.stat().st_mtime_ns == stamp


def test_a_lock_that_is_a_link_does_not_empty_what_it_leads_to(
    source: Path, shared_ray: int, tmp_path: Path, curate: Curate
) -> None:
    elsewhere = outside(tmp_path)
    linked(tmp_path / "out", "_lock", elsewhere / "thesis.txt")
    curate("run", "--source", source, "--output", tmp_path / "out", "--quiet")
    assert (elsewhere / "thesis.txt").read_text() == "years of work"


def misled(output: Path, name: str) -> None:
    """Renames the category in an output's plan."""
    plan = json.loads((output / "plan.json").read_bytes())
    plan["categories"] = {name: plan["categories"]["Toys"] | {"category": name}}
    (output / "plan.json").write_bytes(sealed(msgspec.convert(plan, Plan)))


@pytest.mark.parametrize("name", ["../../outside", "/outside", "Toys/../../../outside", f"a{COMMANDS}"], ids=name_id)
def test_a_plan_that_names_what_lies_outside_has_nothing_removed(
    source: Path, done: Path, tmp_path: Path, curate: Curate, name: str
) -> None:
    elsewhere = outside(tmp_path)
    before = tree(elsewhere)
    misled(done, str(elsewhere) if name == "/outside" else name)
    for more in ([], ["--fresh"]):
        result = curate("run", "--source", source, "--output", done, "--quiet", *more)
        assert "Traceback" not in result.err
        assert shown_only(result.out + result.err)
        assert tree(elsewhere) == before


@pytest.mark.parametrize("command", ["status", "show", "verify", "rejects"])
@pytest.mark.parametrize("name", ["../../outside", "/outside"])
def test_a_plan_that_names_what_lies_outside_has_nothing_read(
    finished: Path, done: Path, tmp_path: Path, curate: Curate, name: str, command: str
) -> None:
    """Though what lies there is an output's."""
    shutil.copytree(finished, tmp_path / "outside")
    for kind in ("_partitions", "data", "_rejects"):
        shutil.copytree(finished / kind / "Toys", tmp_path / "outside", dirs_exist_ok=True)
    misled(done, str(tmp_path / "outside") if name == "/outside" else name)
    refused(curate(command, done), codes=(1, 2, 4))


@pytest.mark.parametrize("place", ["../secret.parquet", "/secret.parquet", "data/Toys/../../../secret.parquet"])
@pytest.mark.parametrize("key", ["shard", "rejects"])
def test_a_record_that_names_what_lies_outside_counts_for_nothing(
    done: Path, tmp_path: Path, curate: Curate, key: str, place: str
) -> None:
    record = json.loads((done / "_partitions/Toys/00000.json").read_bytes())
    secret = tmp_path / "secret.parquet"
    shutil.move(done / record[key], secret)
    record[key] = str(secret) if place.startswith("/") else place
    (done / "_partitions/Toys/00000.json").write_bytes(sealed(msgspec.convert(record, Record)))
    assert "0 of 1 partitions" in curate("status", done).out
    refused(curate("show", done, 0), "no item 0")
    assert curate("rejects", done).out == "0 malformed rows\n"
    refused(curate("verify", done), codes=(1,))
