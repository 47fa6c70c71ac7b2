"""`curate run`: what it prints, and what it does with an output that is already there."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import pytest
import yaml

from job.output.card import card
from job.output.folder import OutputFolder
from tests.cli.conftest import altered, refused
from tests.conftest import Curate, shards, tree


def test_run_prints_the_funnel_a_prompt_and_what_to_do_next(
    shared_ray: int, small: Path, tmp_path: Path, curate: Curate
) -> None:
    out = tmp_path / "out"
    first = curate("run", "--source", small, "--output", out)
    assert first.exit_code == 0
    lines = first.out.splitlines()
    assert lines[0].split() == ["Appliances", "Musical_Instruments", "all"]
    assert [re.split("  +", line)[0] for line in lines[1:9]] == [
        "rows",
        "price missing",
        "price out of range",
        "title missing",
        "text too short",
        "too few tokens",
        "malformed",
        "kept",
    ]
    assert lines[1].split() == ["rows", "150", "150", "300"]
    assert max(map(len, lines[:9])) <= 80
    shown = lines[lines.index("One of the prompts:") + 2 :]
    assert shown[0] == "How much does this cost to the nearest dollar?"
    assert shown[7] == "[...]"
    assert shown[8].startswith("Price is $")
    assert max(map(len, shown[:10])) <= 80
    assert shown[9] == ""
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
    not_read = [f"raw/meta_categories/meta_{name}.jsonl" for name in ("Appliances", "Musical_Instruments")]
    assert printed == {**manifest, "output": str(tmp_path / "out"), "new_partitions": 2, "not_read": not_read}


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


def test_options_override_the_config(shared_ray: int, small: Path, tmp_path: Path, curate: Curate) -> None:
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


def test_a_run_that_only_writes_the_manifest_says_so(done: Path, small: Path, curate: Curate) -> None:
    (done / "manifest.json").unlink()
    again = curate("run", "--source", small, "--output", done).out.splitlines()
    assert again[-2] == "all partitions were done already; the manifest is written now"
    assert again[-1].startswith("done: 84 items in ")
    (done / "_tmp").mkdir()  # as a run leaves it that was killed at its very end
    assert curate("run", "--source", small, "--output", done).out.splitlines()[-1].startswith("complete already: ")


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
    assert result.out.splitlines()[-1].endswith(f"load_dataset cannot open {tmp_path / 'out'}")
    assert curate("verify", tmp_path / "out").exit_code == 0


def test_a_category_without_an_item_is_named_and_an_older_card_with_it_is_intact(
    shared_ray: int, small: Path, tmp_path: Path, curate: Curate
) -> None:
    lines = small / "raw/meta_categories/meta_None.jsonl"
    lines.write_text("".join(json.dumps({"title": "Lamp", "price": price}) + "\n" for price in range(1, 20)))
    command = ("run", "--source", lines.parent, "--output", tmp_path / "out")
    said = "no items in None: load_dataset has nothing to open under that name"
    done = curate(*command).out.splitlines()
    assert done[-2] == said
    assert done[-1].startswith("done: ")
    assert curate(*command).out.splitlines()[-2] == said
    assert "config_name: Appliances" in (tmp_path / "out/README.md").read_text()
    assert "config_name: None" not in (tmp_path / "out/README.md").read_text()
    assert curate("verify", tmp_path / "out").exit_code == 0
    plan, manifest = OutputFolder(tmp_path / "out").plan(), OutputFolder(tmp_path / "out").manifest()
    assert plan is not None
    assert manifest is not None
    older = card(manifest, plan.description, empty_configs=True)
    assert b"- config_name: None\n  data_files: data/None/*.parquet\ntask_categories:" in older
    (tmp_path / "out/README.md").write_bytes(older)
    assert curate("verify", tmp_path / "out").exit_code == 0
    altered(tmp_path / "out/README.md", "None | 19 |", "None | 18 |")
    assert "README.md: damaged" in curate("verify", tmp_path / "out").err


def test_a_ray_that_does_not_answer_is_reported(
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


def test_joining_through_the_ray_client_is_refused(
    small: Path, tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setenv("RAY_ADDRESS", "ray://127.0.0.1:10001")
    result = curate("run", "--source", small, "--output", tmp_path / "out")
    assert result.exit_code == 2
    assert "RAY_ADDRESS=ray://127.0.0.1:10001 is for Ray's client, which cannot run Ray Data" in result.err
    assert "curate submit CONFIG --address" in result.err


def test_an_output_of_another_version_is_refused(done: Path, small: Path, curate: Curate) -> None:
    altered(done / "plan.json", '"version": 2', '"version": 99')
    refused(curate("run", "--source", small, "--output", done), "has version 99, this program writes 2", code=4)
