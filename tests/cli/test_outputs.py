"""The commands that look at an output: `show`, `status`, `rejects`, `verify`, `diff`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import altered, refused
from tests.conftest import Curate
from tests.output.made import MadeOutput, item
from tests.servers.s3 import S3


@pytest.mark.parametrize("command", ["show", "status", "rejects", "verify"])
def test_a_folder_that_is_no_output_is_refused(tmp_path: Path, curate: Curate, command: str) -> None:
    refused(curate(command, tmp_path), "is no output of this program")


def test_an_item_that_does_not_exist_is_refused(done: Path, curate: Curate) -> None:
    refused(curate("show", done, 100_000), "no item 100000", "counted from 0")


def test_a_damaged_plan_is_reported(done: Path, small: Path, curate: Curate) -> None:
    (done / "plan.json").write_text("{")
    refused(curate("status", done), "damaged", "plan.json", code=1)


def test_show_prints_items_in_the_order_asked_for(done: Path, curate: Curate) -> None:
    result = curate("show", done, 1, 0)
    assert result.exit_code == 0
    first, second = result.out.index("item 1: "), result.out.index("item 0: ")
    assert first < second
    rows = pq.read_table(done / "data/Appliances/items-00000-of-00001.parquet").to_pylist()
    for row in rows[:2]:
        assert f"--- prompt\n{row['prompt']}\n" in result.out
        question = row["prompt"].rpartition("$")[0] + "$"
        assert f"--- test prompt\n{question}\n" in result.out
    assert curate("show", done).out == curate("show", done, 0).out


def test_status_says_that_an_output_is_complete(done: Path, curate: Curate) -> None:
    result = curate("status", done)
    assert result.exit_code == 0
    assert result.out.splitlines()[-1] == "complete"
    assert "Appliances: 1 of 1 partitions done · 150 rows" in result.out


def test_verify_finds_what_is_wrong(done: Path, curate: Curate) -> None:
    assert curate("verify", done).out == "intact: 8 files, 84 items\n"
    shard = done / "data/Appliances/items-00000-of-00001.parquet"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    (done / "data/Appliances/stranger.parquet").touch()
    refused(curate("verify", done), "its bytes are not those", "stranger.parquet: belongs to nothing", code=1)
    shard.unlink()
    refused(curate("verify", done), "data/Appliances/items-00000-of-00001.parquet: missing", code=1)


def test_verify_notices_wrong_totals(done: Path, curate: Curate) -> None:
    manifest = json.loads((done / "manifest.json").read_bytes())
    altered(done / "manifest.json", f'"num_items": {manifest["num_items"]}', '"num_items": 9')
    refused(curate("verify", done), "its totals are not those of the records", code=1)


def test_verify_notices_a_category_that_belongs_to_nothing(done: Path, curate: Curate) -> None:
    (done / "data/Other").mkdir()
    shutil.copy(done / "data/Appliances/items-00000-of-00001.parquet", done / "data/Other")
    refused(curate("verify", done), "data/Other/items-00000-of-00001.parquet: belongs to nothing", code=1)


def test_diff_shows_what_is_different_and_ends_with_the_exit_code_asked_for(tmp_path: Path, curate: Curate) -> None:
    for name, keys in (("a", "xy"), ("b", "yz"), ("c", "yx")):
        MadeOutput(tmp_path / name).add("Toys", [[item(key) for key in keys]]).close()
    a, b, c = (tmp_path / name for name in "abc")
    result = curate("diff", a, b)
    assert (result.exit_code, result.err) == (0, "")
    assert result.out.splitlines()[-1] == "different: 1 gone, 1 added"
    assert [curate("diff", a, other, "--exit-code").exit_code for other in (b, c)] == [1, 0]
    found = json.loads(curate("diff", a, b, "--json", "--examples", "0").out)
    assert (found["equal"], found["a"]["num_items"]) == (False, 2)
    items = found["categories"]["Toys"]["items"]
    assert {kind: items[kind] for kind in ("same", "gone", "added", "changed", "examples")} == {
        "same": 1,
        "gone": 1,
        "added": 1,
        "changed": 0,
        "examples": {"gone": [], "added": [], "changed": []},
    }
    assert json.loads(curate("diff", a, c, "--json").out)["equal"] is True


def test_diff_reads_buckets_too(tmp_path: Path, s3: S3, curate: Curate) -> None:
    MadeOutput(tmp_path / "a").add("Toys", [[item("x")], [item("y")]]).close()
    MadeOutput("s3://bucket/b").add("Toys", [[item("x")], [item("y", cost=3.0)]]).close()
    result = curate("diff", tmp_path / "a", "s3://bucket/b")
    assert result.exit_code == 0, result.err
    assert "      cost: 1.5 → 3.0" in result.out.splitlines()
    assert result.out.splitlines()[-1] == "different: 1 changed"


def test_a_refusal_offers_to_compare_only_with_a_complete_output(done: Path, small: Path, curate: Curate) -> None:
    command = ("run", "--source", small, "--output", done, "--set", "recipe.max_price=20")
    refused(curate(*command), "recipe.max_price was 999.49, is 20", f"curate diff {done} DIR", code=4)
    (done / "manifest.json").unlink()
    result = curate(*command)
    refused(result, "recipe.max_price was 999.49, is 20", code=4)
    assert "curate diff" not in result.err
