"""Text from outside reaches the terminal with control characters as escapes."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from job.errors import printable
from job.output.lock.owner import Owner
from job.output.records import Record
from job.output.sealed import sealed
from tests.conftest import Curate
from tests.whole.trust.hostile import (
    HOSTILE,
    columns,
    name_id,
    refused,
    shown_only,
)


def test_prompts_are_shown_with_control_characters_as_escapes_and_kept_as_they_are(
    source: Path, finished: Path, curate: Curate
) -> None:
    (item, _) = pq.read_table(finished / "data").to_pylist()
    assert "\x1b" in item["prompt"]
    assert item["title"] == HOSTILE
    again = curate("run", "--source", source, "--output", finished)
    shown = curate("show", finished, 0, 1)
    for result in (again, shown):
        assert result.exit_code == 0
        assert shown_only(result.out + result.err)
    prompt = printable(item["prompt"], lines=True)
    assert prompt in shown.out
    title, *_ = [line for line in prompt.splitlines() if r"\x1b" in line]
    assert title[:20] in again.out  # of which the run shows the first lines, wrapped
    assert r"a\x1b]0;owned\x07\x1b[2J\x9b31m\x08\x7f\u202eb" in shown.out
    assert json.loads(curate("run", "--source", source, "--output", finished, "--json").out)["num_items"] == 2


def test_rejects_show_bytes_as_escapes(finished: Path, curate: Curate) -> None:
    result = curate("rejects", finished)
    assert result.exit_code == 0
    assert shown_only(result.out)
    assert r"broken \x1b]0;owned\x07\x1b[2J" in result.out


def test_rejects_of_somebody_else_s_output_are_shown_as_text(done: Path, curate: Curate) -> None:
    (path,) = (done / "_rejects/Toys").iterdir()
    table = pq.read_table(path).to_pylist()[0] | {"file": f"{HOSTILE}\nforged", "cause": f"[red]{HOSTILE}"}
    pq.write_table(pa.Table.from_pylist([table]), path)
    record = json.loads((done / "_partitions/Toys/00000.json").read_bytes()) | {"rejects_bytes": path.stat().st_size}
    (done / "_partitions/Toys/00000.json").write_bytes(sealed(msgspec.convert(record, Record)))
    listed = curate("rejects", done)
    assert listed.exit_code == 0
    assert shown_only(listed.out)
    assert len(listed.out.splitlines()) == 2
    assert "[red]a" in listed.out


def test_the_owner_of_a_lock_is_shown_as_text(done: Path, curate: Curate) -> None:
    with (done / "_lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        owner = Owner(run_id="1", process=1, host=f"{HOSTILE}\nforged", machine="m", since="now")
        lock.write(msgspec.json.encode(owner).decode())
        lock.flush()
        result = curate("status", done)
    assert shown_only(result.out)
    assert "a run is working on it: process 1 on a" in result.out
    assert len(result.out.splitlines()) == 2


@pytest.mark.parametrize("name", [HOSTILE, "a\nforged", "[red]a"], ids=name_id)
def test_names_of_files_columns_and_keys_in_errors_are_text(tmp_path: Path, curate: Curate, name: str) -> None:
    safe = printable(name)
    (tmp_path / f"{name}.txt").touch()
    refused(curate("run", "--source", tmp_path), "has no catalogue files", safe)
    (tmp_path / f"{name}.jsonl").touch()
    refused(curate("run", "--source", tmp_path, "--category", "Zzz"), "no category 'Zzz'", safe)
    table = columns()
    pq.write_table(pa.table({**table, name: table["title"]}).drop_columns(["price"]), tmp_path / "Toys.parquet")
    refused(curate("run", "--source", tmp_path / "Toys.parquet"), "has no column price", safe)
    (tmp_path / "Games.jsonl").write_text(json.dumps({name: 1}) + "\n")
    mapped = ("--set", "source.fields={title: zzz}")
    refused(curate("run", "--source", tmp_path / "Games.jsonl", *mapped), "has a key 'zzz'", safe)
    (tmp_path / "job.yaml").write_text(json.dumps({name: 1}))
    refused(curate("run", tmp_path / "job.yaml"), "unknown key", safe)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é漢 😀 [red]", "plain é漢 😀 [red]"),
        ("\x00\x1b\x7f\x9b", r"\x00\x1b\x7f\x9b"),
        ("a\r\nb\tc", r"a\r\nb\tc"),
        ("a\u202eb\u2066", r"a\u202eb\u2066"),
        ("a\udcff", r"a\udcff"),
    ],
)
def test_whatever_a_terminal_would_obey_is_written_as_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable("a\r\nb\tc", lines=True) == "a\\r\nb\tc"


def test_names_of_strangers_in_an_output_are_shown_as_text(
    source: Path, done: Path, tmp_path: Path, curate: Curate
) -> None:
    (done / "data/Toys" / HOSTILE).touch()
    refused(curate("verify", done), printable(HOSTILE), "belongs to nothing", codes=(1,))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / HOSTILE).touch()
    for more in ([], ["--fresh"]):
        result = curate("run", "--source", source, "--output", tmp_path / "other", *more)
        refused(result, "nothing was touched", codes=(4,))


def test_names_of_other_configs_are_shown_as_text(tmp_path: Path, curate: Curate) -> None:
    (tmp_path / f"{HOSTILE}.yaml").touch()
    refused(curate("run", tmp_path / "q.yml"), "config not found", printable(HOSTILE))


def test_what_was_typed_is_shown_as_text(tmp_path: Path, curate: Curate) -> None:
    for command in (["status"], ["show"], ["run", "--source"], ["run"], ["run", "--set"], ["run", "--workers"]):
        refused(curate(*command, f"{tmp_path}/{HOSTILE}"))
