"""The course's recipe of 2025 runs through everything, under a name in the config."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from job.recipe.course_2025.settings import Course2025Settings
from job.recipe.registry import make_recipe
from tests.conftest import Curate, shards
from tests.recipe import plain_2025 as plain

pytestmark = pytest.mark.usefixtures("shared_ray")

COLUMNS = ["category", "parent_asin", "title", "price", "full", "weight"]
SETTINGS = ("--set", "recipe.name=course-2025")


def items(output: Path) -> pa.Table:
    return pa.concat_tables([pq.read_table(path) for path in sorted((output / "data").rglob("*.parquet"))])


def test_a_run_makes_the_same_items_of_both_formats_and_any_number_of_workers(
    catalogue: Path, jsonl_only: Path, tmp_path: Path, curate: Curate
) -> None:
    outputs = [tmp_path / name for name in ("parquet", "one", "jsonl", "four")]
    sources = (catalogue, catalogue, jsonl_only, catalogue)
    for source, output, workers in zip(sources, outputs, (2, 1, 2, 4), strict=True):
        limited = ("--source", source, "--output", output, "--workers", workers)
        result = curate("run", *limited, *SETTINGS)
        assert result.exit_code == 0, result.err
    parquet, one, jsonl, _ = map(items, outputs)
    assert parquet.column_names == COLUMNS
    assert parquet.equals(jsonl)
    assert shards(outputs[0]) == shards(outputs[1]) == shards(outputs[3])
    (outputs[3] / "manifest.json").unlink()  # as a run leaves it that was killed
    (outputs[3] / "_partitions/Appliances/00001.json").unlink()
    (outputs[3] / "data/Appliances/items-00001-of-00004.parquet").write_bytes(b"PAR1")
    assert curate("run", "--source", catalogue, "--output", outputs[3], *SETTINGS).exit_code == 0
    assert shards(outputs[0]) == shards(outputs[3])
    assert parquet.equals(one)
    listings = pa.concat_tables(
        [pq.read_table(path, columns=make_recipe(Course2025Settings()).inputs.names) for path in shard_paths(catalogue)]
    )
    expected = [plain.judge(row, Course2025Settings()) for row in listings.slice(0, 300).to_pylist()]
    kept = [(text, weight) for verdict, text, weight in expected if verdict == "kept"]
    assert len(kept) > 50
    assert list(zip(parquet["full"].to_pylist(), parquet["weight"].to_pylist(), strict=True))[: len(kept)] == kept
    manifest = json.loads((outputs[0] / "manifest.json").read_text())
    assert list(manifest["funnel"]) == [
        "price_missing",
        "price_out_of_range",
        "title_missing",
        "text_too_short",
        "malformed",
        "kept",
    ]
    assert manifest["recipe"]["name"] == "course-2025"
    assert curate("verify", outputs[0]).exit_code == 0
    shown = curate("show", outputs[0], 0).out
    assert shown.startswith("item 0: ")
    assert "\n--- listing\n" in shown
    refused = curate("run", "--source", catalogue, "--output", outputs[0])
    assert (refused.exit_code, "recipe.name was course-2025, is course-2024" in refused.err) == (4, True)


def shard_paths(catalogue: Path) -> list[Path]:
    return sorted(catalogue.rglob("*.parquet"))
