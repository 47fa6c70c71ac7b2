"""The whole path, on real Ray: the same bytes whatever the machinery, and everything adds up."""

from __future__ import annotations

import dataclasses
import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray.data
from ray.data import DataContext

from job.config.load import load_config
from job.output.folder import OutputFolder
from job.recipe.verdicts import KEPT
from job.run import Outcome, run_job
from tests.conftest import shards, tree
from tests.paths import REAL

pytestmark = pytest.mark.usefixtures("shared_ray")


def curated(source: Path, output: Path, **settings: object) -> Outcome:
    config = load_config(None, {"source.path": str(source), "output": str(output), **settings})
    return run_job(config, quiet=True)


@pytest.fixture(scope="module")
def reference(shared_ray: int, catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Parquet form, curated by one worker."""
    output = tmp_path_factory.mktemp("reference") / "out"
    curated(catalogue, output, workers=1)
    return output


@pytest.mark.parametrize(("workers", "batch_size"), [(2, 1000), (4, 137), (4, 100_000)])
def test_workers_and_batch_size_do_not_change_a_byte(
    reference: Path, catalogue: Path, tmp_path: Path, workers: int, batch_size: int
) -> None:
    curated(catalogue, tmp_path / "out", workers=workers, batch_size=batch_size)
    assert len(shards(reference)) > 2
    assert shards(tmp_path / "out") == shards(reference)
    assert (tmp_path / "out" / "manifest.json").read_bytes() == (reference / "manifest.json").read_bytes()
    assert examples(tmp_path / "out") == examples(reference)


def test_jsonl_and_parquet_give_equal_items(reference: Path, jsonl_only: Path, tmp_path: Path) -> None:
    outcome = curated(jsonl_only, tmp_path / "out", workers=2)
    parquet = OutputFolder(reference).manifest()
    assert parquet is not None
    assert outcome.manifest.content_digest == parquet.content_digest
    assert outcome.manifest.funnel == parquet.funnel
    assert items(tmp_path / "out") == items(reference)


def test_the_largest_partitions_are_handed_out_first(
    catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the last ones to end are short, and no worker waits long for another."""
    rows = pq.read_table(catalogue / "raw_meta_Appliances")
    for shard, (start, size) in enumerate([(0, 500), (500, 2_500), (3_000, 1_000)]):
        path = tmp_path / f"source/Appliances-{shard:05d}-of-00003.parquet"
        path.parent.mkdir(exist_ok=True)
        pq.write_table(rows.slice(start, size), path)
    named: list[int] = []
    from_blocks = ray.data.from_blocks

    def handed_out(blocks: list[pa.Table]) -> ray.data.Dataset:
        named.extend(block["partition"][0].as_py() for block in blocks)
        return from_blocks(blocks)

    monkeypatch.setattr(ray.data, "from_blocks", handed_out)
    curated(tmp_path / "source", tmp_path / "out")
    assert named == [1, 2, 0]


def test_ray_data_still_has_the_setting_by_which_all_tasks_are_handed_out_at_once() -> None:
    """Ray means to take it away; a name that it does not know any more it would take without a word."""
    assert "op_resource_reservation_enabled" in {setting.name for setting in dataclasses.fields(DataContext)}


def examples(output: Path) -> list[dict[str, list[dict[str, str]]]]:
    return [json.loads(path.read_bytes())["examples"] for path in sorted((output / "_partitions").glob("*/*.json"))]


def test_a_record_has_the_first_three_rows_of_each_drop_reason_with_the_number_that_decided(
    reference: Path, catalogue: Path
) -> None:
    first = examples(reference)[0]
    assert {reason: len(found) for reason, found in first.items() if reason != "title_missing"} == {
        "price_missing": 3,
        "price_out_of_range": 3,
        "text_too_short": 3,
        "too_few_tokens": 3,
    }
    rows = pq.read_table(catalogue / "raw_meta_Appliances", columns=["parent_asin", "price"]).to_pylist()
    without = [row["parent_asin"] for row in rows if row["price"] == "None"]
    assert [example["id"] for example in first["price_missing"]] == without[:3]
    assert first["price_missing"][0]["decided"] == "price: 'None', 0.5 to 999.49 needed (no number)"


def items(output: Path) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for path in sorted((output / "data").glob("*/*.parquet")):
        rows += pq.read_table(path).to_pylist()
    return rows


def test_the_funnel_adds_up_to_the_row(reference: Path, catalogue: Path) -> None:
    manifest = OutputFolder(reference).manifest()
    assert manifest is not None
    with (catalogue / "raw/meta_categories/meta_Appliances.jsonl").open("rb") as stream:
        lines = sum(1 for _ in stream)
    assert manifest.num_rows == lines == sum(manifest.funnel.values())
    assert manifest.funnel[KEPT] == manifest.num_items == len(items(reference)) > lines // 5
    assert all(count > 0 for verdict, count in manifest.funnel.items() if verdict != "malformed")


def test_a_limit_takes_the_first_rows(reference: Path, catalogue: Path, jsonl_only: Path, tmp_path: Path) -> None:
    for name, source in (("parquet", catalogue), ("jsonl", jsonl_only)):
        outcome = curated(source, tmp_path / name, limit=2_500)
        assert outcome.manifest.num_rows == 2_500
        found = items(tmp_path / name)
        assert found == items(reference)[: len(found)]


def test_a_partition_without_items_has_a_shard_without_row_groups(catalogue: Path, tmp_path: Path) -> None:
    curated(catalogue, tmp_path / "out", **{"recipe.min_price": 999.0, "recipe.max_price": 999.001, "limit": 3000})
    paths = sorted((tmp_path / "out/data").glob("*/*.parquet"))
    assert paths
    assert [pq.read_metadata(path).num_row_groups for path in paths] == [0] * len(paths)


def test_columns_are_carried_along_from_both_forms(catalogue: Path, jsonl_only: Path, tmp_path: Path) -> None:
    columns = ["store", "average_rating", "rating_number", "categories", "details", "features", "main_category"]
    curated(catalogue, tmp_path / "parquet", keep_columns=columns, limit=2_500)
    curated(jsonl_only, tmp_path / "jsonl", keep_columns=columns, limit=2_500)
    found = items(tmp_path / "parquet")
    assert found == items(tmp_path / "jsonl")
    with (jsonl_only / "meta_Appliances.jsonl").open(encoding="utf-8") as stream:
        rows = {row["parent_asin"]: row for row in map(json.loads, stream)}
    for item in found:
        row = rows[item["parent_asin"]]
        assert [item[name] for name in columns if name != "details"] == [
            row[name] for name in columns if name != "details"
        ]
        assert item["details"] == json.dumps(row["details"])


def test_real_rows_give_the_expected_items(tmp_path: Path) -> None:
    if not REAL.is_dir():
        pytest.skip("the real rows are not on this machine")
    (tmp_path / "source").mkdir()
    lines = gzip.decompress((REAL / "rows.jsonl.gz").read_bytes())
    (tmp_path / "source" / "Real.jsonl").write_bytes(lines)
    expected = [json.loads(line) for line in gzip.decompress((REAL / "expected.jsonl.gz").read_bytes()).splitlines()]
    outcome = curated(tmp_path / "source", tmp_path / "out")
    kept = [(row["parent_asin"], row["prompt"], row["token_count"]) for row in expected if row["verdict"] == KEPT]
    assert [(item["parent_asin"], item["prompt"], item["token_count"]) for item in items(tmp_path / "out")] == kept
    for verdict, count in outcome.manifest.funnel.items():
        assert count == sum(1 for row in expected if row["verdict"] == verdict)


def test_nothing_but_the_output_folder_is_written(catalogue: Path, tmp_path: Path) -> None:
    before = tree(catalogue)
    curated(catalogue, tmp_path / "out", limit=2_000)
    assert tree(catalogue) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    top = {"README.md", "_partitions", "_run.json", "data", "manifest.json", "plan.json"}
    assert {path.name for path in (tmp_path / "out").iterdir() if path.name != "_tmp"} == top
