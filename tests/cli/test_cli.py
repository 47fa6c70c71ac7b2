"""The command line: what each command prints, and what wrong input gets: one clear error, before any work."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from job.cluster import start as cluster
from job.config.models import JobConfig
from job.source.sample.catalogue import make_catalogue
from tests.conftest import Curate, Result, is_root, shards, tree
from tests.paths import ROOT


def refused(result: Result, *words: str, code: int = 2) -> None:
    """Checks that a command ended with one clear error."""
    assert result.exit_code == code, result
    assert result.out == ""
    assert result.err.startswith("error: ")
    assert "Traceback" not in result.err
    for word in words:
        assert word in result.err, result.err


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Few rows of two categories."""
    make_catalogue(tmp_path / "small", rows=300)
    return tmp_path / "small"


@pytest.fixture
def done(shared_ray: int, small: Path, tmp_path: Path, curate: Curate) -> Path:
    """A complete output of few rows."""
    result = curate("run", "--source", small, "--output", tmp_path / "done", "--quiet")
    assert result == Result(0, "", "")
    return tmp_path / "done"


# --- wrong input


def test_a_source_that_is_not_there(small: Path, tmp_path: Path, curate: Curate) -> None:
    refused(
        curate("run", "--source", tmp_path / "smal", "--output", tmp_path / "out"), "not found", "did you mean small?"
    )
    assert not (tmp_path / "out").exists()


def test_nothing_to_read(curate: Curate) -> None:
    refused(curate("run"), "--source DIR", "curate sample DIR")


def test_an_unknown_category_names_the_nearest(small: Path, tmp_path: Path, curate: Curate) -> None:
    result = curate("run", "--source", small, "--category", "Aplliances", "--output", tmp_path / "out")
    refused(result, "no category 'Aplliances'", "did you mean Appliances?")
    assert not (tmp_path / "out").exists()


def test_an_empty_folder(tmp_path: Path, curate: Curate) -> None:
    (tmp_path / "empty").mkdir()
    refused(curate("run", "--source", tmp_path / "empty"), "has no catalogue files", "curate sample DIR")


def test_a_file_of_zero_bytes(tmp_path: Path, curate: Curate) -> None:
    (tmp_path / "Toys.jsonl").touch()
    refused(curate("run", "--source", tmp_path), "empty (0 bytes)", "Toys.jsonl")


def write_parquet(path: Path, **columns: pa.Array) -> None:
    texts = pa.array([["a"]], pa.list_(pa.string()))
    plain = {name: pa.array(["1"]) for name in ("title", "parent_asin", "price", "details")}
    table = {**plain, "features": texts, "description": texts, **columns}
    pq.write_table(pa.table({name: column for name, column in table.items() if column is not None}), path)


def test_parquet_without_a_column(tmp_path: Path, curate: Curate) -> None:
    write_parquet(tmp_path / "Toys.parquet", price=None)
    refused(curate("run", "--source", tmp_path), "Toys.parquet has no column price", "it has: title")


def test_parquet_with_a_column_of_another_type(tmp_path: Path, curate: Curate) -> None:
    write_parquet(tmp_path / "Toys.parquet", price=pa.array([1.5]))
    refused(curate("run", "--source", tmp_path), "Toys.parquet: the column price is double, not string")


def test_parquet_that_was_cut_off(tmp_path: Path, curate: Curate) -> None:
    write_parquet(tmp_path / "whole.parquet")
    (tmp_path / "Toys.parquet").write_bytes((tmp_path / "whole.parquet").read_bytes()[:-20])
    refused(curate("run", "--source", tmp_path / "Toys.parquet"), "not a whole Parquet file", "Toys.parquet")


def test_a_set_of_shards_that_is_not_complete(tmp_path: Path, curate: Curate) -> None:
    for index in (0, 2):
        write_parquet(tmp_path / f"Toys-{index:05d}-of-00003.parquet")
    refused(curate("run", "--source", tmp_path), "not complete: 1 of 3 missing: 00001-of-00003")


def test_a_file_that_cannot_be_read(tmp_path: Path, curate: Curate) -> None:
    if is_root():
        pytest.skip("this user may read everything")
    (tmp_path / "Toys.jsonl").write_bytes(b"{}\n")
    (tmp_path / "Toys.jsonl").chmod(0)
    refused(curate("run", "--source", tmp_path), "cannot be read", "permission denied")


def test_a_link_that_leads_nowhere(tmp_path: Path, curate: Curate) -> None:
    (tmp_path / "Toys.jsonl").symlink_to(tmp_path / "gone")
    refused(curate("run", "--source", tmp_path), "leads nowhere", "Toys.jsonl")


def test_an_output_that_is_a_file(small: Path, tmp_path: Path, curate: Curate) -> None:
    (tmp_path / "out").write_text("mine")
    refused(curate("run", "--source", small, "--output", tmp_path / "out"), "a file, not a folder", "--output DIR")


def test_an_output_that_holds_something_else(small: Path, tmp_path: Path, curate: Curate) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    refused(curate("run", "--source", small, "--output", tmp_path / "out"), "thesis.txt", "nothing was touched", code=4)
    assert tree(tmp_path / "out") == {"thesis.txt": b"mine"}


def test_an_output_on_a_full_disk(small: Path, tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("job.storage.folder.shutil.disk_usage", lambda _: type("Usage", (), {"free": 1_000_000})())
    refused(curate("run", "--source", small, "--output", tmp_path / "out"), "the disk is too full", "1 MB free")
    assert not (tmp_path / "out").exists()


def test_an_output_that_cannot_be_written(small: Path, curate: Curate) -> None:
    refused(curate("run", "--source", small, "--output", "/proc/out"), "/proc", "--output DIR")


@pytest.mark.parametrize("workers", ["0", "-1", "some", "1.5", "²", "--5"])
def test_wrong_workers(small: Path, curate: Curate, workers: str) -> None:
    refused(curate("run", "--source", small, "--workers", workers), "workers: must be a whole number", "`all`")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("categorys: [Toys]", ["categorys: unknown key", "did you mean categories?"]),
        ("recipe: {min_prize: 1}", ["recipe.min_prize: unknown key", "did you mean recipe.min_price or", "min_price"]),
        ("recipe: {min_price: cheap}", ["recipe.min_price", "'cheap'"]),
        ("recipe: {min_price: 5, max_price: 1}", ["nothing would be kept"]),
        ("limit: 0", ["limit", "greater than or equal to 1"]),
        ("output: a\noutput: b", ["'output' stands twice", "line 2"]),
        ("max_malformed: 1.5", ["max_malformed: must be a whole number"]),
        ("keep_columns: [colour]", ["'colour' cannot be carried along"]),
        ("- a list", ["a config is a list of `key: value`, this is a list"]),
        ("source: {path: a, dataset: b}", ["give one of these: path, dataset"]),
        ("categories: ['../up']", ["is no category's name"]),
        ("categories: [default]", ["is no category's name"]),
        ("limit: true", ["limit: must be a whole number (found: True)"]),
        ("batch_size: '10'", ["batch_size: must be a whole number"]),
        ("source: folder", ["source: must have keys below it"]),
        ("recipe:", ["recipe: must have keys below it"]),
        ("categories: 5", ["categories: must be a list"]),
        (": [", ["not valid YAML"]),
    ],
)
def test_a_wrong_config(tmp_path: Path, curate: Curate, text: str, words: list[str]) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(text)
    refused(curate("run", path), str(path), *[word for word in words if "recipe.min_price or" not in word])


def test_a_config_that_is_not_there(tmp_path: Path, curate: Curate) -> None:
    (tmp_path / "sample.yaml").touch()
    refused(curate("run", tmp_path / "sampel.yaml"), "config not found", "did you mean sample.yaml?")


def test_a_wrong_assignment(small: Path, curate: Curate) -> None:
    refused(curate("run", "--source", small, "--set", "limit"), "write it as KEY=VALUE")
    refused(curate("run", "--source", small, "--set", "recipe.max_prise=3"), "did you mean max_price")


def test_an_unknown_option(curate: Curate) -> None:
    result = curate("run", "--wrokers", "2")
    assert result.exit_code == 2
    assert "--workers" in result.err


@pytest.mark.parametrize("command", ["show", "status", "rejects", "verify"])
def test_an_output_that_is_none(tmp_path: Path, curate: Curate, command: str) -> None:
    refused(curate(command, tmp_path), "is no output of this program")


def test_an_item_that_is_not_there(done: Path, curate: Curate) -> None:
    refused(curate("show", done, 100_000), "no item 100000", "counted from 0")


def test_a_damaged_plan(done: Path, small: Path, curate: Curate) -> None:
    (done / "plan.json").write_text("{")
    refused(curate("status", done), "damaged", "plan.json", code=1)


# --- what commands print


def test_run_prints_the_funnel_a_prompt_and_what_to_do_next(
    shared_ray: int, small: Path, tmp_path: Path, curate: Curate
) -> None:
    out = tmp_path / "out"
    first = curate("run", "--source", small, "--output", out)
    assert first.exit_code == 0
    lines = first.out.splitlines()
    assert lines[0].split() == [
        "category",
        "rows",
        "price",
        "missing",
        "price",
        "out",
        "of",
        "range",
        "title",
        "missing",
        "text",
        "too",
        "short",
        "too",
        "few",
        "tokens",
        "malformed",
        "kept",
    ]
    assert [line.split()[0] for line in lines[1:4]] == ["Appliances", "Musical_Instruments", "all"]
    assert lines[3].split()[1] == "300"
    assert "Price is $" in first.out
    assert lines[-1].startswith("done: ")
    assert lines[-1].endswith(f"curate show {out} 0")
    assert "Appliances: 1 of 1 partitions · 150 rows" in first.err
    again = curate("run", "--source", small, "--output", out)
    assert again.out.splitlines()[-1].startswith("complete already: ")
    assert again.err == ""


def test_run_prints_one_json_object(shared_ray: int, small: Path, tmp_path: Path, curate: Curate) -> None:
    result = curate("run", "--source", small, "--output", tmp_path / "out", "--json")
    assert (result.exit_code, result.err) == (0, "")
    printed = json.loads(result.out)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_bytes())
    manifest.pop("checksum")
    assert printed == {**manifest, "output": str(tmp_path / "out"), "new_partitions": 2}


def test_more_workers_than_a_shared_ray_has_are_as_many_as_it_has(
    shared_ray: int, small: Path, tmp_path: Path, curate: Curate
) -> None:
    result = curate("run", "--source", small, "--output", tmp_path / "out", "--workers", shared_ray + 3)
    assert result.exit_code == 0
    assert f"{shared_ray + 3} workers asked for: this Ray has {shared_ray} CPUs" in result.err


def test_dry_run_prints_the_plan_and_touches_nothing(small: Path, tmp_path: Path, curate: Curate) -> None:
    before = tree(tmp_path)
    result = curate("run", "--source", small, "--output", tmp_path / "out", "--dry-run")
    assert result.exit_code == 0
    planned = json.loads(curate("run", "--source", small, "--output", tmp_path / "out", "--dry-run", "--json").out)
    assert planned["categories"]["Appliances"]["partitions"] == 1
    assert "Appliances: 1 parquet file(s)" in result.out
    assert "1 partitions, 0 done" in result.out
    assert tree(tmp_path) == before
    assert not (tmp_path / "out").exists()


def test_options_go_over_the_config(shared_ray: int, small: Path, tmp_path: Path, curate: Curate) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(yaml.safe_dump({"source": {"path": "nowhere"}, "categories": ["Toys"], "limit": 3}))
    out = tmp_path / "out"
    arguments = ["--source", small, "--category", "Appliances", "--limit", 20, "--output", out]
    result = curate("run", path, *arguments, "--set", "recipe.max_price=50.5", "--json")
    assert result.exit_code == 0, result.err
    plan = json.loads((out / "plan.json").read_bytes())
    assert list(plan["categories"]) == ["Appliances"]
    assert plan["config"]["recipe"]["max_price"] == 50.5
    assert json.loads(result.out)["num_rows"] == 20


def test_show_prints_items(done: Path, curate: Curate) -> None:
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


def test_status_of_a_complete_output(done: Path, curate: Curate) -> None:
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
    refused(
        curate("verify", done),
        "_partitions/Appliances/00000.json: damaged, of other work, or its shard is gone",
        code=1,
    )


def altered(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_verify_notices_what_only_the_totals_say(done: Path, curate: Curate) -> None:
    manifest = json.loads((done / "manifest.json").read_bytes())
    altered(done / "manifest.json", f'"num_items": {manifest["num_items"]}', '"num_items": 9')
    refused(curate("verify", done), "its totals are not those of the records", code=1)


def test_verify_notices_a_category_that_belongs_to_nothing(done: Path, curate: Curate) -> None:
    (done / "data/Other").mkdir()
    shutil.copy(done / "data/Appliances/items-00000-of-00001.parquet", done / "data/Other")
    refused(curate("verify", done), "data/Other/items-00000-of-00001.parquet: belongs to nothing", code=1)


def test_an_output_of_another_version_is_refused(done: Path, small: Path, curate: Curate) -> None:
    altered(done / "plan.json", '"version": 2', '"version": 99')
    refused(curate("run", "--source", small, "--output", done), "has version 99, this program writes 2", code=4)


def test_a_shard_that_is_gone_is_made_again(done: Path, small: Path, curate: Curate) -> None:
    before = tree(done)
    (done / "data/Appliances/items-00000-of-00001.parquet").unlink()
    assert "not complete" in curate("status", done).out
    result = curate("run", "--source", small, "--output", done, "--json")
    assert json.loads(result.out)["new_partitions"] == 1
    after = tree(done)
    assert {name: after[name] for name in after if name.startswith("data")} == {
        name: before[name] for name in before if name.startswith("data")
    }


def test_a_damaged_record_or_manifest_is_made_again(done: Path, small: Path, curate: Curate) -> None:
    before = shards(done)
    (done / "_partitions/Appliances/00000.json").write_text("{")
    (done / "manifest.json").write_text("]")
    result = curate("run", "--source", small, "--output", done, "--json")
    assert json.loads(result.out)["new_partitions"] == 1
    assert shards(done) == before
    assert curate("verify", done).exit_code == 0


def test_a_complete_output_on_a_full_disk_is_complete(
    done: Path, small: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("job.storage.folder.shutil.disk_usage", lambda _: type("Usage", (), {"free": 0})())
    result = curate("run", "--source", small, "--output", done)
    assert (result.exit_code, result.out.splitlines()[-1].split(":")[0]) == (0, "complete already")


def test_an_output_without_an_item_says_so(shared_ray: int, small: Path, tmp_path: Path, curate: Curate) -> None:
    bounds = ["--set", "recipe.min_price=999.0", "--set", "recipe.max_price=999.001"]
    result = curate("run", "--source", small, "--output", tmp_path / "out", *bounds)
    assert result.exit_code == 0
    assert result.out.splitlines()[-1].startswith("done: no row became an item")


def test_quiet_and_json_exclude_each_other(small: Path, curate: Curate) -> None:
    result = curate("run", "--source", small, "--quiet", "--json")
    assert (result.exit_code, json.loads(result.out)["exit_code"]) == (2, 2)


def test_json_prints_one_object_for_an_error_too(tmp_path: Path, curate: Curate) -> None:
    result = curate("run", "--source", tmp_path / "gone", "--json")
    assert result.exit_code == 2
    assert json.loads(result.out)["error"].startswith("source not found")
    assert result.err.startswith("error: source not found")


def test_a_ray_that_does_not_answer(
    small: Path, tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{unused.getsockname()[1]}")
        result = curate("run", "--source", small, "--output", tmp_path / "out")
    assert result.exit_code == 2
    assert "no Ray answers at RAY_ADDRESS=127.0.0.1" in result.err
    assert "Traceback" not in result.err


def test_rays_client_is_no_way_to_join(
    small: Path, tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setenv("RAY_ADDRESS", "ray://127.0.0.1:10001")
    result = curate("run", "--source", small, "--output", tmp_path / "out")
    assert result.exit_code == 2
    assert "RAY_ADDRESS=ray://127.0.0.1:10001 is for Ray's client, which cannot run Ray Data" in result.err
    assert "curate submit CONFIG --address" in result.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGTERM])
def test_what_ends_it_does_so_when_nobody_reads_what_it_says(number: signal.Signals) -> None:
    code = (
        "import signal, time\nfrom job.signals import answer_signals\n"
        f"signal.signal({int(number)}, signal.SIG_DFL)\n"  # it may be ignored here, as by `nohup`
        "answer_signals()\n"
        "try:\n print(flush=True)\n time.sleep(60)\nexcept KeyboardInterrupt:\n raise SystemExit(130)"
    )
    reads, writes = os.pipe()
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=writes) as process:
        os.close(writes)
        os.close(reads)
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        assert process.wait(20) == 130


def test_config_prints_every_key_and_reads_it_back(tmp_path: Path, curate: Curate) -> None:
    printed = curate("config")
    assert printed.exit_code == 0
    assert JobConfig.model_validate(yaml.safe_load(printed.out)) == JobConfig()
    (tmp_path / "again.yaml").write_text(printed.out)
    assert curate("config", tmp_path / "again.yaml").out == printed.out


def test_the_configs_that_come_with_the_project(curate: Curate) -> None:
    folder = ROOT / "configs"
    names = sorted(path.stem for path in folder.glob("*.yaml"))
    assert names == ["appliances", "electronics", "home-store", "sample"]
    for name in names:
        assert curate("config", folder / f"{name}.yaml").exit_code == 0


def test_it_says_which_version_it_is(curate: Curate) -> None:
    assert re.fullmatch(r"curate \d+\.\d+\.\d+, ray 2\.\d+\.\d+\n", curate("--version").out)


def test_doctor_says_what_the_machine_has(curate: Curate) -> None:
    result = curate("doctor")
    assert result.exit_code == 0
    assert f"ray {version('ray')}" in result.out
    assert f"cores: {cluster.usable_cores()}" in result.out


def test_sample_makes_a_catalogue_that_runs(shared_ray: int, tmp_path: Path, curate: Curate) -> None:
    made = curate("sample", tmp_path / "cat", "--rows", 200, "--seed", 3, "--category", "Toys", "--form", "jsonl")
    assert made.exit_code == 0
    assert made.out.splitlines()[-1] == f"made 200 rows; curate them: curate run --source {tmp_path / 'cat'}"
    assert curate("run", "--source", tmp_path / "cat", "--output", tmp_path / "out", "--quiet").exit_code == 0
    assert len(shards(tmp_path / "out")) == 1
    refused(curate("sample", tmp_path / "cat", "--category", "Toys"), "already there")
    refused(curate("sample", tmp_path / "cat2", "--form", "csv"), "must be jsonl, parquet or both")
    refused(curate("sample", tmp_path / "cat2", "--rows", 0), "ask for 1 or more")
